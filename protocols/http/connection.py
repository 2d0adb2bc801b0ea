"""The life of one connection: request after request, each within its deadlines.

Nothing here waits by itself; the stream does. A connection says in `deadline` until when it is willing to
wait, and the server's watch calls `expire` when that has passed: one attribute written per wait in place of
a cancel scope, and a handler that is reading a body sees an error instead of being cancelled.
"""

import contextlib
from http import HTTPStatus as Status
from math import inf

from protocols.errors import RemoteProtocolError, remote_cause
from protocols.http.events import BodyPiece, EndOfRequest, Pause, RequestHead
from protocols.http.message import (
    CONTINUE,
    SWITCHING_TO_TLS,
    Address,
    Request,
    Response,
    encode_head,
    plain_response,
    refusal_status,
)
from protocols.http.parser import RequestParser
from protocols.http.rules import Phase, Rules
from protocols.limits import KIB
from protocols.streams import DisconnectedError, PlainStream, SocketStream
from protocols.tls_streams import start_tls

# Heads and whole small requests fit; an idle connection keeps no buffer.
_HEAD_RECEIVE_BYTES = 16 * KIB
# Where nobody knows how much is to come: CUPS sends chunks of 32 to 64 KiB.
_CHUNKED_RECEIVE_BYTES = 256 * KIB
# An answer and its head travel in one packet up to here; joining more costs more than a second packet.
_JOIN_MAX_BYTES = 64 * KIB
# What is left of a body that the handler did not want: reading this much is cheaper than a new connection.
DRAIN_MAX_BYTES = 256 * KIB
DRAIN_TIMEOUT_S = 1.0


class Connection:
    """One client's connection. `run` answers its requests until it ends, and closes it.

    Args:
        stream: the connection as it was accepted.
        address: both ends.
        rules: what the server decided.
        deadline: until when the first request's head must have arrived, in the clock's seconds.
    """

    __slots__ = (
        "_address", "_arriving", "_closing", "_continue_due", "_cut_off", "_drain_until", "_expired",
        "_parser", "_patience_s", "_received", "_rules", "_stream", "_unsent", "_whole", "deadline", "phase",
    )  # fmt: skip

    def __init__(self, stream: PlainStream, address: Address, rules: Rules, *, deadline: float) -> None:
        self._stream: SocketStream = stream
        self._arriving = stream
        self._address = address
        self._rules = rules
        self._parser = RequestParser(rules.limits)
        self._closing = False
        self._expired = False
        self._continue_due = False
        self._cut_off = False
        self._drain_until = inf
        self._patience_s = 0.0
        self._received: bytes | None = None  # between requests: what has come, for the task to read
        self._unsent = b""  # the rest of an answer that was given between requests
        self._whole = b""  # the request being answered, if it came in one piece with nothing behind it
        self.deadline = deadline
        self.phase = Phase.ARRIVING

    async def run(self) -> None:
        """Serve requests until the connection ends."""
        try:
            with contextlib.suppress(DisconnectedError):
                await self._arrive()
                if await self._serve_requests():
                    # The peer may still be sending; a reset would destroy the answer it has not read yet.
                    await self._stream.finish()
        finally:
            self.deadline = inf
            self._stream.close()

    async def _arrive(self) -> None:
        """Tell plain from TLS by the first byte, and do the handshake."""
        if await self._arriving.begins_with_tls():
            await self._begin_tls()
        self.phase = Phase.HEAD

    async def _begin_tls(self) -> None:
        rules = self._rules
        if rules.tls_context is None:
            rules.statistics.refused_connection("no-tls")
            raise DisconnectedError("TLS is not offered here")
        stream = start_tls(self._arriving, rules.tls_context())
        self._stream = stream
        self.deadline = rules.clock() + rules.limits.handshake_timeout_s
        try:
            await stream.handshake()
        except DisconnectedError:
            rules.statistics.refused_connection("handshake")
            raise
        self.deadline = rules.clock() + rules.limits.head_timeout_s

    async def _upgrade(self) -> None:
        """Go on in TLS (RFC 2817 3.3). Nothing that was said in clear is heard afterwards.

        Raises:
            RemoteProtocolError: not here, or not in this way.
        """
        rules = self._rules
        if not rules.upgrades_to_tls or rules.tls_context is None or self._stream.tls:
            raise RemoteProtocolError("protocol upgrades are not offered", status_hint=Status.NOT_IMPLEMENTED)
        if self._parser.has_data:
            raise RemoteProtocolError("nothing may follow a request to upgrade before the handshake")
        await self._send_bytes(SWITCHING_TO_TLS)
        self.phase = Phase.ARRIVING
        self._parser = RequestParser(rules.limits)
        self._whole = b""
        await self._begin_tls()

    async def _serve_requests(self) -> bool:
        """Answer request after request; return whether closing needs care."""
        rules = self._rules
        try:
            while (head := await self._next_head()) is not None:
                if head.upgrades_to_tls:
                    await self._upgrade()
                if not await self._answer(head):
                    return True
                self.phase = Phase.IDLE
                self.deadline = rules.clock() + rules.limits.idle_timeout_s
        except DisconnectedError:
            raise
        except RemoteProtocolError as error:
            self.phase = Phase.ANSWER
            self.deadline = inf
            await self._send(self._refuse(error), close=True, bodiless=False)
            return True
        return False

    def expire(self) -> None:
        """The deadline has passed: wake the connection up, to its end."""
        self.deadline = inf
        self._expired = True
        self._rules.statistics.expired(self.phase.name.lower())
        if self.phase is Phase.ANSWER:
            self._stream.abort()
        else:
            self._stream.stop_receiving()

    def begin_drain(self) -> None:
        """Take no new request; one that has begun is answered."""
        self._closing = True
        if self.phase in (Phase.ARRIVING, Phase.IDLE) or (
            self.phase is Phase.HEAD and not self._parser.has_data
        ):
            self._stream.stop_receiving()

    async def receive_body(self) -> bytes:
        """See `Request.receive_body`."""
        parser = self._parser
        if parser.body_ended:
            return b""
        while True:
            event = parser.next_event()
            if type(event) is BodyPiece:
                return event.data
            if type(event) is EndOfRequest:
                return b""
            await self._say_continue()
            await self._receive_more_body()

    async def drain_body(self, max_bytes: int) -> bool:
        """See `Request.drain`."""
        discarded = 0
        while discarded <= max_bytes:
            piece = await self.receive_body()
            if not piece:
                return True
            discarded += len(piece)
        return False

    async def _next_head(self) -> RequestHead | None:
        """Wait for a request; None when there will be none."""
        parser, stream, limits = self._parser, self._stream, self._rules.limits
        event = parser.next_event()
        if type(event) is RequestHead:
            # A client that pipelines must not keep the processor for itself.
            await stream.let_others_run()
        while type(event) is not RequestHead:
            if event is Pause.CLOSED:
                return None
            if parser.has_data:
                if self.phase is Phase.IDLE:
                    self.phase = Phase.HEAD
                    self.deadline = self._rules.clock() + limits.head_timeout_s
                await stream.wait_for_data()
                data = stream.receive_now(_HEAD_RECEIVE_BYTES)
                self._whole = b""
            else:
                data = await self._rest()
                self._whole = data or b""
            if self._expired:
                if parser.has_data:
                    raise RemoteProtocolError("the request took too long", status_hint=Status.REQUEST_TIMEOUT)
                return None
            if data is not None:
                parser.receive_data(data)
                event = parser.next_event()
        return event

    async def _rest(self) -> bytes | None:
        """Wait between requests; return what has come. Questions that are known are answered meanwhile."""
        stream, rules = self._stream, self._rules
        while self._received is None:
            if self._unsent:
                unsent, self._unsent = self._unsent, b""
                await self._send_bytes(unsent)
                self.phase = Phase.IDLE
                self.deadline = rules.clock() + rules.limits.idle_timeout_s
            elif stream.has_decrypted:
                self._serve_at_rest()
            else:
                await rules.readiness.wait(stream.socket, self._serve_at_rest)
        received, self._received = self._received, None
        return received

    def _serve_at_rest(self) -> bool:
        """Take what has come between requests and answer it, if it is known; return whether to wake up.

        Called by the task that watches all connections at rest: nothing here waits.
        """
        rules, stream = self._rules, self._stream
        data = stream.receive_now(_HEAD_RECEIVE_BYTES)
        if data is None:
            return False
        answer = None if self._closing or self._expired else rules.repeats.recall(data, tls=stream.tls)
        if answer is None:
            self._received = data
            return True
        rules.statistics.requests += 1
        self.phase = Phase.IDLE
        self.deadline = rules.clock() + rules.limits.idle_timeout_s
        sent = stream.send_now(answer)
        self._unsent = answer[sent:]
        return bool(self._unsent) or stream.has_decrypted

    async def _say_continue(self) -> None:
        """Tell a client to go ahead that waits for it, once what it has sent already is used up.

        CUPS sends the attributes of a job, waits, and only then sends the document: a beginning of the body
        is no sign that the rest comes unasked.
        """
        if self._continue_due:
            self._continue_due = False
            await self._send_bytes(CONTINUE)
            self.phase = Phase.HANDLER

    async def _receive_more_body(self) -> None:
        """Wait for body bytes, as long as the client keeps up its rate.

        Patience is a leaky bucket of seconds: waiting empties it, bytes at the least acceptable rate fill it.
        Only waiting for the client counts, never the handler's own time.
        """
        rules, limits = self._rules, self._rules.limits
        began = rules.clock()
        self._whole = b""
        self.phase = Phase.BODY
        self.deadline = min(began + self._patience_s, self._drain_until)
        try:
            # A buffer is made for all that is asked for: for no more than belongs to this body.
            remaining = self._parser.remaining_bytes
            room = _CHUNKED_RECEIVE_BYTES if remaining is None else min(limits.receive_bytes, remaining)
            data = await self._stream.receive(room)
        finally:
            # Also when the handler gave up waiting: it may answer in its own time.
            self.phase = Phase.HANDLER
            self.deadline = inf
        if self._expired:
            raise RemoteProtocolError("the body came too slowly", status_hint=Status.REQUEST_TIMEOUT)
        self._patience_s = min(
            limits.body_rate_window_s,
            self._patience_s - (rules.clock() - began) + len(data) / limits.min_body_bytes_per_s,
        )
        self._parser.receive_data(data)

    async def _answer(self, head: RequestHead) -> bool:
        """Let the handler answer one request; return whether another may follow."""
        rules = self._rules
        rules.statistics.requests += 1
        self.phase = Phase.HANDLER
        self.deadline = inf
        self._drain_until = inf
        self._patience_s = rules.limits.body_rate_window_s
        self._continue_due = head.expects_continue and head.content_length != 0
        request = Request(head, self._address, self, tls=self._stream.tls)
        try:
            response, keep_alive = await self._handle(request)
        except RemoteProtocolError as error:
            response, keep_alive = self._refuse(error), False
        else:
            keep_alive = keep_alive and head.keep_alive and await self._end_body()
        finally:
            request.end()
        keep_alive = keep_alive and not self._closing
        sent = await self._send(response, close=not keep_alive, bodiless=head.method == "HEAD")
        whole, self._whole = self._whole, b""
        if (
            response.again is not None
            and whole
            and sent
            and keep_alive
            and not self._parser.has_data
            and head.content_length
            and not head.expects_continue
        ):
            rules.repeats.keep(whole, sent, response.again, tls=self._stream.tls)
        return keep_alive

    async def _handle(self, request: Request) -> tuple[Response, bool]:
        """Return the handler's response and True; 500 and False if it has a bug.

        Raises:
            RemoteProtocolError: the client is to blame.
        """
        try:
            if not self._rules.allowed_hosts(request.host):
                raise RemoteProtocolError(
                    "this server has another name", status_hint=Status.MISDIRECTED_REQUEST
                )
            response = await self._rules.handler(request)
            if not isinstance(response, Response):
                raise TypeError(f"a handler returned {type(response).__name__}")
        except Exception as error:  # noqa: BLE001 - the edge: one request's bug must not end the server
            remote = remote_cause(error)
            if remote is not None:
                raise remote from None
            self._rules.statistics.handler_errors += 1
            self._rules.on_error(error, request)
            return plain_response(Status.INTERNAL_SERVER_ERROR, "internal error"), False
        return response, True

    def _refuse(self, error: RemoteProtocolError) -> Response:
        status = refusal_status(error.status_hint)
        self._rules.statistics.refused_request(status)
        return plain_response(status, str(error))

    async def _end_body(self) -> bool:
        """Reach the end of the request's body, if it is near; return False when the connection must end."""
        parser = self._parser
        if parser.body_ended:
            return True
        if self._continue_due and not parser.has_data:
            # The client may or may not send its body now (RFC 9110 10.1.1): only a new connection is clear.
            return False
        remaining = parser.remaining_bytes
        if remaining is not None and remaining > DRAIN_MAX_BYTES:
            return False
        self._continue_due = False
        self._drain_until = self._rules.clock() + DRAIN_TIMEOUT_S
        try:
            return await self.drain_body(DRAIN_MAX_BYTES)
        except DisconnectedError:
            raise
        except RemoteProtocolError:
            return False

    async def _send(self, response: Response, *, close: bool, bodiless: bool) -> bytes:
        """Send an answer; return it if it was sent in one piece."""
        head = encode_head(response, date=self._rules.date(), close=close)
        body = b"" if bodiless else response.body
        if len(body) <= _JOIN_MAX_BYTES:
            whole = head + body
            await self._send_bytes(whole)
            return whole
        await self._send_bytes(head)
        await self._send_bytes(body)
        return b""

    async def _send_bytes(self, data: bytes) -> None:
        if self._cut_off:
            raise DisconnectedError("an earlier answer was cut off in the middle")
        sent = self._stream.send_now(data)
        if sent == len(data):
            return
        self._cut_off = True  # until it is not: a handler's own deadline may end the wait below
        self.phase = Phase.ANSWER
        limits = self._rules.limits
        with memoryview(data) as view:
            while sent < len(view):
                # Each piece has the full time: a long answer over a slow line is no attack.
                piece = view[sent : sent + limits.receive_bytes]
                self.deadline = self._rules.clock() + limits.write_timeout_s
                await self._stream.send_all(piece)
                sent += len(piece)
        self.deadline = inf
        self._cut_off = False
