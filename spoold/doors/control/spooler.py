"""Commands about the spooler itself: its records, its store, how it is."""

from spoold.doors.control.parts import Answer, Arguments, Command, ControlParts
from spoold.model.access import Action
from spoold.model.principal import Principal

# A screen.
SHOWN = 20


async def _audit_verify(parts: ControlParts, _principal: Principal, _arguments: Arguments) -> Answer:
    report = await parts.verify_audit()
    return {
        "entries": report.entries,
        "head": report.head,
        "broken_at": report.broken_at,
        "why": report.why,
    }


async def _audit_show(parts: ControlParts, _principal: Principal, arguments: Arguments) -> Answer:
    return await parts.read_audit(int(arguments.get("last", SHOWN)), str(arguments.get("kind", "")))


async def _store_check(parts: ControlParts, _principal: Principal, arguments: Arguments) -> Answer:
    return await parts.check_store(float(arguments.get("read_fraction", 0.0)))


async def _status(parts: ControlParts, _principal: Principal, _arguments: Arguments) -> Answer:
    return parts.status()


COMMANDS = (
    Command("audit-verify", Action.VERIFY_AUDIT, _audit_verify),
    Command("audit-show", Action.VERIFY_AUDIT, _audit_show),
    Command("store-check", Action.CHECK_STORE, _store_check),
    Command("status", Action.READ_HEALTH, _status),
)
