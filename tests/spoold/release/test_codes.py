"""Approval codes: the word of whoever issued them, for so many jobs of a kind, and not to be guessed."""

import contextlib
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from policy.rules import RuleSource
from spoold.database import approvals
from spoold.database.approvals import CodeRow, Scope
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, SpoolError, TooManyAttempts
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role
from spoold.release.codes import ALPHABET, KEPT, MAX_LIFE, MAX_LIVE_CODES, WrongCode, normal_form, shown
from tests.support.release_house import House, open_house, queue

LONG = RuleSource("long", "job.copies > 5", hold="A teacher looks at it.", approvers=("teachers", "user:una"))
COLOUR = RuleSource("colour", 'job.color_mode == "color"', hold="The head decides.", approvers=("heads",))
HOUR = timedelta(hours=1)
PEER = "10.20.1.9"


async def issue(
    house: House, issuer: Principal, scope: Scope | None = None, *, uses: int = 2
) -> tuple[CodeRow, str]:
    """A code for an hour."""
    end = house.clock.now() + HOUR
    return await house.decisions.codes.issue(issuer, "Class 3b", scope or Scope(), uses, end)


async def waiting(house: House, owner: Principal, **fields: object) -> Job:
    """A job of somebody's that waits for a teacher."""
    job = await house.add_job(owner, **fields)  # type: ignore[arg-type]
    return await house.wants(job, "teachers", "user:una")


async def refused(house: House, owner: Principal, job: Job, code: str, error: type[SpoolError]) -> str:
    """Try a code that must not do, and return the words."""
    with pytest.raises(error) as caught:
        await house.decisions.codes.use(owner, job.id, code, peer=PEER)
    assert (await house.job(job)).state is job.state
    return caught.value.public


def test_a_code_is_read_as_people_type_it() -> None:
    """Crockford's base 32: what looks alike is alike."""
    assert not set("ILOU") & set(ALPHABET)
    assert len(set(ALPHABET)) == 32
    assert normal_form(" o1iL-2345 ") == "01112345"
    assert shown("ABCD2345") == "ABCD-2345"
    assert len(normal_form("7" * 10_000)) == 64


async def test_a_code_approves_as_its_issuer_does(tmp_path: Path) -> None:
    """The owner types it, the issuer answers for it, and the job is held; the code is nowhere to be read."""
    async with open_house(tmp_path, rules=[LONG]) as house:
        tom, ana = house.person("tom", "teachers"), house.person("ana")
        row, code = await issue(house, tom)
        assert re.fullmatch(f"[{ALPHABET}]{{8}}", code)
        job = await waiting(house, ana)
        moved = await house.decisions.codes.use(ana, job.id, shown(code).lower(), peer=PEER)
        assert (moved.state, moved.reason) == (
            JobState.HELD,
            "Approved with a code of tom. Waiting for its owner to release it.",
        )
        audit = await house.audit()
        assert [one["kind"] for one in audit] == [
            "approval-code-issued",
            "job-approved",
            "approval-decided",
        ]
        assert (audit[2]["actor"], audit[2]["owner"], audit[2]["code"]) == ("id-tom", "id-ana", row.id)
        assert code not in str(audit) + repr(row)
        assert house.memory("lobby").paper == []


async def test_a_code_is_counted_down_and_used_up(tmp_path: Path) -> None:
    """Ten at once with a code for three: three are approved, whoever is first."""
    async with open_house(tmp_path, rules=[LONG]) as house:
        _, code = await issue(house, house.person("tom", "teachers"), uses=3)
        people = [house.person(f"p{number}") for number in range(10)]
        every = [await waiting(house, one) for one in people]

        async def use(owner: Principal, job: Job) -> None:
            with contextlib.suppress(NotPossible, WrongCode):
                await house.decisions.codes.use(owner, job.id, code, peer=None)

        async with trio.open_nursery() as nursery:
            for owner, job in zip(people, every, strict=True):
                nursery.start_soon(use, owner, job)
        states = [(await house.job(job)).state for job in every]
        assert states.count(JobState.HELD) == 3
        assert states.count(JobState.WAITING_APPROVAL) == 7


async def test_a_code_that_has_ended_is_no_code(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Expired, revoked, or of somebody whose account is closed."""
    async with open_house(tmp_path, rules=[LONG], running=False) as house:
        tom, ana = house.person("tom", "teachers"), house.person("ana")
        job = await waiting(house, ana)
        row, code = await issue(house, tom)
        with pytest.raises(NotFound):
            await house.decisions.codes.revoke(house.person("eve", "teachers"), row.id)
        await house.decisions.codes.revoke(tom, row.id)
        with pytest.raises(NotFound):
            await house.decisions.codes.revoke(tom, row.id)
        await refused(house, ana, job, code, WrongCode)
        _, second = await issue(house, tom)
        house.accounts[tom.id] = replace(tom, groups=frozenset())
        await refused(house, ana, job, second, NotPossible)
        del house.accounts[tom.id]
        await refused(house, ana, job, second, NotPossible)
        house.accounts[tom.id] = tom
        await trio.sleep(3601)
        await refused(house, ana, job, second, WrongCode)
        assert [one.is_on(house.clock.now()) for one in await house.decisions.codes.issued(tom)] == [
            False
        ] * 2
        await trio.sleep(KEPT.total_seconds())
        await issue(house, tom)
        assert len(await house.decisions.codes.issued(tom)) == 1


@pytest.mark.parametrize(
    ("scope", "fits"),
    [
        (Scope(queues=("secure",)), True),
        (Scope(queues=("colour",)), False),
        (Scope(rules=("long",)), True),
        (Scope(max_pages=20), True),
        (Scope(max_pages=19), False),
        (Scope(people=("3b",)), True),
        (Scope(people=("user:Ana",)), True),
        (Scope(people=("3c", "user:ben")), False),
    ],
)
async def test_a_code_is_for_what_it_says(scope: Scope, fits: bool, tmp_path: Path) -> None:
    """A job outside of it takes no use of it."""
    queues = [queue("secure", "lobby"), queue("colour", "lobby")]
    async with open_house(tmp_path, rules=[LONG], queues=queues) as house:
        ana = house.person("ana", "3b")
        _, code = await issue(house, house.person("tom", "teachers"), scope)
        job = await waiting(house, ana, pages=20)
        if fits:
            await house.decisions.codes.use(ana, job.id, code, peer=PEER)
        else:
            await refused(house, ana, job, code, NotPossible)
        (row,) = await house.database.read(approvals.codes_of)
        assert row.used == int(fits)


async def test_pages_that_nobody_could_count_are_too_many(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=[LONG]) as house:
        ana = house.person("ana")
        _, code = await issue(house, house.person("tom", "teachers"), Scope(max_pages=1000))
        job = await waiting(house, ana, pages=None)
        assert "nobody could count" in await refused(house, ana, job, code, NotPossible)


async def test_nobody_s_own_code_approves_their_own_job(tmp_path: Path) -> None:
    """Nor the one of somebody who may release the job for its owner."""
    async with open_house(tmp_path, rules=[LONG]) as house:
        tom, ana = await house.account("tom", "teachers"), await house.account("ana")
        _, code = await issue(house, tom)
        await refused(house, tom, await waiting(house, tom), code, NotAuthorized)
        job = await waiting(house, ana)
        await house.decisions.delegations.give(ana, "tom", house.clock.now() + HOUR)
        await refused(house, ana, job, code, NotPossible)


async def test_only_the_owner_uses_a_code(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=[LONG]) as house:
        _, code = await issue(house, house.person("tom", "teachers"))
        job = await waiting(house, house.person("ana"))
        await refused(house, house.person("ben"), job, code, NotFound)
        await refused(house, house.person("olga", role=Role.OPERATOR), job, code, NotAuthorized)


async def test_a_code_is_for_jobs_that_wait(tmp_path: Path) -> None:
    """It keeps its use otherwise; a job held by a rule that the issuer does not approve stays held."""
    async with open_house(tmp_path, rules=[LONG, COLOUR]) as house:
        ana = house.person("ana")
        _, code = await issue(house, house.person("tom", "teachers"))
        await refused(house, ana, await house.add_job(ana), code, NotPossible)
        both = await house.wants(await house.add_job(ana), "heads", rules=("colour",))
        await refused(house, ana, both, code, NotPossible)
        (row,) = await house.database.read(approvals.codes_of)
        assert row.used == 0


async def test_codes_are_not_guessed(tmp_path: Path) -> None:
    """Five wrong ones in a quarter of an hour, then not even the right one is looked at; each is recorded."""
    async with open_house(tmp_path, rules=[LONG]) as house:
        ana = house.person("ana")
        _, code = await issue(house, house.person("tom", "teachers"))
        job = await waiting(house, ana)
        words = {await refused(house, ana, job, f"AAAA000{number}", WrongCode) for number in range(5)}
        assert len(words) == 1
        await refused(house, ana, job, code, TooManyAttempts)
        kinds = [one["kind"] for one in await house.audit()]
        assert kinds.count("approval-code-rejected") == 5
        ben = house.person("ben")
        other = await waiting(house, ben)
        await house.decisions.codes.use(ben, other.id, code, peer=PEER)


async def test_codes_are_issued_by_who_could_approve_the_same(tmp_path: Path) -> None:
    """A pupil issues none, a teacher none for the head's rule, and root none without a name."""
    async with open_house(tmp_path, rules=[LONG, COLOUR]) as house:
        tom, una = house.person("tom", "teachers"), house.person("una")
        root = replace(house.person("root", role=Role.ADMINISTRATOR), method=Method.CONTROL_SOCKET)
        for who in (house.person("ana"), house.person("ada", role=Role.ADMINISTRATOR), root):
            with pytest.raises(NotAuthorized):
                await issue(house, who)
        for scope in (Scope(rules=("colour",)), Scope(rules=("long", "colour")), Scope(rules=("unknown",))):
            with pytest.raises(NotAuthorized):
                await issue(house, tom, scope)
        assert house.decisions.codes.rules_for(tom) == house.decisions.codes.rules_for(una) == ["long"]
        await issue(house, una, Scope(rules=("long",)))


@pytest.mark.parametrize(
    ("scope", "uses", "life"),
    [
        (Scope(), 0, HOUR),
        (Scope(), 1001, HOUR),
        (Scope(), 1, timedelta(0)),
        (Scope(), 1, MAX_LIFE + timedelta(seconds=1)),
        (Scope(queues=("nowhere",)), 1, HOUR),
        (Scope(max_pages=0), 1, HOUR),
        (Scope(people=("x",) * 51), 1, HOUR),
    ],
)
async def test_bounds(scope: Scope, uses: int, life: timedelta, tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=[LONG]) as house:
        tom = house.person("tom", "teachers")
        with pytest.raises(NotPossible):
            await house.decisions.codes.issue(tom, "", scope, uses, house.clock.now() + life)
        assert await house.decisions.codes.issued(tom) == []


async def test_nobody_has_codes_without_number(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=[LONG]) as house:
        tom = house.person("tom", "teachers")
        for _ in range(MAX_LIVE_CODES):
            await issue(house, tom)
        with pytest.raises(NotPossible):
            await issue(house, tom)
