"""Approvals, codes and delegations as rows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from spoold.database import approvals, delegations, jobs, people
from spoold.database.approvals import CodeRow, Scope
from spoold.database.engine import Database
from spoold.database.people import UserRow
from spoold.model.approval import Approval, Verdict
from spoold.model.delegation import Delegation
from spoold.model.ids import JobId, UserId, new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Role
from tests.support.clock import START
from tests.support.identities import open_database

JOB = Job(
    id=new_job_id(),
    number=1,
    queue="q",
    state=JobState.WAITING_APPROVAL,
    reason="",
    owner_id=UserId("a1"),
    claimed_name="alice",
    peer="192.0.2.7",
    protocol="ipp",
    created_at=START,
    changed_at=START,
    expires_at=START,
)
WANTED = Approval("p1", JOB.id, ("long", "colour"), (("teachers", "user:ana"), ()), START)
CODE = CodeRow(
    "c1",
    b"h" * 32,
    UserId("t1"),
    "class 3b",
    Scope(("secure",), ("long",), ("3b", "user:ben"), 20),
    2,
    0,
    START,
    START + timedelta(hours=1),
)
HOUR = timedelta(hours=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "spoold.db") as opened:
        yield opened


async def test_an_approval_is_decided_once(database: Database) -> None:
    def work(connection: Connection) -> list[bool]:
        jobs.insert_job(connection, JOB)
        approvals.insert_approval(connection, WANTED)
        assert approvals.open_approvals(connection) == [WANTED]
        return [
            approvals.decide_approval(
                connection, "p1", verdict, by=UserId(by), at=START + HOUR, words=words, code_id="c1"
            )
            for verdict, by, words in (
                (Verdict.REFUSED, "t1", "too long"),
                (Verdict.APPROVED, "t2", ""),
            )
        ]

    assert await database.write(work) == [True, False]
    (found,) = await database.read(lambda c: approvals.approvals_of(c, JOB.id))
    assert found == replace(
        WANTED,
        verdict=Verdict.REFUSED,
        decided_by=UserId("t1"),
        decided_at=START + HOUR,
        words="too long",
        code_id="c1",
    )
    assert not await database.read(approvals.open_approvals)
    assert await database.write(lambda c: approvals.forget_approvals(c, JOB.id)) == 1


async def test_a_code_is_good_for_its_uses_its_time_and_until_it_is_revoked(database: Database) -> None:
    await database.write(lambda c: approvals.insert_code(c, CODE))
    assert await database.read(lambda c: approvals.code_by_hash(c, [b"x" * 32, CODE.code_hash])) == CODE
    assert await database.read(lambda c: approvals.code_by_hash(c, [b"x" * 32])) is None
    assert not await database.write(lambda c: approvals.use_code(c, "c1", CODE.expires_at))
    used = [await database.write(lambda c: approvals.use_code(c, "c1", START)) for _ in range(3)]
    assert used == [True, True, False]
    await database.write(lambda c: approvals.insert_code(c, replace(CODE, id="c2", code_hash=b"i" * 32)))
    assert not await database.write(lambda c: approvals.revoke_code(c, "c2", UserId("t2"), START))
    assert await database.write(lambda c: approvals.revoke_code(c, "c2", CODE.issued_by, START))
    assert not await database.write(lambda c: approvals.revoke_code(c, "c2", CODE.issued_by, START))
    assert not await database.write(lambda c: approvals.use_code(c, "c2", START))
    found = await database.read(lambda c: approvals.codes_of(c, CODE.issued_by))
    assert [(one.id, one.used, one.is_on(START)) for one in found] == [("c1", 2, False), ("c2", 0, False)]
    assert not await database.read(lambda c: approvals.codes_of(c, UserId("t2")))
    assert await database.write(lambda c: approvals.forget_codes(c, START + 2 * HOUR)) == 2


def _given(name: str, job: JobId | None, *, titles: bool = False) -> Delegation:
    return Delegation(name, UserId("a1"), UserId("b1"), job, START, START + HOUR, titles=titles)


async def test_a_delegation_is_for_its_job_or_for_all_until_it_ends(database: Database) -> None:
    def arrange(connection: Connection) -> None:
        jobs.insert_job(connection, JOB)
        people.insert_user(
            connection, UserRow(UserId("b1"), "bob", "", frozenset(), Role.USER, False, 0, START)
        )
        delegations.insert_delegation(connection, _given("d1", JOB.id))

    def found(job: JobId, by: str = "a1", to: str = "b1", after: timedelta = HOUR / 2) -> str | None:
        one = delegations.delegation_for(connections[0], UserId(by), job, UserId(to), START + after)
        return None if one is None else one.id

    connections: list[Connection] = []

    def look(connection: Connection) -> None:
        connections[:] = [connection]
        assert found(JOB.id) == "d1"
        assert found(JOB.id, after=HOUR) is None
        assert found(JOB.id, after=-HOUR) is None
        assert found(new_job_id()) is None
        assert found(JOB.id, by="b1", to="a1") is None
        delegations.insert_delegation(connection, _given("d2", None, titles=True))
        assert found(new_job_id()) == "d2"
        assert found(JOB.id) == "d2"
        assert not delegations.revoke_delegation(connection, "d2", UserId("b1"), START)
        assert delegations.revoke_delegation(connection, "d2", UserId("a1"), START)
        assert not delegations.revoke_delegation(connection, "d2", UserId("a1"), START)
        assert found(JOB.id) == "d1"
        now = START + HOUR / 2
        assert delegations.delegations_to(connection, UserId("b1"), now) == [_given("d1", JOB.id)]
        assert delegations.delegations_by(connection, UserId("a1"), now) == [_given("d1", JOB.id)]
        assert not delegations.delegations_by(connection, UserId("b1"), now)
        assert delegations.forget_delegations(connection, START + HOUR) == 0
        assert delegations.forget_delegations(connection, START + 2 * HOUR) == 2

    await database.write(arrange)
    await database.write(look)
