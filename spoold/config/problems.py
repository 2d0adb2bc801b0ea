"""Problem: one mistake in the configuration, at its place in the file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spoold.model.errors import ConfigurationError

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake before its place in the file is known.

    Args:
        path: keys and array indexes from the root of the document.
        message: one sentence for the administrator; never repeats a value that may be secret.
        suggestion: what was probably meant, to be shown as `did you mean "..."?`.
        at: whether the key or its value is wrong.
        offset: position in characters inside the string value, when the mistake is there.
    """

    path: KeyPath
    message: str
    suggestion: str | None = None
    at: Literal["key", "value"] = "value"
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a configuration file; line and column count from 1, the column in characters."""

    file: Path
    line: int
    column: int
    key: str
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        hint = f' (did you mean "{self.suggestion}"?)' if self.suggestion else ""
        return f"{self.file}:{self.line}:{self.column}: {self.message}{hint}"


class ConfigurationErrors(ConfigurationError):  # noqa: N818 - several
    """The file cannot be used; `problems` holds every mistake found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def key_text(path: KeyPath) -> str:
    """Return a key path as people write it: `rules[0].when`, `printers."2nd floor".uri`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        bare = part.replace("-", "").replace("_", "")
        word = part if bare.isascii() and bare.isalnum() else f'"{part}"'
        text += f".{word}" if text else word
    return text
