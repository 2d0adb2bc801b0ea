"""Real LPR clients: rlpr in all its orders, the CUPS lpd backend, and who is kept out."""

import contextlib
import getpass
import socket
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_TITLE, Daemon
from tests.integration.recorder import wait_until
from tests.support import pdfs
from tests.support.cups import Cups

PORTS_TIMEOUT_S = 90.0
LISTEN = {"lpr": "127.0.0.1:0"}
SITE = """
[lpr]
allow = ["127.0.0.1/32"]
[printers.tray]
uri = "folder:{tray}"
[queues.open]
printers = ["tray"]
authentication = "at-release"
[queues.secure]
printers = ["tray"]
"""
# More than one read of a socket and one segment of a container.
TEXT = CANARY_DOCUMENT + b"\n" + b"A line of text that is printed as it is.\r\n" * 40_000


@pytest.fixture
def tray(tmp_path: Path) -> Path:
    folder = tmp_path / "tray"
    folder.mkdir()
    return folder


@pytest.fixture
def daemon(make_daemon: MakeDaemon, tray: Path) -> Daemon:
    one = make_daemon(SITE.format(tray=tray), listen=LISTEN)
    one.add_user("alice")
    return one


def write(folder: Path) -> list[Path]:
    """Write a text and a PDF."""
    contents = {"notes.txt": TEXT, "report.pdf": pdfs.pdf(3, text=CANARY_DOCUMENT.decode())}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def rlp(
    command: str, daemon: Daemon, *arguments: str, queue: str = "open", privileged: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run rlpr, rlpq or rlprm.

    Args:
        privileged: from one of the ports 721 to 731 (RFC 1179 3.1). Each is gone for a minute after its use
            (TIME_WAIT), so only those ask for one who need it, and wait for it.
    """
    options = () if privileged else ("--no-bind",)
    address = (f"--port={daemon.ports['lpr']}", "-H", "127.0.0.1", "-P", queue)
    deadline = time.monotonic() + PORTS_TIMEOUT_S
    while True:
        done = subprocess.run(
            [command, *address, *options, *arguments], capture_output=True, text=True, timeout=60
        )
        if "no ports left" not in done.stderr or time.monotonic() > deadline:
            return done
        time.sleep(0.5)


def released(daemon: Daemon, tray: Path) -> list[bytes]:
    """Release everything as Alice, in order; returns what came out of each job."""
    came_out = []
    for job in daemon.wait_for_job("held"):
        before = set(tray.iterdir())
        assert daemon.release(job["id"], "alice")["state"] == "completed"
        new = sorted(set(tray.iterdir()) - before)
        came_out.append(b"".join(path.read_bytes() for path in new))
    return came_out


@pytest.mark.parametrize("options", [(), ("--send-data-first",), ("--windows",)])
def test_rlpr_prints(daemon: Daemon, tray: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    paths = write(tmp_path)
    for path, privileged in zip(paths, (True, False), strict=True):
        job = ("-U", "alice", "-J", CANARY_TITLE, str(path))
        done = rlp("rlpr", daemon, *options, *job, privileged=privileged)
        assert done.returncode == 0, done.stderr
    held = daemon.wait_for_job("held", count=2)
    assert [(job["user"], job["claimed"]) for job in held] == [("alice", False)] * 2
    assert list(tray.iterdir()) == []
    assert released(daemon, tray) == [path.read_bytes() for path in paths]


def test_several_files_of_one_rlpr_come_out_complete_and_in_order(
    daemon: Daemon, tray: Path, tmp_path: Path
) -> None:
    paths = write(tmp_path)
    done = rlp("rlpr", daemon, "-U", "alice", *map(str, paths))
    assert done.returncode == 0, done.stderr
    assert b"".join(released(daemon, tray)) == b"".join(path.read_bytes() for path in paths)


def test_the_cups_lpd_backend_prints(daemon: Daemon, tray: Path, tmp_path: Path, cups: Cups) -> None:
    paths = write(tmp_path)
    options = ("order=control,data", "order=data,control", "mode=stream", "reserve=rfc1179", "banner=on")
    sent = []
    for number, option in enumerate(options):
        cups.add_raw_queue(f"lpd{number}", f"lpd://127.0.0.1:{daemon.ports['lpr']}/open?{option}")
        for path in paths:
            cups.wait_for("completed", cups.lp(f"lpd{number}", path, user="alice"))
            sent.append(path.read_bytes())
    held = daemon.wait_for_job("held", count=len(sent))
    assert [job["user"] for job in held] == ["alice"] * len(sent)
    # With mode=stream the backend is done before the daemon has answered, so the next job may overtake it.
    assert sorted(released(daemon, tray)) == sorted(sent)


def test_two_copies_from_cups_are_a_number_or_the_same_bytes_twice(
    daemon: Daemon, tray: Path, tmp_path: Path, cups: Cups
) -> None:
    """Nothing tells a stream that holds a text twice from a longer text."""
    path = write(tmp_path)[0]
    for name, option in (("counted", "manual_copies=off"), ("repeated", "order=data,control")):
        cups.add_raw_queue(name, f"lpd://127.0.0.1:{daemon.ports['lpr']}/open?{option}")
        cups.wait_for("completed", cups.lp(name, path, user="alice", copies=2))
    daemon.wait_for_job("held", count=2)
    assert released(daemon, tray) == [path.read_bytes(), path.read_bytes() * 2]


def test_a_queue_that_wants_proof_takes_nothing_from_lpr(daemon: Daemon, tmp_path: Path) -> None:
    for queue in ("secure", "no-such-queue"):
        done = rlp("rlpr", daemon, "-U", "alice", str(write(tmp_path)[0]), queue=queue)
        assert done.returncode != 0
        assert "refused" in done.stderr
    assert daemon.jobs() == []


def test_the_queue_state_tells_how_many_wait_and_nothing_else(daemon: Daemon, tmp_path: Path) -> None:
    path = write(tmp_path)[0]
    assert rlp("rlpr", daemon, "-U", "alice", "-J", CANARY_TITLE, str(path)).returncode == 0
    for options in ((), ("-l",)):
        said = rlp("rlpq", daemon, *options)
        assert said.returncode == 0
        assert "1 job is held" in said.stdout
        for private in (CANARY_TITLE, "alice", path.name):
            assert private not in said.stdout


def test_a_sender_takes_back_its_own_unclaimed_jobs_and_no_others(daemon: Daemon, tmp_path: Path) -> None:
    path = str(write(tmp_path)[0])
    me = getpass.getuser()
    for user in (me, "alice", me):
        assert rlp("rlpr", daemon, "-U", user, path).returncode == 0
    jobs = daemon.wait_for_job("held", count=3)

    def states() -> list[str]:
        return [job["state"] for job in daemon.jobs()]

    # From an unprivileged port anybody could say he is anybody (RFC 1179 3.1).
    rlp("rlprm", daemon, str(jobs[0]["number"]))
    assert states() == ["held", "held", "held"]
    rlp("rlprm", daemon, str(jobs[1]["number"]), privileged=True)
    assert states() == ["held", "held", "held"]
    # RFC 1179 5.5 has no answer that the client would wait for.
    rlp("rlprm", daemon, str(jobs[0]["number"]), privileged=True)
    wait_until(lambda: states() == ["canceled", "held", "held"], "taking back one")
    rlp("rlprm", daemon, privileged=True)
    wait_until(lambda: states() == ["canceled", "held", "canceled"], "taking back the last")
    assert daemon.command("store-check")["findings"] == []


# -- who is kept out --


def test_a_peer_outside_the_list_gets_no_byte_and_is_counted(make_daemon: MakeDaemon, tray: Path) -> None:
    daemon = make_daemon(SITE.format(tray=tray), listen={**LISTEN, "web": "127.0.0.1:0"})
    for _ in range(3):
        assert _said_to("127.0.0.2", daemon.ports["lpr"]) == b""
    assert b"held" in _said_to("127.0.0.1", daemon.ports["lpr"])
    wait_until(lambda: "spoold_lpr_refused_peers_total 3.0" in _metrics(daemon), "the count of refused peers")
    logged = [line for line in daemon.log.splitlines() if '"lpr-peer-refused"' in line]
    assert len(logged) == 3
    assert all('"127.0.0.2"' in line for line in logged)
    assert daemon.jobs() == []


def test_spoold_does_not_start_with_lpr_on_and_no_list(make_daemon: MakeDaemon, tray: Path) -> None:
    config = SITE.format(tray=tray).replace('allow = ["127.0.0.1/32"]', "")
    daemon = make_daemon(config, listen=LISTEN, start=False)
    daemon.prepare()
    done = daemon.cli("serve")
    assert done.returncode == 2
    assert "allow" in done.stderr
    assert "lpr" in done.stderr
    assert not daemon.state.exists()


def _said_to(host: str, port: int) -> bytes:
    """Ask for the queue's state from an address; returns every byte that came back."""
    received = b""
    # Kept out, we may be cut off at any time, before we are connected even.
    with contextlib.suppress(ConnectionError):
        with socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(host, 0)) as peer:
            peer.sendall(b"\x03open\n")
            while piece := peer.recv(65536):
                received += piece
    return received


def _metrics(daemon: Daemon) -> str:
    # The certificate is the daemon's own; what is asked here is no secret.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    url = f"https://localhost:{daemon.ports['web']}/metrics"
    with urllib.request.urlopen(url, timeout=60, context=context) as answer:
        text: str = answer.read().decode()
        return text
