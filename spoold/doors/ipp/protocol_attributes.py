"""Printer attributes that are the same for every queue: what the door speaks, and how it holds jobs."""

from collections.abc import Sequence
from functools import cache

from protocols.ipp.compression import COMPRESSIONS
from protocols.ipp.message import Attribute
from protocols.ipp.operations import Operation
from protocols.ipp.values import (
    Range,
    boolean,
    charset,
    enum,
    integer,
    keyword,
    mime,
    name_,
    natural_language,
    octets,
    range_,
    text,
)
from spoold import __version__
from spoold.doors.ipp.capabilities import ANY_FORMAT, JOB_TEMPLATE, OPERATION_CREATION
from spoold.doors.ipp.job_attributes import SETTABLE, WHICH_JOBS
from spoold.doors.ipp.notifications import DEFAULT_LEASE_S, EVENT_LIFE_S, MAX_LEASE_S, Event

# Drivers and Print Support Apps go by it: it must stay the same, whatever stands behind a queue.
DEVICE_ID = "MFG:spoold;MDL:Held Queue;CMD:PDF,PWGRaster,AppleRaster,URF,JPEG,PNG;"
FEATURES = ("ipp-everywhere", "ipp-everywhere-server", "job-release")
# RFC 8011 5.4.35: how long the next document of an open job may take.
NEXT_DOCUMENT_S = 300


@cache
def protocol_attributes(operations: tuple[Operation, ...]) -> tuple[Attribute, ...]:
    """Return the attributes that are the same for every queue."""
    return (*_protocol(operations), *_notifications(), *_jobs(), *_holding(), *_make())


def _protocol(operations: Sequence[Operation]) -> tuple[Attribute, ...]:
    return (
        charset("charset-configured", "utf-8"),
        charset("charset-supported", "utf-8"),
        natural_language("natural-language-configured", "en"),
        natural_language("generated-natural-language-supported", "en"),
        keyword("ipp-versions-supported", "1.0", "1.1", "2.0"),
        keyword("ipp-features-supported", *FEATURES),
        enum("operations-supported", *operations),
        keyword("compression-supported", *COMPRESSIONS),
        mime("document-format-default", ANY_FORMAT),
        keyword("document-format-varying-attributes", "none"),
        integer("document-password-supported", 0),
        keyword("pdl-override-supported", "attempted"),
        keyword("printer-get-attributes-supported", "document-format"),
        keyword("printer-settable-attributes-supported", "none"),
        boolean("preferred-attributes-supported", False),
        keyword("identify-actions-supported", "display"),
        keyword("identify-actions-default", "display"),
    )


def _notifications() -> tuple[Attribute, ...]:
    return (
        keyword("notify-events-default", Event.JOB_COMPLETED),
        keyword("notify-events-supported", *Event),
        keyword("notify-pull-method-supported", "ippget"),
        integer("notify-lease-duration-default", DEFAULT_LEASE_S),
        range_("notify-lease-duration-supported", Range(1, MAX_LEASE_S)),
        integer("notify-max-events-supported", len(Event)),
        integer("ippget-event-life", EVENT_LIFE_S),
        keyword("subscription-privacy-attributes", "all"),
        keyword("subscription-privacy-scope", "owner"),
    )


def _jobs() -> tuple[Attribute, ...]:
    return (
        boolean("multiple-document-jobs-supported", True),
        integer("multiple-operation-time-out", NEXT_DOCUMENT_S),
        keyword("multiple-operation-time-out-action", "abort-job"),
        boolean("job-ids-supported", True),
        keyword("which-jobs-supported", *WHICH_JOBS),
        keyword("job-creation-attributes-supported", *OPERATION_CREATION, *JOB_TEMPLATE),
        keyword("job-settable-attributes-supported", *SETTABLE),
        # "document-number" is what older conformance suites look for.
        keyword("overrides-supported", "document-number", "document-numbers", "pages"),
        integer("job-priority-default", 50),
        integer("job-priority-supported", 100),
        keyword("job-sheets-default", "none"),
        keyword("job-sheets-supported", "none"),
    )


def _holding() -> tuple[Attribute, ...]:
    return (
        keyword("job-privacy-attributes", "all"),
        keyword("job-privacy-scope", "owner"),
    )


def _make() -> tuple[Attribute, ...]:
    return (
        text("printer-device-id", DEVICE_ID),
        text("printer-make-and-model", "spoold held queue"),
        # Of the same length, one value each (PWG 5100.13).
        name_("printer-firmware-name", "spoold"),
        text("printer-firmware-patches", ""),
        text("printer-firmware-string-version", __version__),
        octets("printer-firmware-version", __version__.encode()),
        keyword("printer-kind", "document"),
        # Windows and Android look for these two; "F" would keep Android from printing here.
        text("mopria-certified", "1.3"),
        text("print_wfds", "T"),
    )
