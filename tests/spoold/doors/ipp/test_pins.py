"""Release-Job with a PIN, by somebody who is not proven to be the job's owner."""

import hashlib
from collections.abc import Iterator

import pytest

from protocols.ipp.message import Attribute
from protocols.ipp.operations import Operation
from protocols.ipp.values import keyword, name_, octets
from spoold.doors.ipp.declarations import OPERATIONS
from spoold.model.jobstate import JobState
from tests.support.ipp_door import TEXT, IppHouse, Reply

PIN, OTHER = b"4711-canary", b"0000-canary"
NOT_AUTHORIZED, NOT_POSSIBLE, THROTTLED = 0x0403, 0x0404, 0x0402
RELEASE = Operation.RELEASE_JOB


def with_pin(pin: bytes = PIN, method: str = "none") -> tuple[Attribute, ...]:
    return octets("job-password", pin), keyword("job-password-encryption", method)


async def held_by_pin(door: IppHouse) -> int:
    reply = await door.ask(Operation.PRINT_JOB, *with_pin(), document=[TEXT])
    number = reply.job.integer("job-id")
    assert number is not None
    return number


@pytest.fixture
def peers() -> Iterator[str]:
    """A new address for each try: counting is another test's."""
    return (f"192.0.2.{number}" for number in range(1, 250))


async def test_the_claimed_name_and_the_pin_release_the_job(door: IppHouse) -> None:
    number = await held_by_pin(door)
    where = keyword("output-device", "floor-2")
    reply = await door.ask(RELEASE, *with_pin(), where, job=number, peer="198.51.100.1")
    assert reply.status == 0
    job = await door.house.settled(await door.job(number))
    assert (job.state, job.printer, job.owner_id, job.released_by) == (
        JobState.COMPLETED,
        "floor-2",
        None,
        "pin",
    )


async def test_a_client_that_hashes_releases_with_the_hash(door: IppHouse) -> None:
    number = await held_by_pin(door)
    digest = hashlib.sha256(PIN).digest()
    assert (await door.ask(RELEASE, *with_pin(digest, "sha2-256"), job=number)).status == 0


async def test_another_account_with_the_claimed_name_and_the_pin_may_too(door: IppHouse) -> None:
    number = await held_by_pin(door)
    reply = await door.ask(RELEASE, *with_pin(), name_("requesting-user-name", "ana"), job=number, user="ben")
    assert reply.status == 0
    assert (await door.job(number)).owner_id is None


async def test_the_owner_needs_no_pin_and_may_mistype_it(door: IppHouse) -> None:
    for pin in ((), with_pin(OTHER)):
        number = await held_by_pin(door)
        assert (await door.ask(RELEASE, *pin, job=number, user="ana")).status == 0
        assert (await door.job(number)).owner_id == "id-ana"


async def test_whatever_is_wrong_sounds_alike_and_is_no_challenge(
    door: IppHouse, peers: Iterator[str]
) -> None:
    """A challenge would make clients ask for a password where the PIN was wrong."""
    number, plain = await held_by_pin(door), await door.held()
    somebody = name_("requesting-user-name", "ben")
    ways: list[tuple[tuple[Attribute, ...], int]] = [
        (with_pin(OTHER), number),
        (with_pin(), 9_999),
        (with_pin(), plain),
        ((*with_pin(), somebody), number),
        (with_pin(PIN, "sha2-256"), number),
    ]
    replies: list[Reply] = [
        await door.ask(RELEASE, *attributes, job=job, peer=next(peers)) for attributes, job in ways
    ]
    assert {reply.http for reply in replies} == {200}
    assert {reply.status for reply in replies} == {NOT_AUTHORIZED}
    assert len({reply.response.body for reply in replies}) == 1
    assert (await door.job(number)).state is JobState.HELD


async def test_without_a_pin_it_is_as_ever(door: IppHouse) -> None:
    number = await held_by_pin(door)
    assert (await door.ask(RELEASE, job=number)).http == 401
    assert (await door.ask(RELEASE, octets("job-password", b""), job=number)).http == 401
    assert (await door.ask(RELEASE, job=number, user="oskar")).status == NOT_AUTHORIZED


async def test_no_pin_is_looked_at_over_an_open_line(door: IppHouse) -> None:
    number = await held_by_pin(door)
    reply = await door.ask(RELEASE, *with_pin(), job=number, tls=False)
    assert reply.status == NOT_AUTHORIZED
    assert "ipps" in reply.words
    assert (await door.ask(RELEASE, *with_pin(), job=number, tls=False, peer="127.0.0.1")).status == 0


async def test_too_many_wrong_pins_are_said_in_words(door: IppHouse) -> None:
    for number in range(500, 510):
        await door.ask(RELEASE, *with_pin(), job=number, peer="198.51.100.9")
    reply = await door.ask(RELEASE, *with_pin(), job=await held_by_pin(door), peer="198.51.100.9")
    assert (reply.http, reply.status) == (200, THROTTLED)
    assert "Too many" in reply.words


async def test_the_pin_does_nothing_but_release(door: IppHouse) -> None:
    number = await held_by_pin(door)
    assert [one.operation for one in OPERATIONS if one.by_pin is not None] == [RELEASE]
    assert (await door.ask(Operation.CANCEL_JOB, *with_pin(), job=number, peer="198.51.100.1")).http == 401
