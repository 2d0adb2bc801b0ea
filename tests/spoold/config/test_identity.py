"""[identity.ldap]: what a table may say, the defaults of its kind, and mistakes with their places."""

from pathlib import Path

import pytest

from spoold.app.directories import context_of, providers_of, read_secret, settings_of, term_of
from spoold.config.identity import parse_directory_uri, parse_search_filter
from spoold.config.loader import load
from spoold.config.model import Config
from spoold.config.problems import ConfigurationErrors
from spoold.config.values import parse_key_reference
from spoold.model.errors import ConfigurationError
from tests.support.clock import FakeClock
from tests.support.identities import make_identity, open_database

FILE = """
[server]
name = "print.example.org"
[store]
key = "credential:store-key"
[printers.lobby]
uri = "ipps://192.0.2.21/ipp/print"
[queues.secure]
printers = ["lobby"]
"""
SCHOOL = """
[identity]
order = ["local", "school"]
[identity.ldap.school]
uri = ["ldaps://dc1.example.org", "ldap://[2001:db8::1]:3389"]
kind = "active-directory"
base_dn = "dc=example,dc=org"
bind_dn = "EXAMPLE\\\\spoold"
bind_password = "file:{secret}"
domains = ["EXAMPLE", "example.org"]
"""


def read(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "spoold.toml"
    path.write_text(FILE + text)
    return load(path)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationErrors) as caught:
        read(tmp_path, text)
    return [line.split(": ", 1)[1] for line in str(caught.value).splitlines()]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "reader.secret"
    path.touch(mode=0o600)
    path.write_text("the password of the reader\n")
    return path


def test_the_defaults_are_those_of_the_kind(tmp_path: Path, secret: Path) -> None:
    config = read(tmp_path, SCHOOL.format(secret=secret))
    directory = config.identity.ldap["school"]
    assert [str(uri) for uri in directory.uri] == ["ldaps://dc1.example.org", "ldap://[2001:db8::1]:3389"]
    settings = settings_of("school", directory)
    assert (settings.name_attribute, settings.display_name_attribute) == ("sAMAccountName", "displayName")
    assert (settings.group_mode, settings.group_base_dn) == ("ad-nested", "dc=example,dc=org")
    assert settings.bind_password == "the password of the reader"
    assert settings.bind_password not in repr(settings) + repr(config)
    assert (settings.timeout_s, settings.server_s) == (4.0, 2.0)
    other = settings_of("school", directory.model_copy(update={"kind": "openldap"}))
    assert (other.name_attribute, other.group_mode) == ("uid", "groupOfNames")


def test_providers_come_in_the_order_of_the_file(tmp_path: Path, secret: Path) -> None:
    text = SCHOOL.format(secret=secret).replace('["local", "school"]', '["school", "local"]')
    config = read(tmp_path, text)
    with open_database(tmp_path / "spoold.db") as database:
        kit = make_identity(database)
        order = providers_of(config, kit.users, database, FakeClock())
        assert [provider.name for provider in order] == ["school", "local"]
        with_oidc = read(
            tmp_path, '[identity.oidc]\nissuer = "https://sso.example.org"\nclient_id = "spoold"\n'
        )
        kept = providers_of(with_oidc, kit.users, database, FakeClock())
        assert [provider.name for provider in kept] == ["local", "oidc"]
        assert term_of(with_oidc, FakeClock()) is not None
        elsewhere = with_oidc.identity.oidc
        assert elsewhere is not None
        asked = elsewhere.model_copy(update={"provider": "local"})
        identity = with_oidc.identity.model_copy(update={"oidc": asked})
        assert term_of(with_oidc.model_copy(update={"identity": identity}), FakeClock()) is None


DIRECTORY = '[identity.ldap.school]\nuri = ["ldaps://a"]\nkind = "openldap"\nbase_dn = "dc=a"\n'
BOTH = '[identity]\norder = ["local", "school"]\n' + DIRECTORY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[identity]\norder = ["locla"]\n', "there is no [identity.ldap.locla]"),
        ('[identity]\norder = ["local", "local"]\n', '"local" is listed twice'),
        (DIRECTORY, "is not in [identity] order, so nobody asks it"),
        (BOTH.replace("ldap.school", "ldap.local"), 'a directory cannot be called "local"'),
        (BOTH + 'bind_dn = "cn=a"\n', "needs bind_password"),
        (BOTH + 'bind_password = "file:/x"\n', "has a meaning only with bind_dn"),
        (BOTH + 'groups = "ad-nested"\n', 'only Active Directory knows "ad-nested"'),
        (BOTH.replace('"openldap"', '"active-directory"'), "needs bind_dn"),
        (BOTH + 'timeout = "1m"\n', "must be at most 30s"),
        (BOTH + 'direct_bind = "uid=ana,dc=a"\n', "must be a form such as"),
        (BOTH + 'name_attribute = "uid)(x=*"\n', "must be an attribute such as"),
        (BOTH + "max_wrong_passwords = 0\n", "max_wrong_passwords"),
        (BOTH + 'bind_dn = ""\nbind_password = "file:/x"\n', "must be a distinguished name"),
        (BOTH.replace("ldaps://a", "ldap://a/dc=a?uid"), "and nothing else"),
    ],
)
def test_mistakes_are_found(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in line for line in mistakes(tmp_path, text)), mistakes(tmp_path, text)


@pytest.mark.parametrize(
    "wrong", ["http://a", "ldap:///", "ldap://user@a", "ldap://a:0", "ldap://a:99999", "ldapi:///x", "a", 7]
)
def test_addresses_that_are_none(wrong: object) -> None:
    with pytest.raises(Exception, match="must"):
        parse_directory_uri(wrong)


@pytest.mark.parametrize(
    "wrong", ["uid=a", "(uid=a", "(uid=a))", "(uid=a)(x=y)", "(uid=a)x", "", "()", "(a\0b=c)", None]
)
def test_filters_that_are_not_one(wrong: object) -> None:
    with pytest.raises(Exception, match="must"):
        parse_search_filter(wrong)
    assert parse_search_filter(" (&(a=b)(c=d)) ") == "(&(a=b)(c=d))"


def test_a_secret_is_read_where_only_we_can_read_it(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = parse_key_reference(f"file:{secret}")
    assert read_secret(reference, "key") == "the password of the reader"
    secret.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 0600"):
        read_secret(reference, "key")
    secret.chmod(0o600)
    for content, said in ((b"\n", "is empty"), (b"\xff\xfe", "is not text")):
        secret.write_bytes(content)
        with pytest.raises(ConfigurationError, match=said):
            read_secret(reference, "key")
    secret.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_secret(reference, "key")
    passed = parse_key_reference("credential:reader")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigurationError, match="LoadCredential=reader"):
        read_secret(passed, "key")
    (tmp_path / "reader").write_text("passed by systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret(passed, "key") == "passed by systemd"


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path, secret: Path) -> None:
    text = SCHOOL.format(secret=secret) + f'ca = "{tmp_path}/nowhere.pem"\n'
    directory = read(tmp_path, text).identity.ldap["school"]
    with pytest.raises(ConfigurationError, match=r"nowhere\.pem cannot be used"):
        context_of("school", directory)
