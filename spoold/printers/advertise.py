"""Keeps queues announced on the local network: over restarts of Avahi, taken names and reloads."""

import enum
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog
import trio

from spoold.printers.dns_sd import Announcement, Service

# What changes without telling us, such as the capabilities of a printer, is announced within this time.
LOOK_AGAIN_S = 30.0
# The system bus comes back within seconds of its restart, or never.
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0

log = structlog.get_logger()


class AvahiError(Exception):
    """Avahi or the bus to it does not do what it should; the message says what."""


class NameTakenError(Exception):
    """Another program on this machine has the name."""


class RefusedError(Exception):
    """Avahi does not take this registration; the message says why. Others are not concerned."""


class EntryState(enum.Enum):
    """How far a registration is."""

    UNDER_WAY = enum.auto()
    ESTABLISHED = enum.auto()
    COLLISION = enum.auto()
    FAILURE = enum.auto()


class Avahi(Protocol):
    """What is asked of Avahi. Whatever goes wrong ends the connection, with AvahiError."""

    async def owner(self) -> str | None:
        """Return who answers as Avahi, if anybody; another one knows nothing of what was registered."""
        ...

    async def host_name(self) -> str | None:
        """Return the host name that Avahi announces ("host.local"), None while it is not sure of it."""
        ...

    async def register(self, name: str, services: Sequence[Service]) -> str:
        """Register services under one name and return a handle.

        Whether the name is free on the network is not known yet: see `state`.

        Raises:
            NameTakenError: it is not free on this machine.
            RefusedError: Avahi does not take it.
        """
        ...

    async def update(self, entry: str, name: str, services: Sequence[Service]) -> None:
        """Replace the TXT records of registered services."""
        ...

    async def state(self, entry: str) -> EntryState:
        """Return how far a registration is."""
        ...

    async def withdraw(self, entry: str) -> None:
        """Take services back."""
        ...

    async def alternative(self, name: str) -> str:
        """Return the name to try instead of one that is taken ("Name #2")."""
        ...


Connect = Callable[[Callable[[], None]], AbstractAsyncContextManager[Avahi]]
"""Opens a connection; what it is given is called when any answer to the questions above may have changed."""


@dataclass(slots=True)
class _Entry:
    announcement: Announcement
    handle: str
    told: EntryState = EntryState.UNDER_WAY


class Advertiser:
    """Registers what is wanted, and keeps it so.

    Args:
        enabled: whether anything is to be announced; if not, no connection is opened.
        wanted: what to announce on a host of this name.
        rename: told a queue and its new name when the old one is taken; `wanted` has it from then on.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        enabled: Callable[[], bool],
        wanted: Callable[[str], Sequence[Announcement]],
        rename: Callable[[str, str], None],
    ) -> None:
        self._connect = connect
        self._enabled = enabled
        self._wanted = wanted
        self._rename = rename
        self._changed = trio.Event()
        self._stopping = False
        self._entries: dict[str, _Entry] = {}
        self._refused: dict[str, Announcement] = {}
        self._owner: str | None = None
        self._host: str | None = None
        self._complaint = ""

    def look(self) -> None:
        """Look now whether what is announced is still what is wanted: the site has changed."""
        self._changed.set()

    def stop(self) -> None:
        """Withdraw everything and end."""
        self._stopping = True
        self._changed.set()

    async def run(self) -> None:
        """Announce until stopped. Nothing here is a reason for the daemon to end."""
        delay_s = FIRST_RETRY_S
        while not self._stopping:
            if not self._is_wanted():
                await self._pause()
                continue
            try:
                async with self._connect(self.look) as avahi:
                    while self._is_wanted():
                        await self._pause(await self._align(avahi))
                        delay_s = FIRST_RETRY_S
                    await self._withdraw(avahi, *self._entries)
            except AvahiError as error:
                self._complain(str(error))
                # With the connection ends what was registered over it.
                self._forget(None)
                await self._pause(delay_s)
                delay_s = min(2 * delay_s, LAST_RETRY_S)
            else:
                self._forget(None)

    def _is_wanted(self) -> bool:
        return not self._stopping and self._enabled()

    async def _align(self, avahi: Avahi) -> float:
        """Make what is registered what is wanted; returns when to look again, in seconds."""
        owner = await avahi.owner()
        if owner != self._owner:
            self._forget(owner)
        if owner is None:
            self._complain("Avahi is not running")
            return LOOK_AGAIN_S
        host = await avahi.host_name()
        if host != self._host:
            # Services stand under the host's name: with another name they are other services.
            await self._withdraw(avahi, *self._entries)
            self._host = host
        if host is None:
            return LOOK_AGAIN_S
        self._complaint = ""
        wanted = {one.queue: one for one in self._wanted(host)}
        await self._withdraw(avahi, *(queue for queue in self._entries if queue not in wanted))
        renamed = [await self._bring(avahi, one) for one in wanted.values()]
        # At once: finding out that a name is taken costs 0.75 s of probing each time, which keeps us below
        # the fifteen conflicts in ten seconds of RFC 6762 8.1.
        return 0.0 if any(renamed) else LOOK_AGAIN_S

    def _forget(self, owner: str | None) -> None:
        """Begin anew: whoever answers as Avahi now knows of nothing that was registered before."""
        self._entries.clear()
        self._refused.clear()
        self._owner, self._host = owner, None

    async def _bring(self, avahi: Avahi, wanted: Announcement) -> bool:
        """Bring one queue up to date; returns whether it had to be given another name."""
        entry = self._entries.get(wanted.queue)
        if entry is not None and _without_txt(entry.announcement) != _without_txt(wanted):
            await self._withdraw(avahi, wanted.queue)
            entry = None
        if entry is None:
            if self._refused.get(wanted.queue) == wanted:
                return False
            try:
                handle = await avahi.register(wanted.name, wanted.services)
            except NameTakenError:
                await self._take_other_name(avahi, wanted)
                return True
            except RefusedError as error:
                self._refused[wanted.queue] = wanted
                log.warning("not-announced", queue=wanted.queue, reason=str(error))
                return False
            entry = self._entries[wanted.queue] = _Entry(wanted, handle)
        elif entry.announcement != wanted:
            await avahi.update(entry.handle, wanted.name, wanted.services)
            entry.announcement = wanted
        return await self._follow(avahi, entry)

    async def _follow(self, avahi: Avahi, entry: _Entry) -> bool:
        announcement = entry.announcement
        state = await avahi.state(entry.handle)
        if state is EntryState.COLLISION:
            await self._withdraw(avahi, announcement.queue)
            await self._take_other_name(avahi, announcement)
            return True
        if state is not entry.told:
            entry.told = state
            if state is EntryState.ESTABLISHED:
                log.info("announced", queue=announcement.queue, name=announcement.name, host=self._host)
        if state is EntryState.FAILURE:
            log.warning("not-announced", queue=announcement.queue, reason="Avahi gave up registering it")
            # Tried afresh the next time.
            await self._withdraw(avahi, announcement.queue)
        return False

    async def _take_other_name(self, avahi: Avahi, announcement: Announcement) -> None:
        name = await avahi.alternative(announcement.name)
        log.warning("renamed", queue=announcement.queue, taken=announcement.name, name=name)
        self._rename(announcement.queue, name)

    async def _withdraw(self, avahi: Avahi, *queues: str) -> None:
        for queue in queues:
            await avahi.withdraw(self._entries[queue].handle)
            del self._entries[queue]

    async def _pause(self, seconds: float = float("inf")) -> None:
        """Wait until something changes, no longer than this; what changed before counts, too."""
        with trio.move_on_after(seconds):
            await self._changed.wait()
        if not self._stopping:
            self._changed = trio.Event()

    def _complain(self, reason: str) -> None:
        """Say why nothing is announced, once for each reason."""
        if reason != self._complaint:
            self._complaint = reason
            log.warning("not-announced", reason=reason)


def _without_txt(announcement: Announcement) -> tuple[object, ...]:
    return announcement.name, *((one.type, one.port, one.subtypes) for one in announcement.services)
