"""Tries an OpenID provider as configured, and says what is wrong with it and what to do about it."""

from spoold.identity.oidc_client import TIMEOUT_S, OidcClient
from spoold.identity.trouble import Trouble
from spoold.model.errors import Unavailable

_CERTIFICATE = "the provider's certificate "
# By `fields["why"]` of what `OidcClient.ask_itself` raises.
_WORDS = {
    Trouble.REFUSED.value: "nothing answers there; look at issuer, and whether the provider runs",
    Trouble.UNKNOWN_HOST.value: "this machine does not find the name in issuer; look at it, and at its DNS",
    Trouble.UNREACHABLE.value: "this machine has no way there; look at its network, and at firewalls",
    Trouble.TIME_OUT.value: f"no answer within {TIMEOUT_S:g} s; look at the provider, and at firewalls",
    Trouble.HUNG_UP.value: "the provider hung up; look at the port in issuer",
    Trouble.NO_TLS.value: "TLS is not agreed on; look at the port in issuer; it has to be TLS 1.2 or later",
    Trouble.WRONG_AUTHORITY.value: _CERTIFICATE
    + "is not signed by the authority in ca, or without ca by one that this machine trusts; put the "
    "certificate of the authority that signed it there",
    Trouble.WRONG_NAME.value: _CERTIFICATE + "is not for the name in issuer; look at both",
    Trouble.EXPIRED.value: _CERTIFICATE + "has expired; renew it there",
    Trouble.NOT_YET.value: _CERTIFICATE + "is not good yet; look at the clocks of both machines",
    Trouble.BAD_CERTIFICATE.value: _CERTIFICATE + "is not accepted; have another one issued",
    "status-404": "there is no .well-known/openid-configuration below it; look at the path of issuer",
    "issuer-differs": (
        'it calls itself something else; write as issuer exactly what stands under "issuer" in its '
        ".well-known/openid-configuration"
    ),
    "keys": "its keys cannot be read; ask whoever runs it",
}
_NO_PROVIDER = "what answers there is no OpenID provider; look at issuer"


async def words_about(client: OidcClient) -> str:
    """Ask a provider what it says of itself; returns what is wrong, empty when nothing is."""
    try:
        await client.ask_itself()
    except Unavailable as error:
        return _WORDS.get(str(error.fields.get("why")), _NO_PROVIDER)
    return ""
