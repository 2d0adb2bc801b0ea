"""The JSON Schema describes every key and knows which keys a table may have."""

import json

import pytest

from spoold.config.model import Config
from spoold.config.problems import KeyPath
from spoold.config.schema import json_schema, keys_at


def test_the_schema_is_json_and_closed() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"server", "store"}
    for table in schema["$defs"].values():
        if table.get("type") == "object":
            assert table["additionalProperties"] is False


def test_every_key_of_every_section_is_described() -> None:
    for name, table in json_schema()["$defs"].items():
        for key, value in table.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"


def test_values_have_the_types_of_the_file() -> None:
    definitions = json_schema()["$defs"]
    assert definitions["Hold"]["properties"]["expires_after"]["type"] == "string"
    assert definitions["Limits"]["properties"]["max_document"]["anyOf"][0]["type"] == "string"
    assert definitions["Listen"]["properties"]["ipp"]["items"]["type"] == "string"


@pytest.mark.parametrize(
    ("path", "some"),
    [
        ((), {"server", "rules", "printers"}),
        (("server",), {"name", "state_dir"}),
        (("printers", "any"), {"uri", "location"}),
        (("queues", "any"), {"printers", "release"}),
        (("rules", 3), {"name", "when", "set"}),
        (("rules", 3, "set"), {"sides", "print-color-mode"}),
        (("limits",), {"max_document", "min_free"}),
    ],
)
def test_keys_of_a_table(path: KeyPath, some: set[str]) -> None:
    assert some <= set(keys_at(path))


@pytest.mark.parametrize("path", [("printers",), ("nowhere",), ("server", "name", "x"), ("schedules", "s")])
def test_where_names_are_free_or_nothing_is_there_are_no_known_keys(path: KeyPath) -> None:
    assert keys_at(path) == ()


def test_keys_are_those_of_the_model() -> None:
    assert set(keys_at(())) == set(Config.model_fields)
