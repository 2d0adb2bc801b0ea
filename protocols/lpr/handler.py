"""What the LPR server asks of whoever takes the jobs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, Protocol

from protocols.lpr.control_file import ControlFile


@dataclass(frozen=True, slots=True)
class LprPeer:
    """The other end: an address without scope or IPv4 mapping, and its port."""

    host: str
    port: int

    @classmethod
    def at(cls, address: tuple[Any, ...]) -> "LprPeer":
        """Return the peer at a socket's address, (host, port) and what may follow."""
        return cls(_bare(str(address[0])), int(address[1]))


@lru_cache(maxsize=1024)
def _bare(host: str) -> str:
    found = ip_address(host.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        # A listener on [::] shows IPv4 peers as ::ffff:a.b.c.d; the site's list names them as they are.
        return str(found.ipv4_mapped)
    return str(found)


class LprRefused(Exception):  # noqa: N818 - not an error of anybody's
    """Raised by a handler to refuse a job or document: the peer hears "no" and the connection ends."""


class LprJob(Protocol):
    """Takes one job; `control` and `document` come in the client's order, the user may be known only last.

    Any method may raise `LprRefused`; any other exception is an internal trouble: both refuse the job, and
    the client keeps its copy. After every end but a `finish` that returned True `abort` is called.
    """

    def control(self, control: ControlFile) -> None:
        """Take the control file, once per job, before or after the documents."""

    async def document(
        self, name: str, declared_bytes: int | None, receive: Callable[[], Awaitable[bytes]]
    ) -> None:
        """Take one document by awaiting `receive` until it returns b""; nothing is read ahead of it.

        Args:
            name: the data file's name, to be matched with the control file (`ControlFile.matched`).
            declared_bytes: what the client announced, None if it does not know.
            receive: the next piece (up to 256 KiB). Raises RemoteProtocolError when the peer breaks off;
                let it pass.
        """

    async def finish(self) -> bool:
        """Make the job durable and return True; False refuses it. Everything has come when this is called."""
        ...

    async def abort(self) -> None:
        """Forget the job; called at most once, also after a failed or refused `finish`."""


class LprHandler(Protocol):
    """What the server asks of the daemon."""

    def queue_exists(self, queue: str, peer: LprPeer) -> bool:
        """Return whether this peer may send jobs to the queue, or ask about it, through LPR."""
        ...

    def begin_job(self, queue: str, peer: LprPeer) -> LprJob:
        """Begin a job; raises `LprRefused` to refuse it."""
        ...

    async def queue_state(self, queue: str, users: tuple[str, ...], peer: LprPeer, *, long: bool) -> str:
        """Return the listing of a queue, for some users or job numbers or (empty) for all."""
        ...

    async def remove(self, queue: str, agent: str, items: tuple[str, ...], peer: LprPeer) -> bool:
        """Remove jobs by number or user and return whether that was done; `agent` is a claim."""
        ...
