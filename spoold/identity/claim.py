"""What somebody presents to prove who they are, before anything of it was checked."""

from dataclasses import dataclass

from spoold.identity.local import MAX_NAME_BYTES
from spoold.identity.secret import Secret
from spoold.model.ids import canonical_name
from spoold.model.principal import Method


@dataclass(frozen=True, slots=True)
class Claim:
    """A canonical name (empty if it can be nobody's) and a password, from where.

    Args:
        counted: the name under which failures are counted: the same for all forms of one person's name.
    """

    name: str
    password: Secret
    peer: str
    method: Method
    counted: str = ""


def typed_name(name: str) -> str:
    """Return the canonical name, empty for what can be nobody's: too long to keep whole, or not text."""
    try:
        fits = len(name) <= MAX_NAME_BYTES and len(name.encode()) <= MAX_NAME_BYTES
    except UnicodeEncodeError:
        fits = False
    return canonical_name(name) if fits else ""
