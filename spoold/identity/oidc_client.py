"""Speaks to an OpenID provider: what it says of itself, codes for tokens, and the checks of the tokens.

OpenID Connect Core 1.0 (3.1.3.7), Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (issuer). Authlib and joserfc do
the formats; this module says what counts: one issuer, one audience, asymmetric signatures only.
"""

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
import trio
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from spoold.identity.oidc_pending import DOWN, WRONG, Identified, Pending
from spoold.identity.secret import Secret
from spoold.identity.trouble import Trouble, trouble_of
from spoold.model.errors import NotAuthenticated, Unavailable
from spoold.runtime.clock import Clock

# Everything that is asked during one person's sign-in.
TIMEOUT_S = 10.0
# Discovery documents have some 5 KB, key sets some 20.
MAX_ANSWER_BYTES = 512 * 1024
# Providers renew their keys in days; an unknown key is asked for at once, but not more often than this.
METADATA_S = 3_600.0
KEYS_AGAIN_S = 30.0
# Clocks of two machines that ask the same NTP servers.
LEEWAY_S = 60
# Never "none", and no HMAC: whoever knows the public key could sign with that as the secret.
ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class _Known:
    """What a provider said of itself."""

    metadata: Mapping[str, Any]
    keys: KeySet
    keys_at_s: float
    until_s: float


class OidcClient:
    """One provider, asked as one client.

    Args:
        issuer: exactly what it calls itself.
        redirect_uri: where it sends browsers back to; compared by the provider, letter by letter.
        wanted: claims that are looked for in the user info when the identity token lacks them.
        tls: whom to believe that they are the provider.
    """

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        secret: Secret | None,
        redirect_uri: str,
        scopes: tuple[str, ...],
        wanted: tuple[str, ...],
        tls: ssl.SSLContext,
        clock: Clock,
    ) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._secret = secret
        self._redirect_uri = redirect_uri
        self._scopes = scopes
        self._wanted = wanted
        self._tls = tls
        self._clock = clock
        self._known: _Known | None = None
        self._learning = trio.Lock()

    async def address_for(self, pending: Pending, *, language: str, max_age_s: int) -> str:
        """Return where to send a browser.

        Args:
            language: of the page the person comes from.
            max_age_s: with `pending.again`, how old a sign-in there may be; asks for the time of it.

        Raises:
            Unavailable: the provider cannot be asked.
        """
        known = await self._learn()
        more = {"prompt": "login", "max_age": str(max_age_s)} if pending.again else {}
        async with self._http() as http:
            address, _ = http.create_authorization_url(
                known.metadata["authorization_endpoint"],
                state=pending.state,
                code_verifier=pending.verifier,
                nonce=pending.nonce,
                ui_locales=language,
                **more,
            )
        return str(address)

    async def identify(self, pending: Pending, code: str, issuer: str | None) -> Identified:
        """Turn the code that a browser brought back into who that is.

        Args:
            issuer: the "iss" beside the code; None without one.

        Raises:
            NotAuthenticated: whatever came back is not what this sign-in asked for; `fields["why"]` says why.
            Unavailable: the provider cannot be asked.
        """
        known = await self._learn()
        announced = bool(known.metadata.get("authorization_response_iss_parameter_supported"))
        if issuer != self.issuer and (issuer is not None or announced):
            raise NotAuthenticated(WRONG, why="issuer-mix-up")
        with _in_time():
            async with self._http() as http:
                token = await self._exchange(http, known, pending, code)
                claims = await self._checked(known, token, pending)
                claims = await self._completed(http, known, claims)
        return Identified(claims["sub"], self._signed_in_at(claims), claims)

    # -- what the provider says of itself

    async def ask_itself(self) -> None:
        """Ask the provider what it says of itself, its keys included.

        Raises:
            Unavailable: it cannot be asked, or is not what the configuration says; `fields["why"]`.
        """
        await self._learn()

    async def _learn(self) -> _Known:
        async with self._learning:
            now = self._clock.monotonic_s()
            if self._known is None or self._known.until_s <= now:
                with _in_time():
                    async with self._http() as http:
                        metadata = await self._discover(http)
                        keys = await self._fetch_keys(http, metadata)
                self._known = _Known(metadata, keys, now, now + METADATA_S)
            return self._known

    async def _discover(self, http: AsyncOAuth2Client) -> Mapping[str, Any]:
        address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = await _json(await http.request("GET", address, withhold_token=True))
        if metadata.get("issuer") != self.issuer:
            raise Unavailable(DOWN, why="issuer-differs")
        for name in _ENDPOINTS:
            if not str(metadata.get(name, "")).startswith("https://"):
                raise Unavailable(DOWN, why=f"no-{name}")
        return metadata

    async def _fetch_keys(self, http: AsyncOAuth2Client, metadata: Mapping[str, Any]) -> KeySet:
        found = await _json(await http.request("GET", metadata["jwks_uri"], withhold_token=True))
        try:
            return KeySet.import_key_set(found)  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Unavailable(DOWN, why="keys") from error

    async def _newer_keys(self, known: _Known) -> KeySet | None:
        """Return the keys of this moment, None when they were fetched just now."""
        async with self._learning:
            now = self._clock.monotonic_s()
            latest = self._known or known
            if latest.keys is not known.keys:
                return latest.keys
            if now - latest.keys_at_s < KEYS_AGAIN_S:
                return None
            async with self._http() as http:
                keys = await self._fetch_keys(http, known.metadata)
            self._known = _Known(known.metadata, keys, now, known.until_s)
            return keys

    # -- tokens

    async def _exchange(
        self, http: AsyncOAuth2Client, known: _Known, pending: Pending, code: str
    ) -> Mapping[str, Any]:
        try:
            token = await http.fetch_token(
                known.metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=pending.verifier,
            )
        except OAuthError as error:
            raise NotAuthenticated(WRONG, why="code", provider_said=str(error.error)[:100]) from None
        except (ValueError, TypeError, AttributeError) as error:
            raise Unavailable(DOWN, why="token-answer") from error
        if not isinstance(token.get("id_token"), str):
            raise NotAuthenticated(WRONG, why="no-identity-token")
        return dict(token)

    async def _checked(self, known: _Known, token: Mapping[str, Any], pending: Pending) -> dict[str, Any]:
        """Return the claims of an identity token that is for us, now, and for this very sign-in."""
        registry = JWSRegistry(algorithms=sorted(ALGORITHMS), strict_check_header=False)
        try:
            try:
                found = jwt.decode(token["id_token"], known.keys, registry=registry)
            except InvalidKeyIdError:
                keys = await self._newer_keys(known)
                if keys is None:
                    raise
                found = jwt.decode(token["id_token"], keys, registry=registry)
            claims = CodeIDToken(
                found.claims,
                found.header,
                {
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self._client_id},
                    "sub": {"essential": True},
                    "exp": {"essential": True},
                    "iat": {"essential": True},
                },
                {
                    "nonce": pending.nonce,
                    "client_id": self._client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(self._clock.now().timestamp()), leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            why = getattr(error, "error", type(error).__name__)
            raise NotAuthenticated(WRONG, why=f"identity-token: {why}") from None
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise NotAuthenticated(WRONG, why="subject")
        return {**claims, "_access_token": token.get("access_token")}

    async def _completed(
        self, http: AsyncOAuth2Client, known: _Known, claims: dict[str, Any]
    ) -> dict[str, Any]:
        """Add what the user info says, where the identity token lacks claims that are wanted (Core 5.3)."""
        access_token = claims.pop("_access_token")
        address = known.metadata.get("userinfo_endpoint")
        if all(name in claims for name in self._wanted) or not address or not access_token:
            return claims
        if not str(address).startswith("https://"):
            return claims
        headers = {"Authorization": f"Bearer {access_token}"}
        said = await _json(await http.request("GET", address, headers=headers, withhold_token=True))
        if said.get("sub") != claims["sub"]:
            # Core 5.3.2: or somebody's token was swapped for another's.
            raise NotAuthenticated(WRONG, why="user-info-of-somebody-else")
        return {**said, **claims}

    def _signed_in_at(self, claims: Mapping[str, Any]) -> datetime | None:
        seconds = claims.get("auth_time")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            return None
        try:
            found = datetime.fromtimestamp(seconds, self._clock.now().tzinfo)
        except (OverflowError, ValueError, OSError):
            return None
        return min(found, self._clock.now())

    def _http(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            client_id=self._client_id,
            client_secret=None if self._secret is None else self._secret.reveal(),
            # RFC 6749 2.3.1: every provider has to take Basic; a public client names itself.
            token_endpoint_auth_method="none" if self._secret is None else "client_secret_basic",
            scope=" ".join(self._scopes),
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            transport=_Bounded(httpx2.AsyncHTTPTransport(verify=self._tls, trust_env=False)),
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
        )


class _Bounded(httpx2.AsyncBaseTransport):
    """A transport that gives up on answers that do not end."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # What is compressed could be anything by the time it is read.
        request.headers["Accept-Encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        if "content-encoding" in response.headers or not isinstance(response.stream, httpx2.AsyncByteStream):
            raise httpx2.DecodingError("the answer is compressed", request=request)
        response.stream = _BoundedStream(response.stream, request)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, request: httpx2.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for piece in self._inner:
                size += len(piece)
                if size <= MAX_ANSWER_BYTES:
                    yield piece
                else:
                    # httpx2 leaves generators behind when a loop over them ends early: closing the
                    # connection ends this one by itself.
                    await self._inner.aclose()
        except httpx2.HTTPError:
            if size <= MAX_ANSWER_BYTES:
                raise
        if size > MAX_ANSWER_BYTES:
            raise httpx2.ReadError("the answer is too long", request=self._request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@contextmanager
def _in_time() -> Iterator[None]:
    """Bound what is asked of the provider, and turn every failure of the line into one error."""
    try:
        with trio.fail_after(TIMEOUT_S):
            yield
    except trio.TooSlowError:
        raise Unavailable(DOWN, why="time-out") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        trouble = trouble_of(error)
        why = type(error).__name__ if trouble is Trouble.NO_LDAP else trouble.value
        raise Unavailable(DOWN, why=why) from error


async def _json(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise Unavailable(DOWN, why=f"status-{response.status_code}")
    try:
        found = response.json()
    except (ValueError, RecursionError) as error:
        raise Unavailable(DOWN, why="no-json") from error
    if not isinstance(found, dict):
        raise Unavailable(DOWN, why="no-object")
    return found
