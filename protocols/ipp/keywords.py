"""Registered keywords and enums that the daemon speaks (RFC 8011, PWG 5100 series; IANA 2025-10-31)."""

from enum import IntEnum, StrEnum
from typing import Self


class NamedEnum(IntEnum):
    """An `enum` of RFC 8011 whose values also have registered names."""

    @property
    def keyword(self) -> str:
        """The registered name, for example `pending-held`."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def from_keyword(cls, keyword: str) -> Self:
        """Return the member of that registered name.

        Raises:
            ValueError: there is none.
        """
        for member in cls:
            if member.keyword == keyword:
                return member
        raise ValueError(f"{keyword!r} is not one of {', '.join(member.keyword for member in cls)}")


class JobState(NamedEnum):
    """`job-state` (RFC 8011 5.3.7)."""

    PENDING = 3
    PENDING_HELD = 4
    PROCESSING = 5
    PROCESSING_STOPPED = 6
    CANCELED = 7
    ABORTED = 8
    COMPLETED = 9

    @property
    def is_terminal(self) -> bool:
        """Whether the job will never change state again."""
        return self >= JobState.CANCELED


class PrinterState(NamedEnum):
    """`printer-state` (RFC 8011 5.4.11)."""

    IDLE = 3
    PROCESSING = 4
    STOPPED = 5


class PrintQuality(NamedEnum):
    """`print-quality` (RFC 8011 5.2.13)."""

    DRAFT = 3
    NORMAL = 4
    HIGH = 5


class Orientation(NamedEnum):
    """`orientation-requested` (RFC 8011 5.2.10, PWG 5100.13)."""

    PORTRAIT = 3
    LANDSCAPE = 4
    REVERSE_LANDSCAPE = 5
    REVERSE_PORTRAIT = 6
    NONE = 7


class Finishing(NamedEnum):
    """`finishings` (RFC 8011 5.2.6, PWG 5100.1): those that desktops offer."""

    NONE = 3
    STAPLE = 4
    PUNCH = 5
    COVER = 6
    BIND = 7
    SADDLE_STITCH = 8
    EDGE_STITCH = 9
    FOLD = 10
    TRIM = 11
    BALE = 12
    BOOKLET_MAKER = 13
    COAT = 15
    LAMINATE = 16
    STAPLE_TOP_LEFT = 20
    STAPLE_BOTTOM_LEFT = 21
    STAPLE_TOP_RIGHT = 22
    STAPLE_BOTTOM_RIGHT = 23
    STAPLE_DUAL_LEFT = 28
    STAPLE_DUAL_TOP = 29
    STAPLE_DUAL_RIGHT = 30
    STAPLE_DUAL_BOTTOM = 31
    BIND_LEFT = 50
    BIND_TOP = 51
    BIND_RIGHT = 52
    BIND_BOTTOM = 53
    PUNCH_DUAL_LEFT = 74
    PUNCH_DUAL_TOP = 75
    PUNCH_DUAL_RIGHT = 76
    PUNCH_DUAL_BOTTOM = 77
    FOLD_HALF = 93
    FOLD_LETTER = 96
    FOLD_Z = 100


class JobStateReason(StrEnum):
    """`job-state-reasons` that are reported or understood (RFC 8011 5.3.8, PWG 5100.11, 5100.16)."""

    NONE = "none"
    ABORTED_BY_SYSTEM = "aborted-by-system"
    ACCOUNT_AUTHORIZATION_FAILED = "account-authorization-failed"
    ACCOUNT_LIMIT_REACHED = "account-limit-reached"
    COMPRESSION_ERROR = "compression-error"
    DOCUMENT_FORMAT_ERROR = "document-format-error"
    ERRORS_DETECTED = "errors-detected"
    JOB_CANCELED_AFTER_TIMEOUT = "job-canceled-after-timeout"
    JOB_CANCELED_AT_DEVICE = "job-canceled-at-device"
    JOB_CANCELED_BY_OPERATOR = "job-canceled-by-operator"
    JOB_CANCELED_BY_USER = "job-canceled-by-user"
    JOB_COMPLETED_SUCCESSFULLY = "job-completed-successfully"
    JOB_COMPLETED_WITH_ERRORS = "job-completed-with-errors"
    JOB_COMPLETED_WITH_WARNINGS = "job-completed-with-warnings"
    JOB_DATA_INSUFFICIENT = "job-data-insufficient"
    JOB_HELD_FOR_AUTHORIZATION = "job-held-for-authorization"
    JOB_HELD_FOR_BUTTON_PRESS = "job-held-for-button-press"
    JOB_HELD_FOR_RELEASE = "job-held-for-release"
    JOB_HELD_FOR_REVIEW = "job-held-for-review"
    JOB_HOLD_UNTIL_SPECIFIED = "job-hold-until-specified"
    JOB_INCOMING = "job-incoming"
    JOB_INTERPRETING = "job-interpreting"
    JOB_OUTGOING = "job-outgoing"
    JOB_PASSWORD_WAIT = "job-password-wait"  # noqa: S105 - a registered keyword, not a password
    JOB_PRINTING = "job-printing"
    JOB_QUEUED = "job-queued"
    JOB_RELEASE_WAIT = "job-release-wait"
    JOB_SPOOLING = "job-spooling"
    JOB_SUSPENDED_FOR_APPROVAL = "job-suspended-for-approval"
    JOB_TRANSFORMING = "job-transforming"
    PRINTER_STOPPED = "printer-stopped"
    PRINTER_STOPPED_PARTLY = "printer-stopped-partly"
    PROCESSING_TO_STOP_POINT = "processing-to-stop-point"
    QUEUED_IN_DEVICE = "queued-in-device"
    RESOURCES_ARE_NOT_READY = "resources-are-not-ready"
    SERVICE_OFF_LINE = "service-off-line"
    SUBMISSION_INTERRUPTED = "submission-interrupted"
    UNSUPPORTED_ATTRIBUTES_OR_VALUES = "unsupported-attributes-or-values"
    UNSUPPORTED_COMPRESSION = "unsupported-compression"
    UNSUPPORTED_DOCUMENT_FORMAT = "unsupported-document-format"
    WARNINGS_DETECTED = "warnings-detected"


class Sides(StrEnum):
    """`sides` (RFC 8011 5.2.8)."""

    ONE_SIDED = "one-sided"
    TWO_SIDED_LONG_EDGE = "two-sided-long-edge"
    TWO_SIDED_SHORT_EDGE = "two-sided-short-edge"


class PrintColorMode(StrEnum):
    """`print-color-mode` (PWG 5100.13)."""

    AUTO = "auto"
    AUTO_MONOCHROME = "auto-monochrome"
    BI_LEVEL = "bi-level"
    COLOR = "color"
    HIGHLIGHT = "highlight"
    MONOCHROME = "monochrome"
    PROCESS_BI_LEVEL = "process-bi-level"
    PROCESS_MONOCHROME = "process-monochrome"


class MultipleDocumentHandling(StrEnum):
    """`multiple-document-handling` (RFC 8011 5.2.4)."""

    SINGLE_DOCUMENT = "single-document"
    SINGLE_DOCUMENT_NEW_SHEET = "single-document-new-sheet"
    SEPARATE_DOCUMENTS_COLLATED_COPIES = "separate-documents-collated-copies"
    SEPARATE_DOCUMENTS_UNCOLLATED_COPIES = "separate-documents-uncollated-copies"


class PrintScaling(StrEnum):
    """`print-scaling` (PWG 5100.13)."""

    AUTO = "auto"
    AUTO_FIT = "auto-fit"
    FILL = "fill"
    FIT = "fit"
    NONE = "none"


class Compression(StrEnum):
    """`compression` (RFC 8011 5.4.32)."""

    NONE = "none"
    GZIP = "gzip"
    DEFLATE = "deflate"
    COMPRESS = "compress"


class JobHoldUntil(StrEnum):
    """`job-hold-until` (RFC 8011 5.2.2)."""

    NO_HOLD = "no-hold"
    INDEFINITE = "indefinite"
    DAY_TIME = "day-time"
    EVENING = "evening"
    NIGHT = "night"
    SECOND_SHIFT = "second-shift"
    THIRD_SHIFT = "third-shift"
    WEEKEND = "weekend"


class WhichJobs(StrEnum):
    """`which-jobs` of Get-Jobs and its siblings (RFC 8011 4.2.6.1, PWG 5100.7)."""

    COMPLETED = "completed"
    NOT_COMPLETED = "not-completed"
    ABORTED = "aborted"
    ALL = "all"
    CANCELED = "canceled"
    PENDING = "pending"
    PENDING_HELD = "pending-held"
    PROCESSING = "processing"
    PROCESSING_STOPPED = "processing-stopped"


class IdentifyAction(StrEnum):
    """`identify-actions` of Identify-Printer (PWG 5100.13)."""

    DISPLAY = "display"
    FLASH = "flash"
    SOUND = "sound"
    SPEAK = "speak"
