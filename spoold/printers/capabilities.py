"""What a printer can do, what several can do together, and what becomes of a job that asks for more."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple, TypeAlias, TypeVar

from protocols.ipp.media import CUSTOM_MAX, CUSTOM_MIN, is_custom_bound, size_of
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import Range, Resolution
from spoold.model.formats import PRINTER_LANGUAGES
from spoold.model.queue import CapabilityOverrides

Scalar: TypeAlias = str | int | Resolution
_T = TypeVar("_T")

# What spoold tells apart by first bytes and keeps, in the order in which it likes to be sent them.
FORMATS = ("application/pdf", "image/jpeg", "image/png", "image/pwg-raster", "image/urf", "text/plain")
# What is made into something else on the way to a printer that does not take it.
CONVERTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "application/pdf": frozenset({"image/pwg-raster", "image/urf"}),
        "image/jpeg": frozenset({"image/pwg-raster", "image/urf"}),
    }
)
# 4.23 mm, a sixth of an inch: what no printer is too weak for.
MARGIN = 423
MAX_COPIES = 999

# Job Template attributes of which a printer offers a list and a default, and how their values are sent.
CHOICES: Mapping[str, ValueTag] = MappingProxyType(
    {
        "sides": ValueTag.KEYWORD,
        "print-color-mode": ValueTag.KEYWORD,
        "print-quality": ValueTag.ENUM,
        "printer-resolution": ValueTag.RESOLUTION,
        "orientation-requested": ValueTag.ENUM,
        "finishings": ValueTag.ENUM,
        "output-bin": ValueTag.KEYWORD,
        "print-content-optimize": ValueTag.KEYWORD,
        "print-rendering-intent": ValueTag.KEYWORD,
        "print-scaling": ValueTag.KEYWORD,
        "number-up": ValueTag.INTEGER,
        "multiple-document-handling": ValueTag.KEYWORD,
    }
)


class Choice(NamedTuple):
    """A list of values to choose from; `default` is None where there is none."""

    values: tuple[Scalar, ...]
    default: Scalar | None


class Medium(NamedTuple):
    """Paper as it may be asked for: size and margins in hundredths of millimetres, its type and its tray.

    `type` and `source` are empty where any will do.
    """

    width: int
    height: int
    bottom: int = MARGIN
    left: int = MARGIN
    right: int = MARGIN
    top: int = MARGIN
    source: str = ""
    type: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a printer, or all printers of a queue, can do.

    Args:
        choices: of every attribute in `CHOICES`.
        media: names of sizes (PWG 5101.1), with those of the bounds of custom sizes.
        media_default: one of `media`.
        database: what "media-col-database" says: each size with its margins, types and trays.
        ready: what lies in the trays.
        formats: MIME types that it takes, in lower case.
        sheet_back: how the back sides of a raster are turned; empty when it prints on one side only.
        urf: "urf-supported"; empty when it takes no URF.
        pages_per_minute, pages_per_minute_color: 0 when it does not say.
    """

    choices: Mapping[str, Choice]
    media: tuple[str, ...]
    media_default: str
    database: tuple[Medium, ...]
    ready: tuple[Medium, ...]
    sources: tuple[str, ...] = ("auto",)
    types: tuple[str, ...] = ("stationery",)
    formats: frozenset[str] = frozenset(FORMATS)
    copies: int = MAX_COPIES
    page_ranges: bool = True
    raster_resolutions: tuple[Resolution, ...] = ()
    raster_types: tuple[str, ...] = ()
    sheet_back: str = ""
    urf: tuple[str, ...] = ()
    pages_per_minute: int = 0
    pages_per_minute_color: int = 0

    @property
    def color(self) -> bool:
        """Whether anything comes out in colour."""
        return "color" in self.choices["print-color-mode"].values

    @property
    def two_sided(self) -> bool:
        """Whether both sides of a sheet can be printed on."""
        return any(str(value).startswith("two-sided") for value in self.choices["sides"].values)

    @property
    def names(self) -> dict[tuple[int, int], str]:
        """The names of sizes by width and height; made anew each time, for there may be hundreds."""
        named = ((size_of(name), name) for name in reversed(self.media) if not is_custom_bound(name))
        return {size: name for size, name in named if size is not None}

    @property
    def custom(self) -> tuple[Range, Range] | None:
        """Widths and heights of custom sizes, in hundredths of millimetres; None when there are none."""
        lowest = next((size_of(one) for one in self.media if one.startswith(CUSTOM_MIN)), None)
        highest = next((size_of(one) for one in self.media if one.startswith(CUSTOM_MAX)), None)
        if lowest is None or highest is None:
            return None
        return Range(lowest[0], highest[0]), Range(lowest[1], highest[1])

    @property
    def accepted(self) -> tuple[str, ...]:
        """The formats a client may send: what is printed as it is, and what is converted first."""
        return tuple(
            kind for kind in FORMATS if kind in self.formats or self.formats & CONVERTS.get(kind, frozenset())
        )


def media_of(names: Iterable[str], *, source: str = "", type_: str = "") -> tuple[Medium, ...]:
    """Return a plain medium for each size, as far as the names say sizes."""
    found = (size_of(name) for name in names if not is_custom_bound(name))
    return tuple(Medium(*size, source=source, type=type_) for size in found if size is not None)


_MEDIA = (
    "iso_a4_210x297mm",
    "iso_a3_297x420mm",
    "iso_a5_148x210mm",
    "iso_a6_105x148mm",
    "na_letter_8.5x11in",
    "na_legal_8.5x14in",
    "na_ledger_11x17in",
    "na_index-4x6_4x6in",
)
_QUALITY = (3, 4, 5)
_300, _600 = Resolution(300, 300), Resolution(600, 600)

DEFAULT = Capabilities(
    choices=MappingProxyType(
        {
            "sides": Choice(("one-sided", "two-sided-long-edge", "two-sided-short-edge"), "one-sided"),
            "print-color-mode": Choice(("auto", "color", "monochrome"), "auto"),
            "print-quality": Choice(_QUALITY, 4),
            "printer-resolution": Choice((_300, _600), _600),
            "orientation-requested": Choice((3, 4, 5, 6, 7), None),
            "finishings": Choice((3,), 3),
            "output-bin": Choice(("auto",), "auto"),
            "print-content-optimize": Choice(("auto",), "auto"),
            "print-rendering-intent": Choice(("auto",), "auto"),
            "print-scaling": Choice(("auto", "auto-fit", "fill", "fit", "none"), "auto"),
            "number-up": Choice((1, 2, 4, 6, 9, 16), 1),
            "multiple-document-handling": Choice(
                ("separate-documents-collated-copies", "separate-documents-uncollated-copies"),
                "separate-documents-collated-copies",
            ),
        }
    ),
    media=_MEDIA,
    media_default=_MEDIA[0],
    database=media_of(_MEDIA, source="auto", type_="stationery"),
    ready=media_of(_MEDIA[:1], source="auto", type_="stationery"),
    raster_resolutions=(_300, _600),
    raster_types=("black_1", "sgray_8", "srgb_8"),
    sheet_back="normal",
    formats=frozenset(FORMATS) | {one.lower() for one in PRINTER_LANGUAGES},
    urf=(
        "V1.5",
        "W8",
        "SRGB24",
        "RS300-600",
        "CP99",
        "DM1",
        "IS1",
        "MT1",
        "OB10",
        "PQ3-4-5",
    ),
    pages_per_minute=30,
    pages_per_minute_color=30,
)
"""What a folder can do, and what a queue says of itself until one of its printers has answered."""


def with_conversion(capabilities: Capabilities) -> Capabilities:
    """Return what may be asked of a printer: copies and pages are made here where PDF is drawn here."""
    if "application/pdf" in capabilities.formats or "application/pdf" not in capabilities.accepted:
        return capabilities
    scaling = Choice(DEFAULT.choices["print-scaling"].values, capabilities.choices["print-scaling"].default)
    return replace(
        capabilities,
        choices={**capabilities.choices, "print-scaling": scaling},
        copies=max(capabilities.copies, MAX_COPIES),
        page_ranges=True,
    )


def common(printers: Sequence[Capabilities]) -> Capabilities:
    """Return what every one of these printers can do; never empty, `DEFAULT` for none.

    A job that is held for whatever printer its owner walks to may ask for nothing that one of them
    cannot do. Where they have nothing in common, the first one counts: it is the preferred one.
    """
    if not printers:
        return DEFAULT
    first, *others = printers
    if not others:
        return first
    media = _shared(first.media, [one.media for one in others]) or (first.media_default,)
    sizes = {size_of(name) for name in media}
    sources = _shared(first.sources, [one.sources for one in others]) or ("auto",)
    types = _shared(first.types, [one.types for one in others]) or first.types[:1]
    database = _loaded(first.database, sizes, sources, types) or media_of(media)
    raster = _shared(first.raster_resolutions, [one.raster_resolutions for one in others])
    narrowed = replace(
        first,
        choices={name: _common_choice(name, printers) for name in CHOICES},
        media=media,
        media_default=first.media_default if first.media_default in media else media[0],
        database=database,
        ready=_loaded(first.ready, sizes, sources, types) or database[:1],
        sources=sources,
        types=types,
        formats=_common_formats(printers),
        copies=min(one.copies for one in printers),
        page_ranges=all(one.page_ranges for one in printers),
        raster_resolutions=raster or first.raster_resolutions,
        raster_types=_shared(first.raster_types, [one.raster_types for one in others]) or first.raster_types,
        pages_per_minute=min(one.pages_per_minute for one in printers),
        pages_per_minute_color=min(one.pages_per_minute_color for one in printers),
    )
    return replace(narrowed, urf=urf_of(narrowed) if all(one.urf for one in printers) else ())


def overridden(capabilities: Capabilities, overrides: CapabilityOverrides) -> Capabilities:
    """Return capabilities with what the configuration of a queue says in their place."""
    if overrides == CapabilityOverrides():
        return capabilities
    choices = dict(capabilities.choices)
    for name, values in (
        ("sides", overrides.sides),
        ("finishings", overrides.finishings),
        ("printer-resolution", overrides.resolutions),
        ("print-color-mode", _color_modes(overrides.color)),
    ):
        if values:
            default = choices[name].default
            choices[name] = Choice(tuple(values), default if default in values else values[0])
    changed = replace(capabilities, choices=choices)
    media = overrides.media or capabilities.media
    if overrides.media:
        sizes = {size_of(name) for name in media}
        kept = tuple(one for one in capabilities.database if one.size in sizes)
        missing = [name for name in media if size_of(name) not in {one.size for one in kept}]
        ready = tuple(one for one in capabilities.ready if one.size in sizes)
        changed = replace(
            changed,
            media=media,
            media_default=capabilities.media_default if capabilities.media_default in media else media[0],
            database=(*kept, *media_of(missing)),
            ready=ready or media_of(media[:1]),
        )
    if overrides.media_ready:
        changed = replace(
            changed, ready=media_of(overrides.media_ready), media_default=overrides.media_ready[0]
        )
        absent = tuple(name for name in overrides.media_ready if name not in media)
        changed = replace(changed, media=(*media, *absent), database=(*changed.database, *media_of(absent)))
    return replace(changed, urf=urf_of(changed)) if changed.urf else changed


def urf_of(capabilities: Capabilities) -> tuple[str, ...]:
    """Return "urf-supported" for capabilities; without RS, clients make nothing of it."""
    resolutions = capabilities.raster_resolutions or (_300,)
    dots = sorted({one.cross_feed for one in resolutions})
    qualities = capabilities.choices["print-quality"].values
    return (
        "V1.5",
        "W8",
        *(("SRGB24",) if capabilities.color else ()),
        f"RS{'-'.join(map(str, dots))}",
        f"CP{min(99, capabilities.copies)}",
        *(("DM1",) if capabilities.two_sided else ()),
        "IS1",
        "MT1",
        f"PQ{'-'.join(map(str, qualities))}",
    )


def _shared(first: Sequence[_T], others: Iterable[Sequence[_T]]) -> tuple[_T, ...]:
    sets = [set(other) for other in others]
    return tuple(value for value in first if all(value in other for other in sets))


def _common_choice(name: str, printers: Sequence[Capabilities]) -> Choice:
    first, *others = (one.choices[name] for one in printers)
    values = _shared(first.values, [other.values for other in others])
    if not values and name == "output-bin":
        # Clients send the default of what nobody chose: it must not be a tray that only one printer has.
        return DEFAULT.choices[name]
    if not values:
        values = first.values[:1] if first.default is None else (first.default,)
    default = first.default if first.default is None or first.default in values else values[0]
    return Choice(values, default)


def _common_formats(printers: Sequence[Capabilities]) -> frozenset[str]:
    """Return what every printer can be sent, some of it converted."""
    shared = frozenset(kind for kind in FORMATS if all(kind in one.accepted for one in printers))
    same = frozenset.intersection(*(one.formats for one in printers))
    return shared | same or printers[0].formats


def _loaded(
    media: Iterable[Medium],
    sizes: set[tuple[int, int] | None],
    sources: Sequence[str],
    types: Sequence[str],
) -> tuple[Medium, ...]:
    return tuple(
        one
        for one in media
        if one.size in sizes
        and (not one.source or one.source in sources)
        and (not one.type or one.type in types)
    )


def _color_modes(color: bool | None) -> tuple[str, ...] | None:
    if color is None:
        return None
    return ("auto", "color", "monochrome") if color else ("monochrome",)
