"""The LPR door: jobs under claimed names, from hosts that prove nothing, and what they may take back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from policy.rules import RuleSource
from protocols.errors import RemoteProtocolError
from protocols.ipp.values import integer
from protocols.limits import LprLimits
from protocols.lpr.control_file import ControlFile, parse_control_file
from protocols.lpr.handler import LprPeer, LprRefused
from spoold.database import jobs
from spoold.doors.lpr import LprDoor
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.queue import Authentication
from spoold.release.template import template_of
from tests.support.ipp_door import TEXT, IppHouse, open_ipp

PEER = LprPeer("192.0.2.9", 721)
CONTROL = b"Hworkstation\nPana\nJSalaries 2026\nldfA001workstation\nUdfA001workstation\nNsalaries.txt\n"
NAME = "dfA001workstation"


def door_of(house: IppHouse) -> LprDoor:
    door = house.door
    return LprDoor(door.site, door.database, door.intake, door.clock, door.metrics)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[IppHouse]:
    async with open_ipp(tmp_path) as opened:
        yield opened


@pytest.fixture
def door(house: IppHouse) -> LprDoor:
    return door_of(house)


def control(text: bytes = CONTROL) -> ControlFile:
    return parse_control_file(text, LprLimits())


def pieces(*contents: bytes, error: Exception | None = None) -> Callable[[], Awaitable[bytes]]:
    left = list(contents)

    async def receive() -> bytes:
        if left:
            return left.pop(0)
        if error is not None:
            raise error
        return b""

    return receive


async def printed(
    door: LprDoor, *contents: bytes, text: bytes = CONTROL, queue: str = "open", peer: LprPeer = PEER
) -> bool:
    """Print as most clients do: the control file first."""
    job = await door.begin_job(queue, peer)
    try:
        await job.control(control(text))
        for number, content in enumerate(contents, 1):
            await job.document(f"dfA{number:03}workstation", len(content), pieces(content))
        done = await job.finish()
    except LprRefused:
        await job.abort()
        raise
    if not done:
        await job.abort()
    return done


async def only_job(house: IppHouse) -> Job:
    (job,) = await house.jobs()
    return job


async def nothing_is_stored(house: IppHouse) -> bool:
    inline = await house.house.database.read(jobs.documents_with_keys)
    return inline == [] and await house.house.store.blobs.names() == []


# -- queues


async def test_only_queues_that_do_not_want_proof_exist(house: IppHouse, door: LprDoor) -> None:
    """LPR cannot sign in."""
    assert await door.queue_exists("open")
    assert not await door.queue_exists("secure")
    assert not await door.queue_exists("none")
    for name in ("secure", "none"):
        with pytest.raises(LprRefused):
            await door.begin_job(name, PEER)


async def test_a_reload_closes_a_queue_at_once(house: IppHouse, door: LprDoor) -> None:
    closed = replace(house.house.site.queues["open"], authentication=Authentication.REQUIRED)
    house.house.change_site(queues={"open": closed})
    assert not await door.queue_exists("open")
    with pytest.raises(LprRefused):
        await door.begin_job("open", PEER)


# -- printing


async def test_a_job_is_held_unclaimed_under_the_claimed_name(house: IppHouse, door: LprDoor) -> None:
    assert await printed(door, TEXT)
    job = await only_job(house)
    assert (job.state, job.owner_id, job.claimed_name) == (JobState.HELD, None, "ana")
    assert (job.protocol, job.peer, job.queue) == ("lpr", "192.0.2.9", "open")
    assert house.house.words.title(job) == "Salaries 2026"
    assert b"Salaries" not in (job.private or b"")
    assert job.size_bytes == len(TEXT)


async def test_the_data_may_come_before_the_control_file(house: IppHouse, door: LprDoor) -> None:
    job = await door.begin_job("open", PEER)
    await job.document(NAME, None, pieces(TEXT, TEXT))
    await job.control(control())
    assert await job.finish()
    assert (await only_job(house)).size_bytes == 2 * len(TEXT)


async def test_several_documents_are_one_job(house: IppHouse, door: LprDoor) -> None:
    assert await printed(door, TEXT, TEXT)
    assert (await only_job(house)).documents == 2


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (b"Pana\nJName\nTTitle\nldfA001w\nNfile.txt\n", "Name"),
        (b"Pana\nTTitle\nldfA001w\nNfile.txt\n", "Title"),
        (b"Pana\nldfA001w\nNfile.txt\n", "file.txt"),
        (b"Pana\nldfA001w\n", ""),
    ],
)
async def test_the_title_is_the_best_name_there_is(
    house: IppHouse, door: LprDoor, text: bytes, title: str
) -> None:
    assert await printed(door, TEXT, text=text)
    assert house.house.words.title(await only_job(house)) == title


async def test_repeated_print_lines_are_copies(house: IppHouse, door: LprDoor) -> None:
    """The document came once; the printer makes the copies."""
    assert await printed(door, TEXT, text=b"Pana\n" + b"ldfA001workstation\n" * 3)
    assert template_of(await only_job(house)) == (integer("copies", 3),)


async def test_one_copy_is_nothing_to_ask_for(house: IppHouse, door: LprDoor) -> None:
    assert await printed(door, TEXT)
    assert template_of(await only_job(house)) == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [(b"PANA\nldfA001w\n", "ana"), (b"Lben\nldfA001w\n", "ben"), (b"Pana\nLben\nldfA001w\n", "ana")],
)
async def test_whose_job_it_is_said_to_be(house: IppHouse, door: LprDoor, text: bytes, name: str) -> None:
    """P is the user (RFC 1179 7.9); L, for the banner page, where P is missing."""
    assert await printed(door, TEXT, text=text)
    assert (await only_job(house)).claimed_name == name


# -- refusals


@pytest.mark.parametrize("text", [b"ldfA001w\n", b"P\nldfA001w\n", b"Panonymous\nldfA001w\n"])
async def test_a_job_of_nobody_is_refused(house: IppHouse, door: LprDoor, text: bytes) -> None:
    with pytest.raises(LprRefused):
        await printed(door, TEXT, text=text)
    assert await nothing_is_stored(house)
    assert await house.jobs() == []


async def test_a_job_without_a_document_or_a_control_file_is_none(house: IppHouse, door: LprDoor) -> None:
    assert not await printed(door)
    job = await door.begin_job("open", PEER)
    await job.document(NAME, None, pieces(b"x" * 200_000))
    assert not await job.finish()
    await job.abort()
    assert await house.jobs() == []
    assert await nothing_is_stored(house)


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02\xff" * 99, b"%!PS-Adobe-3.0\n", b"x" * 1_000_001], ids=range(4)
)
async def test_documents_that_are_not_taken(house: IppHouse, door: LprDoor, content: bytes) -> None:
    with pytest.raises(LprRefused):
        await printed(door, content)
    assert await nothing_is_stored(house)


async def test_a_rule_refuses_and_says_why_in_the_records(tmp_path: Path) -> None:
    """The client hears "no" and nothing else; the reason is with the job, for whoever asks."""
    rule = RuleSource("no lpr", 'client.protocol == "lpr"', deny="Add the printer anew, as ipps://.")
    async with open_ipp(tmp_path, rules=[rule]) as house:
        with pytest.raises(LprRefused):
            await printed(door_of(house), b"a line\n" * 20_000)
        assert await nothing_is_stored(house)
        assert {(job.state, job.reason) for job in await house.jobs()} <= {
            (JobState.ABORTED, "Add the printer anew, as ipps://.")
        }


async def test_a_full_disk_refuses(house: IppHouse, door: LprDoor) -> None:
    house.free_bytes[0] = 1000
    with pytest.raises(LprRefused):
        await printed(door, TEXT)
    assert await house.jobs() == []
    assert await nothing_is_stored(house)


async def test_records_that_cannot_be_written_refuse(house: IppHouse, door: LprDoor) -> None:
    """No "yes" without the commit, and no container without a row."""
    job = await door.begin_job("open", PEER)
    await job.control(control())
    await job.document(NAME, None, pieces(b"a line\n" * 20_000))
    # More than one: others write, too.
    house.house.database.refusing = 100  # type: ignore[attr-defined]
    with pytest.raises(LprRefused):
        await job.finish()
    await job.abort()
    house.house.database.refusing = 0  # type: ignore[attr-defined]
    assert await house.jobs() == []
    assert await nothing_is_stored(house)


async def test_a_client_that_goes_away_leaves_nothing(house: IppHouse, door: LprDoor) -> None:
    job = await door.begin_job("open", PEER)
    await job.document("dfA001w", None, pieces(b"a line\n" * 20_000))
    with pytest.raises(RemoteProtocolError):
        await job.document("dfA002w", None, pieces(TEXT, error=RemoteProtocolError("gone")))
    await job.abort()
    assert await house.jobs() == []
    assert await nothing_is_stored(house)


# -- what LPR is told


async def test_a_queue_s_state_names_nobody_and_nothing(house: IppHouse, door: LprDoor) -> None:
    """LPR proves nobody, so long and short forms, for users or for all, say the same."""
    states = set()
    for users in ((), ("ana",), ("1",)):
        for long in (False, True):
            states.add(await door.queue_state("open", users, long=long))
    (empty,) = states
    assert "0 jobs are held" in empty
    await printed(door, TEXT)
    one = await door.queue_state("open", ("ana",), long=True)
    assert "1 job is held" in one
    assert "ana" not in one
    assert "Salaries" not in one
    await house.held(user="ben", queue="secure")
    assert await door.queue_state("open", (), long=True) == one


# -- taking back


async def test_a_host_s_spooler_takes_back_what_its_user_sent(house: IppHouse, door: LprDoor) -> None:
    await printed(door, b"a line\n" * 20_000)
    assert await door.remove("open", "ana", (), PEER)
    job = await only_job(house)
    assert (job.state, job.private) == (JobState.CANCELED, None)
    assert await nothing_is_stored(house)
    assert not await door.remove("open", "ana", (), PEER)


@pytest.mark.parametrize(
    ("agent", "peer"),
    [
        ("ben", PEER),
        ("", PEER),
        ("ana", LprPeer("192.0.2.8", 721)),
        ("ana", LprPeer("192.0.2.9", 1024)),
        ("ana", LprPeer("192.0.2.9", 40_000)),
    ],
)
async def test_nobody_else_takes_it_back(house: IppHouse, door: LprDoor, agent: str, peer: LprPeer) -> None:
    """Another user, another host, or a program of the host that is not its spooler."""
    await printed(door, TEXT)
    assert not await door.remove("open", agent, (), peer)
    assert (await only_job(house)).state is JobState.HELD


async def test_a_proven_person_s_job_is_not_taken_back(house: IppHouse, door: LprDoor) -> None:
    await house.held(user="ana", peer="192.0.2.9")
    assert not await door.remove("open", "ana", (), PEER)
    assert (await only_job(house)).state is JobState.HELD


@pytest.mark.parametrize(
    ("items", "left"),
    [(("1",), 1), (("2",), 1), (("1", "2"), 0), (("ana",), 0), (("ANA",), 0), (("ben",), 2), (("99",), 2)],
)
async def test_jobs_are_named_by_number_or_user(
    house: IppHouse, door: LprDoor, items: tuple[str, ...], left: int
) -> None:
    """RFC 1179 5.5."""
    for _ in range(2):
        await printed(door, TEXT)
    assert await door.remove("open", "ana", items, PEER) is (left < 2)
    assert [job.state for job in await house.jobs()].count(JobState.HELD) == left


async def test_a_job_at_a_printer_is_not_taken_back(house: IppHouse, door: LprDoor) -> None:
    """Its owner has signed in and is waiting for it."""
    await printed(door, TEXT)
    job = await only_job(house)
    await house.house.database.write(
        lambda connection: jobs.update_job(connection, job.id, [JobState.HELD], state="printing")
    )
    assert not await door.remove("open", "ana", (), PEER)
    assert (await only_job(house)).state is JobState.PRINTING
