"""What systemd passes is taken over exactly once; what it is told arrives as it expects."""

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from spoold.runtime.systemd import Notifier, credential_path, keep_watchdog, listen_fds


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(path)
        receiving.setblocking(False)
        yield receiving, path


def test_states_arrive_as_datagrams(receiver: tuple[socket.socket, str]) -> None:
    receiving, path = receiver
    notifier = Notifier(path)
    notifier.ready("3 printers")
    assert receiving.recv(4096) == b"READY=1\nSTATUS=3 printers"
    notifier.reloading()
    first, second = receiving.recv(4096).decode().split("\n")
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    assert int(second.partition("=")[2]) > 0
    notifier.stopping()
    assert receiving.recv(4096) == b"STOPPING=1"


def test_a_newline_in_a_status_does_not_start_an_assignment(receiver: tuple[socket.socket, str]) -> None:
    receiving, path = receiver
    Notifier(path).status("jam\nREADY=1")
    assert receiving.recv(4096) == b"STATUS=jam READY=1"
    Notifier(path).status("")
    with pytest.raises(BlockingIOError):
        receiving.recv(4096)


def test_abstract_sockets_are_reached() -> None:
    name = f"spoold-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind("\0" + name)
        environ = {"NOTIFY_SOCKET": "@" + name, "OTHER": "stays"}
        notifier = Notifier.from_environment(environ)
        notifier.ready()
        assert receiving.recv(4096) == b"READY=1"
        assert environ == {"OTHER": "stays"}


def test_without_systemd_nothing_is_sent() -> None:
    notifier = Notifier.from_environment({})
    assert not notifier.active
    notifier.ready()
    assert notifier.watchdog_timeout_s is None


def test_a_dead_notify_socket_is_logged_and_survived(tmp_path: Path) -> None:
    with capture_logs() as logs:
        Notifier(str(tmp_path / "nobody")).ready()
    assert [entry["event"] for entry in logs] == ["systemd was not notified"]


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", "", 30.0),
        pytest.param("30000000", str(os.getpid()), 30.0, id="this-process"),
        ("30000000", "1", None),
        ("0", "", None),
        ("soon", "", None),
        ("", "", None),
    ],
)
def test_the_watchdog_term_is_for_this_process_only(usec: str, pid: str, expected: float | None) -> None:
    notifier = Notifier.from_environment({"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid})
    assert notifier.watchdog_timeout_s == expected


async def test_signs_of_life_come_twice_per_term_and_only_while_alive(
    receiver: tuple[socket.socket, str], autojump_clock: trio.testing.MockClock
) -> None:
    receiving, path = receiver
    alive = True
    with trio.move_on_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_watchdog, Notifier(path, 30.0), lambda: alive)
            await trio.sleep(44)
            signs = [receiving.recv(64) for _ in range(3)]
            assert signs == [b"WATCHDOG=1"] * 3
            alive = False
            await trio.sleep(15)
            with pytest.raises(BlockingIOError):
                receiving.recv(64)
            nursery.cancel_scope.cancel()


async def test_no_watchdog_ends_at_once() -> None:
    await keep_watchdog(Notifier("/nowhere"), lambda: True)


def test_sockets_meant_for_another_process_are_left_alone() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "ipp:web"}
    assert listen_fds(environ) == {}
    assert environ == {}


def run_activated(names: str, count: str, script: str, kinds: str = "stream") -> str:
    """Run `script` in a child that sees sockets as systemd would pass them."""
    prelude = f"""
        import os, socket
        opened = []
        for kind in {kinds!r}.split():
            sort = socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM
            one = socket.socket(socket.AF_INET, sort)
            one.bind(("127.0.0.1", 0))
            if kind == "stream":
                one.listen()
            opened.append(one.detach())
        # Not in the way of each other: first up, then down to 3, 4, ...
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate(opened)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i, inheritable=True)
        environ = {{"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": {count!r}, "LISTEN_FDNAMES": {names!r}}}
        from spoold.runtime.systemd import SocketActivationError, listen_fds
    """
    code = textwrap.dedent(prelude) + textwrap.dedent(script)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_sockets_are_sorted_by_name_and_not_inherited() -> None:
    output = run_activated(
        "ipp:web:ipp",
        "3",
        """
        taken = listen_fds(environ)
        print({name: len(sockets) for name, sockets in taken.items()}, environ,
              [os.get_inheritable(fd) for fd in (3, 4, 5)],
              all(not s.getblocking() for sockets in taken.values() for s in sockets),
              listen_fds(environ))
        """,
        "stream stream stream",
    )
    assert output == "{'ipp': 2, 'web': 1} {} [False, False, False] True {}"


@pytest.mark.parametrize(
    ("names", "count", "kinds", "reason"),
    [
        ("ipp", "2", "stream stream", "names 1 sockets, LISTEN_FDS counts 2"),
        ("ipp", "many", "stream", "is not a count"),
        ("ipp", "-1", "stream", "is not a count"),
        ("ipp", "100000", "stream", "is not a count"),
        ("ipp", "1", "unlistening", "not listening"),
        ("ipp", "1", "datagram", "not listening"),
    ],
)
def test_wrong_activation_is_an_error_not_a_guess(names: str, count: str, kinds: str, reason: str) -> None:
    output = run_activated(
        names,
        count,
        """
        try:
            print("taken", listen_fds(environ))
        except SocketActivationError as error:
            print("refused", error)
        """,
        kinds,
    )
    assert output.startswith("refused")
    assert reason in output


def test_unnamed_sockets_are_called_unknown() -> None:
    assert run_activated("", "1", "print(list(listen_fds(environ)))") == "['unknown']"


def test_credentials_stay_inside_their_directory(tmp_path: Path) -> None:
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / "store-key").write_bytes(b"k" * 32)
    (tmp_path / "outside").write_bytes(b"secret")
    environ = {"CREDENTIALS_DIRECTORY": str(directory)}
    assert credential_path(environ, "store-key") == directory / "store-key"
    for name in ("", ".", "..", "../outside", "missing", "store-key\0"):
        assert credential_path(environ, name) is None
    assert credential_path({}, "store-key") is None
