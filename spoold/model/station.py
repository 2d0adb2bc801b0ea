"""Station: a screen beside one printer where people release their jobs."""

import enum
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


class SignInBy(enum.StrEnum):
    """How people prove at a station who they are."""

    BADGE = "badge+pin"
    PASSWORD = "password"  # noqa: S105 - the name of a method, not a secret


@dataclass(frozen=True, slots=True)
class Station:
    """A release station as the configuration has it.

    Args:
        printer: the one where it lets jobs out.
        networks: where its device is; it works from nowhere else.
        sign_in: in the order in which they are offered.
        releases_all: everything goes as soon as somebody has signed in; else people choose.
        shows_names: document names on a screen that others can see.
        links_badges: a badge that nobody has may be linked there after a full sign-in.
        visit_s: how long somebody who does nothing stays signed in.
    """

    name: str
    printer: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    sign_in: tuple[SignInBy, ...] = (SignInBy.BADGE, SignInBy.PASSWORD)
    releases_all: bool = False
    shows_names: bool = False
    links_badges: bool = True
    visit_s: float = 60.0

    def is_at(self, peer: str) -> bool:
        """Tell whether a numeric address (IPv4-mapped too) is in its networks; in doubt it is not."""
        address = _read(peer)
        return address is not None and any(address in network for network in self.networks)


def _read(peer: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
