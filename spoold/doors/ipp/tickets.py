"""Kerberos tickets in IPP requests: whose they are, and the answer's own token (RFC 4559)."""

from dataclasses import replace

from protocols.errors import RemoteProtocolError
from protocols.http.challenge import negotiate_challenge, parse_negotiate
from protocols.http.message import Request, Response
from spoold.doors.ipp.door import Door
from spoold.identity.kerberos import Endpoint
from spoold.model.errors import NotAuthenticated
from spoold.model.principal import Principal


async def by_ticket(
    door: Door, request: Request, authorization: str, *, fresh: bool
) -> tuple[Principal, bytes]:
    """Return whose ticket a request carries, and the token that proves us to the client.

    Args:
        fresh: whether it is for what lets paper out or changes something.

    Raises:
        NotAuthenticated: tickets are not taken, this one is wrong, or it opens no account.
        NotAuthorized: a second factor is missing for this.
        Busy, Unavailable: not decided.
    """
    if door.kerberos is None:
        raise NotAuthenticated("Kerberos tickets are not taken here.")
    try:
        token = parse_negotiate(authorization)
    except RemoteProtocolError as error:
        raise NotAuthenticated(f"Sign in with a Kerberos ticket or a password: {error}.") from error
    proof = await door.kerberos.prove(Endpoint.IPP, token, peer=request.peer_host)
    return door.identity.second.bounded(proof.principal, fresh=fresh), proof.reply


def with_reply(response: Response, reply: bytes) -> Response:
    """Add to an answer what proves us to the client, where it showed a ticket."""
    if not reply:
        return response
    return replace(response, headers=[*response.headers, negotiate_challenge(reply)])
