"""Commands about jobs and printers."""

import click

from spoold.cli.client import ask
from spoold.cli.output import (
    clean,
    config_option,
    in_words,
    json_option,
    print_json,
    print_list,
    print_outcome,
    read_password,
)
from spoold.cli.person import person_options, proof
from spoold.cli.station_cmd import qr

# As long as a grant lives, and a document to print after it.
RELEASE_WAIT_S = 600
# What became of a release that was waited for, and the exit status that says so.
_RELEASED = {"completed": 0}


@click.command()
@config_option
@json_option
@click.option("--all", "everything", is_flag=True, help="Also jobs that have ended.")
def jobs(config_path: str, as_json: bool, everything: bool) -> None:
    """List jobs. Names of documents are shown to their owners only, not here."""
    found = ask(config_path, "jobs")
    ended = {"completed", "canceled", "expired", "aborted"}
    shown = [one for one in found if everything or one["state"] not in ended]
    columns = {
        "JOB": lambda one: str(one["number"]),
        "USER": lambda one: clean(one["user"]) + ("" if one["claimed"] else " (unclaimed)"),
        "QUEUE": lambda one: one["queue"],
        "STATE": lambda one: one["state"],
        "LEFT": lambda one: "-" if one["state"] in ended else in_words(one["seconds_left"]),
        "WHY": lambda one: clean(one["reason"]),
    }
    print_list(shown, columns, as_json=as_json, nothing="No jobs.")


@click.command()
@config_option
@json_option
@click.argument("job_id", metavar="JOB")
def job(config_path: str, as_json: bool, job_id: str) -> None:
    """Show one job with its time line. JOB is its number, its id or the beginning of the id."""
    one = ask(config_path, "job", job=job_id)
    if as_json:
        print_json(one)
        return
    click.echo(f"Job {one['number']} ({one['id']}) of {clean(one['user'])} in {one['queue']}: {one['state']}")
    click.echo(clean(one["reason"]))
    for line in one["timeline"]:
        click.echo(f"  {line['at'][:19]}  {line['event']:<14}  {clean(line['words'])}")


@click.command()
@config_option
@json_option
@click.argument("job_id", metavar="JOB")
@click.option("--printer", help="Where it shall come out; the first that is for you if not given.")
@person_options("Whose job it is; your login name if not given.")
@click.option("--pin-stdin", is_flag=True, help="Read the job's PIN from standard input instead.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the printer.")
def release(  # noqa: PLR0917 - click passes options by name
    config_path: str,
    as_json: bool,
    job_id: str,
    printer: str | None,
    user: str | None,
    password_stdin: bool,
    pin_stdin: bool,
    no_wait: bool,
) -> int:
    """Release a job: with its owner's password, or with the PIN it was sent with; also as root."""
    if pin_stdin and (user is not None or password_stdin):
        raise click.UsageError("A PIN takes the place of user and password.")
    shown = {"pin": read_password(True, "PIN")} if pin_stdin else proof(user, password_stdin)
    if not (as_json or no_wait):
        click.echo("Releasing ...", err=True)
    wait_s = 0 if no_wait else RELEASE_WAIT_S
    one = ask(config_path, "release", job=job_id, printer=printer, wait_s=wait_s, **shown)
    print_outcome(one, as_json)
    return 0 if no_wait else _RELEASED.get(one["state"], 1)


@click.command()
@config_option
@json_option
@click.argument("job_id", metavar="JOB")
def cancel(config_path: str, as_json: bool, job_id: str) -> None:
    """Cancel a job and destroy its documents."""
    print_outcome(ask(config_path, "cancel", job=job_id), as_json)


@click.command("take-back")
@config_option
@json_option
@click.argument("job_id", metavar="JOB")
@person_options("Whose job it is; your login name if not given.")
def take_back(config_path: str, as_json: bool, job_id: str, user: str | None, password_stdin: bool) -> None:
    """Hold a job again of which nobody can know whether it was printed. Look at the printer first."""
    print_outcome(ask(config_path, "take-back", job=job_id, **proof(user, password_stdin)), as_json)


@click.group(invoke_without_command=True)
@click.pass_context
@config_option
@json_option
@click.option("--user", help="Only the printers that are for this person, who types the password; else all.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def printers(
    context: click.Context, config_path: str, as_json: bool, user: str | None, password_stdin: bool
) -> None:
    """List printers with their live status."""
    if context.invoked_subcommand is not None:
        return
    if password_stdin and user is None:
        raise click.UsageError("A password is somebody's: give --user.")
    shown = {} if user is None else proof(user, password_stdin)
    found = [one for one in ask(config_path, "printers", **shown) if user is None or one["usable"]]
    columns = {
        "PRINTER": lambda one: one["name"],
        "LOCATION": lambda one: clean(one["location"]),
        "STATUS": lambda one: "ready" if one["ready"] else "not ready",
        "WHY": lambda one: clean(one["why"]),
    }
    nothing = "No printers are configured." if user is None else f"There is no printer for {clean(user)}."
    print_list(found, columns, as_json=as_json, nothing=nothing)


@click.command()
@config_option
@json_option
def status(config_path: str, as_json: bool) -> int:
    """Show how the daemon is. Exit status 1 when something has failed."""
    found = ask(config_path, "status")
    if as_json:
        print_json(found)
    else:
        click.echo(f"spoold is {found['state']}")
        for name, part in sorted(found["components"].items()):
            click.echo(f"  {name:<14} {part['state']:<9} {clean(part['reason'])}".rstrip())
        for door, addresses in found["listening"].items():
            if addresses:
                click.echo(f"  {door:<14} {', '.join(addresses)}")
        click.echo(f"  certificate    SHA-256 {found['fingerprint']}")
    return 0 if found["state"] != "failed" else 1


printers.add_command(qr)
