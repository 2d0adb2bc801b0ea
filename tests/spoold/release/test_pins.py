"""Release by PIN: one job, one PIN, a few tries; nobody learns which jobs there are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from policy.rules import RuleSource
from protocols.ipp.values import integer
from spoold.database import records
from spoold.identity.pins import Pin
from spoold.keys.words import PIN, TITLE
from spoold.model.errors import (
    NotAuthorized,
    NotPossible,
    PrinterNotReady,
    ProofTooOld,
    RefusedByPolicy,
    TooManyAttempts,
    Unavailable,
)
from spoold.model.holding import awaits_pin
from spoold.model.ids import UserId, new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import JobProof, Principal
from spoold.release.pins import MAX_JOBS_OF_A_NAME, MAX_WRONG_PINS, Wanted, WrongPin
from tests.support.release_house import House, InlineHasher, open_house, queue

RIGHT, OTHER = Pin.typed("4711-canary"), Pin.typed("0000-canary")
PEER = "192.0.2.44"


@asynccontextmanager
async def pin_house(root: Path, *rules: RuleSource) -> AsyncIterator[House]:
    """A house whose queue takes PINs, and one whose queue does not."""
    both = (replace(queue("secure", "lobby", "floor-2"), pins=True), queue("strict", "lobby"))
    async with open_house(root, queues=both, rules=rules) as house:
        yield house


async def with_pin(
    house: House, owner: Principal | None, *, pin: Pin = RIGHT, where: str = "secure", claimed: str = "ana"
) -> Job:
    """Hold a job that has a PIN."""
    job = await house.add_job(owner, queue=where, template=(integer("copies", 2),), claimed=claimed)
    return await house.add_pin(job, pin)


async def kinds(house: House) -> list[str]:
    """The audit's kinds, oldest first."""
    rows = await house.database.read(records.audit_rows)
    return [row.entry.split('"kind":"')[1].split('"')[0] for row in rows]


async def test_whoever_knows_the_pin_releases_the_job_and_stays_nobody(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with pin_house(tmp_path) as house:
        job = await with_pin(house, house.person("ana"))
        (released,) = await house.desk.pins.release(Wanted(number=job.number), RIGHT, "floor-2", peer=PEER)
        assert (released.printer, released.released_by) == ("floor-2", "pin")
        assert (await house.settled(job)).state is JobState.COMPLETED
        assert (await house.settled(job)).owner_id == "id-ana"
        (grant,) = await house.grants(job)
        assert (grant.user_id, grant.consumed_at is not None) == ("pin", True)
        found = await kinds(house)
        assert "pin-accepted" in found
        assert "pin-rejected" not in found


async def test_an_unclaimed_job_stays_unclaimed(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with pin_house(tmp_path) as house:
        job = await with_pin(house, None, claimed="guest")
        await house.desk.pins.release(Wanted(job.id), RIGHT, None, peer=PEER)
        ended = await house.settled(job)
        assert (ended.state, ended.owner_id) == (JobState.COMPLETED, None)


async def test_whatever_is_wrong_is_answered_alike(tmp_path: Path) -> None:
    """Wrong PIN, no PIN, no job, another person's name, another queue: one error, and as much work."""
    async with pin_house(tmp_path) as house:
        ana = house.person("ana")
        job, plain = await with_pin(house, ana), await house.add_job(ana)
        strict = await with_pin(house, ana, where="strict")
        hasher = house.desk.pins._keeper._hasher
        assert isinstance(hasher, InlineHasher)
        ways = [
            (Wanted(number=job.number), OTHER),
            (Wanted(number=plain.number), RIGHT),
            (Wanted(number=9_999), RIGHT),
            (Wanted(new_job_id()), RIGHT),
            (Wanted(strict.id), RIGHT),
            (Wanted(number=job.number, name="ben"), RIGHT),
            (Wanted(number=job.number, queue="strict"), RIGHT),
            (Wanted(number=job.number), Pin(b"x" * 32, "md5")),
        ]
        said = set()
        for number, (wanted, pin) in enumerate(ways):
            before = hasher.computed
            with pytest.raises(WrongPin) as refused:
                await house.desk.pins.release(wanted, pin, None, peer=f"192.0.2.{number}")
            said.add((refused.value.public, refused.value.ipp_status, refused.value.http_status))
            assert hasher.computed == before + 1
        assert len(said) == 1
        assert (await house.job(job)).state is JobState.HELD
        assert (await kinds(house)).count("pin-rejected") == len(ways)


@pytest.mark.parametrize("jobs", [0, 1, MAX_JOBS_OF_A_NAME + 1])
async def test_a_name_costs_the_same_work_however_many_jobs_it_has(tmp_path: Path, jobs: int) -> None:
    async with pin_house(tmp_path) as house:
        for _ in range(jobs):
            await with_pin(house, None)
        hasher = house.desk.pins._keeper._hasher
        before = hasher.computed
        with pytest.raises(WrongPin):
            await house.desk.pins.release(Wanted.typed(" Ana "), OTHER, None, peer=PEER)
        assert hasher.computed == before + MAX_JOBS_OF_A_NAME


async def test_by_name_every_job_with_this_pin_goes(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with pin_house(tmp_path) as house:
        first, second = [await with_pin(house, None) for _ in range(2)]
        other = await with_pin(house, None, pin=OTHER)
        released = await house.desk.pins.release(Wanted.typed("ana"), RIGHT, "lobby", peer=PEER)
        assert {job.id for job in released} == {first.id, second.id}
        assert (await house.settled(other)).state is JobState.HELD
        assert house.words.open(await house.job(other)).keys() == {TITLE, PIN}


async def test_the_fifth_wrong_pin_ends_it_and_the_owner_can_still_release(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with pin_house(tmp_path) as house:
        ana = house.person("ana")
        job = await with_pin(house, ana)
        for number in range(MAX_WRONG_PINS):
            assert awaits_pin((await house.job(job)).template)
            with pytest.raises(WrongPin):
                await house.desk.pins.release(Wanted(job.id), OTHER, None, peer=f"192.0.2.{number}")
        locked = await house.job(job)
        assert (locked.state, awaits_pin(locked.template)) == (JobState.HELD, False)
        assert "Sign in" in locked.reason
        assert house.words.open(locked).keys() == {TITLE}
        await trio.sleep(3600.0)
        with pytest.raises(WrongPin):
            await house.desk.pins.release(Wanted(job.id), RIGHT, None, peer="192.0.2.99")
        assert "pin-ended" in await kinds(house)
        await house.desk.release(house.person("ana"), job.id, None)
        assert (await house.settled(job)).state is JobState.COMPLETED


async def test_the_right_pin_is_refused_to_an_address_that_guessed_too_much(tmp_path: Path) -> None:
    async with pin_house(tmp_path) as house:
        for number in range(10):
            with pytest.raises(WrongPin):
                await house.desk.pins.release(Wanted(number=500 + number), RIGHT, None, peer=PEER)
        job = await with_pin(house, None)
        for _ in range(2):
            with pytest.raises(TooManyAttempts) as refused:
                await house.desk.pins.release(Wanted(job.id), RIGHT, None, peer=PEER)
            assert isinstance(refused.value.fields["retry_after_s"], float)
        assert (await kinds(house)).count("pin-throttled") == 1
        await house.desk.pins.release(Wanted(job.id), RIGHT, None, peer="198.51.100.7")


async def test_one_job_is_guessed_at_slowly_from_everywhere_alike(tmp_path: Path) -> None:
    """A number that names no job is turned away after as many tries as one that does."""
    async with pin_house(tmp_path) as house:
        for number in range(5):
            with pytest.raises(WrongPin):
                await house.desk.pins.release(Wanted(number=9_999), RIGHT, None, peer=f"192.0.{number}.1")
        with pytest.raises(TooManyAttempts):
            await house.desk.pins.release(Wanted(number=9_999), RIGHT, None, peer="192.0.77.1")


async def test_the_pin_opens_no_other_gate(tmp_path: Path) -> None:
    rule = RuleSource(name="No lobby", when='printer.name == "lobby"', stage="release", deny="Not there.")
    async with pin_house(tmp_path, rule) as house:
        job = await with_pin(house, house.person("ana"))
        with pytest.raises(RefusedByPolicy):
            await house.desk.pins.release(Wanted(job.id), RIGHT, "lobby", peer=PEER)
        with pytest.raises(NotPossible):
            await house.desk.pins.release(Wanted(job.id), RIGHT, "attic", peer=PEER)
        house.memory("floor-2").reasons = ("media-jam-error",)
        with pytest.raises(PrinterNotReady):
            await house.desk.pins.release(Wanted(job.id), RIGHT, "floor-2", peer=PEER)
        house.accounts.clear()
        with pytest.raises(NotAuthorized, match="closed, or its owner has to sign in"):
            await house.desk.pins.release(Wanted(job.id), RIGHT, "floor-2", peer=PEER)
        assert (await house.job(job)).state is JobState.HELD
        assert await house.grants(job) == []


async def test_rules_ask_about_the_owner_not_about_whoever_typed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    rule = RuleSource(name="Ana only", when='user.name != "ana"', stage="release", deny="No.")
    async with pin_house(tmp_path, rule) as house:
        first, second = [await with_pin(house, house.person(name)) for name in ("ana", "ben")]
        await house.desk.pins.release(Wanted(first.id), RIGHT, None, peer=PEER)
        with pytest.raises(RefusedByPolicy):
            await house.desk.pins.release(Wanted(second.id), RIGHT, None, peer=PEER)


async def test_a_directory_that_cannot_be_asked_about_the_owner_releases_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with pin_house(tmp_path) as house:
        job = await with_pin(house, house.person("ana"))

        async def down(_user_id: UserId) -> Principal | None:
            raise Unavailable("The directory cannot be asked at this moment. Try again in a few minutes.")

        house.desk.pins._people = down
        with pytest.raises(Unavailable):
            await house.desk.pins.release(Wanted(job.id), RIGHT, None, peer=PEER)
        assert (await house.job(job)).state is JobState.HELD
        assert await house.grants(job) == []


async def test_a_proof_is_for_one_job_one_attempt_and_two_minutes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with pin_house(tmp_path) as house:
        job = await with_pin(house, None)
        now = house.clock.now()
        with pytest.raises(ProofTooOld):
            await house.service.gate.admit_by_pin(
                JobProof(job.id, 0, now - timedelta(seconds=121), None), None
            )
        with pytest.raises(NotPossible):
            await house.service.gate.admit_by_pin(JobProof(job.id, 1, now, None), None)
        with pytest.raises(NotPossible):
            await house.service.gate.admit_by_pin(
                JobProof(job.id, 0, now, replace(house.person("ben"), id=UserId("x"))), None
            )
        await house.service.gate.admit_by_pin(JobProof(job.id, 0, now, None), None)
        with pytest.raises(NotPossible):
            await house.service.gate.admit_by_pin(JobProof(job.id, 0, now, None), None)
        assert len(await house.grants(job)) == 1
