"""The language switch: remembers a choice in a cookie and leads back to the page it was made on."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from spoold.doors.web.language import COOKIE, COOKIE_AGE_S, LANGUAGES
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.security import is_plain_path


async def choose_language(request: Request, _portal: Portal, visitor: Visitor) -> Response:
    """Keep the choice and go back."""
    code = visitor.form.get("language", "")
    response = RedirectResponse(_back(request, visitor.form.get("next", "/")), 303)
    if code not in LANGUAGES:
        return response
    # Lax: whoever comes by a link or a QR code has chosen as well. No page reads it with a script.
    response.headers["Set-Cookie"] = (
        f"{COOKIE}={code}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={COOKIE_AGE_S}"
    )
    return response


def _back(request: Request, wanted: str) -> str:
    """Return the page to go back to: one of our own that can be looked at, "/" for anything else.

    A form's answer has an address that can only be sent to; its page is further up.
    """
    path, _, query = wanted.partition("?")
    if not is_plain_path(path) or not query.isascii() or not query.isprintable():
        return "/"
    if _is_page(request, path):
        return wanted
    while path and not _is_page(request, path):
        path = path.rpartition("/")[0]
    return path or "/"


def _is_page(request: Request, path: str) -> bool:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
