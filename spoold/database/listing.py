"""Lists of jobs for clients: only the columns asked for, in the order of arrival, page by page."""

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    null,
    select,
)

from spoold.database.prepared import Prepared, driver_of
from spoold.database.schema import jobs
from spoold.database.times import to_us
from spoold.model.job import Claim, Job
from spoold.model.jobstate import LIVE, JobState

# Rows read at once, in about 0.6 ms: short enough for the event loop's own thread.
PAGE_ROWS = 250


class JobLine(NamedTuple):
    """A job in a list: its row as it is stored; columns nobody asked for are None.

    Args:
        place: grows with each job that arrives; where the next page goes on.
        changed_us: another one as soon as anything of the row has changed.
    """

    place: int
    number: int
    state: str
    owner_id: str | None
    claimed_name: str
    peer: str
    changed_us: int
    reason: Any
    created_us: Any
    processing_us: Any
    finished_us: Any
    size_bytes: Any
    documents: Any
    formats: Any
    pages: Any
    impressions: Any
    printer: Any
    template: Any
    id: Any
    private: Any
    wrapped_key: Any

    @property
    def mark(self) -> "Mark":
        """What is the same as long as the row is."""
        return self.place, self.changed_us

    @property
    def claim(self) -> Claim:
        """What decides whose the job is."""
        return Claim(self.owner_id, self.claimed_name, self.peer)


# Who may see a job is decided on these, so they are always read.
_ALWAYS = JobLine._fields[:7]
OPTIONAL = frozenset(JobLine._fields[7:])

# `place` and `changed_us` of a row.
Mark = tuple[int, int]


class Wanted(NamedTuple):
    """Which jobs of a queue.

    Args:
        states: in one of these.
        owner: (account, name) whose jobs are wanted, claimed ones and those sent under the name.
        peer: jobs that came from this address are wanted as well.
        name: of those from `peer` only unclaimed ones that were sent under this name.
        numbers: only these, whoever they belong to; None means any. They make one page.
        first_number: none with a smaller number.
        newest_first: in the opposite order of their arrival.
        entrusted_by: accounts whose live jobs are wanted as well, because they let the asker release them.
        entrusted: such single jobs, as (number, account).

    Without `owner` and `peer` everybody's jobs are wanted.
    """

    queue: str
    states: tuple[JobState, ...]
    owner: tuple[str, str] | None = None
    peer: str | None = None
    name: str | None = None
    numbers: tuple[int, ...] | None = None
    first_number: int = 1
    newest_first: bool = False
    entrusted_by: tuple[str, ...] = ()
    entrusted: tuple[tuple[int, str], ...] = ()


def list_page(
    connection: Connection,
    wanted: Wanted,
    columns: frozenset[str],
    *,
    limit: int,
    beyond: int | None = None,
) -> list[JobLine]:
    """Return at most `limit` jobs.

    Args:
        columns: of `OPTIONAL`, what is read besides what always is.
        beyond: the last `place` of the page before.
    """
    if wanted.numbers is not None:
        return _named(connection, wanted, wanted.numbers, columns)[:limit]
    rows = _found(connection, wanted, _columns(columns), limit, beyond)
    return list(map(JobLine._make, rows))


def list_marks(connection: Connection, wanted: Wanted, *, limit: int) -> list[Mark]:
    """Return the marks of the jobs that `list_page` would return: a quarter of the work."""
    return _found(connection, wanted, _MARK, limit, None)


def lines_at(connection: Connection, places: Iterable[int], columns: frozenset[str]) -> list[JobLine]:
    """Return the jobs at these places."""
    prepared = _by_place(columns)
    rows = (prepared.run(connection, {"at": place}).fetchone() for place in places)
    return [JobLine._make(row) for row in rows if row is not None]


def _found(
    connection: Connection,
    wanted: Wanted,
    columns: tuple[ColumnElement[Any], ...],
    limit: int,
    beyond: int | None,
) -> list[Any]:
    """Return rows of the jobs wanted, in order; the first column is their place."""
    values: dict[str, object] = {
        "of_queue": wanted.queue,
        "first_number": wanted.first_number,
        "edge": beyond if beyond is not None else (2**62 if wanted.newest_first else -1),
        "most": limit,
    }
    lists: list[list[Any]] = []
    for kind, of, states in _branches(wanted):
        prepared = _statement(kind, columns, wanted.newest_first)
        for state in [" ".join(("", *states, ""))] if kind in _ANY_STATE else states:
            rows = prepared.run(connection, {**values, **of, "in_state": state}).fetchall()
            if rows:
                lists.append(rows)
    if len(lists) == 1:
        return lists[0]
    # A job may be wanted for two reasons.
    found = {row[0]: row for rows in lists for row in rows}
    return [found[place] for place in sorted(found, reverse=wanted.newest_first)[:limit]]


def _named(
    connection: Connection, wanted: Wanted, numbers: Iterable[int], columns: frozenset[str]
) -> list[JobLine]:
    prepared = _by_number(columns)
    found = []
    for number in numbers:
        row = prepared.run(connection, {"of_number": number, "of_queue": wanted.queue}).fetchone()
        if row is not None and row[2] in wanted.states:
            found.append(JobLine._make(row))
    return found


def line_of(job: Job) -> JobLine:
    """Return a job as a line with every column."""

    def us(name: str) -> int | None:
        moment = getattr(job, name)
        return None if moment is None else to_us(moment)

    return JobLine(
        place=job.number,
        number=job.number,
        state=job.state.value,
        owner_id=job.owner_id,
        claimed_name=job.claimed_name,
        peer=job.peer,
        changed_us=to_us(job.changed_at),
        reason=job.reason,
        created_us=us("created_at"),
        processing_us=us("processing_at"),
        finished_us=us("finished_at"),
        size_bytes=job.size_bytes,
        documents=job.documents,
        formats=" ".join(job.formats),
        pages=job.pages,
        impressions=job.impressions,
        printer=job.printer,
        template=job.template,
        id=job.id.bytes,
        private=job.private,
        wrapped_key=job.wrapped_key,
    )


def changes(connection: Connection) -> int:
    """Return a number that is another one as soon as any row of the database has changed."""
    return driver_of(connection).total_changes


_ROW: ColumnElement[int] = literal_column("jobs.rowid", Integer)
_OF_QUEUE = jobs.c.queue == bindparam("of_queue")
_IN_STATE = jobs.c.state == bindparam("in_state")
_IN_STATES = func.instr(bindparam("in_state"), literal(" ").concat(jobs.c.state).concat(" ")) > 0
_BRANCHES: dict[str, ColumnElement[bool]] = {
    # Each has an index that ends in the state, whose entries lie in the order of arrival: no state's jobs
    # have to be sorted, however many they are, and other people's are not looked at.
    "owner": and_(jobs.c.owner_id == bindparam("of_owner"), _IN_STATE),
    "name": and_(
        jobs.c.claimed_name == bindparam("of_name"),
        jobs.c.claimed_name != "",
        jobs.c.owner_id.is_(None),
        _IN_STATE,
    ),
    "peer": and_(jobs.c.peer == bindparam("of_peer"), _IN_STATE),
    "sender": and_(
        jobs.c.peer == bindparam("of_peer"),
        _IN_STATE,
        jobs.c.claimed_name == bindparam("of_name"),
        jobs.c.owner_id.is_(None),
    ),
    # Here the states are one text between spaces: an index by state would have to be sorted.
    "all": _IN_STATES,
    "one": and_(
        jobs.c.number == bindparam("of_number"), jobs.c.owner_id == bindparam("of_owner"), _IN_STATES
    ),
}
_ANY_STATE = frozenset({"all", "one"})


def _branches(wanted: Wanted) -> Iterable[tuple[str, dict[str, object], tuple[JobState, ...]]]:
    """Return which of `_BRANCHES` together are the jobs wanted, each with its values and states."""
    states = wanted.states
    if wanted.owner is None and wanted.peer is None:
        yield "all", {}, states
        return
    if wanted.owner is not None:
        account, name = wanted.owner
        yield "owner", {"of_owner": account}, states
        yield "name", {"of_name": name}, states
    if wanted.peer is not None and wanted.name is not None:
        yield "sender", {"of_peer": wanted.peer, "of_name": wanted.name}, states
    elif wanted.peer is not None:
        yield "peer", {"of_peer": wanted.peer}, states
    live = tuple(state for state in states if state in LIVE)
    for account in wanted.entrusted_by:
        yield "owner", {"of_owner": account}, live
    for number, account in wanted.entrusted:
        yield "one", {"of_number": number, "of_owner": account}, live


@functools.cache
def _columns(columns: frozenset[str]) -> tuple[ColumnElement[Any], ...]:
    return (
        _ROW.label("place"),
        *(jobs.c[name] for name in _ALWAYS[1:]),
        *(jobs.c[name] if name in columns else null().label(name) for name in JobLine._fields[7:]),
    )


@functools.lru_cache(32)
def _by_number(columns: frozenset[str]) -> Prepared:
    return Prepared(select(*_columns(columns)).where(jobs.c.number == bindparam("of_number"), _OF_QUEUE))


@functools.lru_cache(32)
def _by_place(columns: frozenset[str]) -> Prepared:
    return Prepared(select(*_columns(columns)).where(bindparam("at") == _ROW))


_MARK = (_ROW.label("place"), jobs.c.changed_us)


@functools.lru_cache(128)
def _statement(kind: str, columns: tuple[ColumnElement[Any], ...], newest_first: bool) -> Prepared:
    edge: BindParameter[int] = bindparam("edge")
    return Prepared(
        select(*columns)
        .where(
            _BRANCHES[kind],
            _OF_QUEUE,
            jobs.c.number >= bindparam("first_number"),
            edge > _ROW if newest_first else edge < _ROW,
        )
        .order_by(_ROW.desc() if newest_first else _ROW)
        .limit(bindparam("most"))
    )
