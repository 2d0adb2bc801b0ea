"""Commands about clients that cannot sign in: personal print URIs, and unclaimed jobs."""

from uuid import UUID

from spoold.doors.control.jobs import job_answer
from spoold.doors.control.parts import LOCAL_PEER, Answer, Arguments, Command, ControlParts
from spoold.identity.print_uris import PrintUris, print_uri_fields
from spoold.model.access import Action
from spoold.model.errors import NotAuthorized, NotFound
from spoold.model.ids import JobId, UserId, canonical_name
from spoold.model.principal import Principal, Role
from spoold.release.claims import NO_SUCH_JOB, ClaimDesk, claimable_fields


async def _add(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    uris = _uris(parts)
    row, token = await uris.add(principal, str(arguments["queue"]), str(arguments["label"]), peer=LOCAL_PEER)
    return print_uri_fields(row) | {"uri": uris.address(row.queue, token)}


async def _list(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    owner = await _owner(parts, principal, arguments)
    return [print_uri_fields(row) for row in await _uris(parts).of(owner)]


async def _revoke(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    return print_uri_fields(await _uris(parts).revoke(principal, str(arguments["id"]), peer=LOCAL_PEER))


async def _claimable(parts: ControlParts, principal: Principal, _arguments: Arguments) -> Answer:
    return [claimable_fields(one) for one in await _claims(parts).claimable(principal, peer=LOCAL_PEER)]


async def _claim(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    wanted, desk = str(arguments["job"]).strip().lower(), _claims(parts)
    offered = await desk.claimable(principal, peer=LOCAL_PEER)
    found = [one.id for one in offered if wanted in {str(one.id), str(one.number)}]
    job_id = found[0] if found else _job_id(wanted)
    await desk.claim(principal, job_id, peer=LOCAL_PEER)
    return job_answer(await parts.desk.job(principal, job_id))


COMMANDS = (
    Command("print-uri-add", Action.CHANGE_PRINT_URIS, _add),
    Command("print-uri-list", Action.CHANGE_PRINT_URIS, _list),
    Command("print-uri-revoke", Action.CHANGE_PRINT_URIS, _revoke),
    Command("claimable", Action.CLAIM, _claimable),
    Command("claim", Action.CLAIM, _claim),
)


def _job_id(wanted: str) -> JobId:
    """Return the job of a whole id; of numbers, only those on the list of what may be claimed mean one."""
    try:
        return JobId(UUID(wanted))
    except ValueError:
        raise NotFound(NO_SUCH_JOB) from None


async def _owner(parts: ControlParts, principal: Principal, arguments: Arguments) -> UserId:
    """Return whose print URIs are asked for: one's own, or for an administrator anybody's."""
    name = arguments.get("owner")
    if name is None:
        return principal.id
    if principal.role is not Role.ADMINISTRATOR:
        raise NotAuthorized("Only administrators see other people's print addresses.")
    return await _uris(parts).owner_of(canonical_name(str(name)))


def _uris(parts: ControlParts) -> PrintUris:
    if parts.print_uris is None:
        raise NotFound("Print addresses are not used here.")
    return parts.print_uris


def _claims(parts: ControlParts) -> ClaimDesk:
    if parts.claims is None:
        raise NotFound("Jobs cannot be claimed here.")
    return parts.claims
