"""Commands about approval, codes and delegation; each needs a name and a password: root is nobody here."""

from datetime import datetime, timedelta

from spoold.database.approvals import Scope
from spoold.doors.control.jobs import find_job, only_one
from spoold.doors.control.parts import LOCAL_PEER, Answer, Arguments, Command, ControlParts
from spoold.model.access import Action
from spoold.model.errors import NotAuthorized, NotPossible
from spoold.model.ids import JobId
from spoold.model.principal import Method, Principal
from spoold.release.approvals import NOT_YOURS, decided_fields, waiting_fields
from spoold.release.codes import code_fields, shown
from spoold.release.decisions import Decisions
from spoold.release.delegations import delegation_fields

# Fewer are mistaken for numbers.
LEAST_PREFIX_DIGITS = 4


async def _approvals(parts: ControlParts, principal: Principal, _arguments: Arguments) -> Answer:
    return [
        waiting_fields(one) | {"user": one.owner, "seconds_left": one.view.seconds_left}
        for one in await _desks(parts).approvals.waiting(principal)
    ]


async def _approve(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    job = await _desks(parts).approvals.approve(principal, await _waiting(parts, principal, arguments))
    return decided_fields(job)


async def _refuse(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    job_id = await _waiting(parts, principal, arguments)
    job = await _desks(parts).approvals.refuse(principal, job_id, str(arguments.get("reason", "")))
    return decided_fields(job)


async def _code_issue(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    pages = arguments.get("max_pages")
    scope = Scope(
        queues=_names(arguments, "queues"),
        rules=_names(arguments, "rules"),
        people=_names(arguments, "people"),
        max_pages=None if pages is None else int(pages),
    )
    end = parts.clock.now() + timedelta(seconds=float(arguments["life_s"]))
    row, code = await _desks(parts).codes.issue(
        principal, str(arguments.get("label", "")), scope, int(arguments["uses"]), end
    )
    return code_fields(row) | {"code": shown(code)}


async def _codes(parts: ControlParts, principal: Principal, _arguments: Arguments) -> Answer:
    now = parts.clock.now()
    issued = await _desks(parts).codes.issued(principal)
    return [code_fields(row) | {"good": row.is_on(now)} for row in issued]


async def _code_revoke(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    await _desks(parts).codes.revoke(principal, str(arguments["code"]))
    return {}


async def _code_use(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    job_id = await find_job(parts, principal, arguments)
    job = await _desks(parts).codes.use(principal, job_id, str(arguments["code"]), peer=LOCAL_PEER)
    return decided_fields(job)


async def _delegate(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    job_id = await find_job(parts, principal, arguments) if arguments.get("job") else None
    until = arguments.get("expires_at")
    one = await _desks(parts).delegations.give(
        principal,
        str(arguments["delegate"]),
        None if until is None else datetime.fromisoformat(str(until)),
        job_id=job_id,
        titles=bool(arguments.get("titles", False)),
    )
    return {"id": one.id, "expires_at": one.expires_at.isoformat()}


async def _delegations(parts: ControlParts, principal: Principal, _arguments: Arguments) -> Answer:
    desk = _desks(parts).delegations
    return {
        "given": [delegation_fields(one) | {"number": one.number} for one in await desk.given(principal)],
        "held": [delegation_fields(one) | {"number": one.number} for one in await desk.held(principal)],
    }


async def _delegation_end(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    await _desks(parts).delegations.take_back(principal, str(arguments["delegation"]))
    return {}


def _desks(parts: ControlParts) -> Decisions:
    if parts.decisions is None:
        raise NotPossible("Approval and delegation are not used here.")
    return parts.decisions


async def _waiting(parts: ControlParts, principal: Principal, arguments: Arguments) -> JobId:
    """Find a job that waits for this person by its id, the beginning of it, or its number."""
    if principal.method is Method.CONTROL_SOCKET:
        raise NotAuthorized("Say who you are: deciding needs a name and a password.")
    wanted = str(arguments["job"]).strip().lower()
    jobs = [one.view.job for one in await _desks(parts).approvals.waiting(principal)]
    digits = wanted.replace("-", "")
    found = [job.id for job in jobs if wanted == str(job.number) or digits == job.id.hex]
    if not found and len(digits) >= LEAST_PREFIX_DIGITS:
        found = [job.id for job in jobs if job.id.hex.startswith(digits)]
    return only_one(found, wanted, NOT_YOURS)


def _names(arguments: Arguments, key: str) -> tuple[str, ...]:
    return tuple(str(one) for one in arguments.get(key, []))


COMMANDS = (
    Command("approvals", Action.READ_APPROVALS, _approvals),
    Command("approve", Action.APPROVE, _approve),
    Command("refuse", Action.APPROVE, _refuse),
    Command("code-issue", Action.ISSUE_CODES, _code_issue),
    Command("code-list", Action.ISSUE_CODES, _codes),
    Command("code-revoke", Action.ISSUE_CODES, _code_revoke),
    Command("code-use", Action.USE_CODE, _code_use),
    Command("delegate", Action.DELEGATE, _delegate),
    Command("delegations", Action.DELEGATE, _delegations),
    Command("delegation-end", Action.DELEGATE, _delegation_end),
)
