"""Distinguished names are understood, whichever way they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spoold.identity.ldap_names import first_value, parent_of, parts_of, read_dn

BASE = "ou=groups,dc=lab,dc=example"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cn=pupils", "pupils"),
        ("CN=Sales\\, North", "Sales, North"),
        ("cn=Sales\\2C North", "Sales, North"),
        ("cn=Sales\\2c North", "Sales, North"),
        ('cn="Sales, North"', "Sales, North"),
        ("cn=R\\2BD", "R+D"),
        ("cn=R\\+D", "R+D"),
        ("cn=\\#1", "#1"),
        ("cn=\\231", "#1"),
        ('cn=say \\"hi\\"', 'say "hi"'),
        ("cn=say \\22hi\\22", 'say "hi"'),
        ("cn=\\C3\\89l\\C3\\A8ves", "\u00c9l\u00e8ves"),
        ("cn=\u00c9l\u00e8ves", "\u00c9l\u00e8ves"),
        ("cn=\\E2\\82\\AC\\F0\\9F\\8E\\93", "\u20ac\U0001f393"),
        ("cn=a\\\\b", "a\\b"),
        ("cn=a\\5Cb", "a\\b"),
        ("cn=a\\;b\\<c\\>d\\=e", "a;b<c>d=e"),
        ("cn=a=b", "a=b"),
        ("cn=\\ a\\ ", " a "),
        ("cn=a\\20", "a "),
        ("cn=a  ", "a"),
        ("cn=a\\\\ ", "a\\"),
        ("cn = a ", "a"),
        ("cn=#04024869", "Hi"),
        ("2.5.4.3=#0C03C3A962", "\u00e9b"),
        ("cn=#0203010203", "#0203010203"),
        ("cn=\\FF", "\\xff"),
        ("cn=Staff\\0ACNF:1", "Staff\\0ACNF:1"),
        ("cn=a\\0Db\\1Bc", "a\\0Db\\1Bc"),
        ("cn=", ""),
    ],
)
def test_a_name_is_what_is_meant_not_how_it_is_escaped(written: str, meant: str) -> None:
    assert first_value(f"{written},{BASE}") == meant
    assert first_value(written) == meant


def test_names_that_mean_the_same_are_equal() -> None:
    for one, other in (
        ("cn=Sales\\, North", "CN=sales\\2c  north"),
        ("cn=R\\+D", "cn=r\\2bd"),
        ("cn=\\C3\\89l\\C3\\A8ves", "cn=E\u0301le\u0300ves"),
        ("cn=a+ou=b", "OU=B + CN=A"),
        ("cn=a ", "cn= a\\ "),
    ):
        assert parts_of(f"{one},{BASE}") == parts_of(f"{other}, {BASE}") is not None
    for one, other in (
        ("cn=a,ou=b", "cn=a\\,ou=b"),
        ("cn=a+ou=b", "cn=a\\+ou=b"),
        ("cn=a", "ou=a"),
        ("cn=a\\\\", "cn=a"),
        ("cn=\\#04024869", "cn=#04024869"),
    ):
        assert parts_of(f"{one},{BASE}") != parts_of(f"{other},{BASE}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pupils",
        "=a",
        "cn=a,",
        "cn=a,,dc=b",
        "cn=a\\",
        "cn=#1",
        "cn=#zz",
        'cn=a"b',
        'cn="a',
        "c n=a",
        ",cn=a",
    ],
)
def test_what_is_no_name_is_none(text: str) -> None:
    assert (read_dn(text), parts_of(text), first_value(text)) == (None, None, "")


@pytest.mark.parametrize(
    ("dn", "place"),
    [
        (f"cn=a,{BASE}", BASE),
        (f"cn=Sales\\, North, {BASE}", BASE),
        (f"cn=a\\,ou=groups\\,dc=lab,{BASE}", BASE),
        (f'cn="a,ou=b",{BASE}', BASE),
        (f"cn=a+ou=b,{BASE}", BASE),
        ("dc=example", ""),
        ("nothing", ""),
    ],
)
def test_an_entry_lies_in_its_place(dn: str, place: str) -> None:
    assert parent_of(dn) == place


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), st.booleans())
def test_whatever_a_group_is_called(name: str, by_octets: bool) -> None:
    """RFC 4514 2.4: each character may stand escaped, alone or octet by octet."""
    if by_octets:
        written = "".join(f"\\{octet:02x}" for octet in name.encode())
    else:
        # A backslash before a hexadecimal digit would begin an octet.
        written = "".join(one if one in "0123456789abcdefABCDEF" else f"\\{one}" for one in name)
    assert read_dn(f"cn={written},{BASE}") == [
        [("cn", name)],
        [("ou", "groups")],
        [("dc", "lab")],
        [("dc", "example")],
    ]


@given(st.text())
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    for dn in (text, f"cn={text}"):
        parts = read_dn(dn)
        assert parts is None or all(kind for part in parts for kind, _ in part)
