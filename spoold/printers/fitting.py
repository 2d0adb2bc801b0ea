"""Fits a job's attributes to the printer it goes to, with a word on everything that printer cannot do."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from protocols.ipp.media import apart, dimensions, size_of
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import Attribute, Collection, Value, collection, integer, text_of
from spoold.printers.capabilities import CHOICES, Capabilities
from spoold.printers.said import SAME_SIZE

# The finishing "none" (RFC 8011 5.2.6): leaving it out changes nothing.
_NO_FINISHING = 3
_COLORFUL = frozenset({"color", "highlight"})

# What is said when an attribute is left out, by its name.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "finishings": "This printer cannot finish it as asked for (stapling, punching, folding).",
        "finishings-col": "This printer cannot finish it as asked for (stapling, punching, folding).",
        "multiple-document-handling": "This printer puts several documents together in its own way.",
        "number-up": "This printer cannot put several pages on one side.",
        "orientation-requested": "This printer decides by itself how the pages are turned.",
        "output-bin": "This printer has no such output tray.",
        "page-ranges": "This printer cannot print a part of the pages: it prints all of them.",
        "print-color-mode": "This printer cannot print in the colours asked for.",
        "print-quality": "This printer does not have the print quality asked for.",
        "print-scaling": "This printer decides by itself how pages are fitted to the paper.",
        "printer-resolution": "This printer does not have the resolution asked for.",
    }
)

Fitted = tuple[Attribute | None, str]


def fit(
    template: Iterable[Attribute], capabilities: Capabilities | None
) -> tuple[tuple[Attribute, ...], tuple[str, ...]]:
    """Return what of a job's attributes the printer is told, and sentences about the rest for the owner.

    Args:
        template: Job Template attributes.
        capabilities: of the printer; None when it never said, and then it is told everything.

    Attributes that are not described by capabilities are told as they are.
    """
    if capabilities is None:
        return tuple(template), ()
    kept: list[Attribute] = []
    words: list[str] = []
    for attribute in template:
        fitted, word = _fit(attribute, capabilities)
        if fitted is not None:
            kept.append(fitted)
        if word:
            words.append(word)
    return tuple(kept), tuple(dict.fromkeys(words))


def _fit(attribute: Attribute, capabilities: Capabilities) -> Fitted:
    special = _SPECIAL.get(attribute.name)
    if special is not None:
        return special(attribute, capabilities)
    if attribute.name not in CHOICES:
        return attribute, ""
    offered = capabilities.choices[attribute.name].values
    values = tuple(value for value in attribute.values if _plain(value) in offered)
    if len(values) == len(attribute.values):
        return attribute, ""
    if [_plain(value) for value in attribute.values] == ["auto"]:
        # "As you like" is what every printer does that is told nothing.
        return None, ""
    return (Attribute(attribute.name, values) if values else None), _WORDS.get(attribute.name, "")


def _plain(value: Value) -> object:
    text = text_of(value)
    return value.data if text is None else text


def _sides(attribute: Attribute, capabilities: Capabilities) -> Fitted:
    offered = capabilities.choices["sides"].values
    asked = _plain(attribute.values[0])
    if asked in offered:
        return attribute, ""
    other = next((one for one in offered if str(one).startswith("two-sided")), None)
    if other is not None and str(asked).startswith("two-sided"):
        return _keyword("sides", str(other)), "This printer turns the back of a sheet another way."
    words = "This printer prints on one side only." if asked != "one-sided" else ""
    return (_keyword("sides", "one-sided") if "one-sided" in offered else None), words


def _color(attribute: Attribute, capabilities: Capabilities) -> Fitted:
    offered = capabilities.choices["print-color-mode"].values
    asked = _plain(attribute.values[0])
    if asked in offered:
        return attribute, ""
    if not capabilities.color and (asked in _COLORFUL or asked == "auto"):
        # "auto" prints in colour where there is any: it is no promise.
        words = "" if asked == "auto" else "This printer prints in black and white only."
        return (_keyword("print-color-mode", "monochrome") if "monochrome" in offered else None), words
    return None, "" if asked == "auto" else _WORDS["print-color-mode"]


def _quality(attribute: Attribute, capabilities: Capabilities) -> Fitted:
    offered = [one for one in capabilities.choices["print-quality"].values if isinstance(one, int)]
    asked = attribute.values[0].data
    if asked in offered:
        return attribute, ""
    if not offered or not isinstance(asked, int):
        return None, _WORDS["print-quality"]
    nearest = min(offered, key=lambda one: abs(one - asked))
    return Attribute("print-quality", (Value(ValueTag.ENUM, nearest),)), _WORDS["print-quality"]


def _finishings(attribute: Attribute, capabilities: Capabilities) -> Fitted:
    offered = capabilities.choices["finishings"].values
    values = tuple(value for value in attribute.values if value.data in offered)
    lost = [v for v in attribute.values if v not in values and v.data != _NO_FINISHING]
    return (Attribute("finishings", values) if values else None), _WORDS["finishings"] if lost else ""


def _copies(attribute: Attribute, capabilities: Capabilities) -> Fitted:
    asked = attribute.first
    if not isinstance(asked, int) or asked <= capabilities.copies:
        return attribute, ""
    words = f"This printer makes {capabilities.copies} copies at a time: it makes no more than that."
    return integer("copies", capabilities.copies), words


def _page_ranges(attribute: Attribute, capabilities: Capabilities) -> Fitted:
    return (attribute, "") if capabilities.page_ranges else (None, _WORDS["page-ranges"])


def _media(attribute: Attribute, capabilities: Capabilities) -> Fitted:
    name = text_of(attribute.values[0]) or ""
    size = size_of(name)
    if name in capabilities.media or (size is None and name):
        # A name without a size is that of a tray or a kind of paper, which the printer may know.
        return attribute, ""
    if size is not None and _has_size(size, capabilities):
        return attribute, ""
    return None, _no_paper(name)


def _media_col(attribute: Attribute, capabilities: Capabilities) -> Fitted:
    asked = attribute.first
    if not isinstance(asked, Collection):
        return attribute, ""
    lost = {member.name: word for member in asked.members if (word := _misses(member, capabilities))}
    if not lost:
        return attribute, ""
    kept = [member for member in asked.members if member.name not in lost]
    return (collection("media-col", kept) if kept else None), " ".join(dict.fromkeys(lost.values()))


def _misses(member: Attribute, capabilities: Capabilities) -> str:
    """Say what a printer lacks for a member of "media-col"; nothing when it lacks nothing."""
    word = text_of(member.values[0]) or ""
    if member.name == "media-size":
        return "" if _has_media_size(member, capabilities) else _no_paper("")
    if member.name == "media-size-name":
        return "" if _media(member, capabilities)[0] is not None else _no_paper("")
    if word == "auto":
        return ""
    if member.name == "media-type" and word not in capabilities.types:
        return "This printer does not have the type of paper asked for."
    if member.name == "media-source" and word not in capabilities.sources:
        return "This printer does not have the tray asked for."
    return ""


def _has_media_size(member: Attribute, capabilities: Capabilities) -> bool:
    size = dimensions(member)
    return size is not None and _has_size(size, capabilities)


def _has_size(size: tuple[int, int], capabilities: Capabilities) -> bool:
    if any(apart((one.width, one.height), size) <= SAME_SIZE for one in capabilities.database):
        return True
    custom = capabilities.custom
    return custom is not None and size[0] in custom[0] and size[1] in custom[1]


def _no_paper(name: str) -> str:
    return f"This printer has no paper of the size asked for{f' ({name})' if name else ''}: it takes its own."


def _keyword(name: str, word: str) -> Attribute:
    return Attribute(name, (Value(ValueTag.KEYWORD, word),))


_SPECIAL: Mapping[str, Callable[[Attribute, Capabilities], Fitted]] = MappingProxyType(
    {
        "copies": _copies,
        "finishings": _finishings,
        "media": _media,
        "media-col": _media_col,
        "page-ranges": _page_ranges,
        "print-color-mode": _color,
        "print-quality": _quality,
        "sides": _sides,
    }
)
