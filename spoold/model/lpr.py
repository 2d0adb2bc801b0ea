"""What the configuration knows of LPR senders by their address: LPR itself can prove nothing."""

import enum
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address


class NameFrom(enum.StrEnum):
    """Which line of the control file (RFC 1179 section 7) says whose job it is."""

    USER = "user"
    CLASS = "class"
    BANNER = "banner"


@dataclass(frozen=True, slots=True)
class LprNetwork:
    """Senders with something in common.

    Args:
        addresses: where they are.
        name_from: where their control files name the user.
        strip_domain: "EXAMPLE\\ana" and "ana@example.org" are "ana".
        account: whose all their jobs are, because the administrator says so; None leaves it to claims.
        queue: where their jobs go whatever they ask for; None leaves it to them.
    """

    addresses: tuple[IPv4Network | IPv6Network, ...]
    name_from: NameFrom = NameFrom.USER
    strip_domain: bool = False
    account: str | None = None
    queue: str | None = None

    def holds(self, host: str) -> bool:
        """Tell whether a numeric address is one of these; what is no address is not."""
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.addresses)

    def named(self, *, user: str, banner: str, job_class: str) -> str:
        """Return the claimed name among what a control file says, empty if it says none."""
        name = {NameFrom.USER: user or banner, NameFrom.CLASS: job_class, NameFrom.BANNER: banner}[
            self.name_from
        ]
        return without_domain(name) if self.strip_domain else name


def without_domain(name: str) -> str:
    """Return "ana" of "EXAMPLE\\ana" and of "ana@example.org"."""
    return name.rpartition("\\")[2].partition("@")[0]
