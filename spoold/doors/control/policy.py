"""Commands about the rules: why they decide as they do, and what they know of a person."""

from policy.explain import as_fields
from spoold.doors.control.jobs import find_job
from spoold.doors.control.parts import Answer, Arguments, Command, ControlParts
from spoold.model.access import Action
from spoold.model.errors import NotFound
from spoold.model.principal import Principal


async def _explain(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    job_id = await find_job(parts, principal, arguments)
    found = await parts.desk.explain(principal, job_id, arguments.get("printer"))
    return [as_fields(one) for one in found]


async def _person(parts: ControlParts, _principal: Principal, arguments: Arguments) -> Answer:
    account = await parts.identity.lookup(str(arguments["name"]))
    if account is None:
        raise NotFound("Nobody of that name is known.")
    return {
        "name": account.name,
        "groups": sorted(account.groups),
        "role": account.role.value,
        "provider": account.provider,
    }


COMMANDS = (
    Command("policy-explain", Action.READ_JOB, _explain),
    Command("policy-person", Action.CHANGE_USERS, _person),
)
