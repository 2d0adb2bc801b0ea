"""The [identity.oidc] table: sign-in to the portal at an OpenID provider."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator

from spoold.config.section import Section
from spoold.config.values import AbsolutePath, Duration, HttpsUrl, Name, SecretFile, refuse, spelt

Claim = Annotated[str, *spelt(r"[\x21-\x7e]{1,200}", 'a claim such as "groups"')]
# RFC 6749 3.3: scope-token.
Scope = Annotated[str, *spelt(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}", 'a scope such as "profile"')]
ClientId = Annotated[str, *spelt(r"[\x20-\x7e]{1,255}", "what the provider calls this spooler")]
Words = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$")]
# Longer than a session lasts, so that whoever has one has been vouched for.
SHORTEST_TERM = timedelta(days=1)


class Oidc(Section):
    """Sign-in to the portal at an OpenID provider: authorization code flow with PKCE."""

    issuer: HttpsUrl
    """The provider, exactly as it calls itself in its tokens ("iss")."""
    client_id: ClientId
    """What the provider calls this spooler."""
    client_secret: SecretFile | None = None
    """The secret it gave: "credential:NAME" or "file:/path"; none for a public client (PKCE alone)."""
    redirect_uri: HttpsUrl | None = None
    """Where the provider sends browsers back; "https://SERVER/sign-in/oidc/return" when absent."""
    label: Words = "your organisation's account"
    """What follows "Sign in with" on the button."""
    scopes: tuple[Scope, ...] = ("openid", "profile")
    """What is asked for; "openid" is among them."""
    name_claim: Claim = "preferred_username"
    """The claim that holds the user name."""
    display_name_claim: Claim = "name"
    """The claim that holds the name people read."""
    groups_claim: Claim = "groups"
    """The claim that holds a person's groups; only for accounts that no other provider has."""
    provider: Name | None = None
    """The provider in [identity] order with the account of that name; when absent, accounts of their own."""
    allowed_groups: tuple[Annotated[str, Field(min_length=1, max_length=255)], ...] | None = None
    """Who is let in, by groups; everybody whom the provider lets in when absent."""
    known_for: Duration = timedelta(days=30)
    """How long people are known after their last sign-in there; only for accounts that nobody else has."""
    ca: AbsolutePath | None = None
    """PEM file of the authorities that may sign the provider's certificate, instead of the system's."""

    @field_validator("scopes")
    @classmethod
    def _asks_for_an_identity(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            refuse('must contain "openid"')
        return value

    @field_validator("known_for")
    @classmethod
    def _ends(cls, value: timedelta) -> timedelta:
        if value < SHORTEST_TERM:
            refuse(f"must be at least {SHORTEST_TERM.days}d")
        return value
