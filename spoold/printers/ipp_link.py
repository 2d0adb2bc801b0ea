"""The connections to one IPP printer: who it is, how long it may take, and what a failure proves."""

import itertools
import ssl
from collections.abc import AsyncIterable
from pathlib import Path

import structlog
import trio

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.ipp.client import IppClient
from protocols.ipp.client_errors import (
    IppAnswerError,
    IppCertificateError,
    IppClientError,
    IppConnectError,
    IppHttpError,
)
from protocols.ipp.message import Message
from protocols.ipp.uri import IppUri, parse_uri
from protocols.limits import IppLimits
from protocols.streams import DisconnectedError
from protocols.tls import PinMismatchError, pinned_context, verified_context
from protocols.tls_streams import fetch_leaf
from spoold.model.printer import Printer
from spoold.printers.base import PrinterUnreachable

log = structlog.get_logger()

# A printer on the local network that needs longer to take a connection is not there.
CONNECT_TIMEOUT_S = 5.0
# Questions and small requests; the gate's own deadline for a status is shorter.
ANSWER_TIMEOUT_S = 10.0
# Whoever sends a document watches its progress and stops it the right way (Cancel-Job first);
# these only bound a sender that does not.
STALL_TIMEOUT_S = 2400.0
# The fullest honest answer is 60 KiB; a printer that says more than this says nothing.
ANSWER_LIMITS = IppLimits(max_message_bytes=1024 * 1024)
MAX_REQUEST_ID = 2**31 - 1

CERTIFICATE_WORDS = "The printer shows another certificate than the one it is known by."


class IppLink:
    """Requests to one printer, over verified TLS where its URI says ipps.

    With a pin the certificate that the printer shows is fetched first, compared, and from then on the
    only one that is accepted; a renewed certificate with the same key is accepted at the next request.
    """

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._questions: IppClient | None = None
        self._context: ssl.SSLContext | None = None
        self._request_ids = itertools.count(1)

    def next_request_id(self) -> int:
        """Return an id for the next request (RFC 8010 3.1.1)."""
        return (next(self._request_ids) - 1) % MAX_REQUEST_ID + 1

    async def ask(self, message: Message) -> Message:
        """Send a request without a document and return the answer.

        Raises:
            PrinterUnreachable: no answer.
        """
        try:
            return await (await self._client()).request(message)
        except IppCertificateError as error:
            await self._distrust()
            if self._printer.pin is None:
                raise _unreachable(error) from error
        except IppClientError as error:
            raise _unreachable(error) from error
        try:
            return await (await self._client()).request(message)
        except IppClientError as error:
            await self._distrust()
            raise _unreachable(error) from error

    async def send(self, message: Message, content: AsyncIterable[bytes], size_bytes: int | None) -> Message:
        """Send a request with a document, on a connection of its own, and return the answer.

        Raises:
            PrinterUnreachable: it broke off; `document_sent` says whether a byte may have arrived.
        """
        context = await self._tls()
        client = IppClient(
            self._printer.uri,
            tls=context,
            limits=ANSWER_LIMITS,
            connect_timeout_s=CONNECT_TIMEOUT_S,
            response_timeout_s=STALL_TIMEOUT_S,
            write_timeout_s=STALL_TIMEOUT_S,
        )
        async with client:
            try:
                return await client.request(message, content, size=size_bytes)
            except IppClientError as error:
                if isinstance(error, IppCertificateError):
                    await self._distrust()
                raise _unreachable(error) from error

    async def aclose(self) -> None:
        """Close kept connections."""
        client, self._questions = self._questions, None
        if client is not None:
            await client.aclose()

    async def _client(self) -> IppClient:
        """Return the client for questions; its connections are kept while a job is followed."""
        if self._questions is None:
            context = await self._tls()
            self._questions = IppClient(
                self._printer.uri,
                tls=context,
                limits=ANSWER_LIMITS,
                connect_timeout_s=CONNECT_TIMEOUT_S,
                response_timeout_s=ANSWER_TIMEOUT_S,
            )
        return self._questions

    async def _distrust(self) -> None:
        """Forget the certificate: the next request looks at it anew."""
        self._context = None
        await self.aclose()

    async def _tls(self) -> ssl.SSLContext | None:
        if self._context is not None:
            return self._context
        try:
            target = parse_uri(self._printer.uri)
            self._context = await self._new_context(target) if target.secure else None
        except PinMismatchError as error:
            log.error("printer-certificate-changed", printer=self._printer.name, error=str(error))
            raise PrinterUnreachable(CERTIFICATE_WORDS, str(error), document_sent=False) from error
        except DisconnectedError as error:
            raise PrinterUnreachable(
                "The printer cannot be reached.", str(error), document_sent=False
            ) from error
        except (RemoteProtocolError, LocalProtocolError, OSError, ValueError) as error:
            words = "The printer's certificate cannot be checked."
            raise PrinterUnreachable(words, str(error), document_sent=False) from error
        return self._context

    async def _new_context(self, target: IppUri) -> ssl.SSLContext:
        if self._printer.pin is not None:
            leaf = await fetch_leaf(target.host, target.port, timeout_s=CONNECT_TIMEOUT_S)
            return pinned_context(leaf, self._printer.pin)
        authorities = None if self._printer.ca is None else Path(self._printer.ca)
        # Reading the system's certificates takes 20 ms.
        return await trio.to_thread.run_sync(verified_context, authorities)


def _unreachable(error: IppClientError) -> PrinterUnreachable:
    if isinstance(error, IppCertificateError):
        words = CERTIFICATE_WORDS
    elif isinstance(error, IppConnectError):
        words = "The printer cannot be reached."
    elif isinstance(error, IppHttpError | IppAnswerError):
        words = "The printer's answer cannot be understood."
    else:
        words = "The connection to the printer was lost."
    return PrinterUnreachable(words, str(error), document_sent=error.sent_document_bytes > 0)
