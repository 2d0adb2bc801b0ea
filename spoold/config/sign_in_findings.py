"""Mistakes in how people sign in without a password: providers that do not exist, keys that say nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy.suggestion import closest
from spoold.config.problems import Finding, KeyPath

Raw = Mapping[str, Any]
# Of [identity.oidc]: what is said of accounts of its own, and is not looked at for accounts of a directory.
_OF_OWN_ACCOUNTS = ("display_name_claim", "groups_claim", "known_for")


def findings(raw: Raw) -> Iterator[Finding]:
    """Yield every mistake in [identity.kerberos] and [identity.oidc] that no single key shows."""
    identity = _table(raw, "identity")
    order = identity.get("order", ["local"])
    names = [name for name in order if isinstance(name, str)] if isinstance(order, list | tuple) else []
    for realm, provider in _table(_table(identity, "kerberos"), "realms").items():
        yield from _known(("identity", "kerberos", "realms", realm), provider, names)
    oidc = _table(identity, "oidc")
    yield from _known(("identity", "oidc", "provider"), oidc.get("provider"), names)
    for key in _OF_OWN_ACCOUNTS:
        if "provider" in oidc and key in oidc:
            words = "has a meaning only without provider: accounts of a provider are known from there"
            yield Finding(("identity", "oidc", key), words, at="key")


def _known(path: KeyPath, provider: object, names: Sequence[str]) -> Iterator[Finding]:
    if isinstance(provider, str) and provider not in names:
        yield Finding(path, f'"{provider}" is not in [identity] order', closest(provider, names))


def _table(raw: Raw, key: str) -> Raw:
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}
