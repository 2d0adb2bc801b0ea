"""Large and many: a 1 GiB job in little memory, and a thousand slow connections that stop nobody else."""

import hashlib
import http.client
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from protocols.ipp.encoder import encode
from protocols.ipp.operations import Operation
from protocols.ipp.status import is_successful
from protocols.limits import HttpLimits
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, ROOT, Daemon
from tests.integration.ipp_asking import answer_of, ask, message, print_job

pytestmark = pytest.mark.alone

MIB = 1024 * 1024
GIB = 1024 * MIB
MAX_GROWTH_BYTES = 32 * MIB
# docs/performance.md, memory.
MAX_IDLE_BYTES = 100 * MIB
SAMPLE_S = 0.01
IPP = {"Content-Type": "application/ipp"}
# A loaded machine writes 1 GiB twice and syncs it twice.
LARGE_TIMEOUT_S = 300.0

SITE = """
[printers.sink]
uri = "folder:{folder}"

[queues.open]
printers = ["sink"]
authentication = "at-release"
"""


class Document:
    """A PDF of any size, made while it is sent; no two mebibytes of it are alike."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes
        self._noise = os.urandom(MIB)
        self._sha256 = hashlib.sha256()

    def pieces(self) -> Iterator[bytes]:
        """Make it."""
        first = b"%PDF-1.4\n" + CANARY_DOCUMENT
        while self._left:
            piece = (first + self._left.to_bytes(8) + self._noise)[: min(MIB, self._left)]
            self._left -= len(piece)
            self._sha256.update(piece)
            first = b""
            yield piece

    @property
    def sha256(self) -> str:
        """Of what was made so far."""
        return self._sha256.hexdigest()


@contextmanager
def most_memory(pid: int) -> Iterator[Callable[[], int]]:
    """Sample a process's resident memory; gives a function that returns the most bytes there were so far."""
    most = [rss_bytes(pid)]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(SAMPLE_S):
            most[0] = max(most[0], rss_bytes(pid))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield lambda: most[0]
    finally:
        stop.set()
        watching.join()


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def containers(daemon: Daemon) -> list[Path]:
    return [path for path in (daemon.state / "documents").rglob("*") if path.is_file()]


def in_and_out(daemon: Daemon, folder: Path, size_bytes: int) -> None:
    """Print a chunked document, release it, compare what came out, and throw that away."""
    document = Document(size_bytes)

    def body() -> Iterator[bytes]:
        yield print_job()
        yield from document.pieces()

    with closing(
        http.client.HTTPConnection("localhost", daemon.ports["ipp"], timeout=LARGE_TIMEOUT_S)
    ) as connection:
        connection.request("POST", "/ipp/print/open", body(), IPP, encode_chunked=True)
        answer = answer_of(connection.getresponse())
    assert is_successful(answer.code), answer.operation_group.string("status-message")
    (job,) = daemon.wait_for_job("held")
    assert job["size_bytes"] == size_bytes
    assert len(containers(daemon)) == 1
    released = daemon.release(job["id"], "alice", wait_s=LARGE_TIMEOUT_S / 3)
    assert released["state"] == "completed", released["reason"]
    (path,) = folder.glob("*.pdf")
    try:
        with path.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == document.sha256
    finally:
        path.unlink()


def test_a_gibibyte_goes_in_and_out_in_constant_memory(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    folder = tmp_path / "sink"
    folder.mkdir()
    daemon = make_daemon(SITE.format(folder=folder))
    daemon.add_user("alice")
    assert daemon.process is not None
    # What is loaded or grown once, whatever the size, is there after a document of a few batches.
    in_and_out(daemon, folder, 8 * MIB)
    idle = rss_bytes(daemon.process.pid)

    with most_memory(daemon.process.pid) as most:
        in_and_out(daemon, folder, GIB)
        growth = most() - idle

    assert growth <= MAX_GROWTH_BYTES, f"resident memory grew by {growth / MIB:.1f} MiB"
    assert containers(daemon) == [], "a container was left behind"


IDLE_CONNECTIONS = 10_000
MAX_IDLE_GROWTH_BYTES = 100 * MIB
# Everything else that a daemon and its clients have open.
OTHER_DESCRIPTORS = 500
IDLE_TIMEOUT_S = 120.0


def post(octets: bytes) -> bytes:
    """Return the whole HTTP request."""
    return (
        b"POST /ipp/print/open HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/ipp\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(octets), octets)
    )


def test_ten_thousand_idle_connections_take_little_memory(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """Kept after an answer, as by workstations that watch a queue; another client is served as usual."""
    # What the daemon may open is bounded by the machine: where that is too little, fewer are opened, and the
    # bound is for as many.
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = allowed if allowed != resource.RLIM_INFINITY else 2 * IDLE_CONNECTIONS
    count = min(IDLE_CONNECTIONS, most - OTHER_DESCRIPTORS)
    daemon = make_daemon(SITE.format(folder=tmp_path), listen={"ipp": "127.0.0.1:0"})
    assert daemon.process is not None
    question = encode(message(Operation.GET_PRINTER_ATTRIBUTES, "open"))
    for _ in range(20):
        ask(daemon.ports["ipp"], question)
    before = rss_bytes(daemon.process.pid)
    idlers = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.idlers", str(daemon.ports["ipp"]), str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert idlers.stdin is not None
        assert idlers.stdout is not None
        idlers.stdin.write(post(question).hex() + "\n")
        idlers.stdin.flush()
        assert idlers.stdout.readline() == "ready\n"
        growth = rss_bytes(daemon.process.pid) - before
        began = time.perf_counter()
        assert is_successful(ask(daemon.ports["ipp"], print_job(format="text/plain") + b"Text.\n").code)
        printed_s = time.perf_counter() - began
        still_open = int(idlers.communicate("\n", timeout=IDLE_TIMEOUT_S)[0])
    finally:
        idlers.kill()
        idlers.wait()
    assert still_open == count
    assert growth <= MAX_IDLE_GROWTH_BYTES * count / IDLE_CONNECTIONS, (
        f"{count} idle connections took {growth / MIB:.1f} MiB"
    )
    assert printed_s < MAX_P99_S * 8, f"a page took {printed_s:.2f} s beside them"


SLOW_HEADS = 500
SLOW_BODIES = 450
SLOW_DOCUMENTS = 50
# Above one byte a second nobody speaks, and every connection begins somewhere within its second.
BYTE_EVERY_S = 1.0
# The watch looks once a second; the rest is for a machine that is busy with other things.
LATE_S = 8.0
MAX_P99_S = 0.25
ASK_EVERY_S = 0.02
PRINT_EVERY = 25


@dataclass
class Slow:
    """Clients of one kind: what each sends at once, what it then sends byte by byte, and for how long it may.

    Args:
        deadline_s: when the daemon ends such a connection.
        lived_s: how long each connection lived.
    """

    at_once: bytes
    dripped: bytes
    deadline_s: float
    lived_s: list[float] = field(default_factory=list)

    async def drip(self, port: int, phase_s: float, *, task_status: trio.TaskStatus[None]) -> None:
        """Connect and send until the daemon ends it."""
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        opened_s = trio.current_time()
        await stream.send_all(self.at_once)
        task_status.started()
        await trio.sleep(phase_s)
        with suppress(trio.BrokenResourceError):
            for position in range(len(self.dripped)):
                await stream.send_all(self.dripped[position : position + 1])
                if await _ended(stream):
                    break
        self.lived_s.append(trio.current_time() - opened_s)
        await stream.aclose()


async def _ended(stream: trio.SocketStream) -> bool:
    """Wait for the next byte's time; tell whether the daemon has closed the connection meanwhile."""
    with trio.move_on_after(BYTE_EVERY_S):
        while await stream.receive_some():
            pass
        return True
    return False


class Others:
    """Somebody who goes on asking and printing meanwhile, in a thread of their own."""

    def __init__(self, daemon: Daemon) -> None:
        self._port = daemon.ports["ipp"]
        self._stop = threading.Event()
        self.latencies_s: list[float] = []
        self.printed = 0

    def stop(self) -> None:
        """End it."""
        self._stop.set()

    def go_on(self) -> None:
        """Ask again and again over one connection; now and then print a page over another."""
        question = encode(message(Operation.GET_PRINTER_ATTRIBUTES, "open"))
        with closing(http.client.HTTPConnection("localhost", self._port, timeout=30)) as connection:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not self._stop.wait(ASK_EVERY_S):
                began = time.perf_counter()
                connection.request("POST", "/ipp/print/open", question, IPP)
                answer = answer_of(connection.getresponse())
                self.latencies_s.append(time.perf_counter() - began)
                assert is_successful(answer.code)
                if len(self.latencies_s) % PRINT_EVERY == 0:
                    self._print()

    def _print(self) -> None:
        answer = ask(self._port, print_job(format="text/plain") + b"A page of text.\n" * 40)
        assert is_successful(answer.code), answer.operation_group.string("status-message")
        self.printed += 1

    @property
    def p99_s(self) -> float:
        """The latency that one request in a hundred exceeds."""
        ordered = sorted(self.latencies_s)
        return ordered[len(ordered) * 99 // 100]


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """Allow this process more open files than a shell gives it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _slow_clients(limits: HttpLimits) -> dict[str, Slow]:
    octets = print_job()
    head = (
        b"POST /ipp/print/open HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/ipp\r\n"
        b"Content-Length: 1000000\r\n\r\n"
    )
    return {
        "heads": Slow(b"", head, limits.head_timeout_s),
        "bodies": Slow(head, octets, limits.body_rate_window_s),
        "documents": Slow(head + octets + b"%PDF-1.4\n", bytes(1000), limits.body_rate_window_s),
    }


async def test_a_thousand_slow_connections_stop_nobody_else(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """Slowloris in heads, attributes and documents."""
    daemon = make_daemon(SITE.format(folder=tmp_path))
    slow = _slow_clients(HttpLimits())
    counts = {"heads": SLOW_HEADS, "bodies": SLOW_BODIES, "documents": SLOW_DOCUMENTS}
    others = Others(daemon)
    with descriptors(4096):
        async with trio.open_nursery() as everybody:
            async with trio.open_nursery() as slow_ones:
                for kind, count in counts.items():
                    for number in range(count):
                        phase_s = BYTE_EVERY_S * number / count
                        await slow_ones.start(slow[kind].drip, daemon.ports["ipp"], phase_s)
                everybody.start_soon(trio.to_thread.run_sync, others.go_on)
            others.stop()

    for kind, clients in slow.items():
        assert len(clients.lived_s) == counts[kind]
        latest_s = clients.deadline_s + LATE_S
        assert clients.deadline_s - 1 <= min(clients.lived_s), (kind, min(clients.lived_s))
        assert max(clients.lived_s) <= latest_s, (kind, max(clients.lived_s))
    assert len(others.latencies_s) > 200
    assert others.p99_s < MAX_P99_S, f"p99 is {others.p99_s * 1000:.0f} ms"
    assert others.printed > 5
    # Interrupted documents leave nothing behind, and the jobs that came in between are all there.
    assert len(daemon.wait_for_job("held", count=others.printed)) == others.printed
    assert containers(daemon) == []


def test_an_idle_daemon_is_small(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """What nobody configured is not loaded: libraries are imported where they are used."""
    daemon = make_daemon(SITE.format(folder=tmp_path / "printed"))
    assert daemon.process is not None
    assert rss_bytes(daemon.process.pid) <= MAX_IDLE_BYTES
