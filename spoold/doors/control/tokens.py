"""Commands about tokens of programs."""

from datetime import timedelta

from spoold.database.tokens import TokenRow
from spoold.doors.control.parts import Answer, Arguments, Command, ControlParts
from spoold.identity.tokens import Tokens, is_good
from spoold.model.access import Action
from spoold.model.errors import NotFound
from spoold.model.ids import UserId
from spoold.model.principal import Principal


async def _token_add(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    owner = arguments.get("owner")
    made = await _tokens(parts).issue(
        None if owner is None else await _account(parts, str(owner)),
        label=str(arguments["label"]),
        scopes=[str(scope) for scope in arguments.get("scopes", [])],
        networks=[str(network) for network in arguments.get("networks", [])],
        life=timedelta(seconds=float(arguments["life_s"])),
        actor=principal.id,
    )
    return {"id": made.row.id, "token": made.token, "expires_at": made.row.expires_at.isoformat()}


async def _token_list(parts: ControlParts, _principal: Principal, _arguments: Arguments) -> Answer:
    names = {user.id: user.name for user in await parts.identity.list_users()}
    now = parts.clock.now()
    return [
        {
            "id": row.id,
            "label": row.label,
            "user": None if row.user_id is None else names.get(row.user_id, row.user_id),
            "scopes": sorted(row.scopes),
            "networks": list(row.networks),
            "expires_at": row.expires_at.isoformat(),
            "used_at": None if row.used_at is None else row.used_at.isoformat(),
            "state": _state(row, good=is_good(row, now)),
        }
        for row in await _tokens(parts).of()
    ]


async def _token_revoke(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    await _tokens(parts).revoke(str(arguments["token"]), actor=principal.id)
    return {}


COMMANDS = (
    Command("token-add", Action.CHANGE_USERS, _token_add),
    Command("token-list", Action.CHANGE_USERS, _token_list),
    Command("token-revoke", Action.CHANGE_USERS, _token_revoke),
)


def _state(row: TokenRow, *, good: bool) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "good" if good else "expired"


def _tokens(parts: ControlParts) -> Tokens:
    if parts.tokens is None:
        raise NotFound("Tokens are not used here.")
    return parts.tokens


async def _account(parts: ControlParts, name: str) -> UserId:
    account = await parts.identity.lookup(name)
    if account is None:
        raise NotFound(f'There is no account named "{name}".')
    return account.id
