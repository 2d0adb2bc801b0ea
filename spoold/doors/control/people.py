"""Commands about spoold's own accounts."""

from spoold.doors.control.parts import Answer, Arguments, Command, ControlParts
from spoold.model.access import Action
from spoold.model.errors import NotFound
from spoold.model.principal import Principal, Role


async def _user_add(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    user = await parts.identity.add_user(
        str(arguments["name"]),
        str(arguments["new_password"]),
        groups=[str(group) for group in arguments.get("groups", [])],
        role=Role(arguments.get("role", Role.USER)),
        actor=principal.id,
    )
    return {"id": user.id, "name": user.name}


async def _user_password(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    await parts.identity.set_password(
        str(arguments["name"]), str(arguments["new_password"]), actor=principal.id
    )
    return {}


async def _user_disable(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    await parts.identity.disable_user(str(arguments["name"]), actor=principal.id)
    return {}


async def _user_enable(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    await parts.identity.enable_user(str(arguments["name"]), actor=principal.id)
    return {}


async def _user_list(parts: ControlParts, _principal: Principal, _arguments: Arguments) -> Answer:
    return [
        {
            "name": user.name,
            "role": user.role,
            "provider": user.provider,
            "groups": sorted(user.groups),
            "disabled": user.disabled,
        }
        for user in await parts.identity.list_users()
    ]


async def _user_reset_second_factor(
    parts: ControlParts, principal: Principal, arguments: Arguments
) -> Answer:
    account = await parts.identity.lookup(str(arguments["name"]))
    if account is None or parts.factors is None:
        raise NotFound(f'There is no account named "{arguments["name"]}".')
    return {"removed": await parts.factors.book.reset(account.id, actor=principal.id)}


COMMANDS = (
    Command("user-add", Action.CHANGE_USERS, _user_add),
    Command("user-password", Action.CHANGE_USERS, _user_password),
    Command("user-disable", Action.CHANGE_USERS, _user_disable),
    Command("user-enable", Action.CHANGE_USERS, _user_enable),
    Command("user-list", Action.CHANGE_USERS, _user_list),
    Command("user-reset-second-factor", Action.CHANGE_USERS, _user_reset_second_factor),
)
