"""Links beside the sign-in form, and beside the password where a proof is asked for once more."""

from collections.abc import Iterator

from spoold.doors.web.language import gettext as _
from spoold.doors.web.portal import Portal
from spoold.doors.web.tickets import takes_tickets
from spoold.identity.kerberos import Endpoint
from spoold.identity.oidc import OIDC
from spoold.model.principal import Principal


def kerberos_links(portal: Portal, following: str) -> Iterator[tuple[str, str]]:
    """Yield the link that asks the browser for a ticket, where tickets are taken.

    Args:
        following: where to go afterwards, a path that was checked.
    """
    if takes_tickets(portal, Endpoint.PORTAL):
        yield f"/sign-in/kerberos{_then(following)}", _("Sign in with Kerberos")


def oidc_links(portal: Portal, following: str) -> Iterator[tuple[str, str]]:
    """Yield the link to the OpenID provider, where there is one."""
    if portal.oidc is not None:
        yield f"/sign-in/oidc{_then(following)}", _("Sign in with %(provider)s", provider=portal.oidc.label)


def ways_to_confirm(portal: Portal, following: str) -> list[tuple[str, str]]:
    """Return the links by which somebody who is signed in proves it once more."""
    found = []
    if takes_tickets(portal, Endpoint.PORTAL):
        found.append((f"/sign-in/kerberos?next={following}", _("Confirm with Kerberos")))
    if portal.oidc is not None:
        words = _("Confirm with %(provider)s", provider=portal.oidc.label)
        found.append((f"/sign-in/oidc?next={following}&again=1", words))
    return found


def has_password(principal: Principal) -> bool:
    """Tell whether somebody has a password that we could ask for."""
    return principal.provider != OIDC


def _then(following: str) -> str:
    return "" if following == "/" else f"?next={following}"
