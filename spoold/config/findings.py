"""What pydantic found wrong, in words for the administrator; no value of the file is ever repeated."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from policy.suggestion import closest
from spoold.config.problems import Finding, KeyPath
from spoold.config.schema import keys_at

# What pydantic appends to the path when the key of a table, not its value, is wrong.
WRONG_KEY = "[key]"
NAME_RULE = (
    "names have 1 to 63 characters of a-z, 0-9, dot, hyphen and underscore, and begin with a letter or digit"
)
TYPE_WORDS: Mapping[str, str] = {
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list, as in [...]",
    "mapping_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def from_validation(error: ValidationError, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the findings of a validation.

    Args:
        error: as `Config.model_validate` raises it.
        document: the validated document; looked into for misspelt words only.
    """
    lines = error.errors(include_url=False, include_input=False)
    unknown = [line for line in lines if _kind(line) == "extra_forbidden"]
    meant: set[KeyPath] = set()
    for line in unknown:
        finding = _unknown_key(line["loc"])
        if finding.suggestion:
            meant.add((*line["loc"][:-1], finding.suggestion))
        yield finding
    for line in lines:
        # A required key that is there under a misspelt name is one mistake, not two.
        if _kind(line) != "extra_forbidden" and not (_kind(line) == "missing" and line["loc"] in meant):
            yield _finding(line["loc"], line.get("ctx", {}), document)


def _kind(line: Mapping[str, Any]) -> str:
    return str(line.get("ctx", {}).get("kind", "spoold"))


def _unknown_key(path: KeyPath) -> Finding:
    table = ".".join(str(part) for part in path[:-1])
    known = list(keys_at(path[:-1]))
    where = f" in [{table}]" if table else ""
    return Finding(path, f'unknown key "{path[-1]}"{where}', closest(str(path[-1]), known), at="key")


def _finding(path: KeyPath, context: Mapping[str, Any], document: Mapping[str, Any]) -> Finding:
    kind = context.get("kind", "spoold")
    if path and path[-1] == WRONG_KEY:
        words = str(context.get("reason", NAME_RULE)) if kind == "spoold" else NAME_RULE
        return Finding(path[:-1], words, at="key")
    if kind == "missing":
        return Finding(path, "is missing")
    if kind in {"literal_error", "enum"}:
        return _wrong_word(path, str(context["expected"]), document)
    message = TYPE_WORDS.get(kind) or _bounds(kind, context) or str(context.get("reason", "is not valid"))
    return Finding(
        path, message, context.get("suggestion"), context.get("at", "value"), context.get("offset")
    )


def _wrong_word(path: KeyPath, expected: str, document: Mapping[str, Any]) -> Finding:
    words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
    value: Any = document
    for part in path:
        value = value[part]
    suggestion = closest(value, words) if isinstance(value, str) else None
    quoted = [f'"{word}"' for word in words]
    message = (
        f"must be {', '.join(quoted[:-1])} or {quoted[-1]}"
        if len(words) > 1
        else f"can only be {quoted[0]} so far"
    )
    return Finding(path, message, suggestion)


def _bounds(kind: str, context: Mapping[str, Any]) -> str | None:
    match kind:
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "too_short":
            return "must not be empty"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case "string_pattern_mismatch" if "a-z0-9" in str(context["pattern"]):
            return NAME_RULE
        case "string_pattern_mismatch":
            return "must be one line without control characters"
    return None
