"""Site: everything the configuration says that may change while the daemon runs, as one frozen object."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from policy.engine import PolicyEngine
from spoold.model.archive import ArchiveTerms
from spoold.model.badge import BadgeRules
from spoold.model.lpr import LprNetwork
from spoold.model.printer import Printer
from spoold.model.queue import Queue
from spoold.model.station import Station


@dataclass(frozen=True, slots=True)
class Site:
    """What a reload replaces.

    Args:
        name: host name in URIs and certificates.
        queues, printers: by name, in the order of the file.
        policy: the compiled rules.
        mask_names: server-wide masking; true overrules every queue.
        max_document_bytes: plaintext bound of one document.
        badges: how badge numbers look; None where badges are not used.
        stations: screens beside printers, by name.
        second_factor: who has to show a second factor: "off", "administrators", "staff" or "everyone".
        archive: on which terms copies are kept; None where rules can ask for none.
        lpr_networks: what is known of LPR senders by their address; the first that fits counts.
    """

    name: str
    queues: Mapping[str, Queue]
    printers: Mapping[str, Printer]
    policy: PolicyEngine
    mask_names: bool
    max_document_bytes: int
    forget_after: timedelta
    lpr_networks: tuple[LprNetwork, ...] = ()
    badges: BadgeRules | None = None
    stations: Mapping[str, Station] = field(default_factory=dict)
    second_factor: str = "off"
    archive: ArchiveTerms | None = None

    def masks(self, queue: str) -> bool:
        """Tell whether titles of jobs in this queue are hidden; a queue that is gone hides them."""
        known = self.queues.get(queue)
        return self.mask_names or known is None or known.mask_names


CurrentSite = Callable[[], Site]
