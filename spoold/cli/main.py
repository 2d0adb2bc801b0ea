"""The spoold command: its groups and subcommands, each imported only when it is used."""

import sys
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

from spoold import __version__
from spoold.cli.output import fail
from spoold.model.errors import SpoolError

# name -> (module, attribute, one line for the list of commands)
COMMANDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "serve": ("spoold.cli.serve_cmd", "serve", "Run the daemon."),
        "check": ("spoold.cli.check_cmd", "check", "Check the configuration without starting anything."),
        "policy": ("spoold.cli.policy_cmd", "policy", "Try the rules, and have decisions explained."),
        "demo": ("spoold.cli.demo", "demo", "Hold and release a page on a virtual printer."),
        "key": ("spoold.cli.key_cmd", "key", "Make store keys."),
        "user": ("spoold.cli.people_cmd", "user", "Add, list, close and open accounts."),
        "token": ("spoold.cli.token_cmd", "token", "Make, list and revoke tokens for programs."),
        "print-uri": (
            "spoold.cli.clients_cmd",
            "print_uri",
            "Make, list and revoke personal print addresses.",
        ),
        "jobs": ("spoold.cli.jobs_cmd", "jobs", "List jobs."),
        "job": ("spoold.cli.jobs_cmd", "job", "Show one job with its time line."),
        "release": ("spoold.cli.jobs_cmd", "release", "Release your job at a printer."),
        "cancel": ("spoold.cli.jobs_cmd", "cancel", "Cancel a job and destroy its documents."),
        "claim": ("spoold.cli.clients_cmd", "claim", "Claim a job that came without a proven owner."),
        "take-back": ("spoold.cli.jobs_cmd", "take_back", "Hold a job again that may have been printed."),
        "approvals": ("spoold.cli.decisions_cmd", "approvals", "List the jobs that wait for your approval."),
        "approve": ("spoold.cli.decisions_cmd", "approve", "Approve a job; its owner still releases it."),
        "refuse": ("spoold.cli.decisions_cmd", "refuse", "Refuse a job, with a reason for its owner."),
        "code": ("spoold.cli.decisions_cmd", "code", "Issue, list, revoke and use approval codes."),
        "delegate": ("spoold.cli.decisions_cmd", "delegate", "Let somebody release your jobs for you."),
        "delegation": ("spoold.cli.decisions_cmd", "delegation", "List and take back delegations."),
        "station": ("spoold.cli.station_cmd", "station", "Make and dismiss devices of release stations."),
        "printers": ("spoold.cli.jobs_cmd", "printers", "List printers with their live status."),
        "status": ("spoold.cli.jobs_cmd", "status", "Show how the daemon is."),
        "audit": ("spoold.cli.audit_cmd", "audit", "Verify the audit chain."),
        "archive": (
            "spoold.cli.archive_cmd",
            "archive",
            "Make an archive key, list what is kept, and open copies.",
        ),
        "store": ("spoold.cli.store_cmd", "store", "Check the hold store."),
    }
)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used: `spoold --help` must not load a daemon."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        command: click.Command = getattr(import_module(found[0]), found[1])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, _, words) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="spoold", version=__version__, message="spoold %(version)s")
def spoold() -> None:
    """Secure print spooler: documents are sealed on arrival and printed only when their owner, just
    signed in, releases them at a printer that reports no error.

    Exit status: 0 fine, 1 refused or failed, 2 usage or configuration.
    """


def main() -> None:
    """Run the command; every refusal becomes one line and an exit status."""
    try:
        status = spoold.main(standalone_mode=False, prog_name="spoold")
    except click.exceptions.Abort:
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(2 if isinstance(error, click.UsageError) else 1)
    except SpoolError as error:
        sys.exit(fail(error))
    sys.exit(status if isinstance(status, int) else 0)
