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
from protocols.limits import KIB, LprLimits
from protocols.lpr.commands import (
    REFUSED,
    AbortJob,
    ConnectionClosed,
    ControlFileRead,
    DataEnd,
    DataPiece,
    Event,
    FileComplete,
    JobComplete,
    PrintWaiting,
    QueueState,
    ReceiveJob,
    RemoveJobs,
    SubcommandControlFile,
    SubcommandDataFile,
)
from protocols.lpr.connection import LprConnection
from protocols.lpr.handler import LprHandler, LprJob, LprPeer, LprRefused
from protocols.streams import DisconnectedError, PlainStream

RECEIVE_BYTES = 256 * KIB
# Fewer bytes than this in a whole idle time-out is a connection held open on purpose, not a slow network.
MIN_PROGRESS_BYTES = 1 * KIB
# One print server sends many queues' jobs at once, but must leave room for the others.
ADDRESS_SHARE = 4
# How often waiting connections are looked at; a deadline may come this much early.
WATCH_EVERY_S = 1.0
# Enough for a command, or a control file and what clients write behind it.
COMMAND_BYTES = 4 * KIB
# Cleaning up after a cancelled job unlinks files; it must neither be skipped nor hold up the shutdown.
ABORT_TIMEOUT_S = 5.0
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
        self._time = _Time()
        self._sessions: set[_Session] = set()
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
            watching.start_soon(self._watch)
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
            self._time.now_s = trio.current_time()
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
        session = _Session(PlainStream(accepted), peer, self._handler, self._limits, self._time)
        self._sessions.add(session)
        self._per_address[peer.host] += 1
        connections.start_soon(self._serve_one, session)

    async def _serve_one(self, session: "_Session") -> None:
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


class _Time:
    """What time it was when connections were looked at last, in seconds."""

    now_s = 0.0


class _Session:
    """One connection being served."""

    def __init__(
        self, stream: PlainStream, peer: LprPeer, handler: LprHandler, limits: LprLimits, time: _Time
    ) -> None:
        self.peer = peer
        self._stream = stream
        self._handler = handler
        self._limits = limits
        self._connection = LprConnection(limits)
        self._queue = ""
        self._job: LprJob | None = None
        self._scope = trio.CancelScope()
        self._waiting_for_command = False
        self._time = time
        # Since when the peer has made no progress, None when it just has; our own work does not count.
        self._waiting_since_s: float | None = None
        self._waiting = False
        self._too_slow = False
        self._progress = 0

    def close(self) -> None:
        self._stream.close()

    def leave_if_idle(self) -> None:
        """End the connection if no job is in progress on it."""
        if self._waiting_for_command and self._job is None:
            self._scope.cancel()

    def let_go_if_too_slow(self) -> None:
        """End the wait for a peer that takes too long."""
        since_s = self._waiting_since_s if self._waiting else None
        if since_s is not None and self._time.now_s - since_s >= self._limits.idle_timeout_s:
            self._too_slow = True
            self._stream.stop_receiving()

    async def run(self, draining: Callable[[], bool]) -> None:
        """Serve until the peer is done, breaks the protocol, or is refused."""
        with self._scope:
            try:
                while not (draining() and self._job is None) and await self._step():
                    pass
            except LprRefused as refusal:
                log.info("lpr job refused", peer=self.peer.host, queue=self._queue, reason=str(refusal))
                await self._say_no()
            except Exception:  # whatever it was, the peer hears "no"; `_serve_one` tells one from another
                await self._say_no()
                raise
            else:
                if not self._connection.ended:
                    await self._stream.finish()
            finally:
                await self._abort()

    async def _step(self) -> bool:
        """Handle one event; return whether the conversation goes on."""
        self._waiting_for_command = True
        event = await self._next_event()
        self._waiting_for_command = False
        match event:
            case ReceiveJob(queue):
                self._queue = queue
                return await self._answer(await self._handler.queue_exists(queue, self.peer))
            case SubcommandControlFile():
                await self._ensure_job()
                return await self._answer(True)
            case SubcommandDataFile(name, size_bytes):
                job = await self._ensure_job()
                await self._answer(True)
                await self._document(job, name, size_bytes)
                return True
            case ControlFileRead(_, control):
                await (await self._ensure_job()).control(control)
                return True
            case FileComplete():
                return await self._answer(True)
            case JobComplete():
                return await self._finish()
            case AbortJob():
                await self._abort()
                return await self._answer(True)
            case PrintWaiting() | QueueState() | RemoveJobs():
                await self._reply(event)
                return False
            case ConnectionClosed():
                return False
            case DataPiece() | DataEnd():
                raise RemoteProtocolError("document bytes outside a document", status_hint=1)

    async def _document(self, job: LprJob, name: str, size_bytes: int | None) -> None:
        ended = False

        async def receive() -> bytes:
            nonlocal ended
            if ended:
                return b""
            event = await self._next_event()
            if isinstance(event, DataPiece):
                return event.data
            ended = True
            return b""

        await job.document(name, size_bytes, receive)
        # A handler that needed only the beginning still has to get past the rest.
        while not ended:
            await receive()

    async def _finish(self) -> bool:
        job = await self._ensure_job()
        durable = await job.finish()
        if durable:
            self._job = None
        return await self._answer(durable)

    async def _reply(self, event: PrintWaiting | QueueState | RemoveJobs) -> None:
        exists = await self._handler.queue_exists(event.queue, self.peer)
        match event:
            case QueueState(queue, long, selection) if exists:
                text = await self._handler.queue_state(queue, selection, self.peer, long=long)
                await self._send(self._connection.report(text))
            case QueueState():
                await self._send(self._connection.refuse_report())
            case RemoveJobs(queue, agent, selection) if exists:
                await self._answer(await self._handler.remove(queue, agent, selection, self.peer))
            case _:
                # Printing what waits takes its owner's release, so "print waiting" has nothing to do.
                await self._answer(exists)

    async def _ensure_job(self) -> LprJob:
        if self._job is None:
            self._job = await self._handler.begin_job(self._queue, self.peer)
        return self._job

    async def _abort(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + ABORT_TIMEOUT_S):
                await job.abort()

    async def _answer(self, accepted: bool) -> bool:
        await self._send(self._connection.answer(accepted))
        return accepted

    async def _say_no(self) -> None:
        """Tell a peer that speaks LPR to keep its job, and forget it here. A browser gets no byte."""
        if self._connection.speaks_lpr:
            with contextlib.suppress(DisconnectedError):
                await self._send(REFUSED)
        await self._abort()
        if self._connection.speaks_lpr:
            await self._stream.finish()

    async def _send(self, data: bytes) -> None:
        # An answer is one byte, for which there is room but in a peer that takes none of its answers.
        sent = self._stream.send_now(data)
        if sent == len(data):
            return
        try:
            with trio.fail_after(self._limits.idle_timeout_s):
                await self._stream.send_all(data[sent:])
        except trio.TooSlowError:
            raise DisconnectedError("the peer does not read its answers") from None

    async def _next_event(self) -> Event:
        while (event := self._connection.next_event()) is None:
            data = await self._receive()
            if data is None:
                self._connection.forgive_end_mark()
            else:
                self._connection.receive_data(data)
        if not isinstance(event, DataPiece):
            self._waiting_since_s, self._progress = None, 0
        return event

    async def _receive(self) -> bytes | None:
        """Return what the peer sends, or None when all that is missing is the zero byte behind a file."""
        if self._connection.wants_only_end_mark:
            with trio.move_on_after(self._limits.end_mark_timeout_s):
                return await self._stream.receive(COMMAND_BYTES)
            return None
        if self._waiting_since_s is None:
            self._waiting_since_s = self._time.now_s
        self._waiting = True
        data = await self._stream.receive(self._expected_bytes())
        self._waiting = False
        if self._too_slow:
            raise RemoteProtocolError("the peer is too slow", status_hint=1)
        self._progress += len(data)
        if self._progress >= MIN_PROGRESS_BYTES:
            self._waiting_since_s, self._progress = None, 0
        return data

    def _expected_bytes(self) -> int:
        # Memory for a large piece has to be asked for and given back; commands are small.
        return min(RECEIVE_BYTES, max(COMMAND_BYTES, self._connection.expected_bytes + 1))


def _reset(accepted: socket.socket) -> None:
    """Close without a byte and without waiting: the peer sees a reset."""
    with contextlib.suppress(OSError):
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()
