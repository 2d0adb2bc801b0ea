"""What the reading account may write is found on a real slapd, and nothing is written by that."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from protocols import tls
from spoold.identity.ldap import LdapConversation, LdapServer
from spoold.identity.ldap_check import Tried, try_directory
from spoold.identity.ldap_settings import DirectorySettings
from tests.support.authority import Authority
from tests.support.slapd import (
    BASE,
    GROUPS,
    PEOPLE,
    READER,
    READER_PASSWORD,
    WRITER,
    WRITER_PASSWORD,
    Slapd,
    running,
)

NOTHING = [(True, "bind_dn changes nothing")]
OPERATORS = f"cn=print-operators,{GROUPS}"
ROLES: dict[str, Any] = {
    "operator_groups": frozenset({"Print-Operators"}),
    "administrator_groups": frozenset({f"cn=print-admins, {GROUPS}"}),
}


def may(what: str, where: str) -> str:
    return f'access to {where} {what} by dn.exact="{READER}" write by * break'


MAKES_CHILDREN = "\n".join(
    (may("attrs=children", f'dn.base="{PEOPLE}"'), may("attrs=entry", f'dn.one="{PEOPLE}"'))
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def make_slapd(authority: Authority, folder: Path, rules: str = "") -> Slapd:
    return Slapd(folder / "slapd", authority.certificate, authority.issue("localhost"), rules=rules)


def tried(slapd: Slapd, authority: Authority, **settings: Any) -> list[Tried]:
    chosen: dict[str, Any] = {
        "bind_dn": READER,
        "bind_password": READER_PASSWORD,
        "user_filter": "(objectClass=person)",
        "group_base_dn": BASE,
        "timeout_s": 120.0,
        **ROLES,
        **settings,
    }
    wanted = DirectorySettings(name="school", kind="openldap", base_dn=BASE, **chosen)
    server = LdapServer("localhost", slapd.ports["ldaps"], implicit_tls=True)
    return list(try_directory(wanted, [server], tls.verified_context(authority.certificate)))


def said(found: list[Tried]) -> list[tuple[bool, str]]:
    """What it says of rights, which is what it says last."""
    people = next(place for place, one in enumerate(found) if one.words.startswith("finds people"))
    return [(one.fine, one.words) for one in found[people + 1 :]]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("", []),
        (may("attrs=member", f'dn.base="{OPERATORS}"'), ['may change who is in "Print-Operators"']),
        (may("attrs=memberUid", f'dn.base="{OPERATORS}"'), ['may change who is in "Print-Operators"']),
        (
            may("attrs=member", f'dn.base="cn=print-admins,{GROUPS}"'),
            [f'may change who is in "cn=print-admins, {GROUPS}"'],
        ),
        (may("attrs=member", f'dn.base="cn=pupils,{GROUPS}"'), []),
        (may("attrs=member", f'dn.one="{PEOPLE}"'), []),
        (MAKES_CHILDREN, ["may add entries"]),
        (may("attrs=children", f'dn.base="{PEOPLE}"'), []),
        (may("attrs=description", f'dn.one="{PEOPLE}"'), ["may change entries of people"]),
    ],
    ids=["none", "member", "uid", "by-place", "others", "of-people", "children", "half", "people"],
)
def test_each_right_that_gives_a_role_is_found(
    authority: Authority, tmp_path: Path, rules: str, words: list[str]
) -> None:
    with running(make_slapd(authority, tmp_path, rules)) as slapd:
        found = said(tried(slapd, authority))
    if not words:
        assert found == NOTHING
    else:
        assert [fine for fine, _ in found] == [False] * len(words), found
        assert all(f"bind_dn {part}" in said for part, (_, said) in zip(words, found, strict=True)), found


def test_whoever_may_write_everything_is_told_all_of_it_and_nothing_is_written(
    authority: Authority, tmp_path: Path
) -> None:
    with running(make_slapd(authority, tmp_path)) as slapd:
        before = contents(slapd)
        found = said(tried(slapd, authority, bind_dn=WRITER, bind_password=WRITER_PASSWORD))
        assert [fine for fine, _ in found] == [False] * 4
        assert "ADD dn=" in slapd.log
        assert contents(slapd) == before
        server = LdapServer("localhost", slapd.ports["ldaps"], implicit_tls=True)
        with LdapConversation(server, tls.verified_context(authority.certificate), 120) as link:
            link.bind(WRITER, WRITER_PASSWORD.encode())
            assert link.may_add(f"cn=new,{PEOPLE}") is True
            assert link.may_add(f"cn=new,ou=nowhere,{PEOPLE}") is None
            link.bind(READER, READER_PASSWORD.encode())
            assert link.may_add(f"cn=new,{PEOPLE}") is False
        # The control kept it from being added: nothing had to be taken away again.
        assert "DEL dn=" not in slapd.log
        assert contents(slapd) == before


@pytest.mark.parametrize("wanted", ["print-operator", f"cn=nobody,{GROUPS}", "cn=print-admins,dc=elsewhere"])
def test_a_group_that_is_not_there_is_said(authority: Authority, tmp_path: Path, wanted: str) -> None:
    """Who misspells a group has no operators, and learns it before the first one needs to be."""
    with running(make_slapd(authority, tmp_path)) as slapd:
        ((fine, words),) = said(tried(slapd, authority, operator_groups=frozenset({wanted})))
    assert not fine
    assert words.startswith(f'there is no group "{wanted}" below group_base_dn')


def contents(slapd: Slapd) -> str:
    """Everything that is in it, with who changed what and when."""
    config = slapd.folder / "slapd.conf"
    done = subprocess.run(["slapcat", "-f", str(config)], capture_output=True, text=True, check=True)
    return done.stdout
