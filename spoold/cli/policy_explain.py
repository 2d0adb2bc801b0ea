"""Explains decisions: of a job that the daemon has, or of one that somebody might print."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spoold.cli.client import ask
from spoold.cli.output import clean, config_option, json_option, print_json
from spoold.model.errors import ConfigurationError
from spoold.model.ids import canonical_name

if TYPE_CHECKING:
    from policy.facts import DocumentFacts, JobFacts, UserFacts
    from spoold.config.model import QueueSettings
    from spoold.documents.inspection import Inspection

_VERDICTS = {"allow": "allowed", "deny": "refused", "hold-for-approval": "held for approval"}
_STAGES = {"accept": "At acceptance", "release": "At release"}
# So much of a document says what format it has.
_HEAD_BYTES = 8 * 1024
_CHUNK_BYTES = 256 * 1024
SIGNED_IN_RELEASE = "Jobs of this queue are released by whoever signs in as their owner."


@click.command()
@config_option
@json_option
@click.option("--job", "job_id", metavar="JOB", help="A job that the daemon has.")
@click.option("--as", "user", metavar="USER", help="Whose job it would be; nobody proven if not given.")
@click.option("--groups", help="The person's groups, with commas; else the daemon is asked.")
@click.option("--file", "path", type=click.Path(dir_okay=False), help="The document.")
@click.option("--at", metavar="TIME", help="When, such as 2026-11-22T10:00; now if not given.")
@click.option("--queue", help="Where it would be sent; the first queue if not given.")
@click.option("--printer", help="Where it would come out; then a release is explained, too.")
@click.option("--copies", type=click.IntRange(1, 999), default=1, help="How many copies.")
@click.option("--color", metavar="MODE", help="In which colours, such as monochrome; auto if not given.")
@click.option("--sides", help="On which sides, such as two-sided-long-edge; one-sided if not given.")
@click.option("--media", metavar="SIZE", help="On which size of paper, such as iso_a3_297x420mm.")
@click.option("--media-type", metavar="TYPE", help="On which kind of paper, such as labels.")
@click.option("--media-source", metavar="TRAY", help="From which tray, such as tray-2.")
@click.option(
    "--printer-color/--printer-black",
    default=None,
    help="Whether --printer prints in colour; yes if not given.",
)
@click.option(
    "--printer-ready/--printer-down", default=None, help="Whether --printer is ready; yes if not given."
)
@click.option("--from", "address", default="", help="The address it would be sent from.")
def explain(  # noqa: PLR0917 - click passes options by name
    config_path: str,
    as_json: bool,
    job_id: str | None,
    user: str | None,
    groups: str | None,
    path: str | None,
    at: str | None,
    queue: str | None,
    printer: str | None,
    copies: int,
    address: str,
    printer_color: bool | None,
    printer_ready: bool | None,
    **asked: str | None,
) -> None:
    """Say which rules match and why. Changes nothing."""
    if job_id is not None:
        imagined = (user, groups, path, at, queue, printer_color, printer_ready, *asked.values())
        if any(option is not None for option in imagined):
            raise click.UsageError("--job is a job that is there: it takes --printer only.")
        found = ask(config_path, "policy-explain", job=job_id, printer=printer)
    else:
        how = _how(asked, copies)
        person = _person(config_path, user, groups)
        state = (printer_color is not False, printer_ready is not False)
        found = _imagined(config_path, person, path, at, queue, printer, state, how, address)
    if as_json:
        print_json(found)
        return
    for number, one in enumerate(found):
        if number:
            click.echo()
        _show(one)


def _imagined(  # noqa: PLR0917 - the options, in their order
    config_path: str,
    person: "UserFacts",
    path: str | None,
    at: str | None,
    queue: str | None,
    printer: str | None,
    state: tuple[bool, bool],
    how: "JobFacts",
    address: str,
) -> list[dict[str, Any]]:
    """Ask the rules of the file about a job that nobody has sent.

    Args:
        state: whether the printer prints in colour, and whether it is ready.
        how: how it would be printed, as far as that does not depend on the document.
    """
    from policy.explain import as_fields  # noqa: PLC0415 - the rules' language, for this command only
    from policy.facts import ClientFacts, Facts, PrinterFacts, QueueFacts  # noqa: PLC0415
    from spoold.config.loader import load  # noqa: PLC0415
    from spoold.config.sitepolicy import compile_policy  # noqa: PLC0415

    config = load(Path(config_path))
    engine = compile_policy(config)
    chosen = queue or next(iter(config.queues))
    for kind, name, known in (("queue", chosen, config.queues), ("printer", printer, config.printers)):
        if name is not None and name not in known:
            raise ConfigurationError(f'There is no {kind} named "{name}".')
    moment = _moment(at)
    now = moment if moment.tzinfo is not None else moment.replace(tzinfo=engine.timezone)
    document, size_bytes = _document(path)
    place = None
    if printer is not None:
        machine = config.printers[printer]
        place = PrinterFacts(printer, machine.location, *state, cost=machine.cost)
    facts = Facts(
        QueueFacts(chosen),
        person,
        replace(
            how,
            size_bytes=size_bytes,
            impressions=None if document.pages is None else document.pages * how.copies,
        ),
        document,
        ClientFacts(address),
        place,
    )
    found = [as_fields(engine.explain("accept", facts, now))]
    if printer is not None:
        found.append(as_fields(engine.explain("release", facts, now)))
    return found if person.authenticated else _for_a_stranger(found, config.queues[chosen])


def _how(asked: Mapping[str, str | None], copies: int) -> "JobFacts":
    """Return how a job would be printed; what no job can ask for is a mistake of the command line."""
    from policy.facts import FACTS, JobFacts  # noqa: PLC0415 - as above
    from protocols.ipp.media import one_name, size_of  # noqa: PLC0415 - as above

    for option, fact in (("color", "color_mode"), ("sides", "sides")):
        value, words = asked[option], FACTS["job"][fact].words
        if value is not None and value not in words:
            raise click.UsageError(f'--{option}: "{value}" is none of {", ".join(words)}.')
    size = asked["media"]
    if size is not None and size_of(size) is None:
        raise click.UsageError(f'--media: "{size}" is no size by its full name, such as iso_a3_297x420mm.')
    return JobFacts(
        copies,
        asked["sides"] or "one-sided",
        asked["color"] or "auto",
        one_name(size or ""),
        media_type=asked["media_type"] or "",
        media_source=asked["media_source"] or "",
    )


def _for_a_stranger(found: list[dict[str, Any]], queue: "QueueSettings") -> list[dict[str, Any]]:
    """Say what somebody gets whom nobody has proven: where that takes a proof, no rule is asked."""
    from spoold.doors.ipp.door import SIGN_IN_FIRST  # noqa: PLC0415 - as above
    from spoold.model.queue import Authentication  # noqa: PLC0415

    if queue.authentication is Authentication.REQUIRED:
        return [_refused(one, f"This queue is for people who sign in. {SIGN_IN_FIRST}") for one in found]
    if queue.takes_pins:
        # Whoever knows the PIN that the job was sent with is asked for nothing else.
        return found
    return [
        one if one["stage"] == "accept" else _refused(one, f"{SIGNED_IN_RELEASE} {SIGN_IN_FIRST}")
        for one in found
    ]


def _refused(one: dict[str, Any], words: str) -> dict[str, Any]:
    rules = [{**rule, "late": True} for rule in one["rules"]]
    return {**one, "verdict": "deny", "rule": None, "said": words, "rules": rules}


def _person(config_path: str, user: str | None, groups: str | None) -> "UserFacts":
    from policy.facts import ROLES, UserFacts  # noqa: PLC0415 - as above

    if user is None:
        return UserFacts()
    if groups is not None:
        named = [name.strip() for name in groups.split(",") if name.strip()]
        return UserFacts(
            canonical_name(user), named, ROLES[:1], authenticated=True, method="password", provider="local"
        )
    known = ask(config_path, "policy-person", name=user)
    roles = ROLES[: ROLES.index(known["role"]) + 1]
    return UserFacts(
        known["name"],
        known["groups"],
        roles,
        authenticated=True,
        method="password",
        provider=known["provider"],
    )


def _moment(at: str | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    try:
        return datetime.fromisoformat(at)
    except ValueError:
        raise click.UsageError(f'"{at}" is no time such as 2026-11-22T10:00.') from None


def _document(path: str | None) -> tuple["DocumentFacts", int]:
    """Look into a file as the daemon does, in a locked-in worker; returns also its size in bytes."""
    from policy.facts import DocumentFacts  # noqa: PLC0415 - as above

    if path is None:
        return DocumentFacts(), 0
    import trio  # noqa: PLC0415 - for this option only

    from spoold.documents.sniff import sniff  # noqa: PLC0415

    try:
        with Path(path).open("rb") as file:
            kind = sniff(file.read(_HEAD_BYTES))
        size_bytes = Path(path).stat().st_size
        found = trio.run(_inspected, Path(path), kind)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
    return (
        DocumentFacts(
            kind,
            pages=found.pages if found.known else None,
            encrypted=found.encrypted,
            broken=found.broken,
            known=found.known,
        ),
        size_bytes,
    )


async def _inspected(path: Path, kind: str) -> "Inspection":
    import trio  # noqa: PLC0415 - as above

    from spoold.documents.inspector import Inspector  # noqa: PLC0415
    from spoold.documents.pool import WorkerPool  # noqa: PLC0415

    async def chunks() -> AsyncIterator[bytes]:
        async with await trio.open_file(path, "rb") as file:
            while piece := await file.read(_CHUNK_BYTES):
                yield piece

    return await Inspector(WorkerPool()).inspect(kind, chunks())


def _show(one: dict[str, Any]) -> None:
    click.echo(
        clean(f"{_STAGES[one['stage']]}, {one['at'][:16].replace('T', ' ')}: {_VERDICTS[one['verdict']]}.")
    )
    click.echo(clean(f"  {one['said']}"))
    for rule in one["rules"]:
        silent = set(rule["outcomes"]) <= {"no-match", "other-stage", "other-queue"}
        mark = "-" if silent else "+"
        late = " (decided before)" if rule["late"] and not silent else ""
        click.echo(clean(f"  {mark} {' '.join(rule['said'])}{late}"))
        if rule["read"] and not set(rule["outcomes"]) & {"other-stage", "other-queue"}:
            read = "; ".join(f"{name} = {_value(value)}" for name, value in rule["read"].items())
            click.echo(clean(f"      {rule['when']}"))
            click.echo(clean(f"      {read}"))


def _value(value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
