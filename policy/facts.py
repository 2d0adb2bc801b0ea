"""Facts: everything a rule may ask about, and its types; no titles, no document content."""

import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SIDES = ("one-sided", "two-sided-long-edge", "two-sided-short-edge")
COLOR_MODES = (
    "auto",
    "auto-monochrome",
    "bi-level",
    "color",
    "highlight",
    "monochrome",
    "process-monochrome",
)
ROLES = ("user", "operator", "administrator")
PROTOCOLS = ("ipp", "lpr", "web")


class Kind(enum.StrEnum):
    """The types that facts and expressions have."""

    BOOL = "true or false"
    INT = "a number"
    STRING = "a string"
    STRINGS = "a list of strings"
    INTS = "a list of numbers"


@dataclass(frozen=True, slots=True)
class Fact:
    """What a rule may know of one fact.

    Args:
        words: the only values it can have; empty when any is possible.
        inspected: known only after the document was opened, and then only if that succeeded.
        arrives: known only once the document has arrived, inspected or not.
        called: what people call it when it is unknown.
    """

    kind: Kind
    words: tuple[str, ...] = ()
    inspected: bool = False
    arrives: bool = False
    called: str = ""


@dataclass(frozen=True, slots=True)
class UserFacts:
    """Who prints. While nobody is proven, `name` is only claimed, and groups and roles are empty."""

    name: str = ""
    groups: Collection[str] = ()
    roles: Collection[str] = ()
    authenticated: bool = False


@dataclass(frozen=True, slots=True)
class JobFacts:
    """How it is to be printed.

    Args:
        impressions: sides of all copies; None while the page count is unknown.
        submitted_at: when the job came in; None while it does.
        approved: somebody who may has approved the job, so rules no longer hold it for that.
    """

    copies: int = 1
    sides: str = "one-sided"
    color_mode: str = "auto"
    media: str = ""
    size_bytes: int = 0
    impressions: int | None = None
    submitted_at: datetime | None = None
    approved: bool = False


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What was found in the documents; with several, pages add up and one bad one spoils the job.

    Args:
        format: MIME type by magic bytes, of the first document.
        known: inspection succeeded; else pages, encrypted and broken are None.
    """

    format: str = "application/octet-stream"
    count: int = 1
    pages: int | None = None
    encrypted: bool | None = None
    broken: bool | None = None
    known: bool = False


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """Where the job was sent."""

    name: str


@dataclass(frozen=True, slots=True)
class PrinterFacts:
    """Where it is about to come out; known at release only."""

    name: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """Where the request comes from."""

    address: str = ""
    protocol: str = "ipp"


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts of one decision; the time of day comes from the moment it is taken."""

    queue: QueueFacts
    user: UserFacts = field(default_factory=UserFacts)
    job: JobFacts = field(default_factory=JobFacts)
    document: DocumentFacts = field(default_factory=DocumentFacts)
    client: ClientFacts = field(default_factory=ClientFacts)
    printer: PrinterFacts | None = None


_PAGES = "the page count of the document"

# The vocabulary of rules: FACTS["user"]["groups"] is what `user.groups` means.
FACTS: Mapping[str, Mapping[str, Fact]] = MappingProxyType(
    {
        "user": {
            "name": Fact(Kind.STRING),
            "groups": Fact(Kind.STRINGS),
            "roles": Fact(Kind.STRINGS, words=ROLES),
            "authenticated": Fact(Kind.BOOL),
        },
        "job": {
            "copies": Fact(Kind.INT),
            "sides": Fact(Kind.STRING, words=SIDES),
            "color_mode": Fact(Kind.STRING, words=COLOR_MODES),
            "media": Fact(Kind.STRING),
            "size_bytes": Fact(Kind.INT, arrives=True),
            "impressions": Fact(Kind.INT, inspected=True, arrives=True, called=_PAGES),
            "age_minutes": Fact(Kind.INT),
            "approved": Fact(Kind.BOOL),
        },
        "document": {
            "format": Fact(Kind.STRING, arrives=True),
            "count": Fact(Kind.INT, arrives=True),
            "pages": Fact(Kind.INT, inspected=True, arrives=True, called=_PAGES),
            "encrypted": Fact(
                Kind.BOOL, inspected=True, arrives=True, called="whether the document is encrypted"
            ),
            "broken": Fact(Kind.BOOL, inspected=True, arrives=True, called="whether the document is intact"),
            "known": Fact(Kind.BOOL, inspected=True, arrives=True),
        },
        "queue": {"name": Fact(Kind.STRING)},
        "printer": {"name": Fact(Kind.STRING), "location": Fact(Kind.STRING)},
        "client": {"address": Fact(Kind.STRING), "protocol": Fact(Kind.STRING, words=PROTOCOLS)},
        "time": {
            "hour": Fact(Kind.INT),
            "minute": Fact(Kind.INT),
            "weekday": Fact(Kind.STRING, words=WEEKDAYS),
            "day": Fact(Kind.INT),
            "month": Fact(Kind.INT),
            "year": Fact(Kind.INT),
            "date": Fact(Kind.STRING),
        },
    }
)


def variables(facts: Facts, local: datetime, groups: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the facts as the expression language takes them.

    What is unknown is left out, so that a rule reading it fails instead of comparing with nothing.

    Args:
        local: the moment of the decision in the site's time zone.
        groups: which groups of facts are wanted ("user", "job", ...).
    """
    return {group: _VARIABLES[group](facts, local) for group in groups}


def _user(facts: Facts, _local: datetime) -> dict[str, Any]:
    user = facts.user
    return {
        "name": user.name,
        "groups": list(user.groups),
        "roles": list(user.roles),
        "authenticated": user.authenticated,
    }


def _job(facts: Facts, local: datetime) -> dict[str, Any]:
    job = facts.job
    age_s = (local - job.submitted_at).total_seconds() if job.submitted_at else 0.0
    known = {
        "copies": job.copies,
        "sides": job.sides,
        "color_mode": job.color_mode,
        "media": job.media,
        "size_bytes": job.size_bytes,
        "age_minutes": max(0, int(age_s // 60)),
        "approved": job.approved,
    }
    return known if job.impressions is None else known | {"impressions": job.impressions}


def _document(facts: Facts, _local: datetime) -> dict[str, Any]:
    document = facts.document
    found = {"pages": document.pages, "encrypted": document.encrypted, "broken": document.broken}
    return {
        "format": document.format,
        "count": document.count,
        "known": document.known,
        **{name: value for name, value in found.items() if value is not None},
    }


def _printer(facts: Facts, _local: datetime) -> dict[str, Any]:
    if facts.printer is None:
        return {}
    return {"name": facts.printer.name, "location": facts.printer.location}


def _time(_facts: Facts, local: datetime) -> dict[str, Any]:
    return {
        "hour": local.hour,
        "minute": local.minute,
        "weekday": WEEKDAYS[local.weekday()],
        "day": local.day,
        "month": local.month,
        "year": local.year,
        "date": local.date().isoformat(),
    }


_VARIABLES = {
    "user": _user,
    "job": _job,
    "document": _document,
    "queue": lambda facts, _local: {"name": facts.queue.name},
    "printer": _printer,
    "client": lambda facts, _local: {"address": facts.client.address, "protocol": facts.client.protocol},
    "time": _time,
}
