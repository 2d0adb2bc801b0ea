"""Facts: everything a rule may ask about, and its types; no titles, no document content."""

import enum
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from policy.folding import fold
from policy.schedule import WEEKDAYS
from policy.surroundings import Surroundings

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
# How somebody was proven; "none" while nobody is.
METHODS = (
    "none",
    "address",
    "badge",
    "basic",
    "control-socket",
    "kerberos",
    "oidc",
    "on-arrival",
    "passkey",
    "password",
    "print-uri",
    "session",
    "token",
)
# Value of a fact at the moment of a decision; None when it is not known.
Value = Callable[["Facts", Surroundings], Any]


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
        value: how it is read.
        words: the only values it can have; empty when any is possible.
        least, most: bounds of a number; None when there is none.
        inspected: known only after the document was opened, and then only if that succeeded.
        arrives: known only once the document has arrived, inspected or not.
        called: what people call it when it is unknown.
    """

    kind: Kind
    value: Value
    words: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    inspected: bool = False
    arrives: bool = False
    called: str = ""


@dataclass(frozen=True, slots=True)
class UserFacts:
    """Who prints. While nobody is proven, `name` is only claimed, and groups and roles are empty.

    Args:
        method: how the person was proven, of `METHODS`.
        groups: folded for comparing as they are taken in, each of them once; `policy.folding.fold`.
        second_factor: a second factor was shown, too.
        provider: who knows the person: "local", or the name of a directory.
    """

    name: str = ""
    groups: Collection[str] = ()
    roles: Collection[str] = ()
    authenticated: bool = False
    method: str = "none"
    second_factor: bool = False
    provider: str = ""

    def __post_init__(self) -> None:
        """Fold the names of the groups."""
        object.__setattr__(self, "groups", tuple(sorted({fold(name) for name in self.groups})))


@dataclass(frozen=True, slots=True)
class JobFacts:
    """How it is to be printed.

    Args:
        impressions: sides of all copies; None while the page count is unknown.
        submitted_at: when the job came in; None while it does.
        approved: names of the rules for which somebody who may has approved the job: those hold it no more.
        media_type, media_source: kind of paper ("stationery-letterhead") and tray; empty if not asked for.
    """

    copies: int = 1
    sides: str = "one-sided"
    color_mode: str = "auto"
    media: str = ""
    size_bytes: int = 0
    impressions: int | None = None
    submitted_at: datetime | None = None
    approved: Collection[str] = ()
    media_type: str = ""
    media_source: str = ""


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
    """Where it is about to come out; known at release only.

    Args:
        color: whether it prints in colour; None if it never said.
        ready: whether it may be sent a document now.
        cost: what a page costs there, in thousandths of the site's currency; None if nobody has said.
    """

    name: str
    location: str = ""
    color: bool | None = None
    ready: bool | None = None
    cost: int | None = None


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
_DAY_OF_MONTH, _MONTH, _YEAR = (1, 31), (1, 12), (1970, 9999)


def _age_minutes(facts: Facts, around: Surroundings) -> int:
    submitted_at = facts.job.submitted_at
    return 0 if submitted_at is None else max(0, int((around.local - submitted_at).total_seconds() // 60))


def _text(value: Value, words: tuple[str, ...] = (), **known: Any) -> Fact:
    return Fact(Kind.STRING, value, words, **known)


def _number(value: Value, least: int, most: int | None = None, **known: Any) -> Fact:
    return Fact(Kind.INT, value, least=least, most=most, **known)


def _flag(value: Value, **known: Any) -> Fact:
    return Fact(Kind.BOOL, value, **known)


_INSPECTED: Mapping[str, Any] = MappingProxyType({"inspected": True, "arrives": True})

# The vocabulary of rules: FACTS["user"]["groups"] is what `user.groups` means.
FACTS: Mapping[str, Mapping[str, Fact]] = MappingProxyType(
    {
        "user": {
            "name": _text(lambda facts, _: facts.user.name),
            "groups": Fact(Kind.STRINGS, lambda facts, _: list(facts.user.groups)),
            "roles": Fact(Kind.STRINGS, lambda facts, _: list(facts.user.roles), ROLES),
            "authenticated": _flag(lambda facts, _: facts.user.authenticated),
            "method": _text(lambda facts, _: facts.user.method, METHODS),
            "second_factor": _flag(lambda facts, _: facts.user.second_factor),
            "provider": _text(lambda facts, _: facts.user.provider),
        },
        "job": {
            "copies": _number(lambda facts, _: facts.job.copies, 1),
            "sides": _text(lambda facts, _: facts.job.sides, SIDES),
            "color_mode": _text(lambda facts, _: facts.job.color_mode, COLOR_MODES),
            "media": _text(lambda facts, _: facts.job.media),
            "media_type": _text(lambda facts, _: facts.job.media_type),
            "media_source": _text(lambda facts, _: facts.job.media_source),
            "size_bytes": _number(lambda facts, _: facts.job.size_bytes, 0, arrives=True),
            "impressions": _number(lambda facts, _: facts.job.impressions, 0, called=_PAGES, **_INSPECTED),
            "age_minutes": _number(_age_minutes, 0),
            "approved": _flag(lambda facts, _: bool(facts.job.approved)),
        },
        "document": {
            "format": _text(lambda facts, _: facts.document.format, arrives=True),
            "count": _number(lambda facts, _: facts.document.count, 0, arrives=True),
            "pages": _number(lambda facts, _: facts.document.pages, 0, called=_PAGES, **_INSPECTED),
            "encrypted": _flag(
                lambda facts, _: facts.document.encrypted,
                called="whether the document is encrypted",
                **_INSPECTED,
            ),
            "broken": _flag(
                lambda facts, _: facts.document.broken, called="whether the document is intact", **_INSPECTED
            ),
            "known": _flag(lambda facts, _: facts.document.known, **_INSPECTED),
        },
        "queue": {"name": _text(lambda facts, _: facts.queue.name)},
        "printer": {
            "name": _text(lambda facts, _: facts.printer and facts.printer.name),
            "location": _text(lambda facts, _: facts.printer and facts.printer.location),
            "color": _flag(
                lambda facts, _: facts.printer and facts.printer.color,
                called="whether the printer prints in colour",
            ),
            "ready": _flag(lambda facts, _: facts.printer and facts.printer.ready),
            # Whole, as all numbers of rules are: 0.05 in the configuration is 50.
            "cost": _number(
                lambda facts, _: facts.printer and facts.printer.cost, 0, called="what a page costs there"
            ),
        },
        "client": {
            "address": _text(lambda facts, _: facts.client.address),
            "network": _text(lambda facts, around: around.network_of(facts.client.address)),
            "protocol": _text(lambda facts, _: facts.client.protocol, PROTOCOLS),
        },
        "time": {
            "hour": _number(lambda _, around: around.local.hour, 0, 23),
            "minute": _number(lambda _, around: around.local.minute, 0, 59),
            "weekday": _text(lambda _, around: WEEKDAYS[around.local.weekday()], WEEKDAYS),
            "day": _number(lambda _, around: around.local.day, *_DAY_OF_MONTH),
            "month": _number(lambda _, around: around.local.month, *_MONTH),
            "year": _number(lambda _, around: around.local.year, *_YEAR),
            "date": _text(lambda _, around: around.local.date().isoformat()),
        },
    }
)


def variables(
    facts: Facts, around: Surroundings, wanted: Iterable[tuple[str, str]]
) -> dict[str, dict[str, Any]]:
    """Return the facts as the expression language takes them.

    What is unknown is left out, so that a rule reading it fails instead of comparing with nothing.

    Args:
        wanted: the facts that are read, as ("user", "groups").
    """
    found: dict[str, dict[str, Any]] = {}
    for group, name in wanted:
        names = found.setdefault(group, {})
        value = FACTS[group][name].value(facts, around)
        if value is not None:
            names[name] = value
    return found
