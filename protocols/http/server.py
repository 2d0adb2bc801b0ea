"""A small HTTP/1.1 server on trio for printing: strict, bounded, streaming both ways with backpressure.

    server = HttpServer(handler, limits=HttpLimits(), tls_context=lambda: context)
    await nursery.start(server.serve, sockets)

Plain and TLS connections share a port: the first byte tells them apart. The server has no routes, no
sessions and no log; it tells its owner about bugs through `on_error` and about everything else through
`statistics`.
"""

import errno
import ipaddress
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from email.utils import formatdate

import trio

from protocols.http.connection import Connection
from protocols.http.message import Address, Handler, Request, Response
from protocols.http.repeats import NoRepeats, Repeats
from protocols.http.rules import Rules
from protocols.http.statistics import HttpSnapshot, HttpStatistics
from protocols.limits import HttpLimits
from protocols.readiness import Readiness
from protocols.streams import PlainStream
from protocols.tls_streams import TlsContextSource

__all__ = ["Handler", "HttpServer", "HttpSnapshot", "HttpStatistics", "Request", "Response"]

# accept(2): out of descriptors or memory. Waiting a moment lets running connections give some back.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_EXHAUSTED_PAUSE_S = 0.1
# accept(2): something about the one connection that was to be accepted; the next one may be fine.
_CONNECTION_GONE = frozenset(
    {
        errno.ECONNABORTED,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENONET,
        errno.ENOPROTOOPT,
        errno.EPERM,
        errno.EPROTO,
        errno.ETIMEDOUT,
    }
)

# Beginning a connection takes some 50 us; others wait no longer than for a few requests.
_ACCEPT_AT_ONCE = 64
# Deadlines are looked at this many times within the shortest of them, at most once a second.
_WATCH_FRACTION = 10
_WATCH_MAX_S = 1.0
# Ending a connection takes about 0.1 ms; a few of them do not hold up anybody else's request.
_WAKE_AT_ONCE = 32
# One IPv6 subscriber has a /64 of addresses.
_IPV6_SUBSCRIBER_BITS = 64


Listening = socket.socket | trio.socket.SocketType


class HttpServer:
    """Serves one handler on any number of listening sockets.

    Args:
        handler: answers a request. What it raises is answered by 500 and told to `on_error`, except
            RemoteProtocolError (the client's fault: its status hint is the answer). Both end the connection.
            A handler that talks to other peers keeps their errors to itself.
        limits: bounds on heads, bodies, times and connections.
        tls_context: gives the context for the next TLS connection (so that certificates can be renewed);
            None: a TLS client is turned away.
        upgrades_to_tls: whether a client may also ask to go on in TLS (RFC 2817), as CUPS does where
            encryption is required.
        allowed_hosts: whether a name or address in Host is ours; others are answered by 421. The name is in
            lower case, without port and brackets.
        statistics: counts, to be read by the owner.
        on_error: called with a handler's bug and the request it happened in.
        repeats: remembers answers to requests that come again octet for octet.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        limits: HttpLimits | None = None,
        tls_context: TlsContextSource | None = None,
        upgrades_to_tls: bool = False,
        allowed_hosts: Callable[[str], bool] = lambda _host: True,
        statistics: HttpStatistics | None = None,
        on_error: Callable[[Exception, Request], None] = lambda _error, _request: None,
        repeats: Repeats | None = None,
    ) -> None:
        self._limits = limits if limits is not None else HttpLimits()
        self.statistics = statistics if statistics is not None else HttpStatistics()
        self._rules = Rules(
            handler=handler,
            limits=self._limits,
            tls_context=tls_context,
            upgrades_to_tls=upgrades_to_tls,
            allowed_hosts=allowed_hosts,
            statistics=self.statistics,
            on_error=on_error,
            clock=trio.current_time,
            date=_DateField().value,
            readiness=Readiness(),
            repeats=repeats if repeats is not None else NoRepeats(),
        )
        self._open: set[Connection] = set()
        self._per_address: Counter[str] = Counter()
        self._accepting = trio.CancelScope()
        self._draining = False
        self._someone_came = trio.Event()

    async def serve(
        self,
        sockets: Sequence[Listening],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept and serve until `drain` was called and the last connection has ended, or until cancelled.

        Args:
            sockets: bound and listening; they are closed when accepting ends.
            task_status: told once connections are accepted.
        """
        async with trio.open_nursery() as watching:
            watching.start_soon(self._watch_deadlines)
            watching.start_soon(self._rules.readiness.run)
            async with trio.open_nursery() as connections:
                with self._accepting:
                    async with trio.open_nursery() as listeners:
                        for listener in sockets:
                            listeners.start_soon(self._accept_from, _stdlib(listener), connections)
                        task_status.started()
            watching.cancel_scope.cancel()

    def drain(self) -> None:
        """Accept nothing more and end idle connections; requests that have begun are answered first."""
        self._draining = True
        self._accepting.cancel()
        for connection in self._open:
            connection.begin_drain()

    async def _accept_from(self, listener: socket.socket, connections: trio.Nursery) -> None:
        with listener:
            listener.setblocking(False)
            while True:
                await trio.lowlevel.wait_readable(listener)
                try:
                    for _ in range(_ACCEPT_AT_ONCE):
                        self._begin(*listener.accept(), connections)
                except BlockingIOError:
                    continue
                except OSError as error:
                    if error.errno in _EXHAUSTED:
                        self.statistics.refused_connection("no-descriptors")
                        await trio.sleep(_EXHAUSTED_PAUSE_S)
                    elif error.errno not in _CONNECTION_GONE:
                        raise

    def _begin(self, sock: socket.socket, peer: tuple[object, ...], connections: trio.Nursery) -> None:
        """Serve a connection that was accepted, or close it."""
        address = _address_of(sock, peer)
        key = _subscriber(address.peer_host)
        reason = self._reason_to_refuse(key)
        if reason is None:
            self.statistics.open_connections += 1
            self._per_address[key] += 1
            self.statistics.accepted += 1
            connections.start_soon(self._serve_connection, sock, address, key)
        else:
            self.statistics.refused_connection(reason)
            sock.close()

    def _reason_to_refuse(self, subscriber: str) -> str | None:
        if self.statistics.open_connections >= self._limits.max_connections:
            return "server-full"
        if self._per_address[subscriber] >= self._limits.max_connections_per_address:
            return "address-full"
        return None

    async def _serve_connection(self, sock: socket.socket, address: Address, subscriber: str) -> None:
        deadline = trio.current_time() + self._limits.head_timeout_s
        connection = Connection(PlainStream(sock), address, self._rules, deadline=deadline)
        self._open.add(connection)
        self._someone_came.set()
        try:
            if self._draining:
                connection.begin_drain()
            await connection.run()
        finally:
            self.statistics.open_connections -= 1
            self._open.remove(connection)
            self._per_address[subscriber] -= 1
            if not self._per_address[subscriber]:
                del self._per_address[subscriber]

    async def _watch_deadlines(self) -> None:
        limits = self._limits
        shortest = min(
            limits.handshake_timeout_s,
            limits.head_timeout_s,
            limits.idle_timeout_s,
            limits.body_rate_window_s,
            limits.write_timeout_s,
        )
        interval_s = min(shortest / _WATCH_FRACTION, _WATCH_MAX_S)
        while True:
            if not self._open:
                self._someone_came = trio.Event()
                await self._someone_came.wait()
            await trio.sleep(interval_s)
            await self._expire(trio.current_time())

    async def _expire(self, now: float) -> None:
        """Wake up whoever has waited too long; a few at a time, or a thousand would wake up at once."""
        late = [connection for connection in self._open if connection.deadline < now]
        for number, connection in enumerate(late, start=1):
            if connection.deadline < now:  # it may have moved on meanwhile
                connection.expire()
            if number % _WAKE_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()


class _DateField:
    """The value of Date, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._value = b""

    def value(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._value = formatdate(second, usegmt=True).encode("ascii")
        return self._value


def _stdlib(listener: Listening) -> socket.socket:
    """Take over a listening socket; trio's own accept makes one object more for every connection."""
    if isinstance(listener, socket.socket):
        return listener
    return socket.socket(listener.family, listener.type, fileno=listener.detach())


def _address_of(sock: socket.socket, peer: Sequence[object]) -> Address:
    local = sock.getsockname()
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return Address("", 0, "", 0)
    return Address(_plain_host(str(peer[0])), int(str(peer[1])), _plain_host(local[0]), local[1])


def _plain_host(host: str) -> str:
    """Give IPv4 clients of a dual-stack listener their IPv4 address back."""
    return host[7:] if host.startswith("::ffff:") and "." in host else host


def _subscriber(host: str) -> str:
    """Return what connections are counted by: the IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in host:
        return host
    network = ipaddress.IPv6Network((host.partition("%")[0], _IPV6_SUBSCRIBER_BITS), strict=False)
    return network.network_address.compressed
