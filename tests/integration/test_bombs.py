"""Attribute bombs and endless collections sent to the daemon: refused within stated time and memory."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.ipp.decoder import decode
from protocols.limits import KIB, MIB, HttpLimits, IppLimits
from protocols.streams import LINGER_MAX_BYTES
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import Daemon
from tests.integration.ipp_asking import printer_name
from tests.support.ipp_bombs import BOMBS, HEAD, item

pytestmark = pytest.mark.alone

SITE = """
[printers.sink]
uri = "folder:{folder}"
[queues.open]
printers = ["sink"]
authentication = "at-release"
"""
TIMEOUT_S = 60.0
# Each takes 5 to 20 ms to refuse; the rest is for what the clock of the kernel's accounts cannot tell apart.
MAX_PROCESSOR_S_EACH = 0.1
ROUNDS = 3
# A message of 1 MiB, read into objects and thrown away; the same room is used again by the next one.
MAX_GROWTH_BYTES = 48 * MIB
# What is on its way when the refusal comes: two sockets' buffers, and what is thrown away behind an answer.
MAX_ON_ITS_WAY_BYTES = 16 * MIB + LINGER_MAX_BYTES
BAD_REQUEST, TOO_LARGE = 0x0400, 0x0408


@pytest.fixture
def daemon(make_daemon: MakeDaemon, tmp_path: Path) -> Daemon:
    return make_daemon(SITE.format(folder=tmp_path), listen={"ipp": "127.0.0.1:0"})


def processor_s(daemon: Daemon) -> float:
    assert daemon.process is not None
    fields = Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def most_rss_bytes(daemon: Daemon) -> int:
    """The most that was ever resident (VmHWM), so that nothing is missed between two looks."""
    assert daemon.process is not None
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * KIB


def refusal_of(daemon: Daemon, pieces: Iterator[bytes], framing: bytes) -> tuple[int, int]:
    """Send a request until the daemon ends it; return the status (IPP's if there is one) and bytes sent."""
    sent = 0
    with socket.create_connection(("127.0.0.1", daemon.ports["ipp"]), timeout=TIMEOUT_S) as connection:
        connection.sendall(
            b"POST /ipp/print/open HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: application/ipp\r\n" + framing + b"\r\n"
        )
        try:
            for piece in pieces:
                connection.sendall(piece)
                sent += len(piece)
        except OSError:
            # It has closed: what it said before is still to be read, unless a reset took it.
            pass
        said = b""
        try:
            while piece := connection.recv(65536):
                said += piece
                if said.startswith(b"HTTP/1.1 100 "):
                    said = said.partition(b"\r\n\r\n")[2]
        except OSError:
            pass
    head, _, body = said.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1]) if head else 0
    return (decode(body, IppLimits())[0].code if status == 200 else status), sent


def test_attribute_bombs_cost_little(daemon: Daemon) -> None:
    assert printer_name(daemon.ports["ipp"]) == "open"
    before_s, before_bytes = processor_s(daemon), most_rss_bytes(daemon)
    for _ in range(ROUNDS):
        for name, bomb in BOMBS.items():
            status, _ = refusal_of(daemon, iter((bomb,)), b"Content-Length: %d\r\n" % len(bomb))
            assert status in (BAD_REQUEST, TOO_LARGE, 400, 413), (name, status)
    used_s = processor_s(daemon) - before_s
    assert used_s <= ROUNDS * len(BOMBS) * MAX_PROCESSOR_S_EACH, f"{used_s:.2f} s of processor time"
    growth = most_rss_bytes(daemon) - before_bytes
    assert growth <= MAX_GROWTH_BYTES, f"resident memory grew by {growth / MIB:.1f} MiB"
    assert daemon.jobs() == []
    began = time.perf_counter()
    assert printer_name(daemon.ports["ipp"]) == "open"
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("what", ["collection", "values", "attributes", "one value's words"])
def test_an_endless_request_is_refused_when_it_has_said_enough(daemon: Daemon, what: str) -> None:
    """Chunked, so that no length gives it away; it is over after one message's bound, not at a deadline."""

    def octets() -> Iterator[bytes]:
        yield HEAD + b"\x01" + (item(0x34, "a", b"") if what == "collection" else item(0x41, "a", b""))
        number = 0
        while True:
            number += 1
            if what == "collection":
                yield (item(0x4A, "", b"m") + item(0x34, "", b"")) * 100
            elif what == "values":
                yield item(0x41, "", b"x") * 1000
            elif what == "attributes":
                yield b"".join(item(0x41, f"{number}-{one}", b"x") for one in range(500))
            else:
                yield item(0x41, "", b"x" * 65_000)

    def chunks() -> Iterator[bytes]:
        for piece in octets():
            yield b"%x\r\n%b\r\n" % (len(piece), piece)

    before_s, before_bytes = processor_s(daemon), most_rss_bytes(daemon)
    status, sent = refusal_of(daemon, chunks(), b"Transfer-Encoding: chunked\r\n")
    # 0: the daemon has answered and closed, and the reset behind that took the answer from the client.
    assert status in (0, BAD_REQUEST, TOO_LARGE, 400, 413), status
    assert sent <= IppLimits().max_message_bytes + HttpLimits().receive_bytes + MAX_ON_ITS_WAY_BYTES
    assert processor_s(daemon) - before_s <= 1.0
    assert most_rss_bytes(daemon) - before_bytes <= MAX_GROWTH_BYTES
    assert printer_name(daemon.ports["ipp"]) == "open"
    assert daemon.jobs() == []
