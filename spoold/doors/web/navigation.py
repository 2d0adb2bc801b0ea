"""The places that the portal offers, one row each: in the menu, and beside the sign-in form.

Whether somebody may is decided by the route; a row only says whom it would be of use to.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from spoold.doors.web.language import gettext as _
from spoold.doors.web.language import marked
from spoold.doors.web.portal import Portal
from spoold.doors.web.ways import kerberos_links, oidc_links
from spoold.model.principal import Principal


def _everybody(_principal: Principal, _portal: Portal) -> bool:
    return True


def _has_claims(_principal: Principal, portal: Portal) -> bool:
    return portal.claims is not None and portal.claims.offers()


def _approves(principal: Principal, portal: Portal) -> bool:
    return portal.decisions is not None and bool(portal.decisions.codes.rules_for(principal))


@dataclass(frozen=True, slots=True)
class Entry:
    """One link in the menu.

    Args:
        key: what a page sets as `current` in its template.
        path: where it leads.
        label: its words, marked for translation; the template looks them up.
        concerns: whether it is of use to this person.
    """

    key: str
    path: str
    label: str
    concerns: Callable[[Principal, Portal], bool] = _everybody


def _by_passkey(portal: Portal, following: str) -> Iterable[tuple[str, str]]:
    if portal.factors is not None:
        yield f"/sign-in/passkey?next={following}", _("Sign in with a passkey")


@dataclass(frozen=True, slots=True)
class Way:
    """Another way to sign in, beside name and password.

    Args:
        links: paths and words, already in the language of the page; none where the way is not set up.
            It is given the portal and where to go afterwards, a path that was checked.
    """

    links: Callable[[Portal, str], Iterable[tuple[str, str]]]


# In the order in which they are shown; /me is under the person's name.
NAVIGATION: tuple[Entry, ...] = (
    Entry("jobs", "/", marked("My jobs")),
    Entry("approvals", "/approvals", marked("Approvals"), _approves),
    Entry("printers", "/printers", marked("Printers")),
    Entry("claim", "/claim", marked("Claim a job"), _has_claims),
)
SIGN_IN_WAYS: tuple[Way, ...] = (Way(_by_passkey), Way(kerberos_links), Way(oidc_links))


def entries_for(principal: Principal | None, portal: Portal) -> list[Entry]:
    """Return the menu of somebody; nothing for a stranger."""
    if principal is None:
        return []
    return [entry for entry in NAVIGATION if entry.concerns(principal, portal)]


def ways_of(portal: Portal, following: str) -> list[tuple[str, str]]:
    """Return the links under the sign-in form: path and words."""
    return [link for way in SIGN_IN_WAYS for link in way.links(portal, following)]
