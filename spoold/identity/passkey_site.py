"""The site as passkeys know it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PasskeySite:
    """Who asks.

    Args:
        name: the site's host name: passkeys are bound to it ("RP ID").
        origin: where the page was loaded from, "https://HOST[:PORT]", of that name.
    """

    name: str
    origin: str
