"""For machines that watch: health and metrics; and the portal's own files."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from spoold.doors.web.assets import BY_PATH
from spoold.doors.web.guard import peer_of
from spoold.doors.web.portal import Portal, Visitor
from spoold.model.errors import NotAuthorized
from spoold.runtime.health import HealthState
from spoold.runtime.metrics import CONTENT_TYPE

# The address changes with the content.
_FOR_EVER = "public, max-age=31536000, immutable"


async def show_health(request: Request, portal: Portal, _visitor: Visitor) -> Response:
    """Say in one word how the daemon is; the parts and their reasons only to those who may know."""
    snapshot = portal.health.snapshot()
    content: dict[str, object] = {"state": snapshot.state.word}
    if portal.metrics_allowed(peer_of(request)):
        content["components"] = {
            name: {"state": part.state.word, "reason": part.reason, "since": part.since.isoformat()}
            for name, part in sorted(snapshot.components.items())
        }
    return JSONResponse(content, 503 if snapshot.state is HealthState.FAILED else 200)


async def show_metrics(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Return all metrics in the Prometheus text format."""
    # Whoever is proven here came with a token for metrics (the route's scope).
    if visitor.principal is None and not portal.metrics_allowed(peer_of(request)):
        raise NotAuthorized("Metrics are not shown to your address.")
    return Response(portal.metrics.render(), headers={"Content-Type": CONTENT_TYPE})


async def send_asset(request: Request, _portal: Portal, _visitor: Visitor) -> Response:
    """Send one of the portal's files from memory."""
    asset = BY_PATH[request.url.path]
    headers = {"Cache-Control": _FOR_EVER, "Content-Type": asset.content_type}
    return Response(asset.content, headers=headers)
