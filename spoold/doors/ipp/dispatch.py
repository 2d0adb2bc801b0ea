"""From an HTTP request to an operation and back: one table of operations, one order of checks."""

import functools

import structlog

from protocols.errors import RemoteProtocolError
from protocols.http.challenge import basic_challenge, negotiate_challenge, parse_basic, scheme_of
from protocols.http.message import Request, Response
from protocols.ipp.decoder import Decoder
from protocols.ipp.encoder import encode
from protocols.ipp.message import Message
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.limits import IppLimits
from spoold.doors.ipp import resources
from spoold.doors.ipp.answers import PHASES, Phase, status_of
from spoold.doors.ipp.context import IppRequest, answer, is_loopback
from spoold.doors.ipp.declarations import TABLE, Declaration, Handler, Object
from spoold.doors.ipp.door import SIGN_IN_FIRST, Door, find_job, require
from spoold.doors.ipp.holding import pin_of
from spoold.doors.ipp.pins import comes_with_pin
from spoold.doors.ipp.repeats import Moment, Repeats
from spoold.doors.ipp.targets import Target, target_of
from spoold.doors.ipp.tickets import by_ticket, with_reply
from spoold.identity.kerberos import Endpoint
from spoold.identity.print_uris import NO_SUCH_PRINTER, Opened
from spoold.model.access import Action
from spoold.model.errors import NotAuthenticated, NotAuthorized, NotFound, SpoolError, TooManyAttempts
from spoold.model.job import Job
from spoold.model.principal import Principal
from spoold.model.queue import Authentication
from spoold.release.ties import NO_TIE

log = structlog.get_logger()

CONTENT_TYPE = "application/ipp"
_CONTENT_TYPE = (("Content-Type", CONTENT_TYPE),)
_ALLOWED = (("Allow", "GET, HEAD, POST"),)
REALM = "spoold"
# As many as there may be clients at once; an address is 50 bytes.
_KEPT_ADDRESSES = 1024
# Hints of the HTTP layer are three digits in decimal and have no meaning as IPP status codes.
FIRST_IPP_ERROR = 0x0400
OPEN_LINE = "Passwords are only taken over ipps://; change the printer's address."
OPEN_LINE_URI = "This print address is only good over ipps://; change the printer's address."


class IppDispatcher:
    """The handler of the IPP listener."""

    def __init__(
        self, door: Door, repeats: Repeats | None = None, *, limits: IppLimits | None = None
    ) -> None:
        self._door = door
        self._repeats = repeats
        self._limits = limits if limits is not None else IppLimits()

    async def __call__(self, request: Request) -> Response:
        """Answer one HTTP request."""
        try:
            response = await self._answer(request)
        except RemoteProtocolError:
            self._door.metrics.protocol_error("ipp")
            raise
        finally:
            if self._repeats is not None:
                self._repeats.something_was_done()
        self._door.metrics.http_answered("ipp", response.status)
        return response

    async def _answer(self, request: Request) -> Response:
        if request.method in ("GET", "HEAD"):
            found = resources.get(request, self._door.site, self._door.attributes.supplies)
            if found is not None:
                return found
        refusal = _refuse_http(request)
        if refusal is not None:
            return refusal
        decoder = Decoder(self._limits)
        try:
            message = await _receive(request, decoder)
            ipp = await self._bind(request, message, decoder.take_remainder())
        except RemoteProtocolError as error:
            if decoder.message is None and not decoder.head:
                raise
            return _ipp(_protocol_answer(decoder, error))
        except (NotAuthenticated, TooManyAttempts) as error:
            return self._challenge(request, decoder.message, error)
        except SpoolError as error:
            return _ipp(self._refusal(decoder.message, error))
        return with_reply(await self._run(ipp), ipp.reply)

    async def _bind(self, request: Request, message: Message, remainder: bytes) -> IppRequest:
        """Find out who asks and what about; everything but the operation itself."""
        target = target_of(request, message, TABLE)
        declaration = TABLE[message.code]
        queue = self._door.site().queues.get(target.queue)
        opened = await self._open(request, target, declaration)
        if queue is None:
            raise NotFound(f"There is no queue {target.queue!r} here.")
        principal: Principal | None
        if opened is not None:
            principal, reply = opened.principal, b""
        else:
            principal, reply = await self._authenticate(request, fresh=declaration.fresh)
        job = await self._job(declaration, target, principal, message)
        return IppRequest(
            http=request,
            message=message,
            remainder=remainder,
            queue=queue,
            principal=principal,
            authority=_authority(request),
            job=job,
            job_number=target.job_number,
            reply=reply,
            token=target.token,
            print_uri="" if opened is None else opened.uri_id,
            also=NO_TIE if job is None else await self._door.desk.ties.of(principal, job),
        )

    async def _open(self, request: Request, target: Target, declaration: Declaration) -> Opened | None:
        """Return whom the personal print URI of a request stands for; None when it names none.

        It is proof enough, and the only one that counts on its address: nobody is asked for a password.

        Raises:
            NotAuthorized: it came over an open line.
            NotFound: it is not good, whatever is wrong with it.
        """
        if not target.token:
            return None
        if not _is_private(request):
            raise NotAuthorized(OPEN_LINE_URI)
        if self._door.print_uris is None:
            raise NotFound(NO_SUCH_PRINTER)
        submits = declaration.action is Action.SUBMIT
        return await self._door.print_uris.open(
            target.token, target.queue, peer=request.peer_host, submits=submits
        )

    async def _job(
        self, declaration: Declaration, target: Target, principal: Principal | None, message: Message
    ) -> Job | None:
        if declaration.about is not Object.JOB:
            return None
        if target.job_number is None:
            raise RemoteProtocolError("job-id is missing", status_hint=Status.CLIENT_ERROR_BAD_REQUEST)
        try:
            return await find_job(self._door, target.queue, target.job_number)
        except NotFound:
            if declaration.by_pin is not None and pin_of(message.group(GroupTag.OPERATION)) is not None:
                # Answered as a wrong PIN, after as much work.
                return None
            if principal is None:
                # What somebody hears who may not see the job: numbers must not tell which jobs there are.
                raise NotAuthenticated(SIGN_IN_FIRST) from None
            raise

    async def _run(self, ipp: IppRequest) -> Response:
        declaration = TABLE[ipp.message.code]
        if declaration.by_pin is not None and comes_with_pin(ipp):
            return await self._run_by_pin(declaration.by_pin, ipp)
        try:
            require(ipp, declaration.action)
            _require_tls(ipp)
            moment = self._moment(declaration, ipp)
            return _ipp(await declaration.handler(self._door, ipp), again=moment)
        except (NotAuthenticated, TooManyAttempts) as error:
            if ipp.principal is not None:
                # Proven, but too long ago or not well enough for this: words, not another challenge.
                return _ipp(self._refuse(ipp, error))
            return self._challenge(ipp.http, ipp.message, error)
        except SpoolError as error:
            return _ipp(self._refuse(ipp, error))
        except RemoteProtocolError as error:
            if error.status_hint < FIRST_IPP_ERROR:
                # The body broke: an IPP error would tell clients that the job is done with.
                raise
            return _ipp(answer(ipp.message, error.status_hint, words=str(error)))

    async def _run_by_pin(self, handler: Handler, ipp: IppRequest) -> Response:
        """Let the handler judge; whoever shows a PIN is not asked for a password instead."""
        try:
            return _ipp(await handler(self._door, ipp))
        except SpoolError as error:
            return _ipp(self._refuse(ipp, error))

    def _moment(self, declaration: Declaration, ipp: IppRequest) -> Moment | None:
        """Return when the same request has the same answer; None if it may not be given again.

        Whoever sends a password gets an answer of their own: it may have been changed meanwhile.
        """
        if self._repeats is None or not declaration.repeatable or "authorization" in ipp.http.headers:
            return None
        if ipp.token:
            # It may be revoked at any moment, and its answers are one person's.
            return None
        return self._repeats.moment(self._door.site(), ipp.queue)

    async def _authenticate(self, request: Request, *, fresh: bool) -> tuple[Principal | None, bytes]:
        """Return who the request proves, None when it proves nobody, and the token that proves us in turn.

        Raises:
            NotAuthenticated: there are credentials, but they are wrong.
            NotAuthorized: they came over an open line.
        """
        header = request.headers.get("authorization")
        if header is None:
            return None, b""
        if not _is_private(request):
            raise NotAuthorized(OPEN_LINE)
        if self._takes_tickets and scheme_of(header) == "negotiate":
            return await by_ticket(self._door, request, header, fresh=fresh)
        try:
            credentials = parse_basic(header)
        except RemoteProtocolError as error:
            raise NotAuthenticated(f"Sign in with user name and password: {error}.") from error
        principal = await self._door.identity.authenticate(
            credentials.user, credentials.password, peer=request.peer_host, fresh=fresh
        )
        return principal, b""

    @property
    def _takes_tickets(self) -> bool:
        return self._door.kerberos is not None and self._door.kerberos.offered_at(Endpoint.IPP)

    def _challenge(self, request: Request, message: Message | None, error: SpoolError) -> Response:
        if not _is_private(request):
            # Challenged on an open line, clients send the password for everybody to read.
            return _ipp(self._refusal(message, NotAuthorized(OPEN_LINE)))
        if message is not None and PHASES.get(message.code) is Phase.SEND and _has_credentials(request):
            return _ipp(self._refusal(message, NotAuthorized(error.public)))
        self._door.metrics.refused(error)
        log.info("ipp-challenge", kind=error.kind, **error.fields)
        headers = [
            # Basic first: CUPS clients stick to the first scheme they see.
            basic_challenge(REALM),
            *([negotiate_challenge()] if self._takes_tickets else ()),
            ("Content-Type", "text/plain; charset=utf-8"),
        ]
        return Response(401, headers, f"{error.public}\n".encode())

    def _refuse(self, ipp: IppRequest, error: SpoolError) -> Message:
        self._door.metrics.refused(error)
        log.info(
            "ipp-refused",
            kind=error.kind,
            operation=ipp.message.code,
            queue=ipp.queue.name,
            peer=ipp.http.peer_host,
            **error.fields,
        )
        return answer(ipp.message, status_of(error, ipp.message.code), words=error.public)

    def _refusal(self, message: Message | None, error: SpoolError) -> Message:
        self._door.metrics.refused(error)
        log.info("ipp-refused", kind=error.kind, **error.fields)
        status = error.ipp_status if message is None else status_of(error, message.code)
        return answer(message or Message((1, 1), 0, 1), status, words=error.public)


def _refuse_http(request: Request) -> Response | None:
    """Turn away what is not IPP: browsers above all, which must not be able to print."""
    if "origin" in request.headers or any(name.startswith("sec-fetch-") for name in request.headers):
        return _plain(403, "Web pages cannot print here.")
    if request.method in ("GET", "HEAD"):
        return _plain(404, "There is nothing here.")
    if request.method == "OPTIONS" and request.path == "*":
        # What CUPS asks when it wants to go on in TLS (protocols.http, RFC 2817); by then it is in TLS.
        return Response(200, _ALLOWED)
    if request.method != "POST":
        return Response(405, _ALLOWED)
    if request.headers.get("content-type", "").lower() != CONTENT_TYPE:
        return _plain(415, f"The content type must be {CONTENT_TYPE}.")
    return None


async def _receive(request: Request, decoder: Decoder) -> Message:
    while decoder.message is None:
        piece = await request.receive_body()
        if not piece:
            decoder.receive_eof()
            break
        decoder.receive_data(piece)
    if decoder.message is None:
        raise RemoteProtocolError("the request is not complete", status_hint=Status.CLIENT_ERROR_BAD_REQUEST)
    return decoder.message


def _protocol_answer(decoder: Decoder, error: RemoteProtocolError) -> Message:
    """Answer a request we cannot read, as far as its head could be read."""
    if decoder.message is not None:
        return answer(decoder.message, _ipp_status(error), words=str(error))
    head = decoder.head
    version, request_id = ((1, 1), 1) if head is None else (head.version, head.request_id)
    return answer(Message(version, 0, max(1, request_id)), _ipp_status(error), words=str(error))


def _ipp_status(error: RemoteProtocolError) -> int:
    return error.status_hint if error.status_hint >= FIRST_IPP_ERROR else Status.CLIENT_ERROR_BAD_REQUEST


def _require_tls(ipp: IppRequest) -> None:
    if ipp.queue.authentication is Authentication.REQUIRED and not _is_private(ipp.http):
        declaration = TABLE[ipp.message.code]
        if declaration.action in (Action.SUBMIT, Action.SEND_DOCUMENT):
            raise NotAuthorized("This queue is printed to over ipps:// only; change the printer's address.")


def _is_private(request: Request) -> bool:
    return request.tls or is_loopback(request.peer_host)


def _has_credentials(request: Request) -> bool:
    return "authorization" in request.headers


@functools.lru_cache(_KEPT_ADDRESSES)
def _authority(request: Request) -> str:
    host = f"[{request.host}]" if ":" in request.host else request.host
    return host if request.port is None else f"{host}:{request.port}"


def _ipp(message: Message | bytes, *, again: Moment | None = None) -> Response:
    body = message if isinstance(message, bytes) else encode(message)
    return Response(200, _CONTENT_TYPE, body, again)


def _plain(status: int, words: str) -> Response:
    return Response(status, [("Content-Type", "text/plain; charset=utf-8")], f"{words}\n".encode())
