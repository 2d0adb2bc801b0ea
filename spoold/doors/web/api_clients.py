"""The HTTP API about clients that cannot sign in: print URIs of one's own, and jobs to claim."""

from starlette.requests import Request
from starlette.responses import Response

from spoold.doors.web.api import job_json
from spoold.doors.web.api_bodies import json_answer, wanted
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.claim import claims_of, waiting_job
from spoold.doors.web.views.print_uris import print_uris_of
from spoold.identity.print_uris import print_uri_fields
from spoold.release.claims import claimable_fields


async def list_print_uris(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Return the caller's print URIs, without their addresses."""
    found = await print_uris_of(portal).of(visitor.known.id)
    return json_answer({"print_uris": [print_uri_fields(row) for row in found]})


async def add_print_uri(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Make a print URI; `uri` is in this answer and in no other."""
    asked, uris = await wanted(request, "queue", "label"), print_uris_of(portal)
    row, token = await uris.add(visitor.known, asked["queue"] or "", asked["label"] or "", peer=visitor.peer)
    return json_answer({**print_uri_fields(row), "uri": uris.address(row.queue, token)}, 201)


async def revoke_print_uri(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """End one of the caller's print URIs; an administrator may end everybody's."""
    row = await print_uris_of(portal).revoke(visitor.known, request.path_params["uri_id"], peer=visitor.peer)
    return json_answer(print_uri_fields(row))


async def list_claimable(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Return the jobs that the caller may claim, the newest first."""
    found = await claims_of(portal).claimable(visitor.known, peer=visitor.peer)
    return json_answer({"jobs": [claimable_fields(one) for one in found]})


async def claim_job(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Make a job the caller's, for good; returns it as its owner sees it."""
    job_id = waiting_job(request)
    await claims_of(portal).claim(visitor.known, job_id, peer=visitor.peer)
    return json_answer(job_json(await portal.desk.job(visitor.known, job_id)))
