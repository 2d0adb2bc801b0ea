"""Printer and job URIs: what they say about host, port and path (RFC 3510, RFC 7472)."""

from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"ipp": 631, "ipps": 631, "http": 80, "https": 443}

# RFC 8011 5.1.7: a uri value has at most 1023 octets.
MAX_URI_OCTETS = 1023
# RFC 1035 2.3.4.
MAX_LABEL_OCTETS = 63


class IppUri(NamedTuple):
    """The parts of an ipp, ipps, http or https URI that this protocol uses."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def secure(self) -> bool:
        """Whether the connection is TLS from its first octet."""
        return self.scheme in ("ipps", "https")

    @property
    def http_url(self) -> str:
        """The URL that requests are posted to (RFC 3510 section 3)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.path}"


def parse_uri(uri: str) -> IppUri:
    """Take a URI apart.

    Raises:
        ValueError: it is no URI of a printer or job: another scheme, no host, credentials, a query or
            fragment, characters that no URI has.
    """
    if not uri.isascii() or not uri.isprintable() or " " in uri or len(uri) > MAX_URI_OCTETS:
        raise ValueError("the URI has characters that no URI has, or is too long")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise ValueError("the URI's host is not a name or address") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("the URI is not of the ipp, ipps, http or https scheme")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("the URI has credentials, a query or a fragment")
    host, port = _host_and_port(parts)
    return IppUri(parts.scheme, host, port, parts.path or "/")


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the URI's port is not a number from 1 to 65535") from None
    if port == 0:
        raise ValueError("the URI's port is not a number from 1 to 65535")
    if not host or any(not 0 < len(label) <= MAX_LABEL_OCTETS for label in host.rstrip(".").split(".")):
        raise ValueError("the URI has no host name")
    return host, DEFAULT_PORTS[parts.scheme] if port is None else port
