"""Job attributes as one table: of which columns each is made, and who may read it.

A single job and a list of a thousand are answered from the same table. What only the owner may read is
answered with *private* to everybody else, never left out: clients and suites expect it to be there.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from protocols.ipp import prefab
from protocols.ipp.encoder import encode_attributes
from protocols.ipp.message import Attribute
from protocols.ipp.registry import JOB_TEMPLATE
from protocols.ipp.selection import Selection
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import clip, enum, keyword, name_
from spoold.database.listing import JobLine
from spoold.doors.ipp.job_attributes import (
    MAX_TEXT_OCTETS,
    template_attributes,
    words_of_state,
)
from spoold.model.access import Action, Standing, may
from spoold.model.holding import BY_OWNER, BY_PIN, RELEASE_ACTION, asked_to_wait, awaits_pin
from spoold.model.job import Claim
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal
from spoold.release.ties import NOTHING_ENTRUSTED, Entrusted

PRIVATE = "private"
_PRIVATE = PRIVATE.encode()
_MAX_NAME_OCTETS = 255
_US_PER_S = 1_000_000
# Everything of a Job Template that says something about a person; shown to whoever may read the job.
PERSONAL = frozenset(
    {
        "job-account-id",
        "job-accounting-user-id",
        "job-message-to-operator",
        "job-recipient-name",
        "job-sheet-message",
        "output-device",
    }
)
# Asked by their own name only: the collection says what "media" says as well.
_NO_DEFAULT = frozenset({"media-col", "job-account-id", "job-accounting-user-id"})


@dataclass(slots=True)
class Viewing:
    """Who looks at jobs of one queue in one request, and what all of these jobs have in common.

    Args:
        title: opens a job's title; None when it cannot be read.
        supported: the queue's Printer attributes by name, for what a job did not say.
        started_at_us: start of the daemon; times count from there and are negative before it.
    """

    principal: Principal | None
    peer: str
    queue_uri: str
    as_completed: bool
    title: Callable[[JobLine], str | None]
    supported: Mapping[str, Attribute]
    started_at_us: int
    up_time_s: int
    # What the principal is to the one job that is asked about, besides its owner; and to those of a list.
    also: frozenset[Standing] = frozenset()
    entrusted: Entrusted = NOTHING_ENTRUSTED
    queue_octets: bytes = field(init=False)
    # Jobs that follow each other are mostly of one person, and in one state.
    _last_claim: Claim | None = None
    _last_also: frozenset[Standing] = frozenset()
    _last_rights: tuple[bool, bool, bool] = (False, False, False)
    _states: dict[tuple[str, bool, bool, bool], tuple[bytes, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare what every job's address begins with."""
        self.queue_octets = self.queue_uri.encode()

    def rights(self, line: JobLine) -> tuple[bool, bool, bool]:
        """Return whether the job's state, the job, and its title may be read."""
        # The same three columns as a plain tuple: nothing is built for most jobs.
        also = self.also
        if self.entrusted:
            also = also | self.entrusted.of(line.owner_id, line.number)
        if line[3:6] != self._last_claim or also != self._last_also:
            claim = self._last_claim = line.claim
            self._last_also = also
            self._last_rights = (
                may(self.principal, Action.READ_STATE, claim, peer=self.peer, also=also),
                may(self.principal, Action.READ_JOB, claim, also=also),
                may(self.principal, Action.READ_TITLE, claim, also=also),
            )
        return self._last_rights

    def state(self, line: JobLine) -> tuple[bytes, bytes]:
        """Return "job-state" and "job-state-reasons", encoded."""
        template = line.template or b""
        unclaimed, pin, until = line.owner_id is None, awaits_pin(template), asked_to_wait(template)
        key = line.state, unclaimed, pin, until
        found = self._states.get(key)
        if found is None:
            word, reasons = words_of_state(
                JobState(line.state),
                unclaimed=unclaimed,
                pin=pin,
                as_completed=self.as_completed,
                until=until,
            )
            found = (
                encode_attributes([enum("job-state", word)]),
                encode_attributes([keyword("job-state-reasons", *reasons)]),
            )
            self._states[key] = found
        return found


Encode = Callable[[Viewing, JobLine], bytes]


@dataclass(frozen=True, slots=True)
class JobAttribute:
    """How one attribute is made.

    Args:
        columns: of `spoold.database.listing.OPTIONAL`.
        encode: returns the whole attribute's octets.
    """

    columns: frozenset[str]
    encode: Encode


@dataclass(frozen=True, slots=True)
class Picture:
    """What one selection needs: made once for each way of asking.

    Args:
        columns: what has to be read.
        shows_titles: whether titles are opened for whoever may read them.
        is_momentary: whether it is another one a second later although nothing has happened.
    """

    columns: frozenset[str]
    encoders: tuple[Encode, ...]
    shows_titles: bool
    is_momentary: bool

    def of(self, viewing: Viewing, line: JobLine) -> bytes:
        """Return the encoded attributes of a job, without the group's tag."""
        return b"".join([encode(viewing, line) for encode in self.encoders])


@functools.lru_cache(64)
def picture(selection: Selection) -> Picture:
    """Return how the attributes of a selection are made."""
    chosen = [one for name, one in JOB_ATTRIBUTES.items() if selection.wants(name)]
    columns = frozenset[str]().union(*(one.columns for one in chosen))
    encoders = tuple(one.encode for one in chosen)
    if any(selection.wants(name) for name in JOB_TEMPLATE):
        columns |= {"template"}
        encoders += (functools.partial(_template, selection),)
    return Picture(columns, encoders, selection.wants("job-name"), selection.wants("job-printer-up-time"))


def _integer(name: str, *columns: str, of: Callable[[Viewing, JobLine], int | None]) -> JobAttribute:
    encode = prefab.integers(name)
    return JobAttribute(frozenset(columns), lambda viewing, line: encode(of(viewing, line)))


def _octets(
    name: str, tag: ValueTag, *columns: str, of: Callable[[Viewing, JobLine], bytes | None]
) -> JobAttribute:
    encode = prefab.octets(name, tag)
    return JobAttribute(frozenset(columns), lambda viewing, line: encode(of(viewing, line)))


def _if_known(attribute: JobAttribute, known: Callable[[JobLine], bool]) -> JobAttribute:
    """Leave an attribute out that must not say "no-value" (RFC 8011 5.3.13)."""
    encode = attribute.encode
    return JobAttribute(
        attribute.columns, lambda viewing, line: encode(viewing, line) if known(line) else b""
    )


def _title(viewing: Viewing, line: JobLine) -> bytes:
    title = viewing.title(line) if viewing.rights(line)[2] else None
    return clip(title, _MAX_NAME_OCTETS).encode() if title else _PRIVATE


def _user(viewing: Viewing, line: JobLine) -> bytes:
    if not viewing.rights(line)[1]:
        return _PRIVATE
    return clip(line.claimed_name or "anonymous", _MAX_NAME_OCTETS).encode()


def _pages(_viewing: Viewing, line: JobLine) -> int | None:
    pages: int | None = line.pages
    return pages


def _done(_viewing: Viewing, line: JobLine) -> int:
    return line.impressions or 0


def _printer(viewing: Viewing, line: JobLine) -> bytes | None:
    if not line.printer:
        return None
    name = line.printer if viewing.rights(line)[1] else PRIVATE
    return clip(name, _MAX_NAME_OCTETS).encode()


def _processing_us(line: JobLine) -> int | None:
    found: int | None = line.processing_us
    if found is None and line.state == JobState.COMPLETED:
        found = line.finished_us
    return found


def _seconds(viewing: Viewing, us: int | None) -> int | None:
    """Return a "time-at-": at least 1 since the start, 0 or less before it (RFC 8011 5.3.14)."""
    if us is None:
        return None
    after_us = us - viewing.started_at_us
    return max(1, after_us // _US_PER_S) if after_us >= 0 else min(0, -(-after_us // _US_PER_S))


def _moment(name: str, *columns: str, of: Callable[[JobLine], int | None]) -> JobAttribute:
    encode, nothing = prefab.moments(name), prefab.nothing(name)

    def encoded(_viewing: Viewing, line: JobLine) -> bytes:
        us = of(line)
        return nothing if us is None else encode(us)

    return JobAttribute(frozenset(columns), encoded)


def _formats(_viewing: Viewing, line: JobLine) -> bytes:
    return _detected(line.formats)


@functools.lru_cache(256)
def _detected(formats: str) -> bytes:
    encode = prefab.octets("document-format-detected", ValueTag.MIME_MEDIA_TYPE)
    kinds = tuple(dict.fromkeys(formats.split()))
    if not kinds:
        return prefab.nothing("document-format-detected")
    # A 1setOf: from the second on a value has no name.
    further = bytes((ValueTag.MIME_MEDIA_TYPE, 0, 0))
    rest = [further + len(kind).to_bytes(2) + kind.encode() for kind in kinds[1:]]
    return b"".join([encode(kinds[0].encode()), *rest])


def _fixed(attribute: Attribute) -> JobAttribute:
    octets = encode_attributes([attribute])
    return JobAttribute(frozenset(), lambda _viewing, _line: octets)


def _sides(_viewing: Viewing, line: JobLine) -> int | None:
    """Return how many sheets the job needs, as far as that is known."""
    if line.pages is None:
        return None
    asked = {one.name: one for one in template_attributes(line.template or b"")}
    two = "sides" in asked and asked["sides"].strings()[:1] not in ((), ("one-sided",))
    copies = asked["copies"].first if "copies" in asked else 1
    pages: int = line.pages
    sheets = (pages + 1) // 2 if two else pages
    return sheets * copies if isinstance(copies, int) else sheets


def _template(selection: Selection, viewing: Viewing, line: JobLine) -> bytes:
    """Echo a job's template, with the queue's default for what it does not say."""
    return _encoded_template(
        line.template or b"", selection, _Defaults(viewing.supported), viewing.rights(line)[1]
    )


class _Defaults:
    """The queue's attributes as part of a key: the same mapping is the same key."""

    __slots__ = ("supported",)

    def __init__(self, supported: Mapping[str, Attribute]) -> None:
        self.supported = supported

    def __hash__(self) -> int:
        return id(self.supported)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Defaults) and other.supported is self.supported


@functools.lru_cache(512)
def _encoded_template(template: bytes, selection: Selection, defaults: _Defaults, full: bool) -> bytes:
    shown: dict[str, Attribute] = {}
    for name in JOB_TEMPLATE:
        default = None if name in _NO_DEFAULT else defaults.supported.get(f"{name}-default")
        if default is not None and default.first is not None:
            shown[name] = Attribute(name, default.values)
    for one in template_attributes(template):
        if one.name in JOB_TEMPLATE:
            shown[one.name] = one if full or one.name not in PERSONAL else name_(one.name, PRIVATE)
    return encode_attributes([one for name, one in shown.items() if selection.wants(name)])


def _said(name: str) -> JobAttribute:
    """What the client said of its document, as the job's template keeps it."""

    def encode(_viewing: Viewing, line: JobLine) -> bytes:
        said = [one for one in template_attributes(line.template or b"") if one.name == name]
        return encode_attributes(said)

    return JobAttribute(frozenset({"template"}), encode)


def _release_action(_viewing: Viewing, line: JobLine) -> bytes:
    return _RELEASE_ACTION_WORDS[awaits_pin(line.template or b"")]


_RELEASE_ACTION_WORDS = {
    pin: encode_attributes([keyword(RELEASE_ACTION, BY_PIN if pin else BY_OWNER)]) for pin in (False, True)
}
_URI, _TEXT, _NAME = ValueTag.URI, ValueTag.TEXT_WITHOUT_LANGUAGE, ValueTag.NAME_WITHOUT_LANGUAGE

JOB_ATTRIBUTES: Mapping[str, JobAttribute] = MappingProxyType(
    {
        "job-uri": _octets(
            "job-uri", _URI, of=lambda v, line: b"%b/%d" % (v.queue_uri.encode(), line.number)
        ),
        "job-id": _integer("job-id", of=lambda _v, line: line.number),
        "job-uuid": _octets("job-uuid", _URI, "id", of=lambda _v, line: UUID(bytes=line.id).urn.encode()),
        "job-state": JobAttribute(frozenset({"template"}), lambda v, line: v.state(line)[0]),
        "job-state-reasons": JobAttribute(frozenset({"template"}), lambda v, line: v.state(line)[1]),
        "job-state-message": _octets(
            "job-state-message",
            _TEXT,
            "reason",
            of=lambda _v, line: clip(line.reason, MAX_TEXT_OCTETS).encode(),
        ),
        "compression-supplied": _said("compression-supplied"),
        "document-format-supplied": _said("document-format-supplied"),
        "job-printer-uri": _octets("job-printer-uri", _URI, of=lambda v, _line: v.queue_octets),
        "job-name": _octets("job-name", _NAME, "id", "private", "wrapped_key", of=_title),
        "job-originating-user-name": _octets("job-originating-user-name", _NAME, of=_user),
        "job-printer-up-time": _integer("job-printer-up-time", of=lambda v, _line: v.up_time_s),
        "time-at-creation": _integer(
            "time-at-creation", "created_us", of=lambda v, line: _seconds(v, line.created_us)
        ),
        "time-at-processing": _integer(
            "time-at-processing",
            "processing_us",
            "finished_us",
            of=lambda v, line: _seconds(v, _processing_us(line)),
        ),
        "time-at-completed": _integer(
            "time-at-completed", "finished_us", of=lambda v, line: _seconds(v, line.finished_us)
        ),
        "date-time-at-creation": _moment(
            "date-time-at-creation", "created_us", of=lambda line: line.created_us
        ),
        "date-time-at-processing": _moment(
            "date-time-at-processing", "processing_us", "finished_us", of=_processing_us
        ),
        "date-time-at-completed": _moment(
            "date-time-at-completed", "finished_us", of=lambda line: line.finished_us
        ),
        "job-k-octets": _integer(
            "job-k-octets", "size_bytes", of=lambda _v, line: min((line.size_bytes + 1023) // 1024, 2**31 - 1)
        ),
        "number-of-documents": _integer(
            "number-of-documents", "documents", of=lambda _v, line: line.documents
        ),
        "document-format-detected": JobAttribute(frozenset({"formats"}), _formats),
        "job-impressions": _integer("job-impressions", "pages", of=_pages),
        "job-impressions-completed": _integer("job-impressions-completed", "impressions", of=_done),
        "job-media-sheets": _integer("job-media-sheets", "pages", "template", of=_sides),
        "job-media-sheets-completed": _integer("job-media-sheets-completed", "impressions", of=_done),
        "job-pages": _integer("job-pages", "pages", of=_pages),
        "job-pages-completed": _integer("job-pages-completed", "impressions", of=_done),
        "number-of-intervening-jobs": _integer("number-of-intervening-jobs", of=lambda _v, _line: 0),
        "output-device-assigned": _if_known(
            _octets("output-device-assigned", _NAME, "printer", of=_printer), lambda line: bool(line.printer)
        ),
        RELEASE_ACTION: JobAttribute(frozenset({"template"}), _release_action),
        "job-privacy-attributes": _fixed(keyword("job-privacy-attributes", "all")),
        "job-privacy-scope": _fixed(keyword("job-privacy-scope", "owner")),
    }
)
"""Every Job Description and Status attribute; the Job Template attributes are echoed besides."""
