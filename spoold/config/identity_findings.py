"""Mistakes between directories and the order in which providers are asked."""

from collections.abc import Iterator, Mapping
from typing import Any

from policy.suggestion import closest
from spoold.config.problems import Finding, KeyPath

Raw = Mapping[str, Any]
# What records and names of people say of other things than a directory.
_TAKEN = frozenset({"local", "oidc", "kerberos", "spoold"})


def findings(raw: Raw) -> Iterator[Finding]:
    """Yield every mistake in [identity] order and [identity.ldap] that no single key shows."""
    identity = _table(raw, "identity")
    directories = _table(identity, "ldap")
    order = identity.get("order", ["local"])
    names = list(order) if isinstance(order, list | tuple) else []
    known = ["local", *directories]
    for place, name in enumerate(names):
        path: KeyPath = ("identity", "order", place)
        if isinstance(name, str) and name not in known:
            yield Finding(path, f"there is no [identity.ldap.{name}]", closest(name, known))
        elif name in names[:place]:
            yield Finding(path, f'"{name}" is listed twice')
    for name, directory in directories.items():
        at: KeyPath = ("identity", "ldap", name)
        if name in _TAKEN:
            yield Finding(at, f'a directory cannot be called "{name}"', at="key")
        elif name not in names:
            yield Finding(at, "is not in [identity] order, so nobody asks it", at="key")
        if isinstance(directory, Mapping):
            yield from _directory(at, directory)


def _directory(at: KeyPath, directory: Raw) -> Iterator[Finding]:
    if "bind_password" in directory and "bind_dn" not in directory:
        yield Finding((*at, "bind_password"), "has a meaning only with bind_dn", at="key")
    if "bind_dn" in directory and "bind_password" not in directory:
        yield Finding((*at, "bind_dn"), "needs bind_password", at="key")
    kind = directory.get("kind")
    if kind == "active-directory" and "bind_dn" not in directory:
        yield Finding((*at, "kind"), "needs bind_dn: Active Directory tells strangers nothing")
    if kind == "openldap" and directory.get("groups") == "ad-nested":
        yield Finding((*at, "groups"), 'only Active Directory knows "ad-nested"', "groupOfNames")


def _table(raw: Raw, key: str) -> Raw:
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}
