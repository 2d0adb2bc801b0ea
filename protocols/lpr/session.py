"""One LPR connection being served: bytes from its socket, events to the handler, answers back.

Most of a conversation can be answered without waiting for anything but the peer, and is answered where the
socket waits (`protocols.readiness`): a task is woken for a document, for the end of a job, and for what asks
the daemon something.
"""

import contextlib
from collections.abc import Callable

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
from protocols.readiness import Readiness
from protocols.streams import DisconnectedError, PlainStream

RECEIVE_BYTES = 256 * KIB
# Fewer bytes than this in a whole idle time-out is a connection held open on purpose, not a slow network.
MIN_PROGRESS_BYTES = 1 * KIB
# Enough for a command, or a control file and what clients write behind it.
COMMAND_BYTES = 4 * KIB
# Cleaning up after a cancelled job unlinks files; it must neither be skipped nor hold up the shutdown.
ABORT_TIMEOUT_S = 5.0

log = structlog.get_logger()


class Moment:
    """What time it was when connections were looked at last, in seconds."""

    now_s = 0.0


class Session:
    """One connection.

    Args:
        readiness: where the socket waits.
        moment: kept up to date by whoever calls `let_go_if_too_slow`.
    """

    def __init__(
        self,
        stream: PlainStream,
        peer: LprPeer,
        handler: LprHandler,
        limits: LprLimits,
        *,
        readiness: Readiness,
        moment: Moment,
    ) -> None:
        self.peer = peer
        self._stream = stream
        self._handler = handler
        self._limits = limits
        self._readiness = readiness
        self._moment = moment
        self._connection = LprConnection(limits)
        self._queue = ""
        self._job: LprJob | None = None
        self._file: SubcommandDataFile | None = None
        # What the task has to do next, found where the socket waits.
        self._event: Event | None = None
        self._scope = trio.CancelScope()
        # Since when the peer has made no progress, None when it just has; our own work does not count.
        self._waiting_since_s: float | None = None
        self._waiting = False
        self._too_slow = False
        self._progress = 0

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def leave_if_idle(self) -> None:
        """End the connection if no job is in progress on it."""
        if self._waiting and self._job is None:
            self._scope.cancel()

    def let_go_if_too_slow(self) -> None:
        """End the wait for a peer that takes too long."""
        since_s = self._waiting_since_s if self._waiting else None
        if since_s is not None and self._moment.now_s - since_s >= self._limits.idle_timeout_s:
            self._too_slow = True
            self._stream.stop_receiving()

    async def run(self, draining: Callable[[], bool]) -> None:
        """Serve until the peer is done, breaks the protocol, or is refused.

        Raises:
            RemoteProtocolError: it broke the protocol, or is gone.
            Exception: the handler failed; the peer was told "no".
        """
        with self._scope:
            try:
                while not (draining() and self._job is None) and await self._step():
                    pass
            except LprRefused as refusal:
                log.info("lpr job refused", peer=self.peer.host, queue=self._queue, reason=str(refusal))
                await self._say_no()
            except Exception:  # whatever it was, the peer hears "no"; the server tells one from another
                await self._say_no()
                raise
            else:
                if not self._connection.ended:
                    await self._stream.finish()
            finally:
                await self._abort()

    async def _step(self) -> bool:
        """Handle what takes longer; return whether the conversation goes on."""
        match await self._next_event():
            case DataPiece() | DataEnd() as event:
                await self._document(event)
                return True
            case JobComplete():
                return await self._finish()
            case AbortJob():
                await self._abort()
                self._answer(True)
                return True
            case PrintWaiting() | QueueState() | RemoveJobs() as event:
                await self._reply(event)
            case _:
                pass
        return False

    async def _document(self, event: DataPiece | DataEnd) -> None:
        if self._file is None:
            raise RemoteProtocolError("document bytes outside a document", status_hint=1)
        name, size_bytes, self._file = self._file.name, self._file.size_bytes, None
        first: Event | None = event
        ended = False

        async def receive() -> bytes:
            nonlocal first, ended
            if ended:
                return b""
            found = await self._next_event() if first is None else first
            first = None
            if isinstance(found, DataPiece):
                return found.data
            ended = True
            return b""

        await self._begun_job().document(name, size_bytes, receive)
        # A handler that needed only the beginning still has to get past the rest.
        while not ended:
            await receive()

    async def _finish(self) -> bool:
        durable = await self._begun_job().finish()
        if durable:
            self._job = None
        return self._answer(durable)

    async def _reply(self, event: PrintWaiting | QueueState | RemoveJobs) -> None:
        exists = self._handler.queue_exists(event.queue, self.peer)
        match event:
            case QueueState(queue, long, selection) if exists:
                text = await self._handler.queue_state(queue, selection, self.peer, long=long)
                await self._send(self._connection.report(text))
            case QueueState():
                await self._send(self._connection.refuse_report())
            case RemoveJobs(queue, agent, selection) if exists:
                self._answer(await self._handler.remove(queue, agent, selection, self.peer))
            case _:
                # Printing what waits takes its owner's release, so "print waiting" has nothing to do.
                self._answer(exists)

    def _begun_job(self) -> LprJob:
        if self._job is None:
            self._job = self._handler.begin_job(self._queue, self.peer)
        return self._job

    async def _abort(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + ABORT_TIMEOUT_S):
                await job.abort()

    # --- what needs nobody to wait

    def _answer_at_once(self) -> Event | None:
        """Go on with what is here; return the event that takes longer, None when bytes are missing."""
        while (event := self._connection.next_event()) is not None:
            if isinstance(event, DataPiece):
                return event
            self._waiting_since_s, self._progress = None, 0
            match event:
                case ReceiveJob(queue):
                    self._queue = queue
                    if not self._answer(self._handler.queue_exists(queue, self.peer)):
                        return ConnectionClosed()
                case SubcommandControlFile():
                    self._begun_job()
                    self._answer(True)
                case SubcommandDataFile():
                    self._begun_job()
                    self._file = event
                    self._answer(True)
                case ControlFileRead(_, control):
                    self._begun_job().control(control)
                case FileComplete():
                    self._answer(True)
                case _:
                    return event
        return None

    def _answer(self, accepted: bool) -> bool:
        # An answer is one byte, for which there is room but in a peer that takes none of its answers.
        if not self._stream.send_now(self._connection.answer(accepted)):
            raise DisconnectedError("the peer does not read its answers")
        return accepted

    def _take(self) -> bool:
        """Take what has come; return whether the task must go on."""
        data = self._stream.receive_now(self._expected_bytes())
        if data is None:
            return False
        if self._too_slow:
            raise RemoteProtocolError("the peer is too slow", status_hint=1)
        self._progress += len(data)
        if self._progress >= MIN_PROGRESS_BYTES:
            self._waiting_since_s, self._progress = None, 0
        self._connection.receive_data(data)
        self._event = self._answer_at_once()
        if self._event is not None or self._connection.wants_only_end_mark:
            return True
        self._wait_from_now()
        return False

    def _wait_from_now(self) -> None:
        if self._waiting_since_s is None:
            self._waiting_since_s = self._moment.now_s

    def _expected_bytes(self) -> int:
        # Memory for a large piece has to be asked for and given back; commands are small.
        return min(RECEIVE_BYTES, max(COMMAND_BYTES, self._connection.expected_bytes + 1))

    # --- waiting

    async def _next_event(self) -> Event:
        event, self._event = self._event, None
        if event is None:
            event = self._answer_at_once()
        while event is None:
            await self._wait()
            event, self._event = self._event, None
        return event

    async def _wait(self) -> None:
        """Wait until there is an event, or enough has been waited for one that may not come."""
        if self._connection.wants_only_end_mark:
            with trio.move_on_after(self._limits.end_mark_timeout_s) as scope:
                await self._stream.wait_for_data()
            if scope.cancelled_caught:
                self._connection.forgive_end_mark()
                self._event = self._answer_at_once()
                return
        if self._take():
            await trio.lowlevel.checkpoint()
            return
        self._wait_from_now()
        self._waiting = True
        try:
            await self._readiness.wait(self._stream.socket, self._take)
        finally:
            self._waiting = False

    async def _say_no(self) -> None:
        """Tell a peer that speaks LPR to keep its job, and forget it here. A browser gets no byte."""
        if self._connection.speaks_lpr:
            with contextlib.suppress(DisconnectedError):
                await self._send(REFUSED)
        await self._abort()
        if self._connection.speaks_lpr:
            await self._stream.finish()

    async def _send(self, data: bytes) -> None:
        try:
            with trio.fail_after(self._limits.idle_timeout_s):
                await self._stream.send_all(data)
        except trio.TooSlowError:
            raise DisconnectedError("the peer does not read its answers") from None
