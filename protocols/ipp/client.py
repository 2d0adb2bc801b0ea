"""Sends IPP requests to printers over HTTP/1.1, with streamed documents (RFC 8010 section 4, RFC 3510)."""

import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx2
import trio

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.ipp.client_errors import (
    IppAnswerError,
    IppCertificateError,
    IppClientError,
    IppConnectError,
    IppHttpError,
    IppTimeoutError,
    IppTransportError,
)
from protocols.ipp.decoder import decode
from protocols.ipp.encoder import encode
from protocols.ipp.message import Message
from protocols.ipp.operations import Operation
from protocols.ipp.status import is_successful
from protocols.ipp.uri import parse_uri
from protocols.limits import KIB, IppLimits

# A printer that sleeps needs a few seconds to wake its network; TLS on a small processor a few more.
CONNECT_TIMEOUT_S = 10.0
# The answer, counted from the last octet sent: a printer may check a whole document before it answers.
RESPONSE_TIMEOUT_S = 30.0
# One piece of the document: while it prints, a printer with a small buffer takes nothing for minutes.
WRITE_TIMEOUT_S = 120.0
# Idle connections are kept while a job is followed, once a second or two; many printers close after 10 s.
KEEPALIVE_S = 8.0
# Pieces the document is sent in: small enough for an exact count of what may have arrived.
PIECE_BYTES = 64 * KIB

# Asking twice changes nothing, so these may be sent again when a kept connection turns out to be dead.
_REPEATABLE = frozenset(
    {
        Operation.GET_PRINTER_ATTRIBUTES,
        Operation.GET_JOB_ATTRIBUTES,
        Operation.GET_JOBS,
        Operation.VALIDATE_JOB,
        Operation.CANCEL_JOB,
    }
)


class Answer(NamedTuple):
    """A printer's answer, and how much of the document had been sent when it came.

    Attributes:
        message: the answer.
        sent_document_bytes: document octets handed to the connection.
        document_complete: whether that was all of the document (True if there was none).
    """

    message: Message
    sent_document_bytes: int
    document_complete: bool


class IppClient:
    """Requests to one printer.

    Every request that could change something has a connection of its own, so a request fails only for what
    happens to it; questions share kept connections. Cancelling the task that waits for a request closes its
    connection at once, in the middle of the document if need be: the printer sees a request that was cut.

    Args:
        uri: the printer's ipp or ipps URI; the port is 631 unless given.
        tls: how the printer's certificate is verified; required for ipps.
        limits: bounds on answers.
        connect_timeout_s: for name resolution with TCP, and again for TLS.
        response_timeout_s: from the end of the request to the end of the answer.
        write_timeout_s: how long the printer may take nothing of the document.

    Raises:
        LocalProtocolError: the URI is not usable, or it is ipps and `tls` is None.
    """

    def __init__(
        self,
        uri: str,
        *,
        tls: ssl.SSLContext | None = None,
        limits: IppLimits = IppLimits(),  # noqa: B008 - frozen
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        response_timeout_s: float = RESPONSE_TIMEOUT_S,
        write_timeout_s: float = WRITE_TIMEOUT_S,
    ) -> None:
        try:
            target = parse_uri(uri)
        except ValueError as error:
            raise LocalProtocolError(f"{error}") from error
        if target.secure and tls is None:
            raise LocalProtocolError("an ipps printer needs a TLS context to verify it with")
        self.uri = uri
        self._target = target
        self._limits = limits
        self._connect_timeout_s = connect_timeout_s
        self._response_timeout_s = response_timeout_s
        self._write_timeout_s = write_timeout_s
        # False only spares loading the system's certificates: the scheme decides whether there is TLS.
        verify = tls if target.secure and tls is not None else False
        self._kept = httpx2.AsyncHTTPTransport(
            verify=verify,
            trust_env=False,
            limits=httpx2.Limits(
                max_connections=None, max_keepalive_connections=2, keepalive_expiry=KEEPALIVE_S
            ),
        )
        self._fresh = httpx2.AsyncHTTPTransport(
            verify=verify,
            trust_env=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all kept connections."""
        await self._kept.aclose()
        await self._fresh.aclose()

    async def request(
        self, message: Message, document: AsyncIterable[bytes] | None = None, *, size: int | None = None
    ) -> Message:
        """Send a request and return the answer, whatever its status.

        Args:
            message: the request.
            document: its document, if it has one; an async generator is closed in the end.
            size: the document's octets, if known: sent as Content-Length, which some printers need;
                otherwise the body is chunked.

        Raises:
            IppConnectError: nothing was sent.
            IppTransportError: the exchange broke off; `sent_document_bytes` says how much of the document
                may have reached the printer.
        """
        answer = await self.exchange(message, document, size=size)
        if is_successful(answer.message.code) and not answer.document_complete:
            raise IppTransportError(
                "the printer answered before it had the whole document", answer.sent_document_bytes
            )
        return answer.message

    async def exchange(
        self, message: Message, document: AsyncIterable[bytes] | None = None, *, size: int | None = None
    ) -> Answer:
        """Send a request and return the answer with what is known about the document.

        Args and errors are those of `request`, except that an early answer is returned as it is.
        """
        octets = encode(message)
        if document is not None or message.code not in _REPEATABLE:
            return await self._exchange(self._fresh, message, _Body(octets, document, size))
        body = _Body(octets, None, None)
        try:
            return await self._exchange(self._kept, message, body)
        except IppTransportError:
            if not body.on_kept_connection or body.answer_begun:
                raise
        # The printer had closed the connection that was kept, which says nothing about the printer.
        return await self._exchange(self._fresh, message, _Body(octets, None, None))

    async def _exchange(
        self, transport: httpx2.AsyncHTTPTransport, message: Message, body: "_Body"
    ) -> Answer:
        # The scope's deadline is set when the body ends: it bounds the whole answer, however it drips.
        with trio.CancelScope() as scope:
            request = self._http_request(body, scope, keep=transport is self._kept)
            try:
                response = await transport.handle_async_request(request)
                body.answer_begun = True
                try:
                    answer = await self._read_answer(response, body)
                finally:
                    await response.aclose()
            except httpx2.HTTPError as error:
                raise _translated(error, body) from error
            finally:
                await body.close_unused_socket()
        if scope.cancelled_caught:
            raise IppTimeoutError("the printer did not answer in time", body.sent_document_bytes)
        if answer.request_id != message.request_id:
            raise IppAnswerError("the printer answered another request", body.sent_document_bytes)
        return Answer(answer, body.sent_document_bytes, body.complete)

    def _http_request(self, body: "_Body", scope: trio.CancelScope, *, keep: bool) -> httpx2.Request:
        headers = {
            "Content-Type": "application/ipp",
            "Accept": "application/ipp",
            "Accept-Encoding": "identity",
            "User-Agent": "spoold",
        }
        if body.total_bytes is not None:
            headers["Content-Length"] = str(body.total_bytes)
        if not keep:
            headers["Connection"] = "close"
        timeouts = {
            "connect": self._connect_timeout_s,
            "write": self._write_timeout_s,
            "read": None,  # the scope's business
            "pool": None,  # there is no largest number of connections
        }
        return httpx2.Request(
            "POST",
            self._target.http_url,
            headers=headers,
            content=body.stream(scope, self._response_timeout_s),
            extensions={"timeout": timeouts, "trace": body.trace},
        )

    async def _read_answer(self, response: httpx2.Response, body: "_Body") -> Message:
        sent = body.sent_document_bytes
        if response.status_code != 200:  # RFC 8010 section 4: IPP has no other successful status
            raise IppHttpError(response.status_code, sent)
        media_type = response.headers.get("content-type", "application/ipp").partition(";")[0]
        if media_type.strip().lower() != "application/ipp":
            raise IppAnswerError("the printer's answer is not application/ipp", sent)
        octets = await self._read_octets(response, sent)
        try:
            message, _ = decode(octets, self._limits, lenient=True)
        except RemoteProtocolError as error:
            raise IppAnswerError(f"the printer's answer is malformed: {error}", sent) from error
        return message

    async def _read_octets(self, response: httpx2.Response, sent: int) -> bytearray:
        octets = bytearray()
        too_large = False
        try:
            async for chunk in response.aiter_raw():
                octets += chunk
                if len(octets) > self._limits.max_message_bytes:
                    # httpx2 leaves generators behind when a loop over them ends early: closing the
                    # connection ends this one by itself.
                    too_large = True
                    octets.clear()
                    await response.aclose()
        except httpx2.HTTPError:
            if not too_large:
                raise
        if too_large:
            raise IppAnswerError("the printer's answer is too large", sent)
        return octets


class _Body:
    """One request's body on its way out, and what is known about how far it came."""

    def __init__(self, message: bytes, document: AsyncIterable[bytes] | None, size: int | None) -> None:
        self.sent_document_bytes = 0
        self.complete = document is None
        self.connected = False
        self.on_kept_connection = False
        self.answer_begun = False
        self._new_socket: Any = None
        self._message = message
        self._document = document
        self._size = 0 if document is None else size

    @property
    def total_bytes(self) -> int | None:
        """The body's length, or None if the document's is not known."""
        return None if self._size is None else len(self._message) + self._size

    async def trace(self, event: str, details: Mapping[str, Any]) -> None:
        """Follow the connection; httpx2 calls this at every step."""
        if event == "connection.connect_tcp.complete":
            self._new_socket = details["return_value"]
        elif event == "http11.send_request_headers.started":
            self.connected = True
            self.on_kept_connection = self._new_socket is None

    async def close_unused_socket(self) -> None:
        """Close a connection on which TLS was cancelled, which httpx2 only forgets."""
        if self._new_socket is not None and not self.connected:
            with trio.CancelScope(shield=True):
                await self._new_socket.aclose()

    async def stream(self, scope: trio.CancelScope, response_timeout_s: float) -> AsyncGenerator[bytes]:
        """Yield the body; when it ends, whole or cut, the answer's time begins."""
        try:
            yield self._message
            if self._document is not None:
                async with aclosing(_pieces(self._document)) as pieces:
                    async for piece in pieces:
                        self._count(len(piece))
                        yield piece
                if self._size is not None and self.sent_document_bytes != self._size:
                    raise self._wrong_size()
                self.complete = True
        finally:
            scope.deadline = trio.current_time() + response_timeout_s

    def _count(self, octets: int) -> None:
        """Count octets as sent before they are: a count that is too high costs a question, not paper."""
        if self._size is not None and self.sent_document_bytes + octets > self._size:
            raise self._wrong_size()
        self.sent_document_bytes += octets

    def _wrong_size(self) -> IppTransportError:
        return IppTransportError("the document has not the size that was announced", self.sent_document_bytes)


async def _pieces(document: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    iterator = aiter(document)
    try:
        async for chunk in iterator:
            for start in range(0, len(chunk), PIECE_BYTES):
                yield chunk[start : start + PIECE_BYTES]
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


def _translated(error: httpx2.HTTPError, body: _Body) -> IppClientError:
    if not body.connected:
        if _has_certificate_error(error):
            return IppCertificateError("the printer's certificate was not accepted")
        if isinstance(error, httpx2.TimeoutException):
            return IppConnectError("the printer did not accept a connection in time")
        return IppConnectError("no connection to the printer")
    sent = body.sent_document_bytes
    if isinstance(error, httpx2.TimeoutException):
        return IppTimeoutError("the printer stopped taking the document", sent)
    return IppTransportError("the connection to the printer broke", sent)


def _has_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
