"""What `spoold check --online` says of an OpenID provider: what is wrong, and where to look."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocols.tls import verified_context
from spoold.identity.oidc_check import _NO_PROVIDER, words_about
from spoold.identity.oidc_client import OidcClient
from spoold.runtime.clock import SystemClock
from tests.support.hostile_provider import CLIENT_ID, HostileProvider, hostile_provider

WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.fixture(name="provider")
def _provider(tmp_path: Path) -> Iterator[HostileProvider]:
    with hostile_provider(tmp_path / "provider") as provider:
        yield provider


def client_of(provider: HostileProvider, *, issuer: str = "", trusted: bool = True) -> OidcClient:
    return OidcClient(
        issuer=issuer or provider.issuer,
        client_id=CLIENT_ID,
        secret=None,
        redirect_uri="https://print.example.org/sign-in/oidc/return",
        scopes=("openid",),
        wanted=(),
        tls=verified_context(provider.certificate if trusted else None),
        clock=SystemClock(),
    )


async def test_nothing_is_wrong_with_a_right_one(provider: HostileProvider) -> None:
    assert await words_about(client_of(provider)) == ""
    assert [path for path, _ in provider.asked] == [WELL_KNOWN, "/keys"]


async def test_one_that_nobody_vouches_for(provider: HostileProvider) -> None:
    words = await words_about(client_of(provider, trusted=False))
    assert "certificate is not signed by the authority in ca" in words


async def test_one_that_is_not_there(provider: HostileProvider) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    words = await words_about(client_of(provider, issuer=f"https://localhost:{port}"))
    assert words.startswith("nothing answers there; look at issuer")


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (404, b"no", "look at the path of issuer"),
        (200, b"<html>", _NO_PROVIDER),
        (200, {"issuer": "https://sso.example.org/"}, 'exactly what stands under "issuer"'),
        (500, b"", _NO_PROVIDER),
    ],
    ids=["no-such-path", "no-json", "another-issuer", "broken"],
)
async def test_one_that_is_something_else(
    provider: HostileProvider, status: int, said: Any, words: str
) -> None:
    provider.answers[WELL_KNOWN] = (status, said)
    assert words in await words_about(client_of(provider))


async def test_one_whose_keys_are_none(provider: HostileProvider) -> None:
    provider.answers["/keys"] = (200, {"keys": "none"})
    assert await words_about(client_of(provider)) == "its keys cannot be read; ask whoever runs it"
