"""Speaks to avahi-daemon over the system's D-Bus, with jeepney.

Signals are never read for what they say: each only makes us ask Avahi again how things are. So none can be
missed, and none that another program forges can tell us anything.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import trio
from jeepney import (
    DBusAddress,
    DBusErrorResponse,
    HeaderFields,
    MatchRule,
    Message,
    MessageType,
    SizeLimitError,
    message_bus,
    new_method_call,
)
from jeepney.auth import BEGIN, AuthenticationError, Authenticator
from jeepney.bus import get_bus
from jeepney.io.trio import DBusConnection
from jeepney.wrappers import unwrap_msg

from spoold.printers.advertise import AvahiError, EntryState, NameTakenError, RefusedError
from spoold.printers.dns_sd import Service

# Local calls that are answered in milliseconds; a bus or an Avahi that takes longer hangs.
CALL_TIMEOUT_S = 10.0
AVAHI = "org.freedesktop.Avahi"
SERVER, ENTRY_GROUP = f"{AVAHI}.Server", f"{AVAHI}.EntryGroup"
# avahi-common/defs.h: any interface, any protocol, no flags; a host name of "" is the machine's own.
ANYWHERE, NO_FLAGS, OWN_HOST = (-1, -1), 0, ""
DOMAIN = "local"
SERVER_RUNNING = 2
ENTRY_STATES = {2: EntryState.ESTABLISHED, 3: EntryState.COLLISION, 4: EntryState.FAILURE}
NO_OWNER = "org.freedesktop.DBus.Error.NameHasNoOwner"
COLLISION = f"{AVAHI}.CollisionError"
# What ends a connection that was good; ValueError is jeepney's for what it cannot read.
_BREAKS = (
    AvahiError,
    DBusErrorResponse,
    OSError,
    SizeLimitError,
    ValueError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.EndOfChannel,
    trio.TooSlowError,
)
# What also keeps one from being made: addresses in DBUS_SYSTEM_BUS_ADDRESS that jeepney cannot read.
_NO_CONNECTION = (*_BREAKS, AuthenticationError, RuntimeError)
_HUNG_UP = "the system bus has closed the connection"
# dbus-daemon lets nobody in whom the machine's user database does not know; nss-systemd knows a DynamicUser.
_REFUSED = "the system bus refuses the daemon's user; is libnss-systemd installed?"


@asynccontextmanager
async def open_avahi(on_change: Callable[[], None]) -> AsyncIterator["SystemAvahi"]:
    """Connect to the system's bus; Avahi need not run.

    Raises:
        AvahiError: there is no bus, or the connection to it ended.
    """
    with _as_avahi_error(_NO_CONNECTION, _REFUSED), trio.fail_after(CALL_TIMEOUT_S):
        stream = await _sign_in()
    with _as_avahi_error(_BREAKS, _HUNG_UP):
        async with DBusConnection(stream.socket) as connection, trio.open_nursery() as nursery:
            bus = _Bus(connection, on_change)
            nursery.start_soon(bus.receive)
            await bus.call(message_bus.Hello())
            await _subscribe(bus)
            yield SystemAvahi(bus)
            nursery.cancel_scope.cancel()


async def _sign_in() -> trio.SocketStream:
    """Connect to the bus as the user we are; jeepney's own way leaves a socket open when it fails (0.9.0)."""
    stream = await trio.open_unix_socket(get_bus("SYSTEM"))
    try:
        conversation = Authenticator(inc_null_byte=False)
        await stream.send_all(b"\0")
        for line in conversation:
            await stream.send_all(line)
            if not conversation.authenticated:
                received = await stream.receive_some()
                if not received:
                    raise trio.EndOfChannel
                conversation.feed(received)
        await stream.send_all(BEGIN)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


class SystemAvahi:
    """`spoold.printers.advertise.Avahi` over D-Bus."""

    def __init__(self, bus: "_Bus") -> None:
        self._bus = bus
        # Calls go to this very process: after a restart an old handle must not mean something else.
        self._owner = AVAHI

    async def owner(self) -> str | None:
        """Return the unique bus name behind Avahi's."""
        try:
            name = _first(await self._bus.call(message_bus.GetNameOwner(AVAHI)))
        except DBusErrorResponse as error:
            if error.name == NO_OWNER:
                return None
            raise
        self._owner = str(name)
        return self._owner

    async def host_name(self) -> str | None:
        """Return the host name in force."""
        if _first(await self._ask("GetState")) != SERVER_RUNNING:
            return None
        return str(_first(await self._ask("GetHostNameFqdn")))

    async def register(self, name: str, services: Sequence[Service]) -> str:
        """Register services in an entry group."""
        entry = str(_first(await self._ask("EntryGroupNew")))
        try:
            for one in services:
                what = (*ANYWHERE, NO_FLAGS, name, one.type, DOMAIN)
                there = (OWN_HOST, one.port, _strings(one))
                await self._tell(entry, "AddService", "iiussssqaay", *what, *there)
                for subtype in one.subtypes:
                    full = f"{subtype}._sub.{one.type}"
                    await self._tell(entry, "AddServiceSubtype", "iiussss", *what, full)
            await self._tell(entry, "Commit")
        except DBusErrorResponse as error:
            await self.withdraw(entry)
            if error.name == COLLISION:
                raise NameTakenError from error
            raise RefusedError(_words(error)) from error
        return entry

    async def update(self, entry: str, name: str, services: Sequence[Service]) -> None:
        """Replace TXT records in place."""
        for one in services:
            body = (*ANYWHERE, NO_FLAGS, name, one.type, DOMAIN, _strings(one))
            await self._tell(entry, "UpdateServiceTxt", "iiusssaay", *body)

    async def state(self, entry: str) -> EntryState:
        """Return an entry group's state."""
        return ENTRY_STATES.get(_first(await self._tell(entry, "GetState")), EntryState.UNDER_WAY)

    async def withdraw(self, entry: str) -> None:
        """Free an entry group, which says goodbye on the network."""
        await self._tell(entry, "Free")

    async def alternative(self, name: str) -> str:
        """Return Avahi's next name."""
        return str(_first(await self._ask("GetAlternativeServiceName", "s", name)))

    async def _ask(self, method: str, signature: str | None = None, *body: object) -> tuple[Any, ...]:
        return await self._call(DBusAddress("/", self._owner, SERVER), method, signature, body)

    async def _tell(
        self, entry: str, method: str, signature: str | None = None, *body: object
    ) -> tuple[Any, ...]:
        return await self._call(DBusAddress(entry, self._owner, ENTRY_GROUP), method, signature, body)

    async def _call(
        self, address: DBusAddress, method: str, signature: str | None, body: tuple[object, ...]
    ) -> tuple[Any, ...]:
        return await self._bus.call(new_method_call(address, method, signature, body))


class _Bus:
    """Calls and their answers; everything else that comes is a signal.

    jeepney's own router cannot be used with filters: one that is closed while the bus hangs up raises
    RuntimeError out of its receiver (0.9.0).
    """

    def __init__(self, connection: DBusConnection, on_change: Callable[[], None]) -> None:
        self._connection = connection
        self._on_change = on_change
        self._waiting: dict[int, trio.MemorySendChannel[Message]] = {}

    async def receive(self) -> None:
        """Pass on what comes, until the bus hangs up."""
        while True:
            message = await self._connection.receive()
            waiting = self._waiting.pop(message.header.fields.get(HeaderFields.reply_serial, -1), None)
            if waiting is not None:
                waiting.send_nowait(message)
            elif message.header.message_type is MessageType.signal:
                self._on_change()

    async def call(self, message: Message) -> tuple[Any, ...]:
        """Call a method and return the values of its answer; DBusErrorResponse if that is an error."""
        serial = next(self._connection.outgoing_serial)
        send, receive = trio.open_memory_channel[Message](1)
        self._waiting[serial] = send
        try:
            with trio.fail_after(CALL_TIMEOUT_S):
                await self._connection.send(message, serial=serial)
                answer = await receive.receive()
        finally:
            # An answer that comes after all is nobody's.
            self._waiting.pop(serial, None)
        body: tuple[Any, ...] = unwrap_msg(answer)
        return body


async def _subscribe(bus: _Bus) -> None:
    owner = MatchRule(type="signal", interface="org.freedesktop.DBus", member="NameOwnerChanged")
    owner.add_arg_condition(0, AVAHI)
    server = MatchRule(type="signal", interface=SERVER, member="StateChanged")
    entries = MatchRule(type="signal", interface=ENTRY_GROUP, member="StateChanged")
    for rule in (owner, server, entries):
        await bus.call(message_bus.AddMatch(rule))


def _first(body: tuple[Any, ...]) -> Any:
    """Return the value an answer has to have."""
    if not body:
        raise AvahiError("Avahi has sent an answer without a value")
    return body[0]


def _strings(service: Service) -> list[bytes]:
    return list(service.txt)


@contextmanager
def _as_avahi_error(kinds: tuple[type[BaseException], ...], closed: str) -> Iterator[None]:
    """Turn errors of these kinds into an AvahiError, out of the groups that nurseries make of them.

    Args:
        closed: what it means that the bus has closed the connection.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        expected, other = group.split(kinds)
        # A cancellation goes its way, and so does a mistake of ours.
        if other is not None or expected is None:
            raise
        raise AvahiError(_words(expected, closed)) from group
    except kinds as error:
        raise AvahiError(_words(error, closed)) from error


def _words(error: BaseException, closed: str = "") -> str:
    """Say in a line what is wrong."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case FileNotFoundError():
            return "there is no system bus (D-Bus) to reach Avahi by"
        case trio.TooSlowError():
            return f"Avahi or the system bus does not answer within {CALL_TIMEOUT_S:g} s"
        case trio.EndOfChannel() | trio.BrokenResourceError() | trio.ClosedResourceError():
            return closed
        case DBusErrorResponse():
            return f"{error.name}: {error.data}"
    return str(error) or type(error).__name__
