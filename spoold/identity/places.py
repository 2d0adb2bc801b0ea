"""Places that people sign in from, as failures are counted and remembered for them."""

import ipaddress

_LOCAL = "local"


def home_of(peer: str) -> str:
    """Return the place a person signs in from: an IPv4 address, or the /64 of an IPv6 address (RFC 8981)."""
    address = _address(peer)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address.packed, 64), strict=False))
    return str(address or _LOCAL)


def places_of(peer: str) -> tuple[str, ...]:
    """Return what failures from a place are counted for: its address, and its IPv4 /24 or IPv6 /64."""
    address = _address(peer)
    if address is None:
        return (f"address:{_LOCAL}",)
    prefix = 24 if address.version == 4 else 64
    network = ipaddress.ip_network((address.packed, prefix), strict=False)
    return (f"address:{address}", f"network:{network}")


def _address(peer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the numeric address, an IPv4 one where it came in IPv6 clothes; None for a local socket."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
