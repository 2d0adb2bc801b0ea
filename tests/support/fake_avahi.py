"""An Avahi in memory, with what goes wrong in a real one: restarts, taken names, a bus that breaks."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from spoold.printers.advertise import AvahiError, EntryState, NameTakenError, RefusedError
from spoold.printers.dns_sd import Service


@dataclass
class Registered:
    """What one entry group says."""

    name: str
    services: tuple[Service, ...]
    state: EntryState = EntryState.ESTABLISHED


@dataclass
class FakeAvahi:
    """The daemon and the bus to it.

    Args:
        taken: names that another program on the same machine has.
        taken_far: names that another machine has, which is found out later.
        refuses: names that are not taken for a reason of Avahi's own.
    """

    host: str | None = "spooler.local"
    taken: set[str] = field(default_factory=set)
    taken_far: set[str] = field(default_factory=set)
    refuses: set[str] = field(default_factory=set)
    no_bus: str = ""
    connections: int = 0
    running: bool = True
    starts: int = 1
    entries: dict[str, Registered] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    _changed: list[Callable[[], None]] = field(default_factory=list)
    _handles: int = 0
    _breaking: str = ""

    @asynccontextmanager
    async def connect(self, on_change: Callable[[], None]) -> AsyncIterator["FakeAvahi"]:
        self.connections += 1
        if self.no_bus:
            raise AvahiError(self.no_bus)
        self._changed.append(on_change)
        try:
            yield self
        finally:
            self._changed.remove(on_change)
            # What a client has registered ends with its connection.
            self.entries.clear()

    # -- what happens to it --

    def restart(self) -> None:
        """Stop and start, with nothing left of what was registered."""
        self.running = True
        self.starts += 1
        self.entries.clear()
        self.tell()

    def stop(self) -> None:
        """End; `restart` brings it back."""
        self.running = False
        self.entries.clear()
        self.tell()

    def break_at_next_call(self, why: str) -> None:
        """Let the connection end in the middle of whatever is asked next."""
        self._breaking = why
        self.tell()

    def collide(self, name: str) -> None:
        """Let another machine come up with a name that was ours."""
        self.taken_far.add(name)
        for one in self.entries.values():
            if one.name == name:
                one.state = EntryState.COLLISION
        self.tell()

    def tell(self) -> None:
        """Say that something has changed, as a signal does."""
        for on_change in list(self._changed):
            on_change()

    @property
    def names(self) -> list[str]:
        """The names that neighbours see."""
        return sorted(one.name for one in self.entries.values() if one.state is EntryState.ESTABLISHED)

    # -- what it is asked --

    async def owner(self) -> str | None:
        self._ask("owner")
        return f":1.{self.starts}" if self.running else None

    async def host_name(self) -> str | None:
        self._ask("host_name")
        return self.host

    async def register(self, name: str, services: Sequence[Service]) -> str:
        self._ask("register")
        if name in self.taken:
            raise NameTakenError
        if name in self.refuses:
            raise RefusedError(f"{name} is refused")
        self._handles += 1
        state = EntryState.COLLISION if name in self.taken_far else EntryState.ESTABLISHED
        self.entries[str(self._handles)] = Registered(name, tuple(services), state)
        return str(self._handles)

    async def update(self, entry: str, name: str, services: Sequence[Service]) -> None:
        self._ask("update")
        self.entries[entry].services = tuple(services)

    async def state(self, entry: str) -> EntryState:
        self._ask("state")
        return self.entries[entry].state

    async def withdraw(self, entry: str) -> None:
        self._ask("withdraw")
        del self.entries[entry]

    async def alternative(self, name: str) -> str:
        self._ask("alternative")
        stem, found, number = name.rpartition(" #")
        return f"{stem} #{int(number) + 1}" if found else f"{name} #2"

    def _ask(self, call: str) -> None:
        self.calls.append(call)
        if self._breaking:
            why, self._breaking = self._breaking, ""
            raise AvahiError(why)
