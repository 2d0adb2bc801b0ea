"""Basic credentials: what is read, what is refused, and that a password is never shown."""

import base64

import pytest

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.http.challenge import (
    MAX_TOKEN_BYTES,
    BasicCredentials,
    basic_challenge,
    negotiate_challenge,
    parse_basic,
    parse_negotiate,
    scheme_of,
)


def basic(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    return "Basic " + base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("field", "user", "password"),
    [
        (basic("alice:open sesame"), "alice", "open sesame"),
        ("basic  " + basic("alice:x")[6:], "alice", "x"),
        (basic("alice:a:b:c"), "alice", "a:b:c"),
        (basic("jörg:пароль"), "jörg", "пароль"),
        (basic("alice:"), "alice", ""),
        (basic(":x"), "", "x"),
        (basic("EXAMPLE\\alice:x"), "EXAMPLE\\alice", "x"),
    ],
)
def test_credentials_are_read(field: str, user: str, password: str) -> None:
    assert parse_basic(field) == BasicCredentials(user, password)


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("", 401),
        ("Bearer abc", 401),
        ("Negotiate YII=", 401),
        ("Basic", 400),
        ("Basic ", 400),
        ("Basic !!!!", 400),
        ("Basic YWxpY2U6eA", 400),  # padding left out
        ("Basic YWxpY2U6eA===", 400),
        ("Basic YWxp Y2U6eA==", 400),
        ("Basic\tYWxpY2U6eA==", 401),
        (basic("no colon"), 400),
        (basic(b"alice:\xff"), 400),
        (basic("alice:\x00"), 400),
        (basic("al\nice:x"), 400),
        (basic("alice:\x85"), 400),
        (basic("a:" + "x" * 4000), 400),
    ],
)
def test_anything_else_is_refused_without_being_quoted(field: str, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        parse_basic(field)
    assert refusal.value.status_hint == status
    assert len(field) < 7 or field[6:] not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_the_longest_password_anyone_may_have_fits() -> None:
    assert parse_basic(basic("alice:" + "x" * 1024)).password == "x" * 1024


def test_a_password_is_not_shown() -> None:
    shown = repr(BasicCredentials("alice", "open sesame"))
    assert "alice" in shown
    assert "sesame" not in shown


def test_the_challenge_asks_for_utf_8() -> None:
    assert basic_challenge("spoold") == ("WWW-Authenticate", 'Basic realm="spoold", charset="UTF-8"')


@pytest.mark.parametrize("realm", ["", 'a"b', "a\\b", "a\r\nb", "Bücher"])
def test_a_realm_cannot_break_the_field(realm: str) -> None:
    with pytest.raises(LocalProtocolError):
        basic_challenge(realm)


def negotiate(token: bytes) -> str:
    return "Negotiate " + base64.b64encode(token).decode()


@pytest.mark.parametrize("token", [b"\x60\x82", b"x" * MAX_TOKEN_BYTES])
def test_a_token_is_read(token: bytes) -> None:
    assert parse_negotiate(negotiate(token)) == token
    assert parse_negotiate("negotiate  " + negotiate(token)[10:]) == token


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("", 401),
        (basic("alice:x"), 401),
        ("Bearer abc", 401),
        ("Negotiate", 400),
        ("Negotiate ", 400),
        ("Negotiate !!!!", 400),
        ("Negotiate YII", 400),
        ("Negotiate YII=, Basic YTpi", 400),
        (negotiate(b"x" * (MAX_TOKEN_BYTES + 100)), 400),
    ],
)
def test_another_token_is_refused_without_being_quoted(field: str, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        parse_negotiate(field)
    assert refusal.value.status_hint == status
    assert len(field) < 12 or field[10:] not in str(refusal.value)


def test_the_scheme_is_known_without_a_look_at_the_credentials() -> None:
    assert scheme_of("BASIC x") == "basic"
    assert scheme_of("Negotiate") == "negotiate"
    assert scheme_of("") == ""


def test_the_server_proves_itself_with_a_token_of_its_own() -> None:
    assert negotiate_challenge() == ("WWW-Authenticate", "Negotiate")
    assert negotiate_challenge(b"\xa1\x82") == ("WWW-Authenticate", "Negotiate oYI=")
