"""Mistakes in how people sign in without a password: providers that do not exist."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy.suggestion import closest
from spoold.config.problems import Finding, KeyPath

Raw = Mapping[str, Any]


def findings(raw: Raw) -> Iterator[Finding]:
    """Yield every mistake in [identity.kerberos] and [identity.oidc] that no single key shows."""
    identity = _table(raw, "identity")
    order = identity.get("order", ["local"])
    names = [name for name in order if isinstance(name, str)] if isinstance(order, list | tuple) else []
    for realm, provider in _table(_table(identity, "kerberos"), "realms").items():
        yield from _known(("identity", "kerberos", "realms", realm), provider, names)
    yield from _known(("identity", "oidc", "provider"), _table(identity, "oidc").get("provider"), names)


def _known(path: KeyPath, provider: object, names: Sequence[str]) -> Iterator[Finding]:
    if isinstance(provider, str) and provider not in names:
        yield Finding(path, f'"{provider}" is not in [identity] order', closest(provider, names))


def _table(raw: Raw, key: str) -> Raw:
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}
