"""Talking to systemd: sockets it opened for us, readiness, watchdog (sd_listen_fds(3), sd_notify(3))."""

import os
import socket
import time
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path

import structlog
import trio

from spoold.model.errors import ConfigurationError

LISTEN_FDS_START = 3
# More sockets than any site listens on; a count beyond it is not systemd's.
MAX_LISTEN_FDS = 64
LISTEN_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

log = structlog.get_logger()


class SocketActivationError(ConfigurationError):
    """The environment is wrong about the passed sockets; starting would listen on the wrong thing."""


def listen_fds(environ: MutableMapping[str, str]) -> dict[str, list[socket.socket]]:
    """Take over the listening sockets systemd passed, by FileDescriptorName.

    The variables are removed from `environ` and the descriptors closed on exec, so that no child
    takes them for its own. Keep a reference to the sockets: collecting one closes it.

    Returns an empty dict when this process was not socket activated.

    Raises:
        SocketActivationError: a count, a name or a descriptor makes no sense.
    """
    values = {name: environ.pop(name, "") for name in LISTEN_VARIABLES}
    if values["LISTEN_PID"] != str(os.getpid()):
        return {}
    count_text = values["LISTEN_FDS"]
    if not (count_text.isascii() and count_text.isdigit() and int(count_text) <= MAX_LISTEN_FDS):
        message = f"LISTEN_FDS={count_text!r} is not a count of sockets"
        raise SocketActivationError(message)
    count = int(count_text)
    names = values["LISTEN_FDNAMES"].split(":") if values["LISTEN_FDNAMES"] else ["unknown"] * count
    if len(names) != count:
        message = f"LISTEN_FDNAMES names {len(names)} sockets, LISTEN_FDS counts {count}"
        raise SocketActivationError(message)
    taken: dict[str, list[socket.socket]] = {}
    for number, name in enumerate(names, LISTEN_FDS_START):
        taken.setdefault(name, []).append(_listening_socket(number, name))
    return taken


def _listening_socket(number: int, name: str) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        taken = socket.socket(fileno=number)
    except OSError as error:
        message = f"file descriptor {number} ({name}) is not a socket: {error.strerror}"
        raise SocketActivationError(message) from error
    if not taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        taken.close()
        message = f"the socket {name} is not listening; Accept=no and ListenStream= are needed"
        raise SocketActivationError(message)
    taken.setblocking(False)
    return taken


class Notifier:
    """Sends service states to systemd; does nothing when nobody asked for them.

    Args:
        address: a path, or "@name" for an abstract socket; None: not under systemd.
        watchdog_timeout_s: how long systemd waits between two signs of life; None: no watchdog.
    """

    def __init__(self, address: str | None, watchdog_timeout_s: float | None = None) -> None:
        self._address = address
        self.watchdog_timeout_s = watchdog_timeout_s

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> "Notifier":
        """Read NOTIFY_SOCKET and the watchdog's variables, removing them so that no child inherits them."""
        address = environ.pop("NOTIFY_SOCKET", "")
        timeout_s = _watchdog_timeout_s(
            {name: environ.pop(name, "") for name in ("WATCHDOG_USEC", "WATCHDOG_PID")}
        )
        return cls(address if address[:1] in ("/", "@") and len(address) > 1 else None, timeout_s)

    @property
    def active(self) -> bool:
        """Return whether somebody listens for states."""
        return self._address is not None

    def ready(self, status: str = "") -> None:
        """Say that start-up, or a reload, is finished."""
        self._send("READY=1", *_status(status))

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` ends it.

        MONOTONIC_USEC lets systemd 253 and later match the notice to its request.
        """
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self, status: str = "") -> None:
        """Say that the daemon is shutting down."""
        self._send("STOPPING=1", *_status(status))

    def status(self, text: str) -> None:
        """Set the line `systemctl status` shows."""
        self._send(*_status(text))

    def watchdog(self) -> None:
        """Give one sign of life."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None or not lines:
            return
        # An abstract name starts with NUL on the wire and with @ in the variable (unix(7)).
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            try:
                sender.sendto("\n".join(lines).encode(), address)
            except OSError as error:
                # systemd decides what a missing notice means; the daemon's work does not depend on it.
                log.warning("systemd was not notified", lines=list(lines), reason=error.strerror)


async def keep_watchdog(notifier: Notifier, alive: Callable[[], bool]) -> None:
    """Give signs of life at half the watchdog's interval for as long as `alive` says so.

    Runs on the event loop on purpose: a loop that no longer turns must stop the signs. Returns at
    once where no watchdog is set, so it is no service of its own; start it in a nursery.
    """
    if notifier.watchdog_timeout_s is None:
        return
    while True:
        if alive():
            notifier.watchdog()
        await trio.sleep(notifier.watchdog_timeout_s / 2)


def credential_path(environ: Mapping[str, str], name: str) -> Path | None:
    """Return the path of a credential passed by LoadCredential=, or None if there is none of that name.

    A name that is not a plain file name has no credential: it must not lead out of the directory.
    """
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    if not directory or not name or name in (".", "..") or "/" in name or "\0" in name:
        return None
    path = Path(directory, name)
    return path if path.is_file() else None


def _status(text: str) -> tuple[str, ...]:
    # One line: a newline in the text would start another assignment.
    flat = " ".join(text.split())
    return (f"STATUS={flat}",) if flat else ()


def _watchdog_timeout_s(values: Mapping[str, str]) -> float | None:
    usec, pid = values["WATCHDOG_USEC"], values["WATCHDOG_PID"]
    if pid not in ("", str(os.getpid())) or not (usec.isascii() and usec.isdigit()) or int(usec) == 0:
        return None
    return int(usec) / 1_000_000
