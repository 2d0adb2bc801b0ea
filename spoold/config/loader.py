"""Loader: a TOML file in, a frozen configuration out, or every mistake in it at its place."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spoold.config import environment, findings
from spoold.config.model import Config
from spoold.config.problems import ConfigurationErrors, Finding, Problem, key_text

# A thousand printers and a thousand rules make 300 KiB; a log named by mistake must not fill memory.
MAX_FILE_BYTES = 4 * 1024 * 1024
PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def load(path: Path) -> Config:
    """Read and check a configuration file; raises ConfigurationErrors with every mistake in it."""
    text = _read(path)
    document = _parse(path, text)
    config, found = _validate(document)
    if config is None:
        raise ConfigurationErrors(locate(path, text, found))
    return config


def check(path: Path) -> list[Problem]:
    """Return every problem of a file and of what it points to on this machine; empty when all is well."""
    try:
        text = _read(path)
        document = _parse(path, text)
    except ConfigurationErrors as error:
        return list(error.problems)
    _, found = _validate(document)
    return locate(path, text, [*found, *environment.findings(document)])


def check_environment(config: Config, path: Path | None = None) -> list[Problem]:
    """Return what is wrong with the files and directories a configuration points to, without changing any.

    Args:
        path: the file it was loaded from, so that problems have their place; else all stand at line 1.
    """
    found = list(environment.findings(config.model_dump(mode="json", by_alias=True, exclude_none=True)))
    if path is None:
        return [_problem(Path("configuration"), finding, 1, 1) for finding in found]
    return locate(path, _read(path), found)


def locate(path: Path, text: str, found: Iterable[Finding]) -> list[Problem]:
    """Return findings with their places in the text, in file order and without repetitions."""
    found = list(found)
    if not found:
        return []
    # Imported on demand: a good file needs no places, and the parser's library costs 4 MiB.
    from spoold.config.positions import Positions  # noqa: PLC0415

    positions = Positions(text)
    problems: dict[Problem, None] = {}
    for finding in found:
        if finding.offset is not None:
            position = positions.inside(finding.path, finding.offset)
        elif finding.at == "key":
            position = positions.of_key(finding.path)
        else:
            position = positions.of_value(finding.path)
        problems[_problem(path, finding, *position)] = None
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _problem(path: Path, finding: Finding, line: int, column: int) -> Problem:
    key = key_text(finding.path)
    # A message about a value needs the key to be a sentence; one about a key names it.
    message = finding.message if finding.at == "key" or not key else f"{key}: {finding.message}"
    return Problem(path, line, column, key, message, finding.suggestion)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _broken(path, 1, 1, f"cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise _broken(path, 1, 1, f"is larger than {MAX_FILE_BYTES // 1024} KiB")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line_start = before.rfind(b"\n") + 1
        column = len(before[line_start:].decode()) + 1
        raise _broken(path, before.count(b"\n") + 1, column, "is not UTF-8 here") from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    if text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}"):
        raise _broken(path, 1, 1, "begins with a byte order mark; save it as UTF-8 without one")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = PLACE.search(message)
        end = text.rstrip("\n").count("\n") + 1, len(text.rstrip("\n").rpartition("\n")[2]) + 1
        line, column = (int(place[1]), int(place[2])) if place and place[1] else end
        raise _broken(path, line, column, f"not TOML: {PLACE.sub('', message)}") from error
    except RecursionError as error:
        raise _broken(path, 1, 1, "is nested too deeply") from error


def _broken(path: Path, line: int, column: int, message: str) -> ConfigurationErrors:
    return ConfigurationErrors([Problem(path, line, column, "", message)])


def _validate(document: Mapping[str, Any]) -> tuple[Config | None, list[Finding]]:
    try:
        return Config.model_validate(document), []
    except ValidationError as error:
        return None, list(findings.from_validation(error, document))
