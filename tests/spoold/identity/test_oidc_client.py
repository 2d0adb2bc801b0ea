"""An OpenID provider that lies, or somebody who pretends to be one: nothing of it is believed."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from protocols.tls import verified_context
from spoold.identity.oidc_client import MAX_ANSWER_BYTES, OidcClient
from spoold.identity.oidc_pending import Identified, Pending, PendingSignIns
from spoold.identity.secret import Secret
from spoold.model.errors import NotAuthenticated, Unavailable
from spoold.runtime.clock import SystemClock
from tests.support.hostile_provider import CLIENT_ID, HostileProvider, hostile_provider

REDIRECT = "https://print.example.org/sign-in/oidc/return"


@pytest.fixture(name="provider")
def _provider(tmp_path: Path) -> Iterator[HostileProvider]:
    with hostile_provider(tmp_path / "provider") as provider:
        yield provider


def client_of(provider: HostileProvider, *, trusted: bool = True, wanted: tuple[str, ...] = ()) -> OidcClient:
    return OidcClient(
        issuer=provider.issuer,
        client_id=CLIENT_ID,
        secret=Secret("hidden"),
        redirect_uri=REDIRECT,
        scopes=("openid",),
        wanted=wanted,
        tls=verified_context(provider.certificate if trusted else None),
        clock=SystemClock(),
    )


def a_sign_in() -> Pending:
    return PendingSignIns(SystemClock()).begin("browser", "/", "10.0.0.1", again=False)


async def identified(provider: HostileProvider, pending: Pending, **options: Any) -> Identified:
    return await client_of(provider, **options).identify(pending, "code", None)


async def test_a_right_token_is_believed(provider: HostileProvider) -> None:
    pending = a_sign_in()
    provider.give(provider.signed(provider.claims(pending.nonce, auth_time=int(time.time()) - 40)))
    found = await identified(provider, pending)
    assert found.subject == "ana-1"
    assert found.signed_in_at is not None
    path, body = provider.asked[-1]
    assert path == "/token"
    assert f"code_verifier={pending.verifier}" in body
    assert "hidden" not in body


def in_an_hour() -> int:
    # Of the test, not of the beginning of the run, which may be long ago.
    return int(time.time()) + 3_600


Forger = Callable[[HostileProvider, str], str]
FORGERIES: dict[str, Forger] = {
    "wrong-nonce": lambda p, n: p.signed(p.claims("another")),
    "no-nonce": lambda p, n: p.signed(p.claims(n, nonce=None)),
    "wrong-audience": lambda p, n: p.signed(p.claims(n, aud="somebody-else")),
    "audiences-without-us": lambda p, n: p.signed(p.claims(n, aud=["a", "b"])),
    "for-another-party": lambda p, n: p.signed(p.claims(n, aud=[CLIENT_ID, "b"], azp="b")),
    "wrong-issuer": lambda p, n: p.signed(p.claims(n, iss="https://evil.example.org")),
    "no-issuer": lambda p, n: p.signed(p.claims(n, iss=None)),
    "expired": lambda p, n: p.signed(p.claims(n, exp=int(time.time()) - 3_600)),
    "no-expiry": lambda p, n: p.signed(p.claims(n, exp=None)),
    "from-the-future": lambda p, n: p.signed(p.claims(n, iat=in_an_hour(), nbf=in_an_hour())),
    "no-subject": lambda p, n: p.signed(p.claims(n, sub=None)),
    "subject-is-a-number": lambda p, n: p.signed(p.claims(n, sub=7)),
    "unsigned": lambda p, n: p.unsigned(p.claims(n)),
    "public-key-as-secret": lambda p, n: p.signed_with_the_public_key(p.claims(n)),
    "another-key": lambda p, n: p.signed(p.claims(n), ECKey.generate_key("P-256")),
    "unknown-key": lambda p, n: p.signed(p.claims(n), ECKey.generate_key("P-256"), kid="two"),
    "changed": lambda p, n: _with_another_body(provider=p, nonce=n),
    "garbage": lambda p, n: "a.b.c",
    "empty": lambda p, n: "",
    "wrong-access-token-hash": lambda p, n: p.signed(p.claims(n, at_hash="AAAAAAAAAAAAAAAAAAAAAA")),
}


def _with_another_body(provider: HostileProvider, nonce: str) -> str:
    head, _, signature = provider.signed(provider.claims(nonce)).split(".")
    body = provider.signed(provider.claims(nonce, sub="eve")).split(".")[1]
    return f"{head}.{body}.{signature}"


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_is_refused(provider: HostileProvider, forgery: str) -> None:
    pending = a_sign_in()
    provider.give(FORGERIES[forgery](provider, pending.nonce))
    with pytest.raises(NotAuthenticated) as refused:
        await identified(provider, pending)
    assert "why" in refused.value.fields


async def test_a_new_key_is_fetched_and_then_believed(
    provider: HostileProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spoold.identity.oidc_client.KEYS_AGAIN_S", 0.0)
    client, pending = client_of(provider), a_sign_in()
    provider.give(provider.signed(provider.claims(pending.nonce)))
    await client.identify(pending, "code", None)
    new = ECKey.generate_key("P-256", {"kid": "two", "alg": "ES256"})
    provider.publish(new)
    provider.give(provider.signed(provider.claims(pending.nonce), new, kid="two"))
    assert (await client.identify(pending, "code", None)).subject == "ana-1"


async def test_who_answers_as_another_issuer_is_a_mix_up(provider: HostileProvider) -> None:
    pending = a_sign_in()
    provider.give(provider.signed(provider.claims(pending.nonce)))
    with pytest.raises(NotAuthenticated) as refused:
        await client_of(provider).identify(pending, "code", "https://evil.example.org")
    assert refused.value.fields["why"] == "issuer-mix-up"
    assert "/token" not in [path for path, _ in provider.asked]
    named = provider.metadata(authorization_response_iss_parameter_supported=True)
    provider.answers["/.well-known/openid-configuration"] = (200, named)
    with pytest.raises(NotAuthenticated):
        await client_of(provider).identify(pending, "code", None)
    await client_of(provider).identify(pending, "code", provider.issuer)


async def test_missing_claims_come_from_the_user_info_of_the_same_person(provider: HostileProvider) -> None:
    pending = a_sign_in()
    provider.give(provider.signed(provider.claims(pending.nonce)))
    provider.answers["/me"] = (200, {"sub": "ana-1", "groups": ["staff"], "preferred_username": "eve"})
    found = await identified(provider, pending, wanted=("groups",))
    assert found.claims["groups"] == ["staff"]
    # What was signed counts before what was not.
    assert found.claims["preferred_username"] == "ana"
    provider.answers["/me"] = (200, {"sub": "eve-1", "groups": ["staff"]})
    with pytest.raises(NotAuthenticated):
        await identified(provider, pending, wanted=("groups",))


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/.well-known/openid-configuration", 500, {}),
        ("/.well-known/openid-configuration", 302, {}),
        ("/.well-known/openid-configuration", 200, []),
        ("/.well-known/openid-configuration", 200, b"\xff"),
        ("/.well-known/openid-configuration", 200, b"[" * 100_000),
        ("/.well-known/openid-configuration", 200, b" " * (MAX_ANSWER_BYTES + 1)),
        ("/.well-known/openid-configuration", 200, {"issuer": "https://evil.example.org"}),
        ("/keys", 200, {}),
        ("/keys", 200, {"keys": 7}),
        ("/token", 200, b"not json"),
        ("/token", 503, {}),
    ],
    ids=[
        "error", "elsewhere", "list", "no-text", "deep", "endless", "another-issuer", "no-keys", "keys-7",
        "token-no-json", "token-down",
    ],
)  # fmt: skip
async def test_a_provider_that_talks_nonsense_lets_nobody_in(
    provider: HostileProvider, path: str, status: int, said: Any
) -> None:
    pending = a_sign_in()
    provider.give(provider.signed(provider.claims(pending.nonce)))
    provider.answers[path] = (status, said)
    with pytest.raises((Unavailable, NotAuthenticated)):
        await identified(provider, pending)


async def test_endpoints_in_clear_are_not_asked(provider: HostileProvider) -> None:
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        changed = provider.metadata(**{name: "http://localhost/x"})
        provider.answers["/.well-known/openid-configuration"] = (200, changed)
        with pytest.raises(Unavailable):
            await client_of(provider).address_for(a_sign_in(), language="en", max_age_s=60)


async def test_a_provider_without_a_good_certificate_is_not_told_a_thing(provider: HostileProvider) -> None:
    with pytest.raises(Unavailable) as refused:
        await identified(provider, a_sign_in(), trusted=False)
    assert refused.value.fields["why"] == "wrong-authority"
    assert provider.asked == []
