"""What a queue says of itself on the local network: its DNS-SD services, made of its Printer attributes.

The keys are those of Bonjour Printing 1.2.1 and PWG 5100.14 section 4.2. Every value comes from the queue's
own attributes, so that the network and Get-Printer-Attributes never tell two stories.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from protocols.ipp.values import Attribute, clip
from spoold.model.queue import Queue

# RFC 6763 4.1.1: an instance name is one DNS label.
MAX_NAME_OCTETS = 63
# RFC 6763 6.1: each string of a TXT record has one octet for its length.
MAX_STRING_OCTETS = 255
# What clients look for first; of a list that is too long the end is left out.
PREFERRED_FORMATS = ("image/urf", "application/pdf", "image/pwg-raster", "image/jpeg")
# AirPrint finds a queue by the first, IPP Everywhere and Android by the second.
SUBTYPES = ("_universal", "_print")
# IPP comes before LPR in a client's choice: lower is better, an absent key means 50 (Bonjour Printing).
IPP_PRIORITY = 0
LPR_PRIORITY = 99
_MEDIA_SIZE = re.compile(r"_(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)(mm|in)$")
_MM_PER_INCH = 25.4
# Short edges in millimetres up to which a class of "PaperMax" goes; a larger sheet is ">isoC-A2".
_PAPER_CLASSES = ((216.0, "legal-A4"), (297.0, "tabloid-A3"), (432.0, "isoC-A2"))
# RFC 8011 5.2.6 and PWG 5100.1: values of "finishings" behind each key.
_FINISHINGS = {
    "Staple": (4, *range(20, 32)),
    "Punch": (5, *range(70, 90)),
    "Bind": (7, *range(50, 54)),
}


@dataclass(frozen=True, slots=True)
class Service:
    """One service of an instance.

    Args:
        port: 0 means that the name is only defended, and nothing listens (Bonjour Printing, flagship names).
        txt: the strings of the TXT record, in order.
    """

    type: str
    port: int
    subtypes: tuple[str, ...] = ()
    txt: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Announcement:
    """All services of a queue, registered under one name or not at all."""

    queue: str
    name: str
    services: tuple[Service, ...]


class ServiceNames:
    """The instance name of each queue, which a neighbour that has taken it may force to change.

    Args:
        server_name: host name of the spooler, by which queues without a description are told apart.
    """

    def __init__(self, server_name: str) -> None:
        self._server_name = server_name
        self._forced: dict[str, tuple[str, str]] = {}

    def of(self, queue: Queue) -> str:
        """Return the name in force; "printer-dns-sd-name" is this, too."""
        wanted = self._wanted(queue)
        before, forced = self._forced.get(queue.name, ("", ""))
        # A new description is a new name, which nobody may have taken.
        return forced if before == wanted else wanted

    def rename(self, queue: Queue, name: str) -> None:
        """Put another name into force, until the queue's own changes."""
        self._forced[queue.name] = (self._wanted(queue), name)

    def _wanted(self, queue: Queue) -> str:
        words = queue.description or f"{queue.name} @ {self._server_name}"
        printable = "".join(c if c.isprintable() else " " for c in words)
        return clip(" ".join(printable.split()), MAX_NAME_OCTETS) or queue.name


def announce(
    queue: str,
    name: str,
    *,
    ipp: Mapping[str, Attribute],
    ipps: Mapping[str, Attribute],
    port: int,
    lpr_port: int,
    upgrade_tls: str | None,
) -> Announcement:
    """Return what is registered for a queue.

    Args:
        ipp, ipps: the queue's Printer attributes as a client of ipp: and of ipps: is told them.
        port: where IPP and IPPS listen.
        lpr_port: where LPR listens, if it takes jobs for this queue, else 0.
        upgrade_tls: newest TLS version that the ipp port upgrades to (RFC 2817), if it does.
    """
    flagship = Service("_printer._tcp", lpr_port, txt=tuple(_lpr(queue, ipp)) if lpr_port else ())
    return Announcement(
        queue,
        name,
        (
            flagship,
            Service("_ipp._tcp", port, SUBTYPES, tuple(_ipp(queue, ipp, upgrade_tls))),
            Service("_ipps._tcp", port, SUBTYPES, tuple(_ipp(queue, ipps, upgrade_tls))),
        ),
    )


def _ipp(queue: str, attributes: Mapping[str, Attribute], tls: str | None) -> Iterator[bytes]:
    yield from _beginning(attributes, f"ipp/print/{queue}", IPP_PRIORITY)
    yield _string("adminurl", _text(attributes, "printer-more-info"))
    yield _string("UUID", _text(attributes, "printer-uuid").removeprefix("urn:uuid:"))
    if urf := _texts(attributes, "urf-supported"):
        yield _list("URF", urf)
    yield _flag("Color", attributes["color-supported"].first is True)
    yield _flag("Duplex", any(one.startswith("two-sided") for one in _texts(attributes, "sides-supported")))
    # spoold forwards the count and the printer collates: both are what RFC 8011 5.2.5 asks of "copies".
    yield _flag("Copies", "copies-supported" in attributes)
    yield _flag("Collate", "copies-supported" in attributes)
    yield from _finishings(attributes)
    yield _string("PaperMax", paper_max(_texts(attributes, "media-supported")))
    yield _list("kind", _texts(attributes, "printer-kind") or ("document",))
    yield _flag("Fax", False)
    yield _flag("Scan", False)
    # Android leaves a printer out that says F.
    yield _flag("print_wfds", True)
    if version := _text(attributes, "mopria-certified"):
        yield _string("mopria-certified", version)
    if "basic" in _texts(attributes, "uri-authentication-supported"):
        yield _string("air", "username,password")
    if tls is not None:
        yield _string("TLS", tls)


def _lpr(queue: str, attributes: Mapping[str, Attribute]) -> Iterator[bytes]:
    yield from _beginning(attributes, queue, LPR_PRIORITY)


def _beginning(attributes: Mapping[str, Attribute], path: str, priority: int) -> Iterator[bytes]:
    model = _text(attributes, "printer-make-and-model")
    yield _string("txtvers", "1")
    yield _string("qtotal", "1")
    yield _string("rp", path)
    yield _string("ty", model)
    yield _string("product", f"({model})")
    yield _string("note", _text(attributes, "printer-location"))
    yield _string("priority", str(priority))
    yield _list("pdl", _formats(_texts(attributes, "document-format-supported")))


def _formats(supported: tuple[str, ...]) -> tuple[str, ...]:
    first = tuple(one for one in PREFERRED_FORMATS if one in supported)
    rest = tuple(one for one in supported if one not in first and one != "application/octet-stream")
    return first + rest


def _finishings(attributes: Mapping[str, Attribute]) -> Iterator[bytes]:
    found = attributes.get("finishings-supported")
    numbers = {value.data for value in found.values} if found is not None else set()
    for key, members in _FINISHINGS.items():
        if not numbers.isdisjoint(members):
            yield _flag(key, True)


def paper_max(media: tuple[str, ...]) -> str:
    """Return the "PaperMax" class of the largest sheet among PWG 5101.1 media names."""
    edges_mm = [
        min(float(size[1]), float(size[2])) * (_MM_PER_INCH if size[3] == "in" else 1.0)
        for size in map(_MEDIA_SIZE.search, media)
        if size is not None
    ]
    largest_mm = max(edges_mm, default=0.0)
    return next((name for upto_mm, name in _PAPER_CLASSES if largest_mm <= upto_mm), ">isoC-A2")


def _text(attributes: Mapping[str, Attribute], name: str) -> str:
    return next(iter(_texts(attributes, name)), "")


def _texts(attributes: Mapping[str, Attribute], name: str) -> tuple[str, ...]:
    found = attributes.get(name)
    return found.strings() if found is not None else ()


def _flag(key: str, value: bool) -> bytes:
    return _string(key, "T" if value else "F")


def _list(key: str, values: tuple[str, ...]) -> bytes:
    """Return as many of the values as one string has room for."""
    fitting: list[str] = []
    room = MAX_STRING_OCTETS - len(key)
    for value in values:
        # One octet for "=" or the comma before it.
        room -= len(value.encode()) + 1
        if room < 0:
            break
        fitting.append(value)
    return _string(key, ",".join(fitting))


def _string(key: str, value: str) -> bytes:
    return f"{key}={clip(value, MAX_STRING_OCTETS - len(key) - 1)}".encode()
