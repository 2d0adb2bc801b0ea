"""What a directory's own lockout is, read from a real slapd, and what spoold does to stay below it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols import tls
from spoold.config.identity import Directory
from spoold.database.engine import Database
from spoold.identity.ldap import LdapConversation, LdapServer
from spoold.identity.ldap_check import try_directory
from spoold.identity.ldap_lockout import FOR_EVER, Lockout, read_lockout
from spoold.identity.ldap_settings import DirectorySettings
from spoold.identity.provider import Accepted, Rejected
from spoold.identity.secret import Secret
from tests.support.authority import Authority
from tests.support.directories import make_directory
from tests.support.slapd import (
    BASE,
    PEOPLE,
    READER,
    READER_PASSWORD,
    Slapd,
    lab_entries,
    person,
    running,
    unit,
)

SETTINGS = DirectorySettings(name="school", kind="openldap", base_dn=PEOPLE)
SHIPPED = Directory.model_fields["max_wrong_passwords"].default
POLICIES = f"ou=policies,{BASE}"


def policy(name: str, **rules: str) -> str:
    lines = [f"{key}: {value}\n" for key, value in rules.items()]
    return (
        f"dn: cn={name},{POLICIES}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: {name}\n"
        f"pwdAttribute: userPassword\n{''.join(lines)}"
    )


LOOSE = policy("loose", pwdLockout="TRUE", pwdMaxFailure="10", pwdFailureCountInterval="1800")
STRICT = policy("strict", pwdLockout="TRUE", pwdMaxFailure="5", pwdFailureCountInterval="900")
IDLE = policy("idle", pwdLockout="FALSE", pwdMaxFailure="3")
ETERNAL = policy("eternal", pwdLockout="TRUE", pwdMaxFailure="5")
# As an entry looks that may be seen, but not what is in it.
SILENT = policy("silent")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def slapd(authority: Authority, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Slapd]:
    """A directory with these policies, and erin, whom the strict one is about."""
    erin = person("erin", "correct horse", pwdPolicySubentry=f"cn=strict,{POLICIES}")
    entries = [*lab_entries(), unit(POLICIES), *request.param, erin]
    made = Slapd(tmp_path / "slapd", authority.certificate, authority.issue("localhost"), entries=entries)
    with running(made) as started:
        yield started


def read(slapd: Slapd, authority: Authority, *, as_reader: bool = True) -> Lockout | None:
    server = LdapServer("localhost", slapd.ports["ldaps"], implicit_tls=True)
    with LdapConversation(server, tls.verified_context(authority.certificate), 120) as link:
        if as_reader:
            link.bind(READER, READER_PASSWORD.encode())
        return read_lockout(link, SETTINGS)


@pytest.mark.parametrize(
    ("slapd", "found"),
    [
        ([], None),
        ([SILENT], None),
        ([SILENT, LOOSE], Lockout(10, 1800.0)),
        ([IDLE], Lockout(0, FOR_EVER)),
        ([LOOSE], Lockout(10, 1800.0)),
        ([LOOSE, IDLE, STRICT], Lockout(5, 1800.0)),
        ([ETERNAL], Lockout(5, FOR_EVER)),
    ],
    ids=["none", "silent", "silent-beside", "idle", "one", "strictest", "eternal"],
    indirect=["slapd"],
)
def test_the_strictest_rule_is_read(slapd: Slapd, authority: Authority, found: Lockout | None) -> None:
    assert read(slapd, authority) == found
    assert read(slapd, authority, as_reader=False) is None


def test_the_shipped_number_is_below_what_many_directories_have() -> None:
    assert SHIPPED == SETTINGS.max_wrong_passwords == 4
    assert Lockout(5, 1800.0).troubles(SETTINGS) == []
    assert (
        Lockout(5, 1800.0).words(SETTINGS)
        == "locks an account after 5 wrong passwords; spoold passes on 4 at most"
    )
    assert (Lockout(0, 0.0).troubles(SETTINGS), Lockout(0, 0.0).words(SETTINGS)) == (
        [],
        "locks no account after wrong passwords",
    )


@pytest.mark.parametrize(
    ("lockout", "said"),
    [
        (Lockout(4, 1800.0), ["set max_wrong_passwords to 3 or less"]),
        (Lockout(3, 3600.0), ["set max_wrong_passwords to 2 or less", 'window to "3600s" or more']),
        (Lockout(10, FOR_EVER), ["set pwdFailureCountInterval there"]),
        (Lockout(1, 1800.0), ["cannot stay below that: have it raised there"]),
    ],
    ids=["number", "both", "for-ever", "first"],
)
def test_what_would_lock_accounts_is_said(lockout: Lockout, said: list[str]) -> None:
    found = lockout.troubles(SETTINGS)
    assert len(found) == len(said)
    for words, part in zip(found, said, strict=True):
        assert words.endswith(part)


@pytest.mark.parametrize("slapd", [[STRICT]], indirect=True, ids=["strict"])
@pytest.mark.parametrize("passed_on", [4, 5])
def test_check_online_compares(slapd: Slapd, authority: Authority, passed_on: int) -> None:
    settings = DirectorySettings(
        name="school",
        kind="openldap",
        base_dn=BASE,
        bind_dn=READER,
        bind_password=READER_PASSWORD,
        user_filter="(objectClass=person)",
        max_wrong_passwords=passed_on,
        timeout_s=120,
    )
    server = LdapServer("localhost", slapd.ports["ldaps"], implicit_tls=True)
    tried = list(try_directory(settings, [server], tls.verified_context(authority.certificate)))
    (said,) = [one for one in tried if "locks an account after 5 wrong passwords" in one.words]
    assert said.fine is (passed_on < 5)
    assert said.words.endswith("set max_wrong_passwords to 4 or less") is (passed_on == 5)


@pytest.mark.parametrize("slapd", [[STRICT]], indirect=True, ids=["strict"])
async def test_guessing_through_spoold_locks_nobody_there(
    slapd: Slapd, authority: Authority, database: Database
) -> None:
    servers = [LdapServer("localhost", slapd.ports["ldaps"], implicit_tls=True)]
    ca = authority.certificate
    provider = make_directory(database, ca, servers, failures=SHIPPED)
    for turn in range(12):
        assert isinstance(await provider.check("erin", Secret(f"guess {turn}")), Rejected)
    word = Secret("correct horse")
    assert isinstance(await make_directory(database, ca, servers).check("erin", word), Accepted)
    # One more than that, and the directory would have locked her out.
    careless = make_directory(database, ca, servers, failures=5)
    for turn in range(5):
        await careless.check("erin", Secret(f"another {turn}"))
    assert isinstance(await make_directory(database, ca, servers).check("erin", word), Rejected)
