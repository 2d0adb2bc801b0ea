"""Every command of the control socket, in one table; the authorisation matrix test walks it."""

from collections.abc import Mapping
from types import MappingProxyType

from spoold.doors.control import archive, clients, decisions, jobs, people, policy, spooler, stations, tokens
from spoold.doors.control.parts import Command
from spoold.model.access import Action

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        command.name: command
        for area in (
            archive.COMMANDS,
            clients.COMMANDS,
            decisions.COMMANDS,
            jobs.COMMANDS,
            people.COMMANDS,
            policy.COMMANDS,
            tokens.COMMANDS,
            stations.COMMANDS,
            spooler.COMMANDS,
        )
        for command in area
    }
)
# Decided here; what concerns a job is decided by the desk, which knows whose job it is.
ABOUT_SPOOLER = frozenset(
    {
        Action.READ_PRINTERS,
        Action.CHANGE_USERS,
        Action.CHANGE_STATIONS,
        Action.MARK_PRINTERS,
        Action.VERIFY_AUDIT,
        Action.CHECK_STORE,
        Action.READ_ARCHIVE,
        Action.READ_HEALTH,
    }
)
