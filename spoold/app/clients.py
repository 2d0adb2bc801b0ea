"""Makes what clients that cannot sign in need: personal print URIs, and the claiming of unclaimed jobs."""

from dataclasses import dataclass

from spoold.app.parts import Parts
from spoold.identity.print_uris import PrintUris
from spoold.identity.provider import LOCAL
from spoold.release.claims import ClaimDesk

# RFC 8010 3.3: where IPP is when nothing else is said.
IPP_PORT = 631


@dataclass(frozen=True, slots=True)
class Clients:
    """Both, for every door that needs them."""

    print_uris: PrintUris
    claims: ClaimDesk


def make_clients(parts: Parts) -> Clients:
    """Return both, made of the daemon's parts."""

    def authority() -> str:
        return print_authority(parts.config.server.name, parts.listening.get("ipp", []))

    return Clients(
        PrintUris(
            parts.database,
            parts.clock,
            parts.metrics,
            parts.identity.throttle,
            queues=lambda: frozenset(parts.site().queues),
            authority=authority,
            confirm=parts.identity.confirmed,
        ),
        ClaimDesk(
            parts.release.ledger,
            parts.site,
            parts.identity.whose,
            parts.identity.confirmed,
            max_jobs=parts.limits.max_held_jobs_per_user,
            has_domains=any(one.name != LOCAL for one in parts.identity.providers.order),
        ),
    )


def print_authority(name: str, listening: list[str]) -> str:
    """Return the host and port that clients print to.

    The port always stands there: https addresses, as Windows wants them, mean another one without it.

    Args:
        listening: addresses of the listener, "host:port"; all of one daemon have one port as a rule.
    """
    port = listening[0].rpartition(":")[2] if listening else str(IPP_PORT)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
