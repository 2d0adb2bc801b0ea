"""Answers given again: the same as anew but for the request-id, and only as long as nothing has changed."""

from collections.abc import AsyncIterator, Hashable
from dataclasses import replace

import pytest

from protocols.http.message import Request, Response
from protocols.ipp.decoder import decode
from protocols.ipp.encoder import encode
from protocols.ipp.message import Message
from protocols.ipp.operations import Operation
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import keyword
from protocols.limits import IppLimits
from spoold.doors.ipp.dispatch import IppDispatcher
from spoold.doors.ipp.repeats import MAX_KEPT, MAX_REQUEST_OCTETS, Repeats
from spoold.model.queue import Queue
from tests.support.clock import FakeClock
from tests.support.http_peer import Peer, serving
from tests.support.ipp_door import PASSWORD, IppHouse, request_for

HOST = b"print.example.org"


def whole(message: Message, *, fields: bytes = b"", host: bytes = HOST) -> bytes:
    """Return the HTTP request."""
    body = encode(message)
    return (
        b"POST /ipp/print/open HTTP/1.1\r\nHost: %b\r\nContent-Type: application/ipp\r\n"
        b"%bContent-Length: %d\r\n\r\n%b" % (host, fields, len(body), body)
    )


def question(*names: str, request_id: int = 7, fields: bytes = b"", host: bytes = HOST) -> bytes:
    asked = keyword("requested-attributes", *(names or ("all",)))
    message = request_for(Operation.GET_PRINTER_ATTRIBUTES, asked, request_id=request_id)
    return whole(message, fields=fields, host=host)


class Asking:
    """A client over a real connection; `read` counts the requests that were not answered from memory."""

    def __init__(self, house: IppHouse) -> None:
        self.house = house
        self.read = 0
        self.state: Hashable = "idle"
        self.clock = FakeClock(house.house.clock.now().replace(microsecond=0))
        self.memory = Repeats(house.door.site, self.state_of, self.clock, house.house.metrics)
        self._dispatcher = IppDispatcher(replace(house.door, clock=self.clock), self.memory)
        self.peer: Peer

    def state_of(self, _queue: Queue) -> Hashable:
        return self.state

    async def handle(self, request: Request) -> Response:
        self.read += 1
        return await self._dispatcher(request)

    async def ask(self, request: bytes) -> Message:
        answer = await self.peer.ask(request)
        assert (answer.status, answer.fields["content-type"]) == (200, "application/ipp")
        return decode(answer.body, IppLimits())[0]


@pytest.fixture
async def asking(door: IppHouse) -> AsyncIterator[Asking]:
    client = Asking(door)
    async with serving(client.handle, repeats=client.memory) as served:
        client.peer = await served.connect()
        yield client
        await client.peer.aclose()


async def test_the_answer_is_the_same_but_for_the_request_id(asking: Asking) -> None:
    first = await asking.ask(question(request_id=1))
    for number in (2, 2**31 - 1, 1, 0x01020304):
        again = await asking.ask(question(request_id=number))
        assert again == Message(first.version, first.code, number, first.groups)
    assert asking.read == 1
    assert (
        b'spoold_http_requests_total{listener="ipp",status="2xx"} 5.0' in asking.house.house.metrics.render()
    )


@pytest.mark.parametrize("number", [0, -1, -(2**31)])
async def test_a_request_id_that_is_refused_is_refused_again(asking: Asking, number: int) -> None:
    await asking.ask(question())
    body = question(request_id=1).replace(b"\0\0\0\x01\x01", number.to_bytes(4, signed=True) + b"\x01")
    assert (await asking.ask(body)).code == Status.CLIENT_ERROR_BAD_REQUEST
    assert asking.read == 2


async def test_every_other_octet_makes_another_question(asking: Asking) -> None:
    asked = (
        question(),
        question("printer-state"),
        question(fields=b"X-Anything: 1\r\n"),
        question(host=b"other.example.org"),
        question().replace(b"POST /ipp/print/open", b"POST /printers/open"),
        question().replace(b"\r\n\r\n\x02\x00", b"\r\n\r\n\x01\x01"),
        question().replace(b"Content-Type", b"content-type"),
    )
    for request in asked:
        await asking.ask(request)
    assert asking.read == len(asked)
    for request in asked:
        await asking.ask(request)
    assert asking.read == len(asked)


async def test_the_name_the_client_calls_us_by_is_in_its_own_answer_only(asking: Asking) -> None:
    for _ in range(2):
        for host in (b"one.example.org", b"two.example.org:8631"):
            answer = await asking.ask(question("printer-uri-supported", host=host))
            addresses = answer.group(GroupTag.PRINTER).strings("printer-uri-supported")
            assert addresses
            assert all(f"//{host.decode()}/" in address for address in addresses)
    assert asking.read == 2


async def test_what_a_request_changes_is_seen_by_the_next(asking: Asking) -> None:
    """However little time lies between."""
    await asking.ask(question())
    await asking.ask(question())
    asking.state = "processing"
    await asking.ask(whole(request_for(Operation.GET_JOBS)))
    await asking.ask(question())
    await asking.ask(question())
    assert asking.read == 3


@pytest.mark.parametrize(("after_s", "read"), [(0.015, 1), (0.025, 2)])
async def test_what_others_change_is_seen_soon(asking: Asking, after_s: float, read: int) -> None:
    """What prints, what the portal and operators do: within 20 ms."""
    await asking.ask(question())
    await asking.ask(question())
    asking.state = "processing"
    asking.clock.advance(after_s)
    await asking.ask(question())
    await asking.ask(question())
    assert asking.read == read


async def test_a_reload_is_seen_at_once(asking: Asking) -> None:
    await asking.ask(question())
    asking.house.house.change_site(max_document_bytes=5)
    await asking.ask(question())
    assert asking.read == 2


async def test_the_next_second_has_its_own_answer(asking: Asking) -> None:
    clock = asking.clock
    up = []
    for step_s in (0.0, 0.4, 0.4, 0.4, 10.0):
        clock.advance(step_s)
        answer = await asking.ask(question("printer-up-time"))
        up.append(answer.group(GroupTag.PRINTER).integer("printer-up-time") or 0)
    assert up[:3] == [1, 1, 1]
    assert up[4] >= 10
    assert asking.read == 3


async def test_a_clock_set_back_brings_no_old_answer(asking: Asking) -> None:
    clock = asking.clock
    clock.advance(100)
    await asking.ask(question())
    clock.step_wall(-50)
    await asking.ask(question())
    await asking.ask(question())
    clock.step_wall(50)
    assert (await asking.ask(question("printer-up-time"))).code == 0
    assert asking.read >= 3


async def test_who_sends_a_password_is_checked_every_time(asking: Asking) -> None:
    """Also with the right password: it may have been changed since."""
    asking.house.people.asked.clear()
    token = b"Authorization: Basic YW5hOnJpZ2h0IHBhc3N3b3Jk\r\n"
    assert PASSWORD == "right password"
    for _ in range(3):
        await asking.ask(question(fields=token))
    assert asking.read == 3
    assert len(asking.house.people.asked) == 3


@pytest.mark.parametrize("operation", [Operation.GET_JOBS, Operation.VALIDATE_JOB, Operation.PRINT_JOB])
async def test_other_operations_are_never_answered_from_memory(asking: Asking, operation: int) -> None:
    for _ in range(2):
        await asking.ask(whole(request_for(operation)))
    assert asking.read == 2


async def test_a_refusal_is_not_remembered(asking: Asking) -> None:
    refused = whole(request_for(Operation.GET_PRINTER_ATTRIBUTES, queue="nowhere")).replace(b"/open", b"")
    for _ in range(2):
        assert (await asking.ask(refused)).code == Status.CLIENT_ERROR_NOT_FOUND
    assert asking.read == 2


async def test_the_memory_is_bounded(asking: Asking) -> None:
    for number in range(MAX_KEPT + 1):
        await asking.ask(question(fields=b"X-Number: %d\r\n" % number))
    assert asking.read == MAX_KEPT + 1
    await asking.ask(question(fields=b"X-Number: 0\r\n"))
    assert asking.read == MAX_KEPT + 1
    await asking.ask(question(fields=b"X-Number: %d\r\n" % MAX_KEPT))
    assert asking.read == MAX_KEPT + 2
    # In the next second there is room again.
    asking.clock.advance(1)
    for _ in range(2):
        await asking.ask(question(fields=b"X-Number: %d\r\n" % MAX_KEPT))
    assert asking.read == MAX_KEPT + 3


@pytest.mark.parametrize(("over", "read"), [(0, 1), (1, 2)])
async def test_long_questions_are_read_each_time(asking: Asking, over: int, read: int) -> None:
    bare = len(question(fields=b"X-Filling: \r\n"))
    filled = question(fields=b"X-Filling: %b\r\n" % (b"x" * (MAX_REQUEST_OCTETS - bare + over)))
    assert len(filled) == MAX_REQUEST_OCTETS + over
    await asking.ask(filled)
    await asking.ask(filled)
    assert asking.read == read
