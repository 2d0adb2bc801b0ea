"""A proof that is young enough for what needs one: the password once more, or a sign-in of just now."""

from typing import Any

from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.ways import has_password, ways_to_confirm
from spoold.model.errors import ProofTooOld, SpoolError
from spoold.model.principal import Principal
from spoold.release.gate import PROOF_S

# Asked for a little before it is too late, so that filling in a form does not outlast the proof.
CONFIRM_AFTER_S = PROOF_S - 15.0
_SIGN_IN_AGAIN = "You signed in a while ago. Enter your password again, or sign out and in again."


def is_fresh(portal: Portal, visitor: Visitor, *, within_s: float = CONFIRM_AFTER_S) -> bool:
    """Tell whether the visitor's last proof is young enough."""
    return _is_young(portal, visitor.known, within_s)


def asking(
    portal: Portal, visitor: Visitor, following: str, *, error: SpoolError | None = None
) -> dict[str, Any]:
    """Return what a page needs whose form wants a fresh proof.

    Args:
        following: where somebody comes back to who proves it elsewhere; a path of ours.
        error: what the form was refused with, if it was.

    Returns:
        `asks_password`: the proof is too old. `has_password`: there is one to ask for, which people of an
        OpenID provider have not. `may_prove`: the form can be sent; else there are only `ways`, links.
    """
    asks = isinstance(error, ProofTooOld) or not is_fresh(portal, visitor)
    known = has_password(visitor.known)
    return {
        "asks_password": asks,
        "has_password": known,
        "may_prove": known or not asks,
        "ways": ways_to_confirm(portal, following),
    }


async def fresh_principal(portal: Portal, visitor: Visitor) -> Principal:
    """Return the visitor with a fresh proof: the password in the form, else a sign-in of just now.

    Raises:
        ProofTooOld: neither.
        NotAuthenticated, TooManyAttempts: the password is wrong, or too many were.
    """
    password = visitor.form.get("password", "")
    if password:
        return await portal.identity.confirm(visitor.token, password, peer=visitor.peer)
    check_young(portal, visitor.known)
    return visitor.known


def check_young(portal: Portal, principal: Principal) -> None:
    """Refuse a proof that is too long ago: somebody else may sit there by now.

    Raises:
        ProofTooOld: in words.
    """
    if not _is_young(portal, principal, PROOF_S):
        raise ProofTooOld(_SIGN_IN_AGAIN, user=principal.id)


def _is_young(portal: Portal, principal: Principal, within_s: float) -> bool:
    return 0 <= (portal.clock.now() - principal.proven_at).total_seconds() <= within_s
