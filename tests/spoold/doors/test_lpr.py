"""The LPR door: jobs under claimed names, from hosts that prove nothing, and what they may take back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from policy.rules import RuleSource
from protocols.appsocket.pjl import UEL
from protocols.errors import RemoteProtocolError
from protocols.ipp.values import integer, keyword
from protocols.limits import LprLimits
from protocols.lpr.control_file import ControlFile, parse_control_file
from protocols.lpr.handler import LprPeer, LprRefused
from spoold.database import jobs
from spoold.doors.lpr import LprDoor
from spoold.identity.accounts import Accounts
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.lpr import LprNetwork, NameFrom
from spoold.model.principal import Principal
from spoold.model.queue import Authentication
from spoold.model.template import template_of
from tests.support.ipp_door import TEXT, IppHouse, open_ipp
from tests.support.pdfs import pdf

PEER = LprPeer("192.0.2.9", 721)
CONTROL = b"Hworkstation\nPana\nJSalaries 2026\nldfA001workstation\nUdfA001workstation\nNsalaries.txt\n"
NAME = "dfA001workstation"


def door_of(house: IppHouse) -> LprDoor:
    door = house.door
    people = Accounts(door.database, door.clock)
    return LprDoor(door.site, door.database, door.intake, door.clock, door.metrics, people.at_address)


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
    job = door.begin_job(queue, peer)
    try:
        job.control(control(text))
        for number, content in enumerate(contents, 1):
            await job.document(f"dfA{number:03}workstation", len(content), pieces(content))
        done = await job.finish()
    except LprRefused:
        await job.abort()
        raise
    if not done:
        await job.abort()
    return done


def account(principal: Principal) -> Callable[[str], Awaitable[Principal | None]]:
    async def at_address(name: str) -> Principal | None:
        return principal if name == principal.name else None

    return at_address


async def only_job(house: IppHouse) -> Job:
    (job,) = await house.jobs()
    return job


async def nothing_is_stored(house: IppHouse) -> bool:
    inline = await house.house.database.read(jobs.documents_with_keys)
    return inline == [] and await house.house.store.blobs.names() == []


# -- queues


async def test_only_queues_that_do_not_want_proof_exist(house: IppHouse, door: LprDoor) -> None:
    """LPR cannot sign in."""
    assert door.queue_exists("open", PEER)
    assert not door.queue_exists("secure", PEER)
    assert not door.queue_exists("none", PEER)
    for name in ("secure", "none"):
        with pytest.raises(LprRefused):
            door.begin_job(name, PEER)


async def test_a_reload_closes_a_queue_at_once(house: IppHouse, door: LprDoor) -> None:
    closed = replace(house.house.site.queues["open"], authentication=Authentication.REQUIRED)
    house.house.change_site(queues={"open": closed})
    assert not door.queue_exists("open", PEER)
    with pytest.raises(LprRefused):
        door.begin_job("open", PEER)


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
    job = door.begin_job("open", PEER)
    await job.document(NAME, None, pieces(TEXT, TEXT))
    job.control(control())
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
    job = door.begin_job("open", PEER)
    await job.document(NAME, None, pieces(b"x" * 200_000))
    assert not await job.finish()
    await job.abort()
    assert await house.jobs() == []
    assert await nothing_is_stored(house)


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x02\xff" * 99, b"%!PS-Adobe-3.0\n", b"x" * 1_000_001], ids=range(3)
)
async def test_documents_that_are_not_taken(house: IppHouse, door: LprDoor, content: bytes) -> None:
    with pytest.raises(LprRefused):
        await printed(door, content)
    assert await nothing_is_stored(house)
    # The client only hears "no"; whoever the job is said to be of can read why.
    job = await only_job(house)
    assert (job.state, job.claimed_name) == (JobState.ABORTED, "ana")
    assert "not printed here" in job.reason or "larger than" in job.reason


async def test_a_refusal_before_the_name_has_come_is_nobody_s(house: IppHouse, door: LprDoor) -> None:
    job = door.begin_job("open", PEER)
    with pytest.raises(LprRefused):
        await job.document(NAME, None, pieces(b"%!PS-Adobe-3.0\n"))
    await job.abort()
    assert await house.jobs() == []


@pytest.mark.parametrize("letter", ["c", "d", "g", "n", "r", "t", "v"])
async def test_text_for_a_program_that_is_not_here_does_not_come_out_as_its_source(
    house: IppHouse, door: LprDoor, letter: str
) -> None:
    text = f"Pana\n{letter}dfA001workstation\n".encode()
    with pytest.raises(LprRefused):
        await printed(door, b".TH SPOOLD 8\n", text=text)
    assert "print it as PDF" in (await only_job(house)).reason
    assert await nothing_is_stored(house)
    assert await printed(door, pdf(1), text=text)


@pytest.mark.parametrize("letter", ["f", "l", "o", "p", "q"])
async def test_the_document_s_first_bytes_say_what_it_is(house: IppHouse, door: LprDoor, letter: str) -> None:
    text = f"Pana\n{letter}dfA001workstation\n".encode()
    assert await printed(door, pdf(1), text=text)
    assert await printed(door, TEXT, text=text)
    assert [job.formats for job in await house.jobs()] == [("application/pdf",), ("text/plain",)]


async def test_empty_files_are_passed_over(house: IppHouse, door: LprDoor) -> None:
    assert await printed(door, b"", TEXT, b"")
    job = await only_job(house)
    assert (job.documents, job.size_bytes) == (1, len(TEXT))


@pytest.mark.parametrize("content", [b"", UEL + b"@PJL INFO STATUS\r\n" + UEL], ids=range(2))
async def test_a_job_of_nothing_is_acknowledged_and_is_none(
    house: IppHouse, door: LprDoor, content: bytes
) -> None:
    """A "no" would make the client send it again for ever, with its other jobs waiting behind it."""
    assert await printed(door, content)
    assert await house.jobs() == []
    assert await nothing_is_stored(house)


# -- job commands


async def test_what_a_driver_asks_in_job_commands_becomes_the_job_s(house: IppHouse, door: LprDoor) -> None:
    commands = b'@PJL JOB NAME="Minutes"\r\n@PJL SET COPIES=2\r\n@PJL SET DUPLEX=ON\r\n'
    stream = UEL + commands + b"@PJL ENTER LANGUAGE=PDF\r\n" + pdf(1) + UEL + b"@PJL EOJ\r\n" + UEL
    assert await printed(door, stream, text=b"Pana\nldfA001workstation\n")
    job = await only_job(house)
    assert template_of(job) == (integer("copies", 2), keyword("sides", "two-sided-long-edge"))
    assert house.house.words.title(job) == "Minutes"
    assert (job.formats, job.size_bytes) == (("application/pdf",), len(pdf(1)))


async def test_the_control_file_s_word_counts_more_than_the_driver_s(house: IppHouse, door: LprDoor) -> None:
    stream = UEL + b'@PJL JOB NAME="Minutes"\r\n@PJL SET COPIES=2\r\n' + UEL + TEXT
    assert await printed(door, stream, text=b"Pana\nJBoard\n" + b"ldfA001workstation\n" * 3)
    job = await only_job(house)
    assert template_of(job) == (integer("copies", 3),)
    assert house.house.words.title(job) == "Board"


async def test_commands_for_the_printer_s_files_are_refused(house: IppHouse, door: LprDoor) -> None:
    stream = UEL + b'@PJL FSDELETE NAME="0:/x"\r\n@PJL ENTER LANGUAGE=PDF\r\n' + pdf(1)
    with pytest.raises(LprRefused):
        await printed(door, stream)
    assert "cannot be printed safely" in (await only_job(house)).reason
    assert await nothing_is_stored(house)


# -- senders known by their address


HERE = (ip_network("192.0.2.0/24"),)
ELSEWHERE = (ip_network("198.51.100.0/24"),)


def known(house: IppHouse, *networks: LprNetwork) -> None:
    house.house.change_site(lpr_networks=networks)


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (LprNetwork(ELSEWHERE, name_from=NameFrom.CLASS), "ex\\ana"),
        (LprNetwork(HERE, strip_domain=True), "ana"),
        (LprNetwork(HERE, name_from=NameFrom.CLASS), "pupil7"),
        (LprNetwork(HERE, name_from=NameFrom.BANNER, strip_domain=True), "ben"),
    ],
)
async def test_the_name_is_where_the_network_says(
    house: IppHouse, door: LprDoor, network: LprNetwork, name: str
) -> None:
    known(house, network)
    assert await printed(door, TEXT, text=b"PEX\\Ana\nCPUPIL7\nLben@example.org\nldfA001w\n")
    job = await only_job(house)
    assert (job.claimed_name, job.owner_id) == (name, None)


async def test_the_first_network_that_fits_counts(house: IppHouse, door: LprDoor) -> None:
    known(house, LprNetwork(ELSEWHERE, queue="secure"), LprNetwork(HERE), LprNetwork(HERE, queue="secure"))
    assert await printed(door, TEXT)
    assert (await only_job(house)).queue == "open"


async def test_a_machine_that_cannot_choose_is_sent_to_its_queue(house: IppHouse, door: LprDoor) -> None:
    known(house, LprNetwork(HERE, queue="open"))
    assert door.queue_exists("PRT01", PEER)
    assert await printed(door, TEXT, queue="PRT01")
    assert (await only_job(house)).queue == "open"
    assert "1 job is held" in await door.queue_state("PRT01", (), PEER, long=False)
    assert await door.remove("PRT01", "ana", (), PEER)
    assert not door.queue_exists("PRT01", LprPeer("198.51.100.1", 721))


async def test_an_address_may_stand_for_an_account(house: IppHouse, door: LprDoor) -> None:
    """Trust by address: the administrator said so, and nobody else can."""
    ana = house.house.person("ana")
    known(house, LprNetwork(HERE, account="ana", queue="secure"))
    owned = replace(door, account_at=account(ana))
    assert await printed(owned, TEXT, text=b"PROOT\nldfA001workstation\n", queue="QPRINT")
    job = await only_job(house)
    assert (job.owner_id, job.claimed_name, job.queue) == (ana.id, "ana", "secure")
    # It is not unclaimed, so nobody who says a name can take it back.
    assert not await owned.remove("secure", "ana", (), PEER)


async def test_an_account_that_is_gone_or_closed_refuses(house: IppHouse, door: LprDoor) -> None:
    known(house, LprNetwork(HERE, account="nobody-here"))
    with pytest.raises(LprRefused):
        await printed(door, TEXT)
    assert await house.jobs() == []


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
    job = door.begin_job("open", PEER)
    job.control(control())
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
    job = door.begin_job("open", PEER)
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
            states.add(await door.queue_state("open", users, PEER, long=long))
    (empty,) = states
    assert "0 jobs are held" in empty
    await printed(door, TEXT)
    one = await door.queue_state("open", ("ana",), PEER, long=True)
    assert "1 job is held" in one
    assert "ana" not in one
    assert "Salaries" not in one
    await house.held(user="ben", queue="secure")
    assert await door.queue_state("open", (), PEER, long=True) == one


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
