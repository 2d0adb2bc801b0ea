"""The daemon as a process: socket activation, notices to systemd, signals, crashes, and what it refuses."""

import http.client
import os
import re
import signal
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from protocols.ipp.status import Status
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, Daemon
from tests.integration.ipp_asking import Upload, hold, printer_name, tls_context
from tests.integration.recorder import wait_until
from tests.support import pdfs
from tests.support.ports import free_port

MIB = 1024 * 1024
# Signs come twice as often: between them there is time for a machine that is busy with other things.
WATCHDOG_USEC = 10_000_000
SITE = """
[printers.lab]
uri = "folder:{folder}"
[queues.open]
printers = ["lab"]
authentication = "at-release"
"""
SECOND_QUEUE = '[queues.second]\nprinters = ["lab"]\nauthentication = "at-release"\n'
# sd_notify(3) names the process; systemd sets the variable after fork, as this shell does after its own.
WATCHED = ("sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh")


@dataclass
class Manager:
    """Stands where systemd stands: a socket for notices, with the time each came at."""

    path: Path
    notices: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))

    def wait_for(self, line: str, *, after: int = 0, timeout_s: float = 120.0) -> int:
        """Read notices until one after the given place has this line; returns the place behind it."""
        deadline = time.monotonic() + timeout_s
        place = after
        while True:
            for place, (_, notice) in enumerate(self.notices[after:], after + 1):
                if line in notice.split("\n"):
                    return place
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                notice = self._socket.recv(65536).decode()
            except TimeoutError:
                raise AssertionError(f"no {line} after {self.notices[after:]}") from None
            self.notices.append((time.monotonic(), notice))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    one = Manager(tmp_path / "notify")
    yield one
    one.close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder that stands for a printer."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def document(size_bytes: int = 0) -> bytes:
    """Return a PDF with the canary in it, of about this size."""
    padding = b"%" + b"." * size_bytes + b"\n" if size_bytes else b""
    return pdfs.pdf(1, text=CANARY_DOCUMENT.decode()) + padding


def printed(out: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(out.iterdir())]


def activated(make_daemon: MakeDaemon, config: str, *doors: str) -> tuple[Daemon, socket.socket]:
    """Start what starts the daemon at the first connection, and connect to the first door."""
    daemon = make_daemon(config, start=False, listen={})
    passed = ("--setenv=PYTHONWARNINGS", "--setenv=HOME")
    while True:
        daemon.ports = {door: free_port() for door in doors}
        listen = (f"--listen=127.0.0.1:{port}" for port in daemon.ports.values())
        daemon.wrapper = ("systemd-socket-activate", *listen, f"--fdname={':'.join(doors)}", *passed)
        daemon.start(wait=False)
        first = knock(daemon, daemon.ports[doors[0]])
        if first is not None:
            return daemon, first
        # Somebody else was faster to take one of the ports.
        assert "Address already in use" in daemon.log, daemon.log
        daemon.log_path.unlink()


def knock(daemon: Daemon, port: int) -> socket.socket | None:
    """Connect to a port as soon as it is listened on; None when the process ends before that."""
    process, found = daemon.process, []
    assert process is not None

    def connected_or_ended() -> bool:
        try:
            found.append(socket.create_connection(("127.0.0.1", port), timeout=60))
        except ConnectionRefusedError:
            return process.poll() is not None
        return True

    wait_until(connected_or_ended, f"listening on port {port}")
    return found[0] if found else None


def get(port: int, path: str, context: ssl.SSLContext) -> tuple[int, str]:
    connection = http.client.HTTPSConnection("localhost", port, timeout=60, context=context)
    with closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


# -- under systemd --


def test_the_daemon_answers_on_sockets_that_it_was_given(make_daemon: MakeDaemon, out: Path) -> None:
    # Nobody is refused while the daemon starts: the first client's connection waits for it.
    daemon, first = activated(make_daemon, SITE.format(folder=out), "ipp", "web")
    ports = daemon.ports
    daemon.wait_ready()
    assert daemon.ports == ports
    ipp, web = ports["ipp"], ports["web"]
    first.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert first.recv(9) == b"HTTP/1.1 "
    first.close()
    context = tls_context(daemon)
    assert printer_name(ipp) == printer_name(ipp, tls=context) == "open"
    assert get(web, "/healthz", context)[0] == 200
    job = hold(daemon, document())
    assert [one["id"] for one in daemon.wait_for_job("held")] == [str(job)]
    assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("door", "words"),
    [
        ("lpr", "LPR listens, so [lpr] allow must list the networks that may use it"),
        ("imap", "systemd passed sockets named imap; known are ipp, web and lpr."),
    ],
)
def test_a_socket_that_must_not_be_served_is_refused(
    make_daemon: MakeDaemon, out: Path, door: str, words: str
) -> None:
    daemon, first = activated(make_daemon, SITE.format(folder=out), door)
    first.close()
    assert daemon.process is not None
    assert daemon.process.wait(120) == 2
    assert words in daemon.log
    assert not daemon.state.exists()
    # Its status is known here; the fixture expects daemons that end well.
    daemon.process = None


def test_systemd_is_told_of_every_change(make_daemon: MakeDaemon, out: Path, manager: Manager) -> None:
    environment = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": str(WATCHDOG_USEC)}
    daemon = make_daemon(SITE.format(folder=out), environment=environment, wrapper=WATCHED, start=False)
    daemon.start(wait=False)
    ready = manager.wait_for("READY=1")
    # Ready means that clients are answered, not that they soon will be.
    daemon.ports = {
        door: int(found[0].rpartition(":")[2])
        for door, found in daemon.command("status")["listening"].items()
        if found
    }
    assert printer_name(daemon.ports["ipp"]) == "open"
    watched = [manager.wait_for("WATCHDOG=1", after=ready)]
    watched.append(manager.wait_for("WATCHDOG=1", after=watched[-1]))
    times = [manager.notices[place - 1][0] for place in watched]
    assert times[1] - times[0] < WATCHDOG_USEC / 1e6
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    reloading = manager.wait_for("RELOADING=1", after=watched[-1])
    notice = manager.notices[reloading - 1][1]
    said = re.search(r"^MONOTONIC_USEC=(\d+)$", notice, re.M)
    assert said is not None
    assert 0 <= time.monotonic() - int(said[1]) / 1e6 < 120
    again = manager.wait_for("READY=1", after=reloading)
    assert daemon.stop() == 0
    manager.wait_for("STOPPING=1", after=again)


def test_another_process_is_not_watched(make_daemon: MakeDaemon, out: Path, manager: Manager) -> None:
    environment = {
        "NOTIFY_SOCKET": str(manager.path),
        "WATCHDOG_USEC": "20000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    daemon = make_daemon(SITE.format(folder=out), environment=environment)
    ready = manager.wait_for("READY=1")
    assert daemon.stop() == 0
    manager.wait_for("STOPPING=1", after=ready)
    assert not any("WATCHDOG=1" in notice for _, notice in manager.notices)


# -- reload --


def test_a_reload_puts_a_good_file_into_force_and_a_broken_one_not(
    make_daemon: MakeDaemon, out: Path
) -> None:
    daemon = make_daemon(SITE.format(folder=out))
    assert daemon.process is not None
    port = daemon.ports["ipp"]
    assert printer_name(port, "second") is None
    job = hold(daemon, document())
    daemon.config += SECOND_QUEUE
    daemon.prepare()
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: printer_name(port, "second") == "second", "the new queue")
    broken = daemon.config_path.read_text().replace("[queues.second]", "[queues.third]\nprnters = []")
    daemon.config_path.write_text(broken)
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reload-refused" in daemon.log, "refusing the file")
    assert 'unknown key \\"prnters\\"' in daemon.log
    assert 'did you mean \\"printers\\"?' in daemon.log
    assert (printer_name(port, "second"), printer_name(port, "third")) == ("second", None)
    # What is held was not touched by either.
    daemon.add_user("alice")
    assert daemon.release(str(job), "alice")["state"] == "completed"
    assert printed(out) == [document()]


# -- the end --


def test_an_upload_in_progress_may_finish_before_the_daemon_ends(make_daemon: MakeDaemon, out: Path) -> None:
    daemon = make_daemon(SITE.format(folder=out))
    assert daemon.process is not None
    port, content = daemon.ports["ipp"], document(6 * MIB)
    upload = Upload(port, len(content))
    # More than the 2 MiB that are written at a time.
    upload.send(content[: 5 * MIB])
    wait_until(lambda: any(daemon.state.glob("documents/tmp/*")), "the document's arrival")
    daemon.process.terminate()
    wait_until(lambda: '"stopping"' in daemon.log, "the end's beginning")
    wait_until(lambda: not accepts(port), "closing the door")
    upload.send(content[5 * MIB :])
    answer = upload.answer()
    assert answer.code == Status.SUCCESSFUL_OK
    assert daemon.process.wait(120) == 0
    daemon.start()
    (job,) = daemon.wait_for_job("held")
    daemon.add_user("alice")
    assert daemon.release(job["id"], "alice")["state"] == "completed"
    assert printed(out) == [content]


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_an_upload_that_is_cut_leaves_nothing(make_daemon: MakeDaemon, out: Path) -> None:
    daemon = make_daemon(SITE.format(folder=out))
    upload = Upload(daemon.ports["ipp"], 6 * MIB)
    upload.send(document(5 * MIB))
    wait_until(lambda: any(daemon.state.glob("documents/tmp/*")), "the document's arrival")
    daemon.kill()
    upload.close()
    daemon.start()
    assert list(daemon.state.glob("documents/tmp/*")) == []
    assert [path for path in daemon.state.glob("documents/blobs/*/*") if path.is_file()] == []
    assert [job["state"] for job in daemon.jobs() if job["state"] == "held"] == []


def test_held_jobs_are_there_after_a_crash_and_can_be_released(make_daemon: MakeDaemon, out: Path) -> None:
    daemon = make_daemon(SITE.format(folder=out))
    daemon.add_user("alice")
    contents = [document(), document(MIB)]
    ids = [str(hold(daemon, content)) for content in contents]
    daemon.kill()
    # What the killed process left is in nobody's way.
    assert (daemon.state / "control.sock").is_socket()
    daemon.start()
    assert [job["id"] for job in daemon.wait_for_job("held", count=2)] == ids
    assert printed(out) == []
    for job, content in zip(ids, contents, strict=True):
        assert daemon.release(job, "alice")["state"] == "completed"
        assert content in printed(out)
    assert len(printed(out)) == 2
    assert daemon.stop() == 0
    assert not (daemon.state / "control.sock").exists()


# -- what it refuses --


def test_a_second_daemon_on_the_same_directory_is_refused(make_daemon: MakeDaemon, out: Path) -> None:
    daemon = make_daemon(SITE.format(folder=out))
    hold(daemon, document())
    done = daemon.cli("serve")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Another spoold is running on {daemon.state}; stop it first." in done.stderr
    # The first one still has its socket, its certificate and its jobs.
    assert printer_name(daemon.ports["ipp"], tls=tls_context(daemon)) == "open"
    assert len(daemon.wait_for_job("held")) == 1


def test_another_store_key_is_refused_while_jobs_are_held(make_daemon: MakeDaemon, out: Path) -> None:
    daemon = make_daemon(SITE.format(folder=out))
    daemon.add_user("alice")
    job = str(hold(daemon, document()))
    assert daemon.stop() == 0
    key = daemon.directory / "store.key"
    right = key.read_bytes()
    key.write_bytes(os.urandom(32))
    done = daemon.cli("serve")
    assert done.returncode == 2
    assert "1 held document was sealed under another store key" in done.stderr
    key.write_bytes(right)
    daemon.start()
    assert daemon.release(job, "alice")["state"] == "completed"
    assert daemon.stop() == 0
    # Nothing is held any more: the key may change.
    key.write_bytes(os.urandom(32))
    daemon.start()
    assert printer_name(daemon.ports["ipp"]) == "open"


def test_a_port_that_is_taken_is_named(make_daemon: MakeDaemon, out: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        daemon = make_daemon(SITE.format(folder=out), start=False, listen={"ipp": f"127.0.0.1:{port}"})
        daemon.prepare()
        done = daemon.cli("serve")
    assert done.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use." in done.stderr
    assert not daemon.state.exists()


# -- who watches it --


def test_health_is_for_everybody_and_metrics_are_for_the_allowed_network(
    make_daemon: MakeDaemon, out: Path
) -> None:
    elsewhere = '[metrics]\nallow = ["192.0.2.0/24"]\n'
    daemon = make_daemon(SITE.format(folder=out) + elsewhere)
    assert daemon.process is not None
    web, context = daemon.ports["web"], tls_context(daemon)
    status, said = get(web, "/healthz", context)
    assert status == 200
    assert re.fullmatch(r'\{"state":"(ok|degraded)"\}', said)
    status, said = get(web, "/metrics", context)
    assert status == 403
    assert "spoold_" not in said
    daemon.config = daemon.config.replace("192.0.2.0/24", "127.0.0.0/8")
    daemon.prepare()
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: get(web, "/metrics", context)[0] == 200, "the new list of networks")
    hold(daemon, document())
    metrics = get(web, "/metrics", context)[1]
    assert re.search(r"^spoold_\w+", metrics, re.M)
    assert CANARY_DOCUMENT.decode() not in metrics
    assert '"components"' in get(web, "/healthz", context)[1]
    # Without TLS there is nothing but the way to it.
    plain = http.client.HTTPConnection("localhost", web, timeout=60)
    with closing(plain):
        plain.request("GET", "/metrics")
        response = plain.getresponse()
        moved = (response.status, response.getheader("Location"), response.read())
    assert moved == (308, f"https://localhost:{web}/metrics", b"")


def test_commands_say_by_their_exit_status_how_it_is(make_daemon: MakeDaemon, out: Path) -> None:
    daemon = make_daemon(SITE.format(folder=out))
    added = daemon.cli("user", "add", "alice", "--password-stdin", stdin=CANARY_PASSWORD + "\n")
    assert added.returncode == 0, added.stderr
    hold(daemon, document(MIB))
    commands = (
        ("status",),
        ("audit", "verify"),
        ("store", "check"),
        ("store", "check", "--read-data", "100"),
    )
    for command in commands:
        done = daemon.cli(*command)
        assert (done.returncode, done.stderr) == (0, ""), command
    assert daemon.cli("status").stdout.startswith("spoold is ")
    (container,) = [path for path in daemon.state.glob("documents/blobs/*/*") if path.is_file()]
    content = bytearray(container.read_bytes())
    content[len(content) // 2] ^= 1
    container.write_bytes(content)
    # Its size is right: only reading shows it.
    assert daemon.cli("store", "check").returncode == 0
    done = daemon.cli("store", "check", "--read-data", "100")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    container.write_bytes(content[:-1])
    assert daemon.cli("store", "check").returncode == 1
    container.unlink()
    assert daemon.cli("store", "check").returncode == 1
    assert daemon.stop() == 0
    for command in commands:
        done = daemon.cli(*command)
        assert done.returncode == 2
        assert f"No daemon runs on {daemon.state}; start it with: spoold serve" in done.stderr


def test_an_audit_record_that_was_changed_is_found(make_daemon: MakeDaemon, out: Path) -> None:
    daemon = make_daemon(SITE.format(folder=out))
    hold(daemon, document())
    assert daemon.stop() == 0
    with closing(sqlite3.connect(daemon.state / "spoold.db")) as database, database:
        changed = database.execute(
            "UPDATE audit SET entry = replace(entry, '127.0.0.1', '192.0.2.1') WHERE entry LIKE '%127.0.0.1%'"
        )
        assert changed.rowcount == 1
    daemon.start()
    done = daemon.cli("audit", "verify")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The chain is broken: ")
