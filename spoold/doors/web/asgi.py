"""Runs an ASGI application behind the house's own HTTP server (asgi.readthedocs.io, HTTP spec 2.5).

One HTTP server for all doors: its head, body, rate and connection bounds hold here too. Bodies are small on
both sides (forms in, pages out), so an answer is complete before it is sent.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from protocols.errors import RemoteProtocolError
from protocols.http.message import Handler, Request, Response

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

# The server writes these itself.
_FRAMING = frozenset({b"connection", b"content-length", b"date", b"transfer-encoding"})


def handler_of(app: AsgiApp) -> Handler:
    """Return a handler that answers requests with the application."""

    async def handle(request: Request) -> Response:
        exchange = _Exchange(request)
        await app(_scope(request), exchange.receive, exchange.send)
        return exchange.response()

    return handle


class _Exchange:
    """One request's body going in and its answer coming out."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ended = False
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()

    async def receive(self) -> Message:
        if self._ended:
            return {"type": "http.disconnect"}
        try:
            piece = await self._request.receive_body()
        except RemoteProtocolError:
            self._ended = True
            raise
        self._ended = not piece
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message["headers"]
                if name.lower() not in _FRAMING
            ]
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    def response(self) -> Response:
        if not self._status:
            raise LookupError("the application did not answer")
        return Response(self._status, self._headers, bytes(self._body))


def _scope(request: Request) -> Scope:
    path, _, _ = request.target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https" if request.tls else "http",
        "path": request.path,
        "raw_path": path.encode("ascii"),
        "query_string": request.query.encode("ascii"),
        "root_path": "",
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()
        ],
        "client": (request.peer_host, request.peer_port),
        "server": (request.local_host, None),
        "state": {},
        "extensions": {},
    }
