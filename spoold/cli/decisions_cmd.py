"""Commands about approval, approval codes and delegation: each by a person, with a name and a password."""

from datetime import datetime, timedelta

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
)
from spoold.cli.person import person_options, proof


@click.command()
@config_option
@json_option
@person_options()
def approvals(config_path: str, as_json: bool, user: str | None, password_stdin: bool) -> None:
    """List the jobs that wait for your approval."""
    found = ask(config_path, "approvals", **proof(user, password_stdin))
    columns = {
        "JOB": lambda one: str(one["number"]),
        "USER": lambda one: clean(one["user"]),
        "QUEUE": lambda one: one["queue"],
        "PAGES": lambda one: "?" if one["pages"] is None else str(one["pages"]),
        "LEFT": lambda one: in_words(one["seconds_left"]),
        "WHY": lambda one: clean(one["why"]),
    }
    print_list(found, columns, as_json=as_json, nothing="Nothing waits for you.")


@click.command()
@config_option
@json_option
@click.argument("job", metavar="JOB")
@person_options()
def approve(config_path: str, as_json: bool, job: str, user: str | None, password_stdin: bool) -> None:
    """Approve a job that waits for you. It is not printed: its owner releases it."""
    print_outcome(ask(config_path, "approve", job=job, **proof(user, password_stdin)), as_json)


@click.command()
@config_option
@json_option
@click.argument("job", metavar="JOB")
@click.option("--reason", required=True, help="Why; its owner reads this.")
@person_options()
def refuse(  # noqa: PLR0917 - click passes options by name
    config_path: str, as_json: bool, job: str, reason: str, user: str | None, password_stdin: bool
) -> None:
    """Refuse a job that waits for you, and destroy its documents."""
    print_outcome(ask(config_path, "refuse", job=job, reason=reason, **proof(user, password_stdin)), as_json)


@click.group()
def code() -> None:
    """Issue, list, revoke and use approval codes."""


@code.command()
@config_option
@json_option
@click.option("--uses", type=click.IntRange(1), required=True, help="For how many jobs it is good.")
@click.option("--hours", type=click.FloatRange(0, min_open=True), required=True, help="For how long.")
@click.option("--label", default="", help="What you call it.")
@click.option("--queue", "queues", multiple=True, help="Only for jobs of this queue; may be repeated.")
@click.option("--rule", "rules", multiple=True, help="Only for what this rule holds; may be repeated.")
@click.option("--for", "people", multiple=True, help="Only for this group, or user:NAME; may be repeated.")
@click.option("--max-pages", type=click.IntRange(1), help="Only for jobs of at most so many pages.")
@person_options()
def issue(  # noqa: PLR0917 - click passes options by name
    config_path: str,
    as_json: bool,
    uses: int,
    hours: float,
    label: str,
    queues: tuple[str, ...],
    rules: tuple[str, ...],
    people: tuple[str, ...],
    max_pages: int | None,
    user: str | None,
    password_stdin: bool,
) -> None:
    """Issue a code; it is shown once. Whoever uses it has a job approved as if by you."""
    made = ask(
        config_path,
        "code-issue",
        uses=uses,
        life_s=timedelta(hours=hours).total_seconds(),
        label=label,
        queues=list(queues),
        rules=list(rules),
        people=list(people),
        max_pages=max_pages,
        **proof(user, password_stdin),
    )
    if as_json:
        print_json(made)
        return
    click.echo(made["code"])


@code.command("list")
@config_option
@json_option
@person_options()
def list_codes(config_path: str, as_json: bool, user: str | None, password_stdin: bool) -> None:
    """List your codes, without what is typed."""
    found = ask(config_path, "code-list", **proof(user, password_stdin))
    columns = {
        "ID": lambda one: one["id"],
        "LABEL": lambda one: clean(one["label"]),
        "USED": lambda one: f"{one['used']} of {one['uses']}",
        "UNTIL": lambda one: one["expires_at"][:16],
        "STATE": lambda one: "good" if one["good"] else "ended",
    }
    print_list(found, columns, as_json=as_json, nothing="You have issued no codes.")


@code.command()
@config_option
@click.argument("code_id", metavar="ID")
@person_options()
def revoke(config_path: str, code_id: str, user: str | None, password_stdin: bool) -> None:
    """End a code at once; what it approved stays approved."""
    ask(config_path, "code-revoke", code=code_id, **proof(user, password_stdin))
    click.echo("The code is not accepted any more.")


@code.command()
@config_option
@json_option
@click.argument("job", metavar="JOB")
@click.argument("typed", metavar="CODE")
@person_options()
def use(  # noqa: PLR0917 - click passes options by name
    config_path: str, as_json: bool, job: str, typed: str, user: str | None, password_stdin: bool
) -> None:
    """Have your own job approved with a code you were given."""
    print_outcome(ask(config_path, "code-use", job=job, code=typed, **proof(user, password_stdin)), as_json)


@click.command()
@config_option
@json_option
@click.argument("name")
@click.option("--job", help="Only this job, as long as it is kept.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="All your jobs, to the end of this day.")
@click.option("--show-names", is_flag=True, help="They also see what your documents are called.")
@person_options()
def delegate(  # noqa: PLR0917 - click passes options by name
    config_path: str,
    as_json: bool,
    name: str,
    job: str | None,
    until: datetime | None,
    show_names: bool,
    user: str | None,
    password_stdin: bool,
) -> None:
    """Let NAME release one of your jobs, or all of them until a day."""
    if (job is None) == (until is None):
        raise click.UsageError("Say either --job or --until.")
    # The day is this machine's, as the terminal's user means it.
    end = None if until is None else (until + timedelta(days=1)).astimezone().isoformat()
    made = ask(
        config_path,
        "delegate",
        delegate=name,
        job=job,
        expires_at=end,
        titles=show_names,
        **proof(user, password_stdin),
    )
    if as_json:
        print_json(made)
        return
    click.echo(f"{clean(name)} may release for you until {made['expires_at'][:16]}. Id: {made['id']}")


@click.group()
def delegation() -> None:
    """List and take back what you have delegated."""


@delegation.command("list")
@config_option
@json_option
@person_options()
def list_delegations(config_path: str, as_json: bool, user: str | None, password_stdin: bool) -> None:
    """List whom you have named, and who has named you."""
    found = ask(config_path, "delegations", **proof(user, password_stdin))
    if as_json:
        print_json(found)
        return
    columns = {
        "ID": lambda one: one["id"],
        "OWNER": lambda one: clean(one["owner"]),
        "MAY RELEASE": lambda one: clean(one["delegate"]),
        "JOB": lambda one: "all" if one["number"] is None else str(one["number"]),
        "UNTIL": lambda one: one["expires_at"][:16],
    }
    print_list([*found["given"], *found["held"]], columns, as_json=False, nothing="No delegations.")


@delegation.command()
@config_option
@click.argument("delegation_id", metavar="ID")
@person_options()
def end(config_path: str, delegation_id: str, user: str | None, password_stdin: bool) -> None:
    """Take a delegation back at once."""
    ask(config_path, "delegation-end", delegation=delegation_id, **proof(user, password_stdin))
    click.echo("It has ended.")
