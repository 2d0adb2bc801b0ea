"""Links beside the sign-in form: to sign in with a Kerberos ticket."""

from collections.abc import Iterator

from spoold.doors.web.language import gettext as _
from spoold.doors.web.portal import Portal
from spoold.doors.web.tickets import takes_tickets
from spoold.identity.kerberos import Endpoint


def kerberos_links(portal: Portal, following: str) -> Iterator[tuple[str, str]]:
    """Yield the link that asks the browser for a ticket, where tickets are taken.

    Args:
        following: where to go afterwards, a path that was checked.
    """
    if takes_tickets(portal, Endpoint.PORTAL):
        yield f"/sign-in/kerberos{_then(following)}", _("Sign in with Kerberos")


def _then(following: str) -> str:
    return "" if following == "/" else f"?next={following}"
