"""The client over TLS: a printer is only talked to when its certificate is the one we know."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from protocols.ipp.client import IppClient
from protocols.ipp.client_errors import IppCertificateError
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.tls import create_self_signed, pinned_context, server_context
from tests.support.scripted_printer import Connection, ScriptedPrinter, answer_everything

REQUEST = Message((2, 0), Operation.PRINT_JOB, 1, (Group(GroupTag.OPERATION),))


@dataclass
class Identity:
    certificate: bytes
    context: ssl.SSLContext


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    key, certificate = create_self_signed(["printer.example"])
    key_file, certificate_file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    key_file.write_bytes(key)
    certificate_file.write_bytes(certificate)
    return Identity(certificate, server_context(certificate_file, key_file))


async def document() -> AsyncIterator[bytes]:
    yield b"secret"


async def test_a_pinned_printer_is_talked_to(nursery: trio.Nursery, identity: Identity) -> None:
    printer = ScriptedPrinter(answer_everything, tls=identity.context)
    await nursery.start(printer.serve)
    async with IppClient(printer.uri, tls=pinned_context(identity.certificate)) as client:
        answer = await client.request(REQUEST, document(), size=6)
    assert answer.code == 0
    assert printer.received[0].document == b"secret"


async def test_another_certificate_gets_nothing(nursery: trio.Nursery, identity: Identity) -> None:
    _, other = create_self_signed(["printer.example"])
    printer = ScriptedPrinter(answer_everything, tls=identity.context)
    await nursery.start(printer.serve)
    async with IppClient(printer.uri, tls=pinned_context(other)) as client:
        with pytest.raises(IppCertificateError) as caught:
            await client.request(REQUEST, document(), size=6)
    assert caught.value.sent_document_bytes == 0
    assert printer.received == []


async def test_cancelling_a_handshake_closes_the_connection(nursery: trio.Nursery) -> None:
    begun, ended = trio.Event(), trio.Event()

    async def silent(connection: Connection) -> None:
        await connection.fill()
        begun.set()
        try:
            await connection.fill()
        finally:
            ended.set()

    printer = ScriptedPrinter(silent)
    await nursery.start(printer.serve)
    uri = printer.uri.replace("ipp:", "ipps:")
    async with IppClient(uri, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        async with trio.open_nursery() as inner:
            inner.start_soon(client.request, REQUEST)
            await begun.wait()
            inner.cancel_scope.cancel()
        with trio.fail_after(60):
            await ended.wait()
    assert printer.disconnected == 1
