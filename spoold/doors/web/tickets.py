"""Kerberos tickets in requests to the web door: where they are offered, read and answered (RFC 4559)."""

from starlette.requests import Request
from starlette.responses import Response

from protocols.http.challenge import negotiate_challenge, parse_negotiate, scheme_of
from spoold.doors.web.portal import Portal
from spoold.identity.kerberos import Endpoint
from spoold.model.errors import NotAuthenticated
from spoold.model.principal import Principal

# Where a request's scope keeps our own token for its answer.
_REPLY = "spoold.negotiate-reply"


def takes_tickets(portal: Portal, endpoint: Endpoint) -> bool:
    """Tell whether tickets count at an endpoint."""
    return portal.kerberos is not None and portal.kerberos.offered_at(endpoint)


def shows_ticket(request: Request) -> bool:
    """Tell whether a request carries a token; it is not looked at."""
    return scheme_of(request.headers.get("authorization", "")) == "negotiate"


async def principal_by_ticket(request: Request, portal: Portal, endpoint: Endpoint, peer: str) -> Principal:
    """Return whose ticket a request carries; its answer has to pass `with_reply`.

    Raises:
        RemoteProtocolError: the field cannot be read.
        NotAuthenticated: the ticket opens nothing here.
        Busy, Unavailable: not decided.
    """
    if portal.kerberos is None:
        raise NotAuthenticated("Kerberos tickets are not taken here.")
    token = parse_negotiate(request.headers.get("authorization", ""))
    proof = await portal.kerberos.prove(endpoint, token, peer=peer)
    request.scope[_REPLY] = proof.reply
    return proof.principal


def with_reply(request: Request, response: Response) -> Response:
    """Add to an answer what proves us to the client, where it showed a ticket."""
    reply = request.scope.get(_REPLY, b"")
    if reply:
        response.headers.append(*negotiate_challenge(reply))
    return response


def with_offer(portal: Portal, endpoint: Endpoint, response: Response) -> Response:
    """Ask for a ticket in a 401, beside what it asks for already."""
    if response.status_code == 401 and takes_tickets(portal, endpoint):
        response.headers.append(*negotiate_challenge())
    return response
