"""Counts of what an HTTP server did; the daemon turns a snapshot into metrics."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class HttpSnapshot:
    """Counts at one moment; all but `open_connections` only grow."""

    open_connections: int
    accepted: int
    requests: int
    handler_errors: int
    refused_connections: Mapping[str, int]
    refused_requests: Mapping[int, int]
    timeouts: Mapping[str, int]


@dataclass(slots=True)
class HttpStatistics:
    """Running counts, written by one server.

    `refused_connections` counts by reason ("server-full", "address-full", "handshake", "no-descriptors"),
    `refused_requests` by HTTP status, `timeouts` by what was waited for ("arriving", "head", "body",
    "answer", "idle").
    """

    open_connections: int = 0
    accepted: int = 0
    requests: int = 0
    handler_errors: int = 0
    refused_connections: Counter[str] = field(default_factory=Counter)
    refused_requests: Counter[int] = field(default_factory=Counter)
    timeouts: Counter[str] = field(default_factory=Counter)

    def refused_connection(self, reason: str) -> None:
        """Count a connection that was closed before it could ask anything."""
        self.refused_connections[reason] += 1

    def refused_request(self, status: int) -> None:
        """Count a request that no handler saw to its end."""
        self.refused_requests[status] += 1

    def expired(self, phase: str) -> None:
        """Count a passed deadline."""
        self.timeouts[phase] += 1

    def snapshot(self) -> HttpSnapshot:
        """Return the counts as they are now."""
        return HttpSnapshot(
            open_connections=self.open_connections,
            accepted=self.accepted,
            requests=self.requests,
            handler_errors=self.handler_errors,
            refused_connections=MappingProxyType(dict(self.refused_connections)),
            refused_requests=MappingProxyType(dict(self.refused_requests)),
            timeouts=MappingProxyType(dict(self.timeouts)),
        )
