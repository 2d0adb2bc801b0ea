"""What a queue says it can do, as Printer attributes: from its capabilities to what clients read."""

from collections.abc import Iterable, Mapping, Sequence

from protocols.ipp.media import is_custom_bound, size_of
from protocols.ipp.message import Attribute
from protocols.ipp.values import (
    Collection,
    Range,
    Value,
    boolean,
    collection,
    integer,
    keyword,
    mime,
    no_value,
    range_,
    resolution,
)
from spoold.model.formats import PRINTER_LANGUAGES, formats_taken
from spoold.model.queue import Queue
from spoold.printers import capabilities as printers
from spoold.printers.capabilities import CHOICES, Capabilities, Choice, Medium

# "Look for yourself": the format is told by the document's first bytes.
ANY_FORMAT = "application/octet-stream"
# Decided by magic bytes on arrival; a printer that cannot take one of them says so at release.
FORMATS = (ANY_FORMAT, *printers.FORMATS)

JOB_TEMPLATE = (
    "copies",
    "finishings",
    "job-account-id",
    "job-accounting-user-id",
    "job-hold-until",
    "job-hold-until-time",
    "job-priority",
    "job-sheets",
    "media",
    "media-col",
    "multiple-document-handling",
    "number-up",
    "orientation-requested",
    "output-bin",
    "overrides",
    "page-ranges",
    "print-color-mode",
    "print-content-optimize",
    "print-quality",
    "print-rendering-intent",
    "print-scaling",
    "printer-resolution",
    "sides",
)
OPERATION_CREATION = (
    "compression",
    "document-format",
    "document-name",
    "ipp-attribute-fidelity",
    "job-mandatory-attributes",
    "job-name",
    "job-password",
    "job-password-encryption",
    "job-release-action",
)

MEDIA_COL = (
    "media-bottom-margin",
    "media-left-margin",
    "media-right-margin",
    "media-size",
    "media-size-name",
    "media-source",
    "media-top-margin",
    "media-type",
)


def formats_of(queue: Queue, capabilities: Capabilities = printers.DEFAULT) -> tuple[str, ...]:
    """Return the formats a client may declare for a queue: permitted there, and printable behind it."""
    taken = formats_taken(queue, frozenset(printers.FORMATS))
    permitted = [one for one in (*printers.FORMATS, *sorted(PRINTER_LANGUAGES)) if one in taken]
    printable = [
        one for one in permitted if one in capabilities.accepted or one.lower() in capabilities.formats
    ]
    # Nothing in common: what the configuration says counts, and the printer refuses at release.
    return (ANY_FORMAT, *(printable or permitted))


def capability_attributes(queue: Queue, capabilities: Capabilities) -> tuple[Attribute, ...]:
    """Return every Printer attribute that depends on what the printers behind a queue can do."""
    formats = formats_of(queue, capabilities)
    return (
        mime("document-format-supported", *formats),
        mime("document-format-preferred", formats[min(1, len(formats) - 1)]),
        *_choices(capabilities),
        integer("copies-default", 1),
        range_("copies-supported", Range(1, capabilities.copies)),
        boolean("page-ranges-supported", capabilities.page_ranges),
        boolean("color-supported", capabilities.color),
        *_speed(capabilities),
        *_media(capabilities),
        *_raster(formats, capabilities),
    )


def _choices(capabilities: Capabilities) -> Iterable[Attribute]:
    for name, tag in CHOICES.items():
        choice: Choice = capabilities.choices[name]
        supported = tuple(Value(tag, value) for value in choice.values)
        if choice.default is None:
            yield no_value(f"{name}-default")
        else:
            yield Attribute(f"{name}-default", (Value(tag, choice.default),))
        yield Attribute(f"{name}-supported", supported)


def _speed(capabilities: Capabilities) -> Iterable[Attribute]:
    yield integer("pages-per-minute", capabilities.pages_per_minute)
    if capabilities.color:
        yield integer("pages-per-minute-color", capabilities.pages_per_minute_color)


def _media(capabilities: Capabilities) -> tuple[Attribute, ...]:
    database, names = capabilities.database, capabilities.names
    ready = [names[one.size] for one in capabilities.ready if one.size in names]
    default = _default_medium(capabilities)
    return (
        keyword("media-default", capabilities.media_default),
        keyword("media-supported", *capabilities.media),
        keyword("media-ready", *(dict.fromkeys(ready) or [capabilities.media_default])),
        collection("media-col-default", _media_col(default, names)),
        collection("media-col-ready", *(_media_col(one, names) for one in capabilities.ready)),
        collection(
            "media-col-database",
            *(_media_col(one, names) for one in database),
            *([_custom_media_col(custom)] if (custom := capabilities.custom) else []),
        ),
        keyword("media-col-supported", *MEDIA_COL),
        collection("media-size-supported", *_sizes(capabilities)),
        integer("media-bottom-margin-supported", *sorted({one.bottom for one in database})),
        integer("media-left-margin-supported", *sorted({one.left for one in database})),
        integer("media-right-margin-supported", *sorted({one.right for one in database})),
        integer("media-top-margin-supported", *sorted({one.top for one in database})),
        keyword("media-source-supported", *capabilities.sources),
        keyword("media-type-supported", *capabilities.types),
    )


def _default_medium(capabilities: Capabilities) -> Medium:
    size = size_of(capabilities.media_default)
    for one in (*capabilities.ready, *capabilities.database):
        if one.size == size:
            return one
    return capabilities.ready[0]


def _media_col(medium: Medium, names: Mapping[tuple[int, int], str]) -> Collection:
    """Return the `media-col` value of a medium (PWG 5100.7)."""
    size = (integer("x-dimension", medium.width), integer("y-dimension", medium.height))
    members = [collection("media-size", size)]
    if medium.size in names:
        members.append(keyword("media-size-name", names[medium.size]))
    members += [
        integer("media-bottom-margin", medium.bottom),
        integer("media-left-margin", medium.left),
        integer("media-right-margin", medium.right),
        integer("media-top-margin", medium.top),
    ]
    if medium.source:
        members.append(keyword("media-source", medium.source))
    if medium.type:
        members.append(keyword("media-type", medium.type))
    return Collection(tuple(members))


def _custom_media_col(custom: tuple[Range, Range]) -> Collection:
    size = (range_("x-dimension", custom[0]), range_("y-dimension", custom[1]))
    margins = (
        integer(f"media-{edge}-margin", printers.MARGIN) for edge in ("bottom", "left", "right", "top")
    )
    return Collection((collection("media-size", size), *margins))


def _sizes(capabilities: Capabilities) -> Sequence[tuple[Attribute, Attribute]]:
    named = [size_of(name) for name in capabilities.media if not is_custom_bound(name)]
    sizes = [
        (integer("x-dimension", size[0]), integer("y-dimension", size[1]))
        for size in dict.fromkeys(named)
        if size is not None
    ]
    custom = capabilities.custom
    if custom is not None:
        sizes.append((range_("x-dimension", custom[0]), range_("y-dimension", custom[1])))
    return sizes


def _raster(formats: Sequence[str], capabilities: Capabilities) -> Iterable[Attribute]:
    if "image/pwg-raster" in formats and capabilities.raster_resolutions and capabilities.raster_types:
        yield resolution("pwg-raster-document-resolution-supported", *capabilities.raster_resolutions)
        yield keyword("pwg-raster-document-type-supported", *capabilities.raster_types)
        if capabilities.sheet_back:
            yield keyword("pwg-raster-document-sheet-back", capabilities.sheet_back)
    if "image/urf" in formats and capabilities.urf:
        yield keyword("urf-supported", *capabilities.urf)
