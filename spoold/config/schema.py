"""JSON Schema of the configuration file, for editors; and which keys a table may have, for suggestions."""

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from spoold.config.model import Config
from spoold.config.problems import KeyPath


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the file; taplo and other editors check and complete with it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(by_alias=True),
        "title": "spoold.toml",
    }


def keys_at(path: KeyPath) -> tuple[str, ...]:
    """Return the keys that the table at `path` may have; empty where names are free or there is no table."""
    schema = _schema()
    node = _table(schema, schema)
    for part in path:
        if part in node.get("properties", {}):
            node = node["properties"][part]
        elif isinstance(part, int):
            node = node.get("items", {})
        else:
            node = _free_names(node)
        node = _table(schema, node)
    return tuple(node.get("properties", {}))


@functools.cache
def _schema() -> Mapping[str, Any]:
    # Making it takes 15 ms, and a file may hold many unknown keys.
    return MappingProxyType(json_schema())


def _free_names(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what stands under any name of a table such as [printers]."""
    additional = node.get("additionalProperties")
    if isinstance(additional, Mapping):
        return additional
    return next(iter(node.get("patternProperties", {}).values()), {})


def _table(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references, and choose the alternative that is not null."""
    while True:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        elif "anyOf" in node:
            node = next(option for option in node["anyOf"] if option.get("type") != "null")
        else:
            return node
