"""What all connections of a server share, and what a connection may be waiting for."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from protocols.http.message import Handler, Request
from protocols.http.repeats import Repeats
from protocols.http.statistics import HttpStatistics
from protocols.limits import HttpLimits
from protocols.readiness import Readiness
from protocols.tls_streams import TlsContextSource


class Phase(Enum):
    """What a connection is waiting for."""

    ARRIVING = auto()  # the first byte, the TLS handshake
    HEAD = auto()
    BODY = auto()
    HANDLER = auto()
    ANSWER = auto()
    IDLE = auto()


@dataclass(frozen=True, slots=True)
class Rules:
    """What all connections of a server share."""

    handler: Handler
    limits: HttpLimits
    tls_context: TlsContextSource | None
    upgrades_to_tls: bool
    allowed_hosts: Callable[[str], bool]
    statistics: HttpStatistics
    on_error: Callable[[Exception, Request], None]
    clock: Callable[[], float]
    date: Callable[[], bytes]
    readiness: Readiness
    repeats: Repeats
