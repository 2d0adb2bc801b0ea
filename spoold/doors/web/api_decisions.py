"""The HTTP API of approval, codes and delegation."""

from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from spoold.database.approvals import CodeRow, Scope
from spoold.doors.web.api import job_json
from spoold.doors.web.api_bodies import check_type, json_answer, parsed
from spoold.doors.web.decisions import decisions_of, moment_of
from spoold.doors.web.guard import BadRequest, job_id_of, read_body
from spoold.doors.web.portal import Portal, Visitor
from spoold.model.ids import JobId
from spoold.release.approvals import WaitingView, decided_fields, waiting_fields
from spoold.release.codes import code_fields, shown
from spoold.release.delegations import DelegationView, delegation_fields

_NOT_JSON = "The body is a JSON object; docs/approval.md shows what it holds."


async def list_approvals(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Return what waits for the caller's decision, the oldest first."""
    waiting = await decisions_of(portal).approvals.waiting(visitor.known)
    return json_answer({"approvals": [_waiting_json(one) for one in waiting]})


async def decide(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Approve or refuse a job: {"verdict": "approved"} or {"verdict": "refused", "reason": WORDS}."""
    body = await _body(request, {"verdict": str, "reason": str})
    desk, job_id = decisions_of(portal).approvals, job_id_of(request)
    if body.get("verdict") == "approved":
        job = await desk.approve(visitor.known, job_id)
    elif body.get("verdict") == "refused":
        job = await desk.refuse(visitor.known, job_id, body.get("reason", ""))
    else:
        raise BadRequest('The verdict is "approved" or "refused".')
    return json_answer({"id": str(job.id)} | decided_fields(job))


async def list_codes(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Return the codes that the caller has issued, the newest first; never a code itself."""
    codes = await decisions_of(portal).codes.issued(visitor.known)
    return json_answer({"codes": [_code_json(one, portal) for one in codes]})


async def issue_code(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Issue a code; the only answer that holds it."""
    body = await _body(
        request,
        {
            "label": str,
            "uses": int,
            "expires_at": str,
            "queues": list,
            "rules": list,
            "people": list,
            "max_pages": int,
        },
    )
    if "uses" not in body or "expires_at" not in body:
        raise BadRequest('A code needs "uses" and "expires_at".')
    scope = Scope(
        _names(body, "queues"), _names(body, "rules"), _names(body, "people"), body.get("max_pages")
    )
    row, code = await decisions_of(portal).codes.issue(
        visitor.known, body.get("label", ""), scope, body["uses"], moment_of(body["expires_at"])
    )
    return json_answer(_code_json(row, portal) | {"code": shown(code)}, 201)


async def revoke_code(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """End one of the caller's codes."""
    await decisions_of(portal).codes.revoke(visitor.known, request.path_params["code_id"])
    return Response(status_code=204)


async def use_code(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Approve the caller's own job: {"code": CODE}."""
    body = await _body(request, {"code": str})
    job_id = visitor.about.job.id
    await decisions_of(portal).codes.use(visitor.known, job_id, body.get("code", ""), peer=visitor.peer)
    return json_answer(job_json(await portal.desk.job(visitor.known, job_id)))


async def list_delegations(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Return whom the caller has named, and who has named the caller."""
    desk = decisions_of(portal).delegations
    given = [_delegation_json(one) for one in await desk.given(visitor.known)]
    held = [_delegation_json(one) for one in await desk.held(visitor.known)]
    return json_answer({"given": given, "held": held})


async def give_delegation(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Let somebody release: {"delegate": NAME, "job": ID} or {"delegate": NAME, "expires_at": MOMENT}."""
    body = await _body(request, {"delegate": str, "job": str, "expires_at": str, "titles": bool})
    if not body.get("delegate"):
        raise BadRequest('Name somebody: {"delegate": NAME}.')
    one = await decisions_of(portal).delegations.give(
        visitor.known,
        body["delegate"],
        moment_of(body["expires_at"]) if "expires_at" in body else None,
        job_id=_job_id(body["job"]) if "job" in body else None,
        titles=body.get("titles", False),
    )
    return json_answer({"id": one.id, "expires_at": one.expires_at.isoformat()}, 201)


async def end_delegation(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Take back one of the caller's delegations."""
    await decisions_of(portal).delegations.take_back(visitor.known, request.path_params["delegation_id"])
    return Response(status_code=204)


def _waiting_json(one: WaitingView) -> dict[str, object]:
    job = one.view.job
    return waiting_fields(one) | {
        "owner": one.owner,
        "owner_verified": one.verified,
        "documents": job.documents,
        "wanted_at": one.wanted_at.isoformat(),
        "expires_at": job.expires_at.isoformat(),
    }


def _code_json(row: CodeRow, portal: Portal) -> dict[str, object]:
    good, since = row.is_on(portal.clock.now()), row.created_at.isoformat()
    return code_fields(row) | {"good": good, "created_at": since}


def _delegation_json(view: DelegationView) -> dict[str, object]:
    job_id = view.delegation.job_id
    return delegation_fields(view) | {"job": None if job_id is None else str(job_id)}


def _names(body: dict[str, Any], key: str) -> tuple[str, ...]:
    found = body.get(key, [])
    if not all(isinstance(one, str) and one for one in found):
        raise BadRequest(f'"{key}" is a list of names.')
    return tuple(found)


def _job_id(text: str) -> JobId:
    try:
        return JobId(UUID(text))
    except ValueError:
        raise BadRequest("A job is named by its id.") from None


async def _body(request: Request, fields: dict[str, type]) -> dict[str, Any]:
    """Return a body's fields; every one known and of its type."""
    check_type(request)
    content = parsed(await read_body(request))
    if not isinstance(content, dict) or not content.keys() <= fields.keys():
        raise BadRequest(_NOT_JSON)
    # bool is an int to Python, and 1 is not true to anybody else.
    if not all(type(value) is fields[name] for name, value in content.items()):
        raise BadRequest(_NOT_JSON)
    return content
