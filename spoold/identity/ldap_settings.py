"""What a site says about one directory; read without ldap3."""

from dataclasses import dataclass, field
from typing import Literal

from spoold.model.ids import canonical_name

GroupMode = Literal["memberOf", "groupOfNames", "ad-nested"]


@dataclass(frozen=True, slots=True)
class DirectorySettings:
    """One directory, as configured; `[identity.ldap.NAME]` in config.example.toml says what each key means.

    Args:
        name: the provider's name.
        bind_dn: the account that reads the directory; None reads without one.
        bind_password: its password; masked in repr.
        domains: what people may write before "\\" or behind "@", folded.
        timeout_s: all servers together, for one question.
        server_s: the share of one server while others are left.
        max_wrong_passwords: of one account, that the directory is asked about within the window.
    """

    name: str
    kind: Literal["active-directory", "openldap"]
    base_dn: str
    bind_dn: str | None = None
    bind_password: str = field(default="", repr=False)
    direct_bind: str | None = None
    name_attribute: str = "uid"
    display_name_attribute: str = "cn"
    user_filter: str = "(objectClass=*)"
    group_mode: GroupMode = "groupOfNames"
    group_base_dn: str = ""
    domains: frozenset[str] = frozenset()
    operator_groups: frozenset[str] = frozenset()
    administrator_groups: frozenset[str] = frozenset()
    timeout_s: float = 4.0
    server_s: float = 2.0
    group_cache_s: float = 300.0
    max_wrong_passwords: int = 4
    wrong_passwords_window_s: float = 1_800.0

    @property
    def is_active_directory(self) -> bool:
        """Whether names, ids and closed accounts are Microsoft's."""
        return self.kind == "active-directory"


@dataclass(frozen=True, slots=True)
class TypedName:
    """A user name as somebody typed it.

    Args:
        bare: the account's name without a domain, canonical.
        principal: the whole "name@domain", where the domain is the directory's: a name of its own there.
    """

    bare: str
    principal: str | None = None


def read_name(settings: DirectorySettings, name: str) -> TypedName | None:
    """Return what a canonical name means in this directory, None if it cannot be anybody's there."""
    domains = {canonical_name(one) for one in settings.domains} | {settings.name}
    typed = TypedName(name)
    before, backslash, behind = name.partition("\\")
    left, at, right = name.rpartition("@")
    if backslash:
        if before not in domains:
            return None
        typed = TypedName(behind)
    elif at and right in domains:
        typed = TypedName(left, name if right != settings.name else None)
    bare = typed.bare
    readable = bool(bare) and bare == bare.strip() and all(one.isprintable() for one in bare)
    return typed if readable and "\\" not in bare else None
