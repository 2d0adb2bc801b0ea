"""The [identity.kerberos] and [identity.oidc] tables: what they say, and mistakes in them."""

from datetime import timedelta
from pathlib import Path

import pytest

from spoold.config.loader import load
from spoold.config.model import Config
from spoold.config.problems import ConfigurationErrors

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
KERBEROS = """
[identity.kerberos]
keytab = "credential:http-keytab"
realms = {{ "EXAMPLE.ORG" = "{provider}" }}
"""
OIDC = """
[identity.oidc]
issuer = "https://sso.example.org"
client_id = "spoold"
"""


def loaded(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "spoold.toml"
    path.write_text(FILE + text)
    return load(path)


def mistakes(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigurationErrors) as caught:
        loaded(tmp_path, text)
    return str(caught.value)


def test_tickets_are_off_unless_set_and_then_not_taken_for_printing(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").identity.kerberos is None
    kerberos = loaded(tmp_path, KERBEROS.format(provider="local")).identity.kerberos
    assert kerberos is not None
    assert kerberos.endpoints == ("portal", "api")
    assert kerberos.service is None
    assert dict(kerberos.realms) == {"EXAMPLE.ORG": "local"}


def test_a_realm_belongs_to_a_provider_that_is_there(tmp_path: Path) -> None:
    said = mistakes(tmp_path, KERBEROS.format(provider="lokal"))
    assert '"lokal" is not in [identity] order' in said
    assert 'did you mean "local"' in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('service = "HTTP"', "must be a service and its host"),
        ('service = "HTTP/print.example.org@"', "must be a service and its host"),
        ("endpoints = []", "must not be empty"),
        ('endpoints = ["lpr"]', '"portal", "api" or "ipp"'),
        ('keytab = "/etc/krb5.keytab"', "file:/path"),
        ('realms = { "EXAMPLE ORG" = "local" }', 'must be a realm such as "EXAMPLE.ORG"'),
        ("realms = {}", "must not be empty"),
    ],
)
def test_kerberos_is_told_what_is_wrong(tmp_path: Path, line: str, words: str) -> None:
    text = KERBEROS.format(provider="local")
    key = line.partition(" ")[0]
    kept = "\n".join(each for each in text.splitlines() if not each.startswith(key + " "))
    said = mistakes(tmp_path, f"{kept}\n{line}\n")
    assert words in said


def test_an_openid_provider_needs_an_issuer_and_a_name_for_us(tmp_path: Path) -> None:
    oidc = loaded(tmp_path, OIDC).identity.oidc
    assert oidc is not None
    assert oidc.scopes == ("openid", "profile")
    assert oidc.redirect_uri is None
    assert oidc.provider is None
    assert oidc.known_for == timedelta(days=30)
    said = mistakes(tmp_path, "[identity.oidc]\n")
    assert said.count("is missing") == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('issuer = "http://sso.example.org"', 'must start with "https://"'),
        ('issuer = "https://user@sso.example.org"', "must not contain a user name"),
        ('issuer = "https://sso.example.org/?x=1"', "neither query nor fragment"),
        ('scopes = ["profile"]', 'must contain "openid"'),
        ('provider = "school"', '"school" is not in [identity] order'),
        ('client_secret = "hunter2"', "the key itself never stands in this file"),
        ('redirect_uri = "http://print.example.org/"', 'must start with "https://"'),
        ('known_for = "8h"', "must be at least 1d"),
        ('known_for = "400d"', "must be between 1s and 366d"),
        ('known_for = "7d"\nprovider = "local"', "has a meaning only without provider"),
        ('groups_claim = "roles"\nprovider = "local"', "has a meaning only without provider"),
    ],
)
def test_openid_is_told_what_is_wrong(tmp_path: Path, line: str, words: str) -> None:
    key = line.partition(" ")[0]
    kept = "\n".join(each for each in OIDC.splitlines() if not each.startswith(key + " "))
    said = mistakes(tmp_path, f"{kept}\n{line}\n")
    assert words in said
    assert "hunter2" not in said
