"""Mistakes in what the file says of LPR senders: tables without an effect, queues they cannot print to."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from pydantic_core import PydanticCustomError

from policy.suggestion import closest
from spoold.config.problems import Finding, KeyPath
from spoold.config.values import parse_network

Raw = Mapping[str, Any]
AnyNetwork = IPv4Network | IPv6Network


def findings(raw: Raw) -> Iterator[Finding]:
    """Yield every mistake in [[lpr.networks]]; parts of the wrong type are passed over."""
    lpr, queues = _table(raw, "lpr"), _table(raw, "queues")
    senders = lpr.get("networks")
    allowed = [network for _, network in _networks(lpr.get("allow"))]
    before: list[AnyNetwork] = []
    for index, sender in enumerate(senders if isinstance(senders, list | tuple) else ()):
        if not isinstance(sender, Mapping):
            continue
        path: KeyPath = ("lpr", "networks", index)
        named = _networks(sender.get("addresses"))
        for position, network in named:
            if not _covered(network, allowed):
                yield Finding((*path, "addresses", position), "lies outside of [lpr] allow")
            elif _covered(network, before):
                yield Finding((*path, "addresses", position), "a table above names it already, and counts")
        before += [network for _, network in named]
        for key in ("name_from", "strip_domain"):
            if "account" in sender and key in sender:
                yield Finding((*path, key), "has no meaning with account: no name is looked for", at="key")
        yield from _queue((*path, "queue"), sender, queues)


def _queue(path: KeyPath, sender: Raw, queues: Raw) -> Iterator[Finding]:
    name = sender.get("queue")
    if not isinstance(name, str):
        return
    queue = queues.get(name)
    if name not in queues:
        yield Finding(path, f'there is no queue named "{name}"', closest(name, queues))
    elif (
        isinstance(queue, Mapping) and "account" not in sender and queue.get("authentication") != "at-release"
    ):
        words = f'"{name}" needs authentication = "at-release", or this table an account'
        yield Finding(path, f"LPR cannot sign in: {words}")


def _table(raw: Raw, key: str) -> Raw:
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}


def _networks(value: object) -> list[tuple[int, AnyNetwork]]:
    """Return what can be read of a list of networks, with its places."""
    found: list[tuple[int, AnyNetwork]] = []
    for position, text in enumerate(value if isinstance(value, list | tuple) else ()):
        try:
            found.append((position, parse_network(text)))
        except PydanticCustomError:
            continue
    return found


def _covered(network: AnyNetwork, by: Sequence[AnyNetwork]) -> bool:
    return any(
        one.version == network.version and one.supernet_of(network)  # type: ignore[arg-type]
        for one in by
    )
