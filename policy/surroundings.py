"""Surroundings: what a decision knows besides the job: the local time, schedules, holidays and networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from types import MappingProxyType

from policy.holidays import Calendar
from policy.schedule import Schedule

Networks = Mapping[str, Sequence[IPv4Network | IPv6Network]]
# Addresses of one decision after the other are often the same; reading one costs as much as two rules.
_ADDRESSES = 1024


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The site at one moment.

    Args:
        local: the moment in the site's time zone.
        networks: named networks, in the order of the configuration.
    """

    local: datetime
    schedules: Mapping[str, Schedule] = field(default_factory=lambda: MappingProxyType({}))
    holidays: Mapping[str, Calendar] = field(default_factory=lambda: MappingProxyType({}))
    networks: Networks = field(default_factory=lambda: MappingProxyType({}))

    def is_open(self, schedule: str) -> bool:
        """Return whether a schedule is open now; LookupError if there is none of that name."""
        return self.schedules[schedule].is_open(self.local, self.holidays)

    def is_holiday(self, *calendar: str) -> bool:
        """Return whether today is in any calendar, or in the one of this name."""
        wanted = [self.holidays[name] for name in calendar] if calendar else self.holidays.values()
        return any(one.contains(self.local.date()) for one in wanted)

    def network_of(self, address: str) -> str:
        """Return the name of the first network that has the address, or an empty string."""
        return next((name for name in self.networks if self.is_inside(name, address)), "")

    def is_inside(self, network: str, address: str) -> bool:
        """Return whether the named network has the address; what is no address is in none."""
        found = _read(address)
        return found is not None and any(found in one for one in self.networks[network])


@lru_cache(maxsize=_ADDRESSES)
def _read(address: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
