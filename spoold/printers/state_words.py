"""The vocabulary of "printer-state-reasons": which keyword means what, and its words for people."""

import enum
import functools
import re
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TypeAlias

# PWG 5100.9 section 6: a keyword may end in one of these, which say how bad it is (RFC 8011 5.4.12).
SUFFIXES = ("error", "warning", "report")


class ReasonClass(enum.StrEnum):
    """What a reason means for a document that is about to be sent."""

    BLOCK = "block"
    FINISHER = "finisher"
    WARN = "warn"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class ReasonWord:
    """A keyword of the registry, its suffix taken off.

    Args:
        kind: what it means; None when nothing is known of it.
        words: a sentence for people.
    """

    keyword: str
    kind: ReasonClass | None
    words: str


# The machines behind the print engine all have the same conditions (PWG 5100.9 table 2), so they are rules.
FINISHERS = (
    "bander",
    "binder",
    "booklet-maker",
    "die-cutter",
    "finisher",
    "folder",
    "imprinter",
    "inserter",
    "make-envelope",
    "perforater",
    "puncher",
    "separation-cutter",
    "sheet-rotator",
    "slitter",
    "stacker",
    "stapler",
    "stitcher",
    "trimmer",
    "wrapper",
)

_INFO = ReasonClass.INFO
_WARN = ReasonClass.WARN
_BLOCK = ReasonClass.BLOCK

_Condition: TypeAlias = tuple[str, ReasonClass, str]

# How a condition reads, longest first: "{part}" is the rest of the keyword.
_CONDITIONS: tuple[_Condition, ...] = (
    ("unrecoverable-storage-error", _BLOCK, "The {part} has lost its storage."),
    ("unrecoverable-storage", _BLOCK, "The {part} has lost its storage."),
    ("unrecoverable-failure", _BLOCK, "The {part} has failed."),
    ("recoverable-failure", _WARN, "The {part} had a failure and goes on."),
    ("recoverable-storage", _WARN, "The {part} had trouble with its storage and goes on."),
    ("thermistor-failure", _BLOCK, "The temperature sensor of the {part} has failed."),
    ("motor-failure", _BLOCK, "The motor of the {part} has failed."),
    ("timing-failure", _BLOCK, "The {part} is out of step."),
    ("configuration-change", _INFO, "The settings of the {part} have just changed."),
    ("memory-exhausted", _BLOCK, "The memory of the {part} is full."),
    ("over-temperature", _BLOCK, "The {part} is too hot."),
    ("under-temperature", _BLOCK, "The {part} is not warm enough yet."),
    ("interlock-closed", _INFO, "The safety lock of the {part} is closed."),
    ("interlock-open", _BLOCK, "The safety lock of the {part} is open."),
    ("life-almost-over", _WARN, "The {part} is nearly worn out."),
    ("resource-removed", _INFO, "Something was removed from the {part}."),
    ("resource-added", _INFO, "Something was added to the {part}."),
    ("almost-empty", _WARN, "The {part} is almost empty."),
    ("almost-full", _WARN, "The {part} is almost full."),
    ("cover-closed", _INFO, "The cover of the {part} is closed."),
    ("cover-open", _BLOCK, "The cover of the {part} is open."),
    ("power-saver", _INFO, "The {part} saves power."),
    ("warming-up", _INFO, "The {part} is warming up."),
    ("feed-error", _BLOCK, "The {part} cannot feed paper."),
    ("near-limit", _WARN, "The {part} is close to its limit."),
    ("life-warn", _WARN, "The {part} is nearly worn out."),
    ("life-over", _BLOCK, "The {part} is worn out."),
    ("turned-off", _BLOCK, "The {part} is switched off."),
    ("turned-on", _INFO, "The {part} is switched on."),
    ("at-limit", _BLOCK, "The {part} is at its limit."),
    ("near-eol", _WARN, "The {part} is nearly worn out."),
    ("at-eol", _WARN, "The {part} is worn out."),
    ("failure", _BLOCK, "The {part} has failed."),
    ("missing", _BLOCK, "The {part} is missing."),
    ("removed", _INFO, "The {part} was removed."),
    ("offline", _BLOCK, "The {part} is offline."),
    ("closed", _INFO, "The {part} is closed."),
    ("opened", _INFO, "The {part} is open."),
    ("added", _INFO, "The {part} was added."),
    ("empty", _BLOCK, "The {part} is empty."),
    ("full", _BLOCK, "The {part} is full."),
    ("low", _WARN, "The {part} is low."),
    ("jam", _BLOCK, "The {part} is jammed."),
)

# Conditions that block in any part of the print engine, known to the registry or not.
_ENGINE = re.compile(r"(?:marker|media-path|input|output)-(?:.+-)?(?:failure|missing|empty|full)\Z")
_UNRECOVERABLE = re.compile(r"(?:\A|.*-)unrecoverable-")
_MILD = re.compile(r"(?:\A|.*-)(?:almost|near)-")
# CUPS' own remarks about a queue, and Apple's remarks that something has passed.
_REMARK = re.compile(r"cups-|com\.apple\..*recoverable")


def look_up(keyword: str) -> ReasonWord:
    """Return what a keyword without its suffix means; `kind` is None when nothing is known of it."""
    known = _registry().get(keyword)
    if known is not None:
        return known
    finisher = next((part for part in FINISHERS if keyword.startswith(f"{part}-")), None)
    condition = _condition_of(keyword)
    if finisher is not None:
        kind = ReasonClass.FINISHER if condition is None or condition[1] is _BLOCK else condition[1]
        return ReasonWord(keyword, kind, _sentence(keyword))
    return ReasonWord(keyword, _by_form(keyword, condition), _sentence(keyword))


def is_registered(keyword: str) -> bool:
    """Tell whether the whole keyword stands in the registry: some of them end in -error by themselves."""
    if keyword in _registry():
        return True
    finisher = next((part for part in FINISHERS if keyword.startswith(f"{part}-")), None)
    return finisher is not None and any(keyword == f"{finisher}-{ending}" for ending, _, _ in _CONDITIONS)


def _by_form(keyword: str, condition: _Condition | None) -> ReasonClass | None:
    if _REMARK.match(keyword):
        return _INFO
    if _UNRECOVERABLE.match(keyword) or (_ENGINE.match(keyword) and not _MILD.match(keyword)):
        return _BLOCK
    if keyword == "jam" or keyword.endswith("-jam"):
        return _BLOCK
    if _MILD.match(keyword) or keyword.endswith(("-life-warn", "-recoverable-failure")):
        return _WARN
    # What is left of the conditions does not tell of an unknown part whether printing goes on.
    return condition[1] if condition is not None and condition[1] is _INFO else None


def _condition_of(keyword: str) -> _Condition | None:
    return next((entry for entry in _CONDITIONS if keyword.endswith(f"-{entry[0]}")), None)


@functools.cache
def _registry() -> MappingProxyType[str, ReasonWord]:
    text = resources.files("spoold.printers").joinpath("state_reasons.tsv").read_text("utf-8")
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        keyword, kind, *words = line.split("\t")
        sentence = words[0] if words else _sentence(keyword)
        found[keyword] = ReasonWord(keyword, ReasonClass(kind), sentence)
    return MappingProxyType(found)


def _sentence(keyword: str) -> str:
    """Return a sentence made from the keyword's parts."""
    condition = _condition_of(keyword)
    if condition is None:
        return f"The printer reports: {keyword.replace('-', ' ')}."
    ending, _, sentence = condition
    return sentence.format(part=keyword[: -len(ending) - 1].replace("-", " "))
