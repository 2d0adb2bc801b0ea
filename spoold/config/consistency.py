"""Mistakes between keys: unknown names, unsafe combinations, clashing addresses."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import PurePath
from typing import Any

from pydantic_core import PydanticCustomError

from policy.suggestion import closest
from spoold.config import (
    identity_findings,
    lpr_findings,
    policy_findings,
    sign_in_findings,
    spelling_findings,
    station_findings,
)
from spoold.config.problems import Finding, KeyPath
from spoold.config.values import ListenAddress, parse_listen_address

LPR_NEEDS_ALLOW = (
    "LPR listens, so [lpr] allow must list the networks that may use it: "
    "LPR knows neither passwords nor encryption"
)
DEFAULT_STATE_DIR = "/var/lib/spoold"
DEFAULT_LISTEN: Mapping[str, tuple[str, ...]] = {"ipp": ("[::]:631",), "web": ("[::]:443",), "lpr": ()}

Raw = Mapping[str, Any]


def findings(raw: Raw) -> Iterator[Finding]:
    """Yield every mistake that no single key shows; parts of the wrong type are passed over.

    Args:
        raw: the document as tomllib gives it.
    """
    yield from _listen(raw)
    yield from lpr_findings.findings(raw)
    yield from _keys(raw)
    yield from _printers(raw)
    yield from _queues(raw)
    yield from policy_findings.findings(raw)
    yield from spelling_findings.findings(raw)
    yield from station_findings.findings(raw)
    yield from sign_in_findings.findings(raw)
    yield from identity_findings.findings(raw)


def table(raw: Raw, *path: str) -> Raw:
    """Return a table of the document, empty when it is absent or no table."""
    current: Any = raw
    for key in path:
        current = current.get(key) if isinstance(current, Mapping) else None
    return current if isinstance(current, Mapping) else {}


def strings(value: object) -> Iterator[tuple[int, str]]:
    """Yield the strings of an array with their indexes."""
    if isinstance(value, list | tuple):
        yield from ((index, item) for index, item in enumerate(value) if isinstance(item, str))


def _listen(raw: Raw) -> Iterator[Finding]:
    listen = table(raw, "listen")
    # Defaults come first, so that of two that clash the one written in the file is named.
    doors = sorted(DEFAULT_LISTEN, key=lambda door: door in listen)
    addresses: list[tuple[str, ListenAddress]] = []
    for door in doors:
        for index, text in strings(listen.get(door, DEFAULT_LISTEN[door])):
            try:
                address = parse_listen_address(text)
            except PydanticCustomError:
                continue
            for taken_by, other in addresses:
                if _clash(other, address):
                    yield Finding(("listen", door, index), f"{address} is already taken by listen.{taken_by}")
                    break
            addresses.append((door, address))
    lpr = listen.get("lpr")
    allow = table(raw, "lpr").get("allow")
    if isinstance(lpr, list) and lpr and not allow:
        yield Finding(("listen", "lpr"), LPR_NEEDS_ALLOW)
    for index, text in strings(allow):
        if text.endswith(("/0", "/00")):
            yield Finding(
                ("lpr", "allow", index), "names every address there is; list the networks that print"
            )


def _clash(one: ListenAddress, other: ListenAddress) -> bool:
    if one.port != other.port or one.port == 0:
        return False
    hosts = {one.host, other.host}
    versions = {ip_address(host).version for host in hosts}
    # A socket on [::] takes IPv4 as well.
    return len(hosts) == 1 or "::" in hosts or ("0.0.0.0" in hosts and versions == {4})  # noqa: S104 - compared, not bound


def _keys(raw: Raw) -> Iterator[Finding]:
    state_dir = table(raw, "server").get("state_dir", DEFAULT_STATE_DIR)
    key = table(raw, "store").get("key")
    if isinstance(key, str) and key.startswith("file:") and _inside(key.removeprefix("file:"), state_dir):
        yield Finding(
            ("store", "key"),
            "the key must not lie inside state_dir: whoever copies the store would copy its key with it",
        )
    tls = table(raw, "tls")
    certificate = tls.get("certificate", "auto")
    if certificate == "auto" and "key" in tls:
        yield Finding(("tls", "key"), 'has no meaning with certificate = "auto"', at="key")
    if certificate != "auto" and "key" not in tls:
        yield Finding(("tls", "certificate"), "needs tls.key, the path of its private key")


def _inside(path: str, directory: object) -> bool:
    return isinstance(directory, str) and PurePath(path).is_relative_to(PurePath(directory))


def _printers(raw: Raw) -> Iterator[Finding]:
    state_dir = table(raw, "server").get("state_dir", DEFAULT_STATE_DIR)
    for name, printer in table(raw, "printers").items():
        path: KeyPath = ("printers", name)
        uri = printer.get("uri") if isinstance(printer, Mapping) else None
        if not isinstance(uri, str):
            continue
        if uri.startswith("folder:") and _inside(uri.removeprefix("folder:"), state_dir):
            yield Finding(
                (*path, "uri"), "the folder must not lie inside state_dir: released documents are readable"
            )
        for option in ("ca", "pin"):
            if option in printer and not uri.startswith("ipps:"):
                yield Finding((*path, option), "has a meaning only with an ipps:// printer", at="key")
        if "ca" in printer and "pin" in printer:
            yield Finding(
                (*path, "pin"), "ca and pin exclude each other: with a pin no authority is asked", at="key"
            )


def _queues(raw: Raw) -> Iterator[Finding]:
    queues = table(raw, "queues")
    if not queues and isinstance(raw.get("queues", {}), Mapping):
        yield Finding(("queues",), "at least one queue is needed, for example [queues.secure]", at="key")
    for name, queue in queues.items():
        if isinstance(queue, Mapping):
            yield from _queue(("queues", name), queue, table(raw, "printers"))


def _queue(path: KeyPath, queue: Raw, printers: Raw) -> Iterator[Finding]:
    names = list(strings(queue.get("printers")))
    for index, name in names:
        if name not in printers:
            yield Finding(
                (*path, "printers", index), f'there is no printer named "{name}"', closest(name, printers)
            )
        elif any(name == earlier for position, earlier in names if position < index):
            yield Finding((*path, "printers", index), f'"{name}" is listed twice')
    yield from _claim(path, queue)
    if queue.get("release") != "on-arrival":
        return
    if queue.get("authentication") == "at-release":
        yield Finding(
            (*path, "release"),
            '"on-arrival" needs authentication = "required": else paper comes out for whoever claims a name',
        )
    if len(names) > 1:
        yield Finding((*path, "release"), '"on-arrival" needs exactly one printer: nobody is there to choose')


def _claim(path: KeyPath, queue: Raw) -> Iterator[Finding]:
    """Find rules about claiming that can never apply."""
    is_opened = queue.get("claim") in ("same-address", "open")
    if is_opened and queue.get("authentication") != "at-release":
        yield Finding(
            (*path, "claim"),
            'has a meaning only with authentication = "at-release": else every job has an owner',
            at="key",
        )
    if queue.get("claim_known_names") is True and not is_opened:
        yield Finding((*path, "claim_known_names"), 'needs claim = "same-address" or "open"', at="key")
