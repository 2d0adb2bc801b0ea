"""The LPR server: accepts connections from the allowed networks and moves bytes to a handler.

LPR knows neither passwords nor encryption, so the list of networks is all there is: a peer outside it
gets not a byte, only a closed connection.

The last answer of a job is the only one with a meaning: it is sent after `LprJob.finish` said that the
job is durable. Two clients' habits matter to whoever runs this: the CUPS backend takes a connection that
ends without an answer to the data file for success (with `order=data,control` it does not), and a client
that streams to the end of the connection reads no answer at all.
"""

import contextlib
import errno
import socket
import struct
from collections import Counter
from collections.abc import Callable, Sequence

import structlog
import trio

from protocols.errors import RemoteProtocolError
from protocols.limits import LprLimits
from protocols.lpr.handler import LprHandler, LprPeer
from protocols.lpr.session import Moment, Session
from protocols.readiness import Readiness
from protocols.streams import DisconnectedError, PlainStream

# One print server sends many queues' jobs at once, but must leave room for the others.
ADDRESS_SHARE = 4
# How often waiting connections are looked at; a deadline may come this much early.
WATCH_EVERY_S = 1.0
# Connections taken in before anybody else has a turn.
ACCEPT_AT_ONCE = 16
# Out of file descriptors: give the connections that have some the time to end.
ACCEPT_PAUSE_S = 0.1
# accept(2) errors that trying again cannot cure.
NOT_LISTENING = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP})

log = structlog.get_logger()


class LprServer:
    """Serves LPR on listening sockets.

    Args:
        handler: the daemon's side.
        allowed: whether an address (without scope or IPv4 mapping) may speak; asked for every connection.
        limits: sizes, counts and times.
        on_refused: told of every peer that is not allowed.
        on_broken: told of every connection closed because the peer broke the protocol.
    """

    def __init__(
        self,
        handler: LprHandler,
        *,
        allowed: Callable[[str], bool],
        limits: LprLimits,
        on_refused: Callable[[LprPeer], None],
        on_broken: Callable[[LprPeer, RemoteProtocolError], None],
    ) -> None:
        self._handler = handler
        self._allowed = allowed
        self._limits = limits
        self._on_refused = on_refused
        self._on_broken = on_broken
        self._accepting = trio.CancelScope()
        self._draining = False
        self._moment = Moment()
        self._readiness = Readiness()
        self._sessions: set[Session] = set()
        self._per_address: Counter[str] = Counter()

    @property
    def connections(self) -> int:
        """Return how many connections are being served."""
        return len(self._sessions)

    async def serve(
        self,
        sockets: Sequence[trio.socket.SocketType],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept connections until cancelled, or until drained and all jobs ended; closes the sockets."""
        async with trio.open_nursery() as watching:
            self._moment.now_s = trio.current_time()
            watching.start_soon(self._watch)
            watching.start_soon(self._readiness.run)
            async with trio.open_nursery() as connections:
                try:
                    with self._accepting:
                        async with trio.open_nursery() as acceptors:
                            for listening in sockets:
                                acceptors.start_soon(self._accept, listening, connections)
                            task_status.started()
                finally:
                    for listening in sockets:
                        listening.close()
            watching.cancel_scope.cancel()

    async def _watch(self) -> None:
        """Look after all whom we wait for in one task: a deadline for every byte costs more than the byte."""
        while True:
            self._moment.now_s = trio.current_time()
            for session in tuple(self._sessions):
                session.let_go_if_too_slow()
            await trio.sleep(WATCH_EVERY_S)

    def drain(self) -> None:
        """Take no new connections or jobs; `serve` returns when the jobs in progress have ended."""
        self._draining = True
        self._accepting.cancel()
        for session in tuple(self._sessions):
            session.leave_if_idle()

    async def _accept(self, listening: trio.socket.SocketType, connections: trio.Nursery) -> None:
        # trio's own accept makes an object of its own for each connection, and comes by one at a time.
        with socket.socket(listening.family, listening.type, fileno=listening.detach()) as plain:
            plain.setblocking(False)
            while True:
                await trio.lowlevel.wait_readable(plain)
                try:
                    for _ in range(ACCEPT_AT_ONCE):
                        accepted, address = plain.accept()
                        self._admit(accepted, LprPeer.at(address), connections)
                except BlockingIOError:
                    continue
                except OSError as error:
                    if error.errno in NOT_LISTENING:
                        raise
                    # The peer gave up already, or descriptors or memory ran out: the service goes on.
                    log.warning("lpr accept failed", reason=error.strerror)
                    await trio.sleep(ACCEPT_PAUSE_S)

    def _admit(self, accepted: socket.socket, peer: LprPeer, connections: trio.Nursery) -> None:
        """Start serving a connection, or close it without a byte."""
        if not self._allowed(peer.host):
            _reset(accepted)
            self._on_refused(peer)
            return
        share = max(1, self._limits.max_connections // ADDRESS_SHARE)
        if len(self._sessions) >= self._limits.max_connections or self._per_address[peer.host] >= share:
            _reset(accepted)
            log.warning("lpr connections exhausted", peer=peer.host, connections=len(self._sessions))
            return
        session = Session(
            PlainStream(accepted),
            peer,
            self._handler,
            self._limits,
            readiness=self._readiness,
            moment=self._moment,
        )
        self._sessions.add(session)
        self._per_address[peer.host] += 1
        connections.start_soon(self._serve_one, session)

    async def _serve_one(self, session: Session) -> None:
        peer = session.peer
        try:
            await session.run(lambda: self._draining)
        except RemoteProtocolError as error:
            if isinstance(error, DisconnectedError):
                log.info("lpr peer left", peer=peer.host, reason=str(error))
            else:
                self._on_broken(peer, error)
        except Exception as error:  # the edge of one connection: its trouble must not end the others
            log.error("lpr connection failed", peer=peer.host, exc_info=error)
        finally:
            session.close()
            self._sessions.discard(session)
            self._per_address[peer.host] -= 1
            if not self._per_address[peer.host]:
                del self._per_address[peer.host]


def _reset(accepted: socket.socket) -> None:
    """Close without a byte and without waiting: the peer sees a reset."""
    with contextlib.suppress(OSError):
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()
