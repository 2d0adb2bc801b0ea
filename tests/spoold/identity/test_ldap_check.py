"""What `spoold check --online` says of a directory: what is wrong and what to do, not a library's words."""

import re
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from protocols import tls
from spoold.identity.ldap import LdapServer, ServerFailed
from spoold.identity.ldap_check import _WORDS, Tried, try_directory
from spoold.identity.ldap_entries import MAX_GROUPS
from spoold.identity.ldap_settings import DirectorySettings
from spoold.identity.trouble import Trouble, trouble_of, trouble_of_code
from tests.support.authority import Authority
from tests.support.directories import FakeDirectory, pretending
from tests.support.slapd import BASE, PEOPLE, READER, READER_PASSWORD, Slapd, running

# What only a program says: names of exceptions, places in C files, result codes of RFC 4511.
LIBRARY = re.compile(
    r"Error|Errno|_ssl|SSL:|CERTIFICATE_|certificate verify|wrap socket|\('|noSuch|[a-z]DN\b"
)
TIMEOUT_S = 0.5
WAIT_S = 120.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def slapd(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A directory that refers whoever asks for what it does not have."""
    made = Slapd(
        tmp_path_factory.mktemp("slapd"),
        authority.certificate,
        authority.issue("localhost"),
        extra="referral ldap://127.0.0.1:1",
    )
    with running(made) as started:
        yield started


def tried(server: LdapServer, ca: Path | None, **settings: Any) -> list[Tried]:
    chosen: dict[str, Any] = {
        "bind_dn": READER,
        "bind_password": READER_PASSWORD,
        "base_dn": BASE,
        "user_filter": "(objectClass=person)",
        "timeout_s": WAIT_S,
        **settings,
    }
    wanted = DirectorySettings(name="school", kind="openldap", **chosen)
    return list(try_directory(wanted, [server], tls.verified_context(ca)))


def the_trouble(found: list[Tried]) -> str:
    """The one thing that is not fine, which comes last."""
    (one,) = [each for each in found if not each.fine]
    assert one is found[-1]
    assert not LIBRARY.search(one.words), one.words
    assert not one.words.endswith(".")
    return one.words


def test_every_trouble_has_words_that_say_what_to_do() -> None:
    assert set(_WORDS) == set(Trouble) - {Trouble.TOLD}
    for words in _WORDS.values():
        assert re.search("look at|write|renew|put|ask|set|issued|to know|port_words|one is", words), words
        assert not LIBRARY.search(words), words


@pytest.mark.parametrize("implicit_tls", [True, False], ids=["ldaps", "starttls"])
def test_a_port_where_nobody_listens(authority: Authority, implicit_tls: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    words = the_trouble(tried(LdapServer("localhost", port, implicit_tls), authority.certificate))
    assert words.startswith(f"nothing answers at localhost port {port}; look at the port in uri")


@pytest.mark.parametrize("implicit_tls", [True, False], ids=["ldaps", "starttls"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("authority", "is not signed by the authority in ca"),
        ("system", "is not signed by the authority in ca"),
        ("name", "is not for localhost; write the name in uri that stands in the certificate"),
        ("expired", "has expired; renew it there, nothing is sent until then"),
    ],
    ids=["authority", "system", "name", "expired"],
)
def test_a_certificate_that_is_not_right(
    authority: Authority, tmp_path: Path, wrong: str, said: str, implicit_tls: bool
) -> None:
    pair = {
        "authority": lambda: Authority(tmp_path / "stranger", "Stranger").issue("localhost"),
        "system": lambda: authority.issue("localhost"),
        "name": lambda: authority.issue("other.example"),
        "expired": lambda: authority.issue("localhost", ends=-timedelta(hours=1)),
    }[wrong]()
    with running(Slapd(tmp_path / "slapd", authority.certificate, pair)) as slapd:
        server = LdapServer("localhost", slapd.ports["ldaps" if implicit_tls else "ldap"], implicit_tls)
        words = the_trouble(tried(server, None if wrong == "system" else authority.certificate))
        assert words.startswith("the server's certificate ")
        assert said in words


def test_a_wrong_password_of_the_reading_account(authority: Authority, slapd: Slapd) -> None:
    for settings in ({"bind_password": "wrong"}, {"bind_dn": f"cn=nobody,{BASE}"}):
        words = the_trouble(tried(door(slapd), authority.certificate, **settings))
        assert words == "refuses bind_dn with bind_password: the name or the password is wrong"


def test_a_reading_account_that_sees_only_itself(authority: Authority, slapd: Slapd) -> None:
    """It may set its own password, which says nothing about other people's."""
    alice = f"uid=alice,{PEOPLE}"
    itself = {"bind_dn": alice, "bind_password": "correct horse", "base_dn": alice}
    words = the_trouble(tried(door(slapd), authority.certificate, **itself))
    assert words == "finds nobody but bind_dn itself: look at base_dn, user_filter and name_attribute"


def test_a_base_that_is_not_there(authority: Authority, slapd: Slapd) -> None:
    base = f"ou=nowhere,{BASE}"
    words = the_trouble(tried(door(slapd), authority.certificate, base_dn=base))
    assert words.startswith(f'there is no "{base}", or bind_dn may not see it; look at base_dn')


def test_a_base_of_another_server(authority: Authority, slapd: Slapd) -> None:
    words = the_trouble(tried(door(slapd), authority.certificate, base_dn="dc=other,dc=example"))
    assert "refers to another one, which spoold does not follow; look at base_dn" in words


def test_a_directory_that_wants_a_sign_in(authority: Authority, tmp_path: Path) -> None:
    closed = Slapd(
        tmp_path,
        authority.certificate,
        authority.issue("localhost"),
        extra="disallow bind_anon\nrequire authc",
    )
    with running(closed):
        words = the_trouble(tried(door(closed), authority.certificate, bind_dn=None))
        assert words.startswith("spoold may not search there; set bind_dn and bind_password")


def test_a_server_that_lists_less_than_it_is_asked_for(authority: Authority, tmp_path: Path) -> None:
    cut = Slapd(tmp_path, authority.certificate, authority.issue("localhost"), extra="sizelimit 3")
    with running(cut):
        words = the_trouble(tried(door(cut), authority.certificate))
        assert "half a list is no answer" in words
        assert f"a size limit of {MAX_GROUPS + 1} entries for bind_dn" in words


@pytest.mark.parametrize(
    ("manner", "tls_first", "said"),
    [
        ("silent", True, f"did not answer within {TIMEOUT_S:g} s; look at the server"),
        ("silent", False, f"did not answer within {TIMEOUT_S:g} s; look at the server"),
        ("resets", True, "hung up; ldaps:// needs a port that speaks TLS from the first byte"),
        ("resets", False, "hung up; ldap:// needs a port that speaks StartTLS"),
        ("plain", False, "does not speak StartTLS; write ldaps:// in uri"),
        ("garbage", False, "what answers there is no directory; ldap:// needs a port that speaks StartTLS"),
        ("garbage", True, "what answers there is no directory; ldaps:// needs a port"),
    ],
)
def test_servers_that_are_no_directory(authority: Authority, manner: str, tls_first: bool, said: str) -> None:
    with pretending(FakeDirectory(manner, authority.issue("localhost") if tls_first else None)) as fake:
        # Short only where nothing comes: whoever does answer may be slow on a busy machine.
        timeout_s = TIMEOUT_S if manner == "silent" else WAIT_S
        words = the_trouble(tried(fake.server, authority.certificate, timeout_s=timeout_s))
        assert said in words
        assert READER_PASSWORD.encode() not in fake.received or tls_first


def test_a_port_that_speaks_in_clear_first(authority: Authority, slapd: Slapd) -> None:
    server = LdapServer("localhost", slapd.ports["ldap"], implicit_tls=True)
    words = the_trouble(tried(server, authority.certificate))
    assert "ldaps:// needs a port that speaks TLS from the first byte, as a rule 636" in words


def test_what_an_error_says_is_read_from_what_it_came_from() -> None:
    assert trouble_of(ValueError("not BER")) is Trouble.NO_LDAP
    assert trouble_of(socket.gaierror(-2, "Name or service not known")) is Trouble.UNKNOWN_HOST
    assert trouble_of(OSError(113, "No route to host")) is Trouble.UNREACHABLE
    assert trouble_of(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")) is Trouble.NO_TLS
    wrapped = ValueError("wrapped")
    wrapped.__context__ = ConnectionRefusedError(111, "refused")
    assert trouble_of(wrapped) is Trouble.REFUSED
    weak = ssl.SSLCertVerificationError(1, "weak")
    weak.verify_code = 66
    assert trouble_of(weak) is Trouble.BAD_CERTIFICATE
    weak.verify_code = 9
    assert trouble_of(weak) is Trouble.NOT_YET
    assert trouble_of_code(80) is Trouble.NO_ANSWER
    assert trouble_of_code(51) is Trouble.OVERLOADED
    assert ServerFailed("its own words").trouble is Trouble.TOLD


def door(slapd: Slapd) -> LdapServer:
    return LdapServer("localhost", slapd.ports["ldaps"], implicit_tls=True)


def test_the_page_explains_what_is_said() -> None:
    root = Path(__file__).resolve().parents[3]
    page = (
        (root / "docs" / "directory.md").read_text("utf-8").partition("| it says |")[2].partition("\n## ")[0]
    )
    rows = [row for row in page.splitlines() if row.startswith("| `")]
    explained = [words for row in rows for words in re.findall("`([^`]+)`", row.split("|")[1])]
    folder = root / "spoold" / "identity"
    modules = ("ldap_check", "ldap_entries", "ldap_lockout", "ldap_rights")
    said = " ".join((folder / f"{name}.py").read_text("utf-8") for name in modules)
    said = re.sub(r'"\s+"', "", said).replace("{base}", "dc=...")
    for words in explained:
        assert words in said or all(part in said for part in words.split(": ")), words
    assert len(explained) >= len(Trouble) - 4
