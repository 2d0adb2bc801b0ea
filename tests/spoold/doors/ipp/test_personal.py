"""Printing to a personal print URI: who it proves, what it is good for, and what it never says."""

import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import structlog

from protocols.ipp.encoder import encode
from protocols.ipp.message import Attribute
from protocols.ipp.operations import Operation
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import boolean, integer, keyword, name_
from spoold.database import people
from spoold.database.people import UserRow
from spoold.doors.ipp.declarations import OPERATIONS, Declaration, Object
from spoold.doors.ipp.dispatch import IppDispatcher
from spoold.doors.ipp.repeats import Repeats
from spoold.identity.kept import SignInAgain
from spoold.identity.print_uris import PrintUris
from spoold.identity.throttle import Throttle
from spoold.model.access import may
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal, Role
from tests.support.ipp_door import TEXT, IppHouse, Reply, open_ipp, request_for

PEER = "192.0.2.9"
NOT_FOUND = Status.CLIENT_ERROR_NOT_FOUND


@dataclass
class Personal:
    """A door with print URIs, ana's token for "open" and ben's."""

    house: IppHouse
    uris: PrintUris
    token: str
    uri_id: str
    of_ben: str

    async def ask(
        self,
        operation: int,
        *attributes: Attribute,
        token: str | None = None,
        queue: str = "open",
        job: int | None = None,
        document: bytes = b"",
        **how: object,
    ) -> Reply:
        """Send a request to the personal address."""
        where = f"{queue}/u/{self.token if token is None else token}"
        about = () if job is None else (integer("job-id", job),)
        message = request_for(operation, *about, *attributes, queue=where, user_name="DESKTOP-7\\Mia")
        return await self.house.send([encode(message), document], queue=where, **how)  # type: ignore[arg-type]


@pytest.fixture
async def personal(tmp_path: Path) -> AsyncIterator[Personal]:
    async with open_ipp(tmp_path) as house:
        database, clock = house.house.database, house.house.clock
        uris = PrintUris(
            database,
            clock,
            house.house.metrics,
            Throttle(clock),
            queues=lambda: frozenset(house.house.site.queues),
            authority=lambda: "print.example.org:631",
        )
        found = []
        for name in ("ana", "ben"):
            principal = house.house.person(name, role=Role.OPERATOR)
            row = UserRow(
                principal.id,
                name,
                "",
                frozenset({"pupils"}),
                Role.OPERATOR,
                False,
                0,
                clock.now(),
                name.title(),
            )
            await database.write(functools.partial(people.insert_user, user=row))
            found.append(await uris.add(principal, "open", "laptop", peer=PEER))
        door = replace(house.door, print_uris=uris)
        with_uris = replace(house, door=door, dispatcher=IppDispatcher(door))
        yield Personal(with_uris, uris, found[0][1], found[0][0].id, found[1][1])


async def printed(personal: Personal, **how: object) -> Reply:
    reply = await personal.ask(
        Operation.PRINT_JOB,
        name_("job-name", "Salaries 2026"),
        document=TEXT,
        **how,  # type: ignore[arg-type]
    )
    assert reply.status == Status.SUCCESSFUL_OK, reply.words
    return reply


async def test_the_owner_of_the_address_owns_the_job_whatever_the_client_says(personal: Personal) -> None:
    reply = await printed(personal)
    number = reply.job.integer("job-id")
    assert number is not None
    job = await personal.house.job(number)
    assert (job.owner_id, job.claimed_name, job.state) == ("id-ana", "ana", JobState.HELD)
    assert personal.house.people.asked == []


async def test_answers_name_the_personal_address_so_that_clients_keep_to_it(personal: Personal) -> None:
    own = f"ipps://print.example.org:631/ipp/print/open/u/{personal.token}"
    reply = await printed(personal)
    number = reply.job.integer("job-id")
    assert reply.job.string("job-uri") == f"{own}/{number}"
    told = await personal.ask(
        Operation.GET_JOB_ATTRIBUTES, keyword("requested-attributes", "all"), job=number
    )
    assert told.job.string("job-uri") == f"{own}/{number}"
    assert told.job.string("job-printer-uri") == own
    listed = await personal.ask(Operation.GET_JOBS, boolean("my-jobs", True))
    assert listed.job.string("job-uri") == f"{own}/{number}"
    printer = (await personal.ask(Operation.GET_PRINTER_ATTRIBUTES)).printer
    assert printer.strings("printer-uri-supported") == (own,)
    assert printer.strings("uri-security-supported") == ("tls",)
    assert printer.strings("uri-authentication-supported") == ("requesting-user-name",)
    shared = (await personal.house.ask(Operation.GET_PRINTER_ATTRIBUTES)).printer
    assert printer.string("printer-uuid") != shared.string("printer-uuid")
    names = {attribute.name for attribute in shared}
    assert {attribute.name for attribute in printer} == names
    only = await personal.ask(
        Operation.GET_PRINTER_ATTRIBUTES, keyword("requested-attributes", "printer-name")
    )
    assert [attribute.name for attribute in only.printer] == ["printer-name"]


async def test_job_and_printer_uri_work_as_clients_send_them(personal: Personal) -> None:
    number = (await printed(personal)).job.integer("job-id")
    message = request_for(Operation.GET_JOB_ATTRIBUTES, queue=f"open/u/{personal.token}/{number}")
    operation = message.groups[0]
    attributes = tuple(
        one._replace(name="job-uri") if one.name == "printer-uri" else one for one in operation.attributes
    )
    by_uri = replace(message, groups=(replace(operation, attributes=attributes),))
    for path in ("/", f"/ipp/print/open/u/{personal.token}", f"/ipp/print/open/u/{personal.token}/{number}"):
        reply = await personal.house.send([encode(by_uri)], path=path)
        assert (reply.status, reply.job.integer("job-id")) == (0, number)


async def test_others_hear_nothing_of_a_token(personal: Personal) -> None:
    number = (await printed(personal)).job.integer("job-id")
    for user in (None, "ana", "oskar"):
        for operation in (Operation.GET_PRINTER_ATTRIBUTES, Operation.GET_JOBS):
            reply = await personal.house.ask(operation, keyword("requested-attributes", "all"), user=user)
            assert personal.token.encode() not in reply.response.body
        one = await personal.house.ask(Operation.GET_JOB_ATTRIBUTES, user=user, job=number)
        assert personal.token.encode() not in one.response.body
    mine = await personal.ask(Operation.GET_PRINTER_ATTRIBUTES, token=personal.of_ben)
    assert personal.token.encode() not in mine.response.body


async def test_it_is_good_for_printing_and_for_nothing_else(personal: Personal) -> None:
    number = (await printed(personal)).job.integer("job-id")
    assert number is not None
    for operation in (
        Operation.RELEASE_JOB,
        Operation.SET_JOB_ATTRIBUTES,
        Operation.HOLD_JOB,
        Operation.CANCEL_JOBS,
        Operation.PAUSE_PRINTER,
        Operation.IDENTIFY_PRINTER,
    ):
        reply = await personal.ask(operation, job=number)
        assert (reply.http, reply.status) == (200, Status.CLIENT_ERROR_NOT_AUTHORIZED), operation
        assert "sign in to the portal" in reply.words
    assert (await personal.house.job(number)).state is JobState.HELD
    # What documents are called is for their owner, at the portal.
    everything = keyword("requested-attributes", "all")
    told = await personal.ask(Operation.GET_JOB_ATTRIBUTES, everything, job=number)
    assert b"Salaries" not in told.response.body
    assert (await personal.ask(Operation.CANCEL_JOB, job=number)).status == 0
    assert (await personal.house.job(number)).state is JobState.CANCELED


async def test_somebody_elses_jobs_are_not_there(personal: Personal) -> None:
    number = (await printed(personal)).job.integer("job-id")
    elsewhere = "198.51.100.7"
    for operation in (Operation.GET_JOB_ATTRIBUTES, Operation.CANCEL_JOB):
        reply = await personal.ask(operation, job=number, token=personal.of_ben, peer=elsewhere)
        assert reply.status == NOT_FOUND
    listed = await personal.ask(Operation.GET_JOBS, token=personal.of_ben, peer=elsewhere)
    assert listed.groups(GroupTag.JOB) == ()


async def test_a_token_that_is_not_good_is_a_printer_that_is_not_there(personal: Personal) -> None:
    """One answer for unknown, revoked, another queue's and closed; and never a challenge."""
    await personal.uris.revoke(personal.house.house.person("ana"), personal.uri_id, peer=PEER)
    answers = set()
    for token, queue in (
        ("a" * 32, "open"),
        (personal.token, "open"),
        (personal.of_ben, "secure"),
        ("x", "nowhere"),
    ):
        for operation in (Operation.GET_PRINTER_ATTRIBUTES, Operation.VALIDATE_JOB, Operation.PRINT_JOB):
            reply = await personal.ask(operation, token=token, queue=queue, document=TEXT)
            assert reply.field("www-authenticate") is None
            answers.add((reply.http, reply.status, reply.words))
    assert answers == {(200, NOT_FOUND, "There is no such printer here.")}
    assert await personal.house.jobs() == []


async def test_guessing_gets_no_challenge_either(personal: Personal) -> None:
    for number in range(40):
        reply = await personal.ask(Operation.VALIDATE_JOB, token=f"guess{number}")
        assert (reply.http, reply.status) == (200, NOT_FOUND)
    assert (await personal.ask(Operation.VALIDATE_JOB)).status == 0


async def test_a_password_beside_it_is_not_looked_at(personal: Personal) -> None:
    reply = await printed(personal, user="ben", password="wrong")
    number = reply.job.integer("job-id")
    assert number is not None
    assert (await personal.house.job(number)).owner_id == "id-ana"
    assert personal.house.people.asked == []


async def test_over_an_open_line_it_is_refused_whether_it_is_good_or_not(personal: Personal) -> None:
    answers = set()
    for token in (personal.token, "a" * 32):
        reply = await personal.ask(Operation.VALIDATE_JOB, token=token, tls=False)
        answers.add((reply.http, reply.status, reply.words))
    assert answers == {
        (
            200,
            Status.CLIENT_ERROR_NOT_AUTHORIZED,
            "This print address is only good over ipps://; change the printer's address.",
        )
    }
    on_this_machine = await personal.ask(Operation.GET_PRINTER_ATTRIBUTES, tls=False, peer="127.0.0.1")
    own = f"://print.example.org:631/ipp/print/open/u/{personal.token}"
    assert on_this_machine.printer.strings("printer-uri-supported") == (f"ipps{own}", f"ipp{own}")


async def test_its_answers_are_not_given_again(personal: Personal) -> None:
    """The memory of answers keys by whole requests, but a revoked address must end at once."""
    house = personal.house
    repeats = Repeats(
        lambda: house.house.site, house.door.attributes.moment, house.house.clock, house.house.metrics
    )
    personal.house = replace(house, dispatcher=IppDispatcher(house.door, repeats))
    own = await personal.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert own.response.again is None
    shared = await personal.house.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert shared.response.again is not None


async def test_it_is_nowhere_in_what_the_door_keeps_and_logs(personal: Personal) -> None:
    with structlog.testing.capture_logs() as logged:
        number = (await printed(personal)).job.integer("job-id")
        await personal.ask(Operation.GET_PRINTER_ATTRIBUTES)
        await personal.ask(Operation.RELEASE_JOB, job=number)
        await personal.ask(Operation.GET_JOBS)
        await personal.ask(Operation.GET_JOBS, queue="secure")
        await personal.ask(Operation.GET_JOBS, tls=False)
    assert any(entry["event"] == "ipp-refused" for entry in logged)
    kept = (logged, await personal.house.audit(), personal.house.house.metrics.render())
    assert personal.token not in str(kept)
    assert personal.house.door.kept_lists._kept == {}


async def test_without_print_uris_there_are_none(personal: Personal) -> None:
    door = replace(personal.house.door, print_uris=None)
    personal.house = replace(personal.house, dispatcher=IppDispatcher(door))
    assert (await personal.ask(Operation.GET_PRINTER_ATTRIBUTES)).status == NOT_FOUND


@pytest.mark.parametrize("declaration", OPERATIONS, ids=lambda declaration: declaration.operation.rfc_name)
async def test_every_operation_as_the_table_of_access_says(
    personal: Personal, declaration: Declaration
) -> None:
    """The owner is an operator and owns the job; the address is good for less than that."""
    number = (await printed(personal)).job.integer("job-id")
    assert number is not None
    job = await personal.house.job(number)
    opened = await personal.uris.open(personal.token, "open", peer=PEER, submits=False)
    about = job if declaration.about is Object.JOB else None
    reply = await personal.ask(declaration.operation, job=number)
    assert reply.http == 200
    is_refused = reply.status == Status.CLIENT_ERROR_NOT_AUTHORIZED
    assert is_refused == (not may(opened.principal, declaration.action, about, peer=PEER))


async def test_an_owner_for_whom_nobody_vouched_lately_reads_so_and_is_asked_for_no_password(
    personal: Personal,
) -> None:
    """On 0403 a CUPS client would ask for one, and hold the queue until it gets it."""

    async def too_long_ago(_principal: Principal) -> Principal:
        raise SignInAgain

    personal.uris._confirm = too_long_ago
    reply = await personal.ask(Operation.PRINT_JOB, document=TEXT)
    assert reply.status == 0x040B
    assert "Sign in at the portal again" in reply.words
    personal.uris._confirm = None
    await printed(personal)
