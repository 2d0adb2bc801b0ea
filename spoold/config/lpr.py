"""The [lpr] table: who may use LPR, and what is known of senders by their address."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from spoold.config.section import Section, listed
from spoold.config.values import Name, Network
from spoold.model.lpr import LprNetwork, NameFrom


class LprSenders(Section):
    """What is known of LPR senders by their address; of several tables that fit the first counts."""

    addresses: Annotated[tuple[Network, ...], Field(min_length=1)]
    """Networks or single addresses; each inside [lpr] allow."""
    name_from: Literal["user", "class", "banner"] = "user"
    """Where the control file says whose job it is: in its P, C or L line."""
    strip_domain: StrictBool = False
    """true: "EXAMPLE\\ana" and "ana@example.org" are "ana"."""
    account: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None
    """Everything from these addresses belongs to this account, without a proof: trust by address."""
    queue: Name | None = None
    """Jobs go to this queue, whatever the client calls it."""


class Lpr(Section):
    """Who may use LPR, which knows neither passwords nor encryption."""

    allow: tuple[Network, ...] = ()
    """Networks whose hosts may print through LPR; nobody else gets a byte."""
    networks: tuple[LprSenders, ...] = ()
    """What is known of senders by their address."""

    def allows(self, host: str) -> bool:
        """Return whether a peer's numeric address (IPv4-mapped too) is on the list; in doubt it is not."""
        return listed(host, self.allow)

    def mapped(self) -> tuple[LprNetwork, ...]:
        """Return what is known of senders by their address, in the order of the file."""
        return tuple(
            LprNetwork(
                addresses=one.addresses,
                name_from=NameFrom(one.name_from),
                strip_domain=one.strip_domain,
                account=one.account,
                queue=one.queue,
            )
            for one in self.networks
        )
