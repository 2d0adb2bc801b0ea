"""The client against scripted printers: documents, errors by what was sent, time-outs, cancellation."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from protocols.errors import LocalProtocolError
from protocols.ipp.client import PIECE_BYTES, IppClient
from protocols.ipp.client_errors import (
    IppAnswerError,
    IppClientError,
    IppConnectError,
    IppHttpError,
    IppTimeoutError,
    IppTransportError,
)
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import charset, natural_language, text, uri
from protocols.limits import IppLimits
from tests.support.scripted_printer import (
    Connection,
    DisconnectedError,
    Script,
    ScriptedPrinter,
    answer_everything,
    ok,
)

Start = Callable[[Script], Awaitable[ScriptedPrinter]]


@pytest.fixture
def start(nursery: trio.Nursery) -> Start:
    async def start_printer(script: Script) -> ScriptedPrinter:
        printer = ScriptedPrinter(script)
        await nursery.start(printer.serve)
        return printer

    return start_printer


@pytest.fixture
def patient_clock(autojump_clock: MockClock) -> MockClock:
    """Time jumps only when loopback sockets have had a moment to deliver."""
    autojump_clock.autojump_threshold = 0.05
    return autojump_clock


def request(operation: Operation = Operation.GET_PRINTER_ATTRIBUTES, request_id: int = 7) -> Message:
    group = Group(
        GroupTag.OPERATION,
        (
            charset("attributes-charset", "utf-8"),
            natural_language("attributes-natural-language", "en"),
            uri("printer-uri", "ipp://printer/ipp/print"),
        ),
    )
    return Message((2, 0), operation, request_id, (group,))


async def document(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_a_question_is_answered_over_one_kept_connection(start: Start) -> None:
    printer = await start(answer_everything)
    async with IppClient(printer.uri) as client:
        for request_id in (1, 2, 3):
            answer = await client.request(request(request_id=request_id))
            assert answer.request_id == request_id
            assert answer.group(GroupTag.OPERATION).string("attributes-charset") == "utf-8"
    assert printer.connections == 1
    assert [received.message.request_id for received in printer.received] == [1, 2, 3]
    head = printer.received[0]
    assert head.head.startswith(b"POST /ipp/print HTTP/1.1\r\n")
    assert head.header("content-type") == "application/ipp"
    assert head.header("host") == f"127.0.0.1:{printer.port}"
    assert head.header("content-length") is not None
    assert head.document == b""


async def test_a_document_of_known_size_has_a_length_and_a_connection_of_its_own(start: Start) -> None:
    printer = await start(answer_everything)
    data = bytes(range(256)) * 1024
    async with IppClient(printer.uri) as client:
        await client.request(request())
        answer = await client.exchange(
            request(Operation.PRINT_JOB), document(data, b"", data), size=2 * len(data)
        )
    assert answer.sent_document_bytes == 2 * len(data)
    assert answer.document_complete
    received = printer.received[1]
    assert received.document == data + data
    assert received.header("transfer-encoding") is None
    assert received.header("connection") == "close"
    assert printer.connections == 2


async def test_a_document_of_unknown_size_is_chunked(start: Start) -> None:
    printer = await start(answer_everything)
    async with IppClient(printer.uri) as client:
        await client.request(request(Operation.SEND_DOCUMENT), document(b"a" * 100_000, b"b"))
    received = printer.received[0]
    assert received.document == b"a" * 100_000 + b"b"
    assert received.header("transfer-encoding") == "chunked"
    assert received.header("content-length") is None


async def test_operations_that_change_something_never_use_a_kept_connection(start: Start) -> None:
    printer = await start(answer_everything)
    async with IppClient(printer.uri) as client:
        await client.request(request())
        await client.request(request(Operation.CREATE_JOB))
        await client.request(request(Operation.CANCEL_JOB))
    assert printer.connections == 2


async def test_an_error_status_is_an_answer(start: Start) -> None:
    async def busy(connection: Connection) -> None:
        received = await connection.request()
        await connection.answer(ok(received.message, code=0x0507))

    printer = await start(busy)
    async with IppClient(printer.uri) as client:
        answer = await client.request(request(Operation.PRINT_JOB), document(b"abc"))
    assert answer.code == 0x0507


async def test_nobody_listening_is_a_connect_error() -> None:
    # Bound, so that nobody else is given it meanwhile, and not listened on.
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with IppClient(f"ipp://127.0.0.1:{unused.getsockname()[1]}/ipp/print") as client:
            with pytest.raises(IppConnectError) as caught:
                await client.request(request(Operation.PRINT_JOB), document(b"secret"), size=6)
    assert caught.value.sent_document_bytes == 0


async def test_a_connection_cut_in_the_document_tells_what_was_sent(start: Start) -> None:
    async def cut(connection: Connection) -> None:
        await connection.head()
        await connection.take(200_000)

    printer = await start(cut)
    async with IppClient(printer.uri) as client:
        with pytest.raises(IppTransportError) as caught:
            await client.request(request(Operation.PRINT_JOB), document(*[b"x" * PIECE_BYTES] * 2000))
    assert 200_000 - 1000 < caught.value.sent_document_bytes < 2000 * PIECE_BYTES


async def test_a_connection_cut_after_the_document_counts_all_of_it(start: Start) -> None:
    async def silent(connection: Connection) -> None:
        await connection.request()

    printer = await start(silent)
    async with IppClient(printer.uri) as client:
        with pytest.raises(IppTransportError) as caught:
            await client.request(request(Operation.PRINT_JOB), document(b"abc"), size=3)
    assert caught.value.sent_document_bytes == 3


async def test_success_before_the_whole_document_is_an_error(start: Start) -> None:
    async def hasty(connection: Connection) -> None:
        await connection.head()
        await connection.take(500)
        await connection.answer(ok(request()), close=True)
        await connection.stream.aclose()

    printer = await start(hasty)
    async with IppClient(printer.uri) as client:
        with pytest.raises(IppTransportError) as caught:
            await client.request(request(Operation.PRINT_JOB), document(*[b"x" * PIECE_BYTES] * 2000))
    assert caught.value.sent_document_bytes > 0


@pytest.mark.parametrize(("size", "sent"), [(2, 0), (4, 3)])
async def test_a_document_that_is_not_of_its_size_never_ends_well(start: Start, size: int, sent: int) -> None:
    printer = await start(answer_everything)
    async with IppClient(printer.uri) as client:
        with pytest.raises(IppTransportError, match="size") as caught:
            await client.request(request(Operation.PRINT_JOB), document(b"abc"), size=size)
    assert caught.value.sent_document_bytes == sent
    await trio.testing.wait_all_tasks_blocked()
    assert printer.received == []


async def test_an_error_of_the_document_itself_passes_through_and_cuts_the_request(start: Start) -> None:
    class DamagedError(Exception):
        pass

    async def damaged() -> AsyncIterator[bytes]:
        yield b"good"
        raise DamagedError

    printer = await start(answer_everything)
    async with IppClient(printer.uri) as client:
        with pytest.raises(DamagedError):
            await client.request(request(Operation.PRINT_JOB), damaged())
    with trio.fail_after(60):
        while not printer.disconnected:
            await trio.lowlevel.checkpoint()
    assert printer.received == []


async def test_a_dead_kept_connection_is_replaced_without_a_word(start: Start) -> None:
    async def one_each(connection: Connection) -> None:
        received = await connection.request()
        await connection.answer(ok(received.message))
        # Keep-alive was promised; the next request meets a closed connection.
        await connection.head()

    printer = await start(one_each)
    async with IppClient(printer.uri) as client:
        for request_id in (1, 2, 3):
            assert (await client.request(request(request_id=request_id))).request_id == request_id
    assert len(printer.received) == 3


async def test_a_printer_that_hangs_up_on_a_fresh_connection_is_not_asked_again(start: Start) -> None:
    async def rude(connection: Connection) -> None:
        await connection.request()

    printer = await start(rude)
    async with IppClient(printer.uri) as client:
        with pytest.raises(IppTransportError):
            await client.request(request())
    assert len(printer.received) == 1


@pytest.mark.parametrize("status", [301, 401, 404, 426, 500, 503])
async def test_http_refusals_are_told_and_never_followed(start: Start, status: int) -> None:
    async def refuse(connection: Connection) -> None:
        await connection.request()
        await connection.stream.send_all(
            f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".encode()
        )

    printer = await start(refuse)
    async with IppClient(printer.uri) as client:
        with pytest.raises(IppHttpError) as caught:
            await client.request(request(Operation.PRINT_JOB), document(b"abc"), size=3)
    assert caught.value.status == status
    assert caught.value.sent_document_bytes == 3
    assert printer.connections == 1


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"", "application/ipp"),
        (b"<html>", "text/html"),
        (b"\x02\x00\x00\x00\x00\x00\x00\x07\x01\x44\x00", "application/ipp"),
        (b"\x02\x00\x00\x00\x00\x00\x00\x07\x44\x00\x01a\x00\x00\x03", "application/ipp"),
    ],
)
async def test_what_is_not_an_ipp_answer_is_refused(start: Start, body: bytes, media_type: str) -> None:
    async def nonsense(connection: Connection) -> None:
        await connection.request()
        await connection.reply(200, body, media_type=media_type)

    printer = await start(nonsense)
    async with IppClient(printer.uri) as client:
        with pytest.raises(IppAnswerError):
            await client.request(request())


async def test_an_answer_to_another_request_is_refused(start: Start) -> None:
    async def confused(connection: Connection) -> None:
        await connection.request()
        await connection.answer(ok(request(request_id=8)))

    printer = await start(confused)
    async with IppClient(printer.uri) as client:
        with pytest.raises(IppAnswerError, match="another request"):
            await client.request(request(request_id=7))


async def test_text_that_is_not_utf8_is_repaired(start: Start) -> None:
    async def latin(connection: Connection) -> None:
        received = await connection.request()
        group = Group(GroupTag.PRINTER, (text("printer-info", "caf?"),))
        body = bytearray(_encoded(ok(received.message, group)))
        body[body.index(b"caf?") + 3] = 0xE9
        await connection.reply(200, bytes(body))

    printer = await start(latin)
    async with IppClient(printer.uri) as client:
        answer = await client.request(request())
    assert answer.group(GroupTag.PRINTER).string("printer-info") == "caf\ufffd"


async def test_an_endless_answer_is_cut_at_the_limit(start: Start) -> None:
    sent = 0

    async def endless(connection: Connection) -> None:
        nonlocal sent
        await connection.request()
        await connection.stream.send_all(
            b"HTTP/1.1 200 X\r\nContent-Type: application/ipp\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await connection.stream.send_all(b"9\r\n\x02\x00\x00\x00\x00\x00\x00\x07\x03\r\n")
        while True:
            await connection.stream.send_all(b"10000\r\n" + bytes(65536) + b"\r\n")
            sent += 65536

    printer = await start(endless)
    async with IppClient(printer.uri, limits=IppLimits(max_message_bytes=100_000)) as client:
        with pytest.raises(IppAnswerError, match="too large"):
            await client.request(request())
    assert sent < 16 * 1024 * 1024


async def test_a_silent_printer_is_given_up(start: Start, patient_clock: MockClock) -> None:
    async def silent(connection: Connection) -> None:
        await connection.request()
        await trio.sleep_forever()

    printer = await start(silent)
    async with IppClient(printer.uri, response_timeout_s=30) as client:
        began = trio.current_time()
        with pytest.raises(IppTimeoutError) as caught:
            await client.request(request(Operation.PRINT_JOB), document(b"abc"), size=3)
    assert caught.value.sent_document_bytes == 3
    assert 29.9 < trio.current_time() - began < 31


async def test_an_answer_that_drips_is_bounded_as_a_whole(start: Start, patient_clock: MockClock) -> None:
    async def drip(connection: Connection) -> None:
        await connection.request()
        await connection.stream.send_all(
            b"HTTP/1.1 200 X\r\nContent-Type: application/ipp\r\nContent-Length: 1000\r\n\r\n"
        )
        while True:
            await connection.stream.send_all(b"\x02")
            await trio.sleep(1)

    printer = await start(drip)
    async with IppClient(printer.uri, response_timeout_s=30) as client:
        began = trio.current_time()
        with pytest.raises(IppClientError):
            await client.request(request())
        assert trio.current_time() - began < 31


async def test_a_printer_that_takes_nothing_is_given_up(start: Start, patient_clock: MockClock) -> None:
    async def stalled(connection: Connection) -> None:
        await connection.head()
        await trio.sleep_forever()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1024 * 1024)

    printer = await start(stalled)
    async with IppClient(printer.uri, write_timeout_s=60) as client:
        with pytest.raises(IppTimeoutError, match="stopped taking") as caught:
            await client.request(request(Operation.PRINT_JOB), endless())
    assert caught.value.sent_document_bytes > 0


async def test_a_slow_source_is_not_the_printers_fault(start: Start, patient_clock: MockClock) -> None:
    async def slow() -> AsyncIterator[bytes]:
        for _ in range(3):
            await trio.sleep(100)
            yield b"x"

    printer = await start(answer_everything)
    async with IppClient(printer.uri, write_timeout_s=10, response_timeout_s=10) as client:
        answer = await client.exchange(request(Operation.PRINT_JOB), slow())
    assert answer.document_complete


async def test_a_handshake_that_never_ends_is_a_connect_error(start: Start, patient_clock: MockClock) -> None:
    import ssl

    async def silent(connection: Connection) -> None:
        await trio.sleep_forever()

    printer = await start(silent)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with IppClient(printer.uri.replace("ipp:", "ipps:"), tls=context, connect_timeout_s=10) as client:
        began = trio.current_time()
        with pytest.raises(IppConnectError, match="in time") as caught:
            await client.request(request(Operation.PRINT_JOB), document(b"abc"))
    assert caught.value.sent_document_bytes == 0
    assert trio.current_time() - began < 11


async def test_cancelling_closes_the_connection_and_the_document(start: Start, nursery: trio.Nursery) -> None:
    closed = trio.Event()
    begun = trio.Event()

    async def counted(connection: Connection) -> None:
        await connection.head()
        await connection.take(100_000)
        begun.set()
        try:
            while True:
                await connection.take(65536)
        except DisconnectedError:
            closed.set()

    source_closed = False

    async def endless() -> AsyncIterator[bytes]:
        nonlocal source_closed
        try:
            while True:
                yield bytes(65536)
        finally:
            source_closed = True

    printer = await start(counted)
    async with IppClient(printer.uri) as client:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(client.request, request(Operation.PRINT_JOB), endless())
                await begun.wait()
                scope.cancel()
        assert scope.cancelled_caught
        with trio.fail_after(60):
            await closed.wait()
    assert source_closed


async def test_a_second_request_can_pass_a_document_on_its_way(start: Start) -> None:
    canceled = trio.Event()
    uploading = trio.Event()

    async def concurrent(connection: Connection) -> None:
        head = await connection.head()
        if b"chunked" in head:
            uploading.set()
            await canceled.wait()
            return
        await connection.take(10)
        await connection.answer(ok(request()))
        canceled.set()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)

    printer = await start(concurrent)
    async with IppClient(printer.uri) as client, trio.open_nursery() as inner:

        async def upload() -> None:
            with pytest.raises(IppTransportError):
                await client.request(request(Operation.SEND_DOCUMENT), endless())

        inner.start_soon(upload)
        await uploading.wait()
        await client.request(request(Operation.CANCEL_JOB))


@pytest.mark.parametrize(
    "bad",
    ["socket://printer", "ipp://", "ipp://user:pw@printer/", "ipp://printer:0/", "ipps://printer/", "x"],
)
def test_unusable_uris_are_our_own_error(bad: str) -> None:
    with pytest.raises(LocalProtocolError):
        IppClient(bad)


async def test_proxies_of_the_environment_are_not_used(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9/")
    printer = await start(answer_everything)
    async with IppClient(printer.uri) as client:
        assert (await client.request(request())).code == 0


def _encoded(message: Message) -> bytes:
    from protocols.ipp.encoder import encode

    return encode(message)
