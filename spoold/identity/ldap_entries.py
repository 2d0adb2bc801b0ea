"""What a directory is asked about people, and what is read out of its answers."""

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from spoold.identity.ldap import Entry, LdapConversation, ServerFailed, escaped
from spoold.identity.ldap_names import first_value, folded, parts_of
from spoold.identity.ldap_settings import DirectorySettings, TypedName
from spoold.identity.provider import Account
from spoold.model.ids import UserId, canonical_name
from spoold.model.principal import Role

# More groups than Active Directory gives in one answer (MaxPageSize): a list that may be cut is no list.
MAX_GROUPS = 1_000
# Active Directory begins with accounts of its own that are closed: krbtgt, Guest.
_SOME = 20
# LDAP_MATCHING_RULEIN_CHAIN ([MS-ADTS] 3.1.1.3.4.4.3): members of members too.
IN_CHAIN = "1.2.840.113556.1.4.1941"
# [MS-ADTS] 2.2.16: ADS_UF_ACCOUNT_DISABLE.
_DISABLED = 0x2
# [MS-DTYP] 2.4.2.2: revision, count, authority and one sub-authority are twelve octets.
_SHORTEST_DOMAIN_SID = 12
# [MS-ADTS] 2.2.9: 100 ns since 1601; these two mean never.
_NEVER = frozenset({0, 0x7FFF_FFFF_FFFF_FFFF})
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
# draft-behera-ldap-password-policy 5.3.3: locked until an administrator says otherwise.
_LOCKED_FOR_EVER = "000001010000Z"
# [MS-ERREF]: the sub-code in Active Directory's answer to a bind.
_SUB_CODE = re.compile(r"data ([0-9a-f]{1,8})", re.IGNORECASE)
_SUB_CODES = {
    "52e": "wrong-password",
    "525": "wrong-password",
    "530": "not-at-this-hour",
    "531": "not-from-here",
    "532": "password-expired",
    "533": "disabled",
    "701": "account-expired",
    "773": "password-must-change",
    "775": "locked-in-directory",
}


class Several(enum.Enum):
    """More than one entry answers to a name: nobody can say who is meant."""

    ENTRIES = "several-entries"


@dataclass(frozen=True, slots=True)
class Person:
    """An entry, understood.

    Args:
        closed: why the account may not be used, empty when it may.
    """

    id: UserId
    name: str
    display_name: str = field(repr=False)
    closed: str
    entry: Entry = field(repr=False)


def wanted_attributes(settings: DirectorySettings) -> list[str]:
    """Return the attributes that are read of a person's entry."""
    common = [settings.name_attribute, settings.display_name_attribute, "memberOf"]
    if settings.is_active_directory:
        own = ["objectGUID", "objectSid", "sAMAccountName", "userPrincipalName", "userAccountControl"]
        # The name may be one of these: asked for once.
        return list(dict.fromkeys((*common, *own, "accountExpires", "primaryGroupID")))
    return [*common, "entryUUID", "pwdAccountLockedTime", "nsAccountLock"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads people and groups in one conversation.

    Every method raises `ServerFailed` when the directory cannot say.
    """

    link: LdapConversation
    settings: DirectorySettings
    now: datetime

    def find(self, typed: TypedName) -> Person | Several | None:
        """Return the one person of a name."""
        if typed.principal is not None and self.settings.is_active_directory:
            found = self._one(f"(userPrincipalName={escaped(typed.principal)})")
            if isinstance(found, Person):
                known_as = canonical_name(found.entry.text("userPrincipalName"))
                return found if known_as == typed.principal else None
            if found is not None:
                return found
        found = self._one(f"({self.settings.name_attribute}={escaped(typed.bare)})", typed.bare)
        # Directories compare more loosely than we do (accents, blanks): then it is somebody else's name.
        return None if isinstance(found, Person) and found.name != typed.bare else found

    def by_id(self, account_id: UserId) -> Person | None:
        """Return the person of an id; None when there is no such person any more."""
        prefix, _, key = account_id.rpartition(":")
        value = _uuid(key)
        if value is None or prefix != f"ldap:{self.settings.name}":
            return None
        if self.settings.is_active_directory:
            found = self._one(f"(objectGUID={escaped(value.bytes_le)})")
        else:
            found = self._one(f"(entryUUID={escaped(str(value))})")
        return found if isinstance(found, Person) and found.id == account_id else None

    def some_people(self) -> list[Person]:
        """Return a few people, to see whether they can be read at all; open accounts first."""
        settings = self.settings
        query = f"(&{settings.user_filter}({settings.name_attribute}=*))"
        entries = self.link.search(settings.base_dn, query, wanted_attributes(settings), limit=_SOME)
        return sorted((self._read(entry, "") for entry in entries), key=lambda person: bool(person.closed))

    def groups(self, person: Person) -> frozenset[str]:
        """Return the distinguished names of a person's groups, all of them."""
        base = self.settings.group_base_dn or self.settings.base_dn
        if self.settings.group_mode == "memberOf":
            return frozenset(dn for dn in person.entry.texts("memberOf") if lies_in(dn, base))
        dn = escaped(person.entry.dn)
        if self.settings.group_mode == "ad-nested":
            found = self._group_dns(base, f"(&(objectClass=group)(member:{IN_CHAIN}:={dn}))")
            return found | self._primary_group(base, person.entry)
        name = escaped(person.entry.text(self.settings.name_attribute))
        return self._group_dns(
            base,
            f"(|(&(objectClass=groupOfNames)(member={dn}))(&(objectClass=groupOfUniqueNames)"
            f"(uniqueMember={dn}))(&(objectClass=posixGroup)(memberUid={name})))",
        )

    def _one(self, query: str, bare: str = "") -> Person | Several | None:
        settings = self.settings
        entries = self.link.search(
            settings.base_dn, f"(&{settings.user_filter}{query})", wanted_attributes(settings), limit=2
        )
        if not entries:
            return None
        return self._read(entries[0], bare) if len(entries) == 1 else Several.ENTRIES

    def _read(self, entry: Entry, bare: str) -> Person:
        settings = self.settings
        if settings.is_active_directory:
            octets = entry.octets("objectGUID")
            key = UUID(bytes_le=octets) if len(octets) == 16 else None
        else:
            key = _uuid(entry.text("entryUUID"))
        names = [canonical_name(value) for value in entry.texts(settings.name_attribute)]
        name = bare if bare in names else next(iter(names), "")
        if key is None or not name:
            raise ServerFailed("the account that reads the directory cannot read ids and names of people")
        shown = "".join(one for one in entry.text(settings.display_name_attribute) if one.isprintable())
        account_id = UserId(f"ldap:{settings.name}:{key}")
        return Person(account_id, name, shown.strip()[:255], self._why_closed(entry), entry)

    def _why_closed(self, entry: Entry) -> str:
        if not self.settings.is_active_directory:
            locked = entry.text("pwdAccountLockedTime") == _LOCKED_FOR_EVER
            return "disabled" if locked or entry.text("nsAccountLock").lower() == "true" else ""
        if _number(entry, "userAccountControl") & _DISABLED:
            return "disabled"
        expires = _number(entry, "accountExpires", absent=0)
        now = int((self.now - _FILETIME_EPOCH).total_seconds()) * 10_000_000
        return "account-expired" if expires not in _NEVER and expires <= now else ""

    def _group_dns(self, base: str, query: str) -> frozenset[str]:
        found = self.link.search(base, query, ["cn"], limit=MAX_GROUPS + 1)
        if len(found) >= MAX_GROUPS:
            raise ServerFailed("the directory knows more groups of one person than it lists")
        return frozenset(entry.dn for entry in found)

    def _primary_group(self, base: str, entry: Entry) -> frozenset[str]:
        """Return the group that Active Directory keeps as a number in the entry, not in a list of members."""
        sid = entry.octets("objectSid")
        if len(sid) < _SHORTEST_DOMAIN_SID:
            return frozenset()
        # [MS-DTYP] 2.4.2.2: the last sub-authority is the number within the domain.
        number = _number(entry, "primaryGroupID", absent=0).to_bytes(4, "little")
        return self._group_dns(base, f"(objectSid={escaped(sid[:-4] + number)})")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who the directory says we are: a name of ours (RFC 4532), our security identifiers, or both.

    Args:
        name: such as "dn:uid=ana,..." or "u:LAB\\ana"; some controllers do not know the question.
        sids: ours and our groups', which controllers tell ([MS-ADTS] 3.1.1.3.2).
        domains: what may stand before "\\", folded; anything when there are none.
    """

    name: str
    sids: Sequence[bytes] = field(default=(), repr=False)
    domains: frozenset[str] = frozenset()

    def is_(self, person: Person) -> bool:
        """Tell whether this person is signed in; no where the directory does not say."""
        if self.name.startswith("dn:"):
            return parts_of(self.name[3:]) == parts_of(person.entry.dn) is not None
        own = person.entry.octets("objectSid")
        by_sid = bool(own) and own in self.sids
        if not self.name.startswith("u:"):
            return by_sid
        domain, backslash, account = self.name[2:].rpartition("\\")
        # What a controller calls people, whatever attribute they sign in with.
        known_as = canonical_name(person.entry.text("sAMAccountName")) or person.name
        named = canonical_name(account) == known_as
        if backslash and not named:
            return False
        listed = not self.domains or not backslash or canonical_name(domain) in self.domains
        # A domain has a short name and a long one, and not everybody lists both.
        return (named and listed) or by_sid


def signed_in(
    link: LdapConversation, settings: DirectorySettings, expected: Person | None = None
) -> SignedIn:
    """Ask the directory who we are.

    Args:
        expected: once it is plain that this is so, nothing more is asked.
    """
    domains = frozenset(canonical_name(one) for one in settings.domains)
    said = SignedIn(link.who_am_i(), domains=domains)
    if not settings.is_active_directory or said.name.startswith("dn:"):
        return said
    if expected is not None and said.is_(expected):
        return said
    found = link.search("", "(objectClass=*)", ["tokenGroups"], limit=1, only_base=True)
    return replace(said, sids=found[0].attributes.get("tokengroups", ()) if found else ())


def account_of(settings: DirectorySettings, person: Person, group_dns: Iterable[str]) -> Account:
    """Return the account of a person in these groups."""
    dns = tuple(group_dns)
    names = frozenset(name for dn in dns if (name := first_value(dn)))
    return Account(
        id=person.id,
        name=person.name,
        groups=names,
        role=_role(settings, dns, names),
        epoch=0,
        display_name=person.display_name,
        provider=settings.name,
        unique=True,
    )


def refusal_word(settings: DirectorySettings, message: str) -> str:
    """Return why a directory refused a bind, as the records say it: one of a closed set of words."""
    found = _SUB_CODE.search(message) if settings.is_active_directory else None
    return _SUB_CODES.get(found[1].lower(), "refused-by-directory") if found else "wrong-password"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _number(entry: Entry, attribute: str, *, absent: int | None = None) -> int:
    text = entry.text(attribute)
    if re.fullmatch(r"-?[0-9]{1,20}", text):
        return int(text) % (1 << 64)
    if absent is None or text:
        raise ServerFailed(f"the account that reads the directory cannot read {attribute}")
    return absent


def lies_in(dn: str, base: str) -> bool:
    """Tell whether an entry is a place or below it."""
    inside, whole = parts_of(base), parts_of(dn)
    return whole is not None and inside is not None and whole[len(whole) - len(inside) :] == inside


def _role(settings: DirectorySettings, dns: Sequence[str], names: Iterable[str]) -> Role:
    held = {folded(name) for name in names}
    held_dns = {parts_of(dn) for dn in dns}
    # The strongest first.
    giving = ((Role.ADMINISTRATOR, settings.administrator_groups), (Role.OPERATOR, settings.operator_groups))
    for role, groups in giving:
        for group in groups:
            whole = parts_of(group)
            # Who names a group by its place means that one, not another whose name is spelt like the place.
            if whole in held_dns if whole is not None else folded(group) in held:
                return role
    return Role.USER
