"""What a new token may be: for what, for how long, from where; refused in words for whoever asks for it."""

from collections.abc import Collection
from datetime import timedelta
from ipaddress import ip_network

from spoold.model.errors import NotPossible
from spoold.model.scopes import Scope

# Somebody looks at it again at least once a year.
MAX_LIFE = timedelta(days=366)
MAX_LABEL_CHARACTERS = 100
MAX_NETWORKS = 32


def checked_label(label: str) -> str:
    """Return what a token is for in its owner's words; raises `NotPossible` for what cannot be that."""
    stripped = label.strip()
    if not 0 < len(stripped) <= MAX_LABEL_CHARACTERS or not stripped.isprintable():
        raise NotPossible("Say in up to 100 characters what the token is for.")
    return stripped


def checked_scopes(scopes: Collection[str], possible: frozenset[Scope]) -> frozenset[str]:
    """Return what a token may do.

    Args:
        possible: what such a token can be for.

    Raises:
        NotPossible: it is for nothing, or for something else.
    """
    wanted = frozenset(scopes)
    unknown = wanted - {scope.value for scope in possible}
    if not wanted or unknown:
        choice = ", ".join(sorted(scope.value for scope in possible))
        raise NotPossible(f"Choose what the token may do; such a token can have: {choice}.")
    return wanted


def checked_networks(networks: Collection[str]) -> tuple[str, ...]:
    """Return where a token may be used from, as CIDR; raises `NotPossible` for everywhere and for nowhere."""
    found = []
    for text in networks:
        try:
            network = ip_network(text.strip(), strict=False)
        except ValueError:
            raise NotPossible(f'"{text}" is not a network; write one such as 10.20.0.0/16.') from None
        if network.prefixlen == 0:
            raise NotPossible("A token is not for the whole Internet; name the networks it is used from.")
        found.append(str(network))
    if not 0 < len(found) <= MAX_NETWORKS:
        raise NotPossible("Name the networks the token is used from, 32 at most, such as 10.20.0.0/16.")
    return tuple(dict.fromkeys(found))


def checked_life(life: timedelta) -> timedelta:
    """Return how long a token is good; raises `NotPossible` for longer than a year."""
    if not timedelta(0) < life <= MAX_LIFE:
        raise NotPossible("A token ends after a year at the latest.")
    return life
