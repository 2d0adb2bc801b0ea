"""What a queue says it can do: Printer attributes that never change while the daemon runs."""

from functools import cache

from protocols.ipp.message import Attribute
from protocols.ipp.operations import Operation
from protocols.ipp.values import (
    Collection,
    Range,
    Resolution,
    boolean,
    charset,
    collection,
    enum,
    integer,
    keyword,
    mime,
    name_,
    natural_language,
    no_value,
    range_,
    resolution,
    text,
)
from spoold.model.queue import Queue

# Decided by magic bytes on arrival; a printer that cannot take one of them says so at release.
FORMATS = (
    "application/octet-stream",
    "application/pdf",
    "image/jpeg",
    "image/png",
    "image/pwg-raster",
    "image/urf",
    "text/plain",
)
DEFAULT_MEDIA = "iso_a4_210x297mm"
# PWG 5101.1 self-describing names with their sizes in hundredths of millimetres.
MEDIA: dict[str, tuple[int, int]] = {
    "iso_a4_210x297mm": (21000, 29700),
    "iso_a3_297x420mm": (29700, 42000),
    "iso_a5_148x210mm": (14800, 21000),
    "na_letter_8.5x11in": (21590, 27940),
    "na_legal_8.5x14in": (21590, 35560),
    "na_ledger_11x17in": (27940, 43180),
}
_MARGIN = 423
MAX_COPIES = 999

# In a type of 1setOf keyword these are the whole list, in the order of RFC 8011 5.2.
SIDES = ("one-sided", "two-sided-long-edge", "two-sided-short-edge")
COLOR_MODES = ("auto", "color", "monochrome")
JOB_TEMPLATE = (
    "copies",
    "finishings",
    "job-hold-until",
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
OPERATION_CREATION = ("document-format", "document-name", "ipp-attribute-fidelity", "job-name")


def formats_of(queue: Queue) -> tuple[str, ...]:
    """Return the formats a client may declare for a queue; octet-stream means "look for yourself"."""
    if queue.formats is None:
        return FORMATS
    return tuple(one for one in FORMATS if one == "application/octet-stream" or one in queue.formats)


def media_col(media: str) -> Collection:
    """Return the `media-col` value of a named size."""
    width, height = MEDIA[media]
    size = (integer("x-dimension", width), integer("y-dimension", height))
    return Collection(
        (
            keyword("media-key", media),
            collection("media-size", size),
            integer("media-top-margin", _MARGIN),
            integer("media-bottom-margin", _MARGIN),
            integer("media-left-margin", _MARGIN),
            integer("media-right-margin", _MARGIN),
            keyword("media-source", "auto"),
            keyword("media-type", "stationery"),
        )
    )


@cache
def static_attributes(operations: tuple[Operation, ...]) -> tuple[Attribute, ...]:
    """Return the attributes that are the same for every queue."""
    return (*_protocol(operations), *_job_template(), *_media(), *_raster())


def _protocol(operations: tuple[Operation, ...]) -> tuple[Attribute, ...]:
    return (
        charset("charset-configured", "utf-8"),
        charset("charset-supported", "utf-8"),
        natural_language("natural-language-configured", "en"),
        natural_language("generated-natural-language-supported", "en"),
        keyword("ipp-versions-supported", "1.0", "1.1", "2.0"),
        keyword("ipp-features-supported", "ipp-everywhere-server", "job-release"),
        enum("operations-supported", *operations),
        keyword("compression-supported", "none"),
        mime("document-format-default", "application/octet-stream"),
        mime("document-format-preferred", "application/pdf"),
        keyword("pdl-override-supported", "attempted"),
        boolean("multiple-document-jobs-supported", True),
        integer("multiple-operation-time-out", 300),
        keyword("multiple-operation-time-out-action", "abort-job"),
        boolean("job-ids-supported", True),
        keyword("which-jobs-supported", "completed", "not-completed", "all", "pending-held"),
        keyword("job-creation-attributes-supported", *OPERATION_CREATION, *JOB_TEMPLATE),
        keyword("job-settable-attributes-supported", "none"),
        keyword("printer-get-attributes-supported", "document-format"),
        keyword("printer-settable-attributes-supported", "none"),
        boolean("preferred-attributes-supported", False),
        boolean("page-ranges-supported", True),
        keyword("overrides-supported", "document-number", "document-numbers", "pages"),
        keyword("job-release-action-supported", "owner-authorized"),
        keyword("job-release-action-default", "owner-authorized"),
        keyword("job-privacy-attributes", "all"),
        keyword("job-privacy-scope", "owner"),
        keyword("identify-actions-supported", "display"),
        keyword("identify-actions-default", "display"),
    )


def _job_template() -> tuple[Attribute, ...]:
    return (
        integer("copies-default", 1),
        range_("copies-supported", Range(1, MAX_COPIES)),
        keyword("sides-default", "one-sided"),
        keyword("sides-supported", *SIDES),
        keyword("print-color-mode-default", "auto"),
        keyword("print-color-mode-supported", *COLOR_MODES),
        boolean("color-supported", True),
        enum("print-quality-default", 4),
        enum("print-quality-supported", 3, 4, 5),
        resolution("printer-resolution-default", Resolution(600, 600)),
        resolution("printer-resolution-supported", Resolution(300, 300), Resolution(600, 600)),
        no_value("orientation-requested-default"),
        enum("orientation-requested-supported", 3, 4, 5, 6, 7),
        enum("finishings-default", 3),
        enum("finishings-supported", 3),
        keyword("output-bin-default", "auto"),
        keyword("output-bin-supported", "auto"),
        keyword("print-content-optimize-default", "auto"),
        keyword("print-content-optimize-supported", "auto"),
        keyword("print-rendering-intent-default", "auto"),
        keyword("print-rendering-intent-supported", "auto"),
        keyword("print-scaling-default", "auto"),
        keyword("print-scaling-supported", "auto", "auto-fit", "fill", "fit", "none"),
        integer("number-up-default", 1),
        integer("number-up-supported", 1, 2, 4, 6, 9, 16),
        keyword("multiple-document-handling-default", "separate-documents-collated-copies"),
        keyword(
            "multiple-document-handling-supported",
            "separate-documents-collated-copies",
            "separate-documents-uncollated-copies",
        ),
        integer("job-priority-default", 50),
        integer("job-priority-supported", 100),
        keyword("job-hold-until-default", "indefinite"),
        keyword("job-hold-until-supported", "indefinite", "no-hold"),
        keyword("job-sheets-default", "none"),
        keyword("job-sheets-supported", "none"),
        integer("pages-per-minute", 30),
        integer("pages-per-minute-color", 30),
    )


def _media() -> tuple[Attribute, ...]:
    sizes = [
        (integer("x-dimension", width), integer("y-dimension", height)) for width, height in MEDIA.values()
    ]
    return (
        keyword("media-default", DEFAULT_MEDIA),
        keyword("media-supported", *MEDIA),
        keyword("media-ready", DEFAULT_MEDIA),
        collection("media-col-default", media_col(DEFAULT_MEDIA)),
        collection("media-col-ready", media_col(DEFAULT_MEDIA)),
        collection("media-col-database", *(media_col(media) for media in MEDIA)),
        keyword(
            "media-col-supported",
            "media-bottom-margin",
            "media-key",
            "media-left-margin",
            "media-right-margin",
            "media-size",
            "media-size-name",
            "media-source",
            "media-top-margin",
            "media-type",
        ),
        collection("media-size-supported", *sizes),
        integer("media-bottom-margin-supported", _MARGIN),
        integer("media-left-margin-supported", _MARGIN),
        integer("media-right-margin-supported", _MARGIN),
        integer("media-top-margin-supported", _MARGIN),
        keyword("media-key-supported", *MEDIA),
        keyword("media-source-supported", "auto"),
        keyword("media-type-supported", "stationery"),
    )


def _raster() -> tuple[Attribute, ...]:
    return (
        resolution("pwg-raster-document-resolution-supported", Resolution(300, 300), Resolution(600, 600)),
        keyword("pwg-raster-document-type-supported", "black_1", "sgray_8", "srgb_8"),
        keyword("pwg-raster-document-sheet-back", "normal"),
        keyword("urf-supported", "V1.5", "W8", "SRGB24", "RS300-600", "CP99", "DM1", "IS1", "MT1", "PQ3-4-5"),
        text("printer-device-id", "MFG:spoold;MDL:Held Queue;CMD:PDF,PWGRaster,AppleRaster,URF,JPEG,PNG;"),
        text("printer-make-and-model", "spoold held queue"),
        name_("printer-firmware-name", "spoold"),
    )
