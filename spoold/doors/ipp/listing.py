"""Get-Jobs and Get-Job-Attributes: which jobs a request means, and their attributes from the table."""

import functools
from collections.abc import Hashable
from dataclasses import dataclass
from uuid import UUID

import structlog
import trio
from sqlalchemy import Connection

from protocols.ipp.encoder import encode
from protocols.ipp.message import Attribute, Message
from protocols.ipp.selection import GET_JOBS_DEFAULT, job_selection
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from spoold.database.listing import (
    PAGE_ROWS,
    JobLine,
    Mark,
    Wanted,
    changes,
    line_of,
    lines_at,
    list_marks,
    list_page,
)
from spoold.database.times import to_us
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door, asked_job
from spoold.doors.ipp.job_attributes import WHICH_JOBS, states_of
from spoold.doors.ipp.job_table import Picture, Viewing, picture
from spoold.keys.words import Sealed
from spoold.model.access import Action, may
from spoold.model.errors import Unavailable
from spoold.model.ids import canonical_name
from spoold.model.jobstate import JobState
from spoold.release.ties import NOTHING_ENTRUSTED, Entrusted

log = structlog.get_logger()

# An answer of some 5 MiB. Who wants more asks again with "first-job-id".
MAX_JOBS = 10_000
# Names opened in one turn of the event loop, about 30 us each: everybody else waits for it.
TITLES_A_TURN = 100
# Rows that are looked up one by one to bring a kept answer up to date; for more it is made anew.
MAX_PATCHED = 100
# "job-ids" of one request, each of which is looked up.
MAX_NUMBERS = 1_000
_JOB_GROUP = bytes((GroupTag.JOB,))


async def get_job_attributes(door: Door, request: IppRequest) -> bytes:
    """Answer Get-Job-Attributes (RFC 8011 4.3.4)."""
    job = asked_job(request)
    selection = job_selection(request.operation.strings("requested-attributes"))
    octets = picture(selection).of(viewing(door, request), line_of(job))
    return encode(answer(request.message), _JOB_GROUP + octets)


async def get_jobs(door: Door, request: IppRequest) -> Message | bytes:
    """Answer Get-Jobs (RFC 8011 4.2.6): only jobs the sender may know of, names only to their owner.

    Jobs that others let the sender release are among them, but never "my-jobs".
    """
    which = request.operation.string("which-jobs") or "not-completed"
    if which not in WHICH_JOBS:
        return _refused(request, "which-jobs", Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED)
    if "job-ids" in request.operation and ("which-jobs" in request.operation or _wants_own(request)):
        # PWG 5100.7: numbers are one way to choose, states and persons another.
        return _refused(request, "job-ids", Status.CLIENT_ERROR_CONFLICTING_ATTRIBUTES)
    entrusted = await door.desk.ties.given(request.principal)
    question = _question(request, which, entrusted)
    view = viewing(door, request, entrusted)
    key = question.key(request, view)
    known = await _kept(door, question, key, view)
    if isinstance(known, bytes):
        return encode(answer(request.message), known)
    version, groups = await _encoded(door, question, view)
    if key is None:
        octets = b"".join([group for _, group in groups])
    else:
        octets = door.kept_lists.keep(key, version, groups)
    return encode(answer(request.message), octets)


@dataclass(frozen=True, slots=True)
class _Question:
    """A Get-Jobs request, taken apart.

    Args:
        skip: jobs left out at the beginning ("first-index").
        limit: jobs at most.
        only_own: "my-jobs".
        opens_titles: somebody asks who may have titles to read.
    """

    wanted: Wanted
    picture: Picture
    skip: int
    limit: int
    only_own: bool
    opens_titles: bool

    @property
    def is_short(self) -> bool:
        """Whether a page is found by an index; for everybody's jobs all rows are looked through."""
        return self.wanted.owner is not None or self.wanted.peer is not None

    def key(self, request: IppRequest, view: Viewing) -> Hashable | None:
        """Return what the answer depends on besides the records; None: it is not to be kept.

        Names are opened for one answer and kept nowhere, and so are addresses with a token in them.
        """
        principal = request.principal
        if self.opens_titles or request.token:
            return None
        who = None if principal is None else (principal.id, principal.name, principal.role)
        moment = view.up_time_s if self.picture.is_momentary else 0
        return (self, view.queue_uri, request.queue, who, view.peer, moment, id(view.supported))


def viewing(door: Door, request: IppRequest, entrusted: Entrusted = NOTHING_ENTRUSTED) -> Viewing:
    """Return who looks at jobs in this request."""
    now = door.clock.now()
    return Viewing(
        principal=request.principal,
        peer=request.http.peer_host,
        also=request.also,
        entrusted=entrusted,
        queue_uri=request.queue_uri(),
        as_completed=request.queue.shows_held_as_completed,
        title=lambda line: _title(door, line),
        supported=door.attributes.supported_of(request.queue),
        started_at_us=to_us(door.attributes.started_at),
        up_time_s=door.attributes.up_time_s(now),
    )


async def _kept(door: Door, question: _Question, key: Hashable | None, view: Viewing) -> bytes | None:
    """Return the answer of the last time, brought up to date; None when it is made anew."""
    kept = None if key is None else door.kept_lists.find(key)
    if kept is None:
        return None
    columns = question.picture.columns

    def read(connection: Connection) -> tuple[int, list[Mark], list[JobLine]] | None:
        version = changes(connection)
        if kept.version == version:
            return version, [], []
        if question.skip or question.only_own or question.wanted.numbers is not None:
            return None
        marks = list_marks(connection, question.wanted, limit=question.limit)
        missing = [mark[0] for mark in marks if mark not in kept.groups]
        return (
            None if len(missing) > MAX_PATCHED else (version, marks, lines_at(connection, missing, columns))
        )

    found = await door.database.read(read, short=question.is_short)
    if found is None:
        return None
    version, marks, lines = found
    if version == kept.version:
        return kept.octets
    new = {line.mark: _group(question, view, line) for line in lines}
    groups = ((mark, new[mark] if mark in new else kept.groups[mark]) for mark in marks)
    return door.kept_lists.keep(key, version, groups)


async def _encoded(door: Door, question: _Question, view: Viewing) -> tuple[int, list[tuple[Mark, bytes]]]:
    """Read and encode the jobs that may be seen, page by page, without keeping anybody waiting for long.

    Returns:
        The version of the database at the beginning, and the groups with the marks of their rows.
    """
    groups: list[tuple[Mark, bytes]] = []
    skip, beyond, first = question.skip, None, None
    while True:
        page = functools.partial(_page, question, beyond)
        version, lines = await door.database.read(page, short=question.is_short)
        first = version if first is None else first
        for line in lines:
            if question.only_own and not _is_own(view, question, line):
                continue
            group = _group(question, view, line) if not skip else b""
            if skip and view.rights(line)[0]:
                skip -= 1
            if group:
                groups.append((line.mark, group))
                if len(groups) == question.limit:
                    return first, groups
                if question.opens_titles and len(groups) % TITLES_A_TURN == 0:
                    await trio.lowlevel.checkpoint()
        if len(lines) < PAGE_ROWS or question.wanted.numbers is not None:
            return first, groups
        beyond = lines[-1].place
        await trio.lowlevel.checkpoint()


def _group(question: _Question, view: Viewing, line: JobLine) -> bytes:
    """Return a job's group; nothing for whoever may not know of it."""
    return _JOB_GROUP + question.picture.of(view, line) if view.rights(line)[0] else b""


def _page(question: _Question, beyond: int | None, connection: Connection) -> tuple[int, list[JobLine]]:
    columns = question.picture.columns
    version = changes(connection)
    return version, list_page(connection, question.wanted, columns, limit=PAGE_ROWS, beyond=beyond)


def _question(request: IppRequest, which: str, entrusted: Entrusted) -> _Question:
    operation = request.operation
    principal, peer = request.principal, request.http.peer_host
    only_own = _wants_own(request)
    everybody = may(principal, Action.READ_STATE) and not only_own
    numbers = operation.get("job-ids")
    as_completed = request.queue.shows_held_as_completed
    states = frozenset(JobState) if numbers is not None else states_of(which, as_completed=as_completed)
    proven = None if everybody or principal is None else (principal.id, principal.name)
    wanted = Wanted(
        queue=request.queue.name,
        states=tuple(state for state in JobState if state in states),
        owner=proven,
        # Somebody proven owns what is theirs; of the others, an address may have several under several names.
        peer=None if everybody or (only_own and principal is not None) else peer,
        name=canonical_name(request.requesting_user_name) if only_own and principal is None else None,
        numbers=_numbers(numbers),
        first_number=max(1, operation.integer("first-job-id") or 1),
        newest_first=which in ("completed", "aborted", "canceled"),
        entrusted_by=() if only_own else tuple(entrusted.owners),
        entrusted=() if only_own else tuple((number, one[0]) for number, one in entrusted.jobs.items()),
    )
    selection = job_selection(operation.strings("requested-attributes"), GET_JOBS_DEFAULT)
    limit = operation.integer("limit") or MAX_JOBS
    skip = max(0, (operation.integer("first-index") or 1) - 1)
    shown = picture(selection)
    return _Question(
        wanted,
        shown,
        skip=min(skip, 2**31),
        limit=min(max(1, limit), MAX_JOBS),
        only_own=only_own,
        opens_titles=shown.shows_titles and principal is not None,
    )


def _numbers(attribute: Attribute | None) -> tuple[int, ...] | None:
    if attribute is None:
        return None
    found = [value.data for value in attribute.values if isinstance(value.data, int)]
    return tuple(dict.fromkeys(found))[:MAX_NUMBERS]


def _wants_own(request: IppRequest) -> bool:
    return request.operation.boolean("my-jobs") is True


def _is_own(view: Viewing, question: _Question, line: JobLine) -> bool:
    if view.principal is not None:
        return line.claim.owned_by(view.principal)
    return line.owner_id is None and line.claimed_name == question.wanted.name


def _refused(request: IppRequest, name: str, status: Status) -> Message:
    attribute = request.operation.get(name)
    return answer(request.message, status, unsupported=[attribute] if attribute else [])


def _title(door: Door, line: JobLine) -> str | None:
    try:
        return door.words.title(Sealed(UUID(bytes=line.id), line.wrapped_key, line.private))
    except Unavailable as error:
        # One unreadable name must not hide the whole list from its owner.
        log.warning("title-unreadable", **error.fields)
        return None
