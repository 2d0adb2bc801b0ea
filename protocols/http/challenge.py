"""HTTP authentication: Basic credentials and Negotiate tokens, and their challenges (RFC 7617, RFC 4559)."""

import base64
import binascii
import re
from dataclasses import dataclass, field

from protocols.errors import LocalProtocolError, RemoteProtocolError

UNAUTHORIZED = 401
BAD_REQUEST = 400

# Longer names and passwords than this exist nowhere; four thirds of it plus the scheme is the field.
_MAX_CREDENTIAL_BYTES = 2048
_MAX_FIELD_CHARACTERS = 4 * _MAX_CREDENTIAL_BYTES // 3 + 16
_BASIC = re.compile(r"(?i:basic) +([A-Za-z0-9+/]+={0,2})")
# The largest token Windows makes by default (MaxTokenSize): people in hundreds of groups have them.
MAX_TOKEN_BYTES = 48_000
_MAX_TOKEN_FIELD_CHARACTERS = 4 * MAX_TOKEN_BYTES // 3 + 16
_NEGOTIATE = re.compile(r"(?i:negotiate) +([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_REALM = re.compile(r"[ !#-\[\]-~]+")  # printable ASCII that needs no quoting


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """A name and a password that somebody claims; nothing is proven by having them."""

    user: str
    password: str = field(repr=False)


def scheme_of(authorization: str) -> str:
    """Return the scheme of an Authorization field in lower case; its credentials are not looked at."""
    return authorization.split(" ", 1)[0].lower()


def parse_negotiate(authorization: str) -> bytes:
    """Read a SPNEGO token from the value of an Authorization field (RFC 4559 4.2).

    Raises:
        RemoteProtocolError: another scheme (status hint 401) or a malformed token (400). The message never
            quotes it.
    """
    if scheme_of(authorization) != "negotiate":
        raise RemoteProtocolError("only Negotiate is offered", status_hint=UNAUTHORIZED)
    if len(authorization) > _MAX_TOKEN_FIELD_CHARACTERS:
        raise RemoteProtocolError("the token is too long", status_hint=BAD_REQUEST)
    found = _NEGOTIATE.fullmatch(authorization)
    try:
        if found is None:
            raise RemoteProtocolError("the token is malformed")
        return base64.b64decode(found[1], validate=True)
    except binascii.Error:
        raise RemoteProtocolError("the token is malformed") from None


def parse_basic(authorization: str) -> BasicCredentials:
    """Read the value of an Authorization field.

    The charset is UTF-8, as the challenge announces; neither part may hold control characters (RFC 7617 2).

    Raises:
        RemoteProtocolError: another scheme (status hint 401) or malformed credentials (400). The message
            never quotes them.
    """
    if len(authorization) > _MAX_FIELD_CHARACTERS:
        raise RemoteProtocolError("the credentials are too long", status_hint=BAD_REQUEST)
    if scheme_of(authorization) != "basic":
        raise RemoteProtocolError("only Basic authentication is offered", status_hint=UNAUTHORIZED)
    found = _BASIC.fullmatch(authorization)
    try:
        if found is None:
            raise RemoteProtocolError("the credentials are malformed")
        text = base64.b64decode(found[1], validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        # `from None`: the exception's text would quote a password.
        raise RemoteProtocolError("the credentials are malformed") from None
    user, colon, password = text.partition(":")
    if not colon or _CONTROL.search(text):
        raise RemoteProtocolError("the credentials are malformed")
    return BasicCredentials(user, password)


def basic_challenge(realm: str) -> tuple[str, str]:
    """Return the WWW-Authenticate field that asks for Basic credentials in UTF-8.

    It must be the first challenge: CUPS clients stick to the first scheme they see, and fail with Negotiate.

    Raises:
        LocalProtocolError: the realm needs quoting or is not ASCII.
    """
    if _REALM.fullmatch(realm) is None:
        raise LocalProtocolError("a realm is printable ASCII without quotes and backslashes")
    return "WWW-Authenticate", f'Basic realm="{realm}", charset="UTF-8"'


def negotiate_challenge(reply: bytes = b"") -> tuple[str, str]:
    """Return the WWW-Authenticate field that asks for a token, or carries ours (RFC 4559 4.1).

    Args:
        reply: the server's own token, with which it proves itself to the client.
    """
    return "WWW-Authenticate", f"Negotiate {base64.b64encode(reply).decode()}".rstrip()
