"""The IPP adapter: what it says and understands, certificates, and printers that are out to do harm."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from protocols.ipp.message import Group
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import collection, integer, keyword, name_, range_, text
from protocols.tls import spki_pin
from spoold.model.printer import Printer
from spoold.printers.base import NoSuchRemoteJob, Outgoing, PrinterRefused, PrinterUnreachable, Ticket
from spoold.printers.ipp_printer import IppPrinter
from tests.support.fake_ipp_printer import COMPLETED, FakeIppPrinter, FakeJob, Fault, Step
from tests.support.printer_conformance import DOCUMENT, PDF, outgoing, pieces, ticket
from tests.support.scripted_printer import Connection, Script, ScriptedPrinter, ok
from tests.support.tls_pair import make_tls_pair
from tests.support.trio_clock import TrioClock

IDLE_S = 0.02


@asynccontextmanager
async def serving(fake: FakeIppPrinter, **configured: object) -> AsyncIterator[IppPrinter]:
    async with trio.open_nursery() as nursery:
        await nursery.start(fake.serve)
        adapter = IppPrinter(Printer("lobby", fake.uri, **configured), TrioClock())  # type: ignore[arg-type]
        yield adapter
        await adapter.aclose()
        nursery.cancel_scope.cancel()


async def print_one(adapter: IppPrinter, told: Ticket, document: Outgoing | None = None) -> None:
    remote_id = await adapter.create(told)
    await adapter.send(told, remote_id, document or outgoing(), pieces())


@pytest.mark.parametrize("one_step", [False, True])
async def test_what_the_printer_is_told(one_step: bool) -> None:
    template = (
        integer("copies", 2),
        keyword("sides", "two-sided-long-edge"),
        range_("page-ranges", (1, 3)),
        collection("media-col", [collection("media-size", [integer("x-dimension", 21000)])]),
    )
    told = Ticket("5a" * 16, "spoold", template, (PDF,))
    fake = FakeIppPrinter(one_step=one_step)
    async with serving(fake) as adapter:
        await adapter.status()
        await print_one(adapter, told)
    [job] = fake.jobs
    assert (job.name, job.user, job.names) == ("5a" * 16, "spoold", [""])
    assert job.attributes == Group(GroupTag.JOB, template)
    codes = [request.code for request in fake.requests[1:]]
    steps = [Operation.PRINT_JOB] if one_step else [Operation.CREATE_JOB, Operation.SEND_DOCUMENT]
    assert codes == steps
    [sent] = [request.operation_group for request in fake.requests if request.code == steps[-1]]
    assert sent.string("document-format") == PDF
    assert sent.get("document-name") is None


async def test_a_title_goes_out_only_as_document_name() -> None:
    fake = FakeIppPrinter()
    async with serving(fake) as adapter:
        document = Outgoing(1, PDF, len(DOCUMENT), True, "Übersicht " * 60)
        await print_one(adapter, ticket(), document)
    [job] = fake.jobs
    assert job.name == "5a" * 16
    assert len(job.names[0].encode()) <= 255
    assert job.names[0].startswith("Übersicht")


async def test_a_printer_without_create_job_is_found_out_by_trying() -> None:
    fake = FakeIppPrinter(one_step=True)
    async with serving(fake) as adapter:
        await print_one(adapter, ticket())
    assert [request.code for request in fake.requests] == [Operation.CREATE_JOB, Operation.PRINT_JOB]


async def test_an_old_printer_is_spoken_to_in_its_version() -> None:
    fake = FakeIppPrinter(versions=((1, 1),))
    async with serving(fake) as adapter:
        assert (await adapter.status()).ready
        await print_one(adapter, ticket())
        assert (await adapter.status()).ready
    assert [request.version for request in fake.requests] == [(2, 0), *[(1, 1)] * 4]


async def test_a_format_the_printer_does_not_take_is_refused_before_anything_is_sent() -> None:
    fake = FakeIppPrinter(formats=("image/pwg-raster",))
    async with serving(fake) as adapter:
        await adapter.status()
        with pytest.raises(PrinterRefused, match="application/pdf"):
            await adapter.create(ticket())
    assert fake.jobs == []


async def test_another_job_under_our_number_is_not_ours() -> None:
    fake = FakeIppPrinter()
    async with serving(fake) as adapter:
        fake.jobs.append(FakeJob(1, "somebody else's", "eve", Group(GroupTag.JOB), COMPLETED, 3))
        with pytest.raises(NoSuchRemoteJob):
            await adapter.progress(ticket(), 1)
        with pytest.raises(NoSuchRemoteJob):
            await adapter.cancel(ticket(), 1)
        assert await adapter.find(ticket()) is None


async def test_the_description_is_read_from_our_own_decoding() -> None:
    fake = FakeIppPrinter(
        extra=(
            text("printer-make-and-model", "Acme\x07 LaserThing \u202e9000" + "x" * 300),
            name_("marker-names", "Black", "Cyan", "Waste"),
            keyword("marker-types", "toner", "toner", "waste-toner"),
            integer("marker-levels", 80, 3, -2),
            integer("marker-low-levels", 10, 10, 0),
            integer("marker-high-levels", 100, 100, 100),
        )
    )
    async with serving(fake) as adapter:
        described = await adapter.describe()
    assert described.make_and_model.startswith("Acme LaserThing 9000")
    assert len(described.make_and_model) <= 127
    levels = [(supply.name, supply.level, supply.low) for supply in described.supplies]
    assert levels == [("Black", 80, False), ("Cyan", 3, True), ("Waste", None, False)]


async def test_odd_supplies_do_no_harm() -> None:
    fake = FakeIppPrinter(
        extra=(
            integer("printer-make-and-model", 7),
            name_("marker-names", *[f"m{number}" for number in range(500)]),
            keyword("marker-levels", "full"),
            text("printer-device-id", "MFG:;MDL;;:;CMD" + ":" * 200),
        )
    )
    async with serving(fake) as adapter:
        described = await adapter.describe()
    assert len(described.supplies) == 32
    assert all(supply.level is None for supply in described.supplies)


# -- certificates --


async def test_a_pinned_printer_is_known_by_its_key(tmp_path: Path) -> None:
    pair = make_tls_pair(tmp_path)
    fake = FakeIppPrinter(tls=pair.server)
    async with serving(fake, pin=spki_pin(pair.certificate.read_text())) as adapter:
        assert (await adapter.status()).ready
        await print_one(adapter, ticket())
    assert len(fake.jobs) == 1


async def test_another_key_gets_no_byte(tmp_path: Path) -> None:
    pair = make_tls_pair(tmp_path)
    fake = FakeIppPrinter(tls=pair.server)
    async with serving(fake, pin="sha256:" + "ab" * 32) as adapter:
        status = await adapter.status()
        assert not status.ready
        assert "another certificate" in status.why
        with pytest.raises(PrinterUnreachable) as refused:
            await adapter.send(ticket(), 1, outgoing(), pieces())
        assert not refused.value.document_sent
    assert fake.connections >= 2
    assert fake.application_bytes == 0


async def test_a_certificate_that_changes_under_us_gets_no_byte(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    pair, other = make_tls_pair(tmp_path / "first"), make_tls_pair(tmp_path / "second")
    fake = FakeIppPrinter(tls=pair.server)
    async with serving(fake, pin=spki_pin(pair.certificate.read_text())) as adapter:
        assert (await adapter.status()).ready
        await adapter.aclose()
        fake.tls, fake.application_bytes = other.server, 0
        status = await adapter.status()
        assert not status.ready
        assert "another certificate" in status.why
        with pytest.raises(PrinterUnreachable) as refused:
            await print_one(adapter, ticket())
        assert not refused.value.document_sent
        assert fake.application_bytes == 0
        # The old one back again: nothing has to be configured anew.
        fake.tls = pair.server
        assert (await adapter.status()).ready


async def test_an_unknown_authority_gets_no_byte(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    pair, other = make_tls_pair(tmp_path / "first"), make_tls_pair(tmp_path / "second")
    fake = FakeIppPrinter(tls=pair.server)
    async with serving(fake, ca=str(other.certificate)) as adapter:
        status = await adapter.status()
        assert not status.ready
        assert "certificate" in status.why
    assert fake.application_bytes == 0


async def test_a_ca_file_that_is_gone_is_not_ready(tmp_path: Path) -> None:
    pair = make_tls_pair(tmp_path)
    fake = FakeIppPrinter(tls=pair.server)
    async with serving(fake, ca=str(tmp_path / "nowhere.pem")) as adapter:
        status = await adapter.status()
        assert (status.ready, status.why) == (False, "The printer's certificate cannot be checked.")
    assert fake.application_bytes == 0


# -- printers that are out to do harm --


@asynccontextmanager
async def hostile(script: Script) -> AsyncIterator[tuple[IppPrinter, ScriptedPrinter]]:
    printer = ScriptedPrinter(script)
    async with trio.open_nursery() as nursery:
        await nursery.start(printer.serve)
        adapter = IppPrinter(Printer("lobby", printer.uri), TrioClock())
        yield adapter, printer
        await adapter.aclose()
        nursery.cancel_scope.cancel()


async def endless_body(connection: Connection) -> None:
    await connection.request()
    await connection.stream.send_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    while True:
        await connection.stream.send_all(b"10000\r\n" + b"\x00" * 65536 + b"\r\n")


async def endless_attributes(connection: Connection) -> None:
    request = await connection.request()
    await connection.stream.send_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\nContent-Length: 104857600\r\n\r\n"
    )
    await connection.stream.send_all(b"\x02\x00\x00\x00" + request.message.request_id.to_bytes(4, "big"))
    await connection.stream.send_all(b"\x04")
    while True:
        await connection.stream.send_all(b"\x44\x00\x01a\x00\x04none" * 4096)


async def endless_continue(connection: Connection) -> None:
    await connection.request()
    for _ in range(10_000):
        await connection.stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n")


async def endless_head(connection: Connection) -> None:
    await connection.request()
    await connection.stream.send_all(b"HTTP/1.1 200 OK\r\n")
    while True:
        await connection.stream.send_all(b"X-Nonsense: " + b"y" * 4000 + b"\r\n")


async def drop_by_drop(connection: Connection) -> None:
    await connection.request()
    for octet in b"HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\n" * 1000:
        await connection.stream.send_all(bytes([octet]))
        await trio.sleep(1)


def redirect_to(address: str) -> Script:
    async def redirect(connection: Connection) -> None:
        await connection.request()
        await connection.stream.send_all(
            f"HTTP/1.1 301 Moved\r\nLocation: {address}\r\nContent-Length: 0\r\n\r\n".encode()
        )

    return redirect


async def challenge(connection: Connection) -> None:
    while True:
        await connection.request()
        await connection.stream.send_all(
            b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
        )


async def wrong_request(connection: Connection) -> None:
    request = await connection.request()
    answer = ok(request.message)
    await connection.answer(type(answer)(answer.version, 0, request.message.request_id + 1, answer.groups))


@pytest.mark.parametrize(
    "script",
    [
        endless_body,
        endless_attributes,
        endless_continue,
        endless_head,
        drop_by_drop,
        challenge,
        wrong_request,
    ],
    ids=lambda script: script.__name__,
)
async def test_a_hostile_printer_is_only_not_ready(script: Script, mock_clock: MockClock) -> None:
    mock_clock.autojump_threshold = IDLE_S
    async with hostile(script) as (adapter, printer):
        with trio.fail_after(30):
            status = await adapter.status()
        assert (status.ready, status.state) == (False, "unknown")
        assert status.why
        for request in printer.received:
            assert request.header("authorization") is None


async def test_a_redirect_is_not_followed() -> None:
    other = FakeIppPrinter()
    async with serving(other):
        async with hostile(redirect_to(f"http://127.0.0.1:{other.port}/ipp/print")) as (adapter, _):
            assert not (await adapter.status()).ready
        assert other.connections == 0


async def test_requests_in_a_row_share_a_connection() -> None:
    """A job is asked after every second; printers with one slow processor pay for each TLS handshake."""
    fake = FakeIppPrinter()
    async with serving(fake) as adapter:
        for _ in range(5):
            await adapter.status()
        assert fake.connections == 1


async def test_a_fault_says_whether_the_document_can_have_arrived() -> None:
    fake = FakeIppPrinter()
    async with serving(fake) as adapter:
        told = ticket()
        remote_id = await adapter.create(told)
        fake.fault = (Step.FIRST_BYTE, Fault.RESET)
        with pytest.raises(PrinterUnreachable) as cut:
            await adapter.send(told, remote_id, outgoing(), pieces())
        assert cut.value.document_sent
        fake.vanish()
        with pytest.raises(PrinterUnreachable) as absent:
            await adapter.send(told, remote_id, outgoing(), pieces())
        assert not absent.value.document_sent
