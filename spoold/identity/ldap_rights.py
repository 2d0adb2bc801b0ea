"""What the reading account may write, found out without writing: each would let a thief have any role."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spoold.identity.ldap import Entry, LdapConversation, ServerFailed, escaped
from spoold.identity.ldap_entries import IN_CHAIN, Person, lies_in
from spoold.identity.ldap_names import first_value, folded, parent_of, parts_of
from spoold.identity.ldap_settings import DirectorySettings
from spoold.identity.trouble import Trouble

# What would let a stolen password of the reading account change who people are.
_OF_PEOPLE = ("userPassword", "description")
# Where the members of groups stand (RFC 4519 2.17, 2.40; RFC 2307), and a value that each may have.
_MEMBERS = ("member", "uniqueMember", "memberUid")
# [MS-ADTS] 3.1.1.4.5.19, 3.1.1.4.5.21: what whoever asks may write there, and may make below it.
_WRITABLE, _CHILDREN = "allowedAttributesEffective", "allowedChildClassesEffective"
# Groups of one name in different places, and groups within one group; more than these are looked at by hand.
_MAX_GROUPS = 100


@dataclass(frozen=True, slots=True)
class _Group:
    """A group of the settings.

    Args:
        wanted: as the settings name it.
        dns: where it is, with the groups that are its members.
    """

    wanted: str
    dns: Sequence[str]


def rights(link: LdapConversation, settings: DirectorySettings, person: Person) -> Iterator[str]:
    """Yield what is wrong: what the account may change that gives a role, and groups that are not there."""
    wanted = sorted(settings.operator_groups | settings.administrator_groups)
    groups = [_Group(one, _places(link, settings, one)) for one in wanted]
    if _may_change(link, settings, person.entry.dn, _OF_PEOPLE):
        yield (
            "bind_dn may change entries of people; give spoold an account that can only read: whoever steals "
            "its password could become anybody"
        )
    for group in groups:
        if not group.dns and settings.group_mode != "memberOf":
            yield (
                f'there is no group "{group.wanted}" below group_base_dn, or bind_dn may not see it, and '
                "nobody gets its role; look at operator_groups and administrator_groups"
            )
        if any(_may_change(link, settings, dn, _MEMBERS) for dn in group.dns):
            yield (
                f'bind_dn may change who is in "{group.wanted}"; take that right away: whoever steals its '
                "password could become an operator or administrator"
            )
    places = [settings.base_dn, settings.group_base_dn, parent_of(person.entry.dn)]
    places += [parent_of(dn) for group in groups for dn in group.dns]
    below = {parts_of(place): place for place in places if place}
    if any(_may_add(link, settings, place) for place in below.values()):
        yield (
            "bind_dn may add entries; take that right away: whoever steals its password could make up people "
            "and groups"
        )


def _places(link: LdapConversation, settings: DirectorySettings, wanted: str) -> list[str]:
    """Return where the groups are that the settings mean, and what is in them of groups."""
    base = settings.group_base_dn or settings.base_dn
    if parts_of(wanted) is not None:
        found = [entry.dn for entry in _entry(link, wanted, ["cn"]) if lies_in(wanted, base)]
    else:
        asked = f"(cn={escaped(wanted)})"
        if settings.is_active_directory:
            asked = f"(&(objectClass=group){asked})"
        found = [
            entry.dn
            for entry in link.search(base, asked, ["cn"], limit=_MAX_GROUPS)
            if folded(first_value(entry.dn)) == folded(wanted)
        ]
    if settings.group_mode != "ad-nested":
        return found
    within = [
        entry.dn
        for dn in found
        for entry in link.search(
            settings.base_dn,
            f"(&(objectClass=group)(memberOf:{IN_CHAIN}:={escaped(dn)}))",
            ["cn"],
            limit=_MAX_GROUPS,
        )
    ]
    return [*found, *within]


def _may_change(
    link: LdapConversation, settings: DirectorySettings, dn: str, attributes: Sequence[str]
) -> bool:
    if settings.is_active_directory:
        return any(entry.texts(_WRITABLE) for entry in _entry(link, dn, [_WRITABLE]))
    # Taking away what is not there changes nothing, and is refused for another reason than a lack of rights.
    word = secrets.token_hex(16)
    values = {"member": f"cn={word},{settings.base_dn}", "uniqueMember": f"cn={word},{settings.base_dn}"}
    return any(link.may_take_away(dn, name, values.get(name, word)) for name in attributes)


def _may_add(link: LdapConversation, settings: DirectorySettings, place: str) -> bool:
    if settings.is_active_directory:
        return any(entry.texts(_CHILDREN) for entry in _entry(link, place, [_CHILDREN]))
    return link.may_add(f"cn=spoold-{secrets.token_hex(16)},{place}") is True


def _entry(link: LdapConversation, dn: str, attributes: Sequence[str]) -> list[Entry]:
    """Return the entry of a name, nothing where there is none."""
    try:
        return link.search(dn, "(objectClass=*)", attributes, limit=1, only_base=True)
    except ServerFailed as error:
        if error.trouble in {Trouble.NO_SUCH_OBJECT, Trouble.REFERRAL, Trouble.NO_NAME}:
            return []
        raise
