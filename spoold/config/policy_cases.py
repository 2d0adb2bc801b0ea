"""An administrator's cases: facts and the decision that is expected of the site's rules, as TOML."""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt, ValidationError

from policy.decision import Stage
from policy.engine import PolicyEngine
from policy.facts import (
    FACTS,
    ROLES,
    ClientFacts,
    DocumentFacts,
    Facts,
    JobFacts,
    PrinterFacts,
    QueueFacts,
    UserFacts,
)
from policy.suggestion import closest
from protocols.ipp.media import one_name
from spoold.config.model import Printer
from spoold.config.section import Section
from spoold.model.errors import ConfigurationError
from spoold.model.ids import canonical_name

# A site with a thousand rules has a few thousand cases.
MAX_CASES_BYTES = 4 * 1024 * 1024
_Words = tuple[str, ...]
_Count = Annotated[StrictInt, Field(ge=0)]


class CaseUser(Section):
    """Who prints; without a name nobody is proven."""

    name: str = ""
    claimed: str = ""
    """The name that the client claims, where nobody is proven."""
    groups: _Words = ()
    role: Literal["user", "operator", "administrator"] = "user"
    method: str = "password"
    second_factor: StrictBool = False
    provider: str = "local"

    def facts(self) -> UserFacts:
        """Return the facts."""
        if not self.name:
            return UserFacts(canonical_name(self.claimed))
        roles = ROLES[: ROLES.index(self.role) + 1]
        return UserFacts(
            canonical_name(self.name),
            self.groups,
            roles,
            authenticated=True,
            method=self.method,
            second_factor=self.second_factor,
            provider=self.provider,
        )


class CaseJob(Section):
    """How it is to be printed."""

    copies: Annotated[StrictInt, Field(ge=1)] = 1
    sides: str = "one-sided"
    color_mode: str = "auto"
    media: str = ""
    media_type: str = ""
    media_source: str = ""
    size_bytes: _Count = 100_000
    approved: _Words = ()
    """The rules for which somebody has approved it."""


class CaseDocument(Section):
    """What was found in the document; without `pages` nobody could count them."""

    format: str = "application/pdf"
    count: Annotated[StrictInt, Field(ge=1)] = 1
    pages: _Count | None = None
    encrypted: StrictBool = False
    broken: StrictBool = False


class CasePrinter(Section):
    """Where it shall come out."""

    name: str
    color: StrictBool | None = True
    ready: StrictBool = True

    def facts(self, known: Printer | None) -> PrinterFacts:
        """Return the facts; `known` is what the site says of the printer."""
        location, cost = ("", None) if known is None else (known.location, known.cost)
        return PrinterFacts(self.name, location, self.color, self.ready, cost)


class CaseClient(Section):
    """Where it was sent from."""

    address: str = "192.0.2.1"
    protocol: Literal["ipp", "lpr", "web"] = "ipp"


class Expected(Section):
    """What is expected; what is not named may be anything."""

    decision: Literal["allow", "deny", "hold"]
    rule: str | None = None
    """The rule that denies or holds it, or the key that names the groups."""
    rules: _Words | None = None
    """Every rule that applies, in order."""
    set: Mapping[str, str | int] | None = None
    redirect: _Words | None = None
    prefer: Literal["cheapest"] | None = None
    mask: StrictBool | None = None
    watermark: _Words | None = None
    archive: StrictBool | None = None
    expires_after_s: StrictInt | None = None
    approvers: tuple[_Words, ...] | None = None


class Case(Section):
    """One case."""

    name: Annotated[str, Field(min_length=1)]
    at: datetime
    """The moment; without an offset in the site's time zone."""
    stage: Literal["accept", "release"]
    queue: str
    user: CaseUser = CaseUser()
    job: CaseJob = CaseJob()
    document: CaseDocument = CaseDocument()
    printer: CasePrinter | None = None
    client: CaseClient = CaseClient()
    submitted: datetime | None = None
    """When the job came in, for a release; the same moment when absent."""
    expect: Expected

    def moment(self, zone: tzinfo) -> datetime:
        """Return the moment of the decision, with its time zone."""
        return _zoned(self.at, zone)

    def facts(self, zone: tzinfo, printers: Mapping[str, Printer]) -> Facts:
        """Return the facts of the case.

        Args:
            printers: of the site, by name; where they are and what they cost.
        """
        job, document = self.job, self.document
        known = document.pages is not None
        submitted = self.submitted or self.at
        return Facts(
            queue=QueueFacts(self.queue),
            user=self.user.facts(),
            job=JobFacts(
                copies=job.copies,
                sides=job.sides,
                color_mode=job.color_mode,
                media=one_name(job.media),
                media_type=job.media_type,
                media_source=job.media_source,
                size_bytes=job.size_bytes,
                impressions=None if document.pages is None else document.pages * job.copies,
                submitted_at=_zoned(submitted, zone) if self.stage == "release" else None,
                approved=job.approved,
            ),
            document=DocumentFacts(
                document.format,
                document.count,
                document.pages,
                encrypted=document.encrypted if known else None,
                broken=document.broken if known else None,
                known=known,
            ),
            client=ClientFacts(self.client.address, self.client.protocol),
            printer=None if self.printer is None else self.printer.facts(printers.get(self.printer.name)),
        )

    def unknown(self, engine: PolicyEngine, printers: Collection[str]) -> Iterator[str]:
        """Yield what the case names and the site does not have: such a case would test nothing."""
        queues = engine.setting.queues or {}
        rules = {*(rule.name for rule in engine.rules), *engine.setting.access.outcomes()}
        named: list[tuple[str, str, Collection[str]]] = [("queue", self.queue, queues)]
        if self.printer is not None:
            named.append(("printer", self.printer.name, printers))
        wanted = (self.expect.rule, *(self.expect.rules or ()), *self.job.approved)
        named.extend(("rule", rule, rules) for rule in wanted if rule is not None)
        for kind, name, known in named:
            if name not in known:
                near = closest(name, known)
                yield f'there is no {kind} named "{name}"' + (f' (did you mean "{near}"?)' if near else "")
        if (self.printer is None) != (self.stage == "accept"):
            yield "a release names the printer, and an acceptance none"
        values = {
            ("job", "sides"): self.job.sides,
            ("job", "color_mode"): self.job.color_mode,
            ("user", "method"): self.user.method,
        }
        for (group, name), value in values.items():
            if value not in FACTS[group][name].words:
                yield f'{group}.{name} is never "{value}"'

    @property
    def asked_at(self) -> Stage:
        """The stage, as the policy names it."""
        return self.stage


class _File(Section):
    case: tuple[Case, ...]


def load_cases(path: Path) -> tuple[Case, ...]:
    """Read a file of cases.

    Raises:
        ConfigurationError: it cannot be read, or what is wrong in it, a line for each mistake.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CASES_BYTES + 1)
        if len(content) > MAX_CASES_BYTES:
            raise ConfigurationError(f"{path}: is larger than {MAX_CASES_BYTES // 1024} KiB")
        document: dict[str, Any] = tomllib.loads(content.decode())
        return _File.model_validate(document).case
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        raise ConfigurationError("\n".join(_lines(path, error, document))) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from error


def _lines(path: Path, error: ValidationError, document: Mapping[str, Any]) -> list[str]:
    lines = []
    for one in error.errors(include_url=False, include_input=False):
        where = list(one["loc"])
        key = ".".join(str(part) for part in where[2:]) or "case"
        cases = document.get("case")
        named = ""
        if len(where) > 1 and isinstance(where[1], int) and isinstance(cases, list):
            case = cases[where[1]]
            name = case.get("name") if isinstance(case, Mapping) else None
            named = f"case {where[1] + 1}{f' ({name})' if isinstance(name, str) else ''}: "
        words = "unknown key" if one["type"] == "extra_forbidden" else one["msg"][:1].lower() + one["msg"][1:]
        lines.append(f"{path}: {named}{key}: {words}")
    return lines


def _zoned(moment: datetime, zone: tzinfo) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
