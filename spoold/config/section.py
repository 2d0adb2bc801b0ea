"""What every table of the configuration has in common, and whether an address is on one of its lists."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from pydantic import BaseModel, ConfigDict

from spoold.config.values import Network


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


def listed(host: str, networks: tuple[Network, ...]) -> bool:
    """Return whether a peer's numeric address (IPv4-mapped too) is in one of them; in doubt it is not."""
    address = _read(host)
    return address is not None and any(address in network for network in networks)


@lru_cache(maxsize=1024)
def _read(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
