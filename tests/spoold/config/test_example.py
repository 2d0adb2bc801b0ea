"""The shipped example is complete, loads as it is, and tells the true defaults."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from policy.checker import vocabulary
from spoold.config.loader import load
from spoold.config.model import Config, Printer, QueueSettings
from spoold.config.rules import Rule
from spoold.config.schema import json_schema
from spoold.config.sitepolicy import compile_policy
from spoold.runtime.limits import DaemonLimits

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"
# A line that is commented out, as opposed to a sentence: "#key = value" or "#[table]", without a blank.
COMMENTED = re.compile(r"^#(?=(\w[\w-]* = |\[))", re.MULTILINE)


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    """The example with every commented key switched on."""
    return tomllib.loads(COMMENTED.sub("", EXAMPLE.read_text()))


@pytest.fixture(scope="module")
def asked(everything: dict[str, Any]) -> dict[str, Any]:
    """And with its directory in the order of providers, of which the file shows the default.

    Accounts of OpenID are people's own: the file shows the keys for both kinds.
    """
    oidc = {key: value for key, value in everything["identity"]["oidc"].items() if key != "provider"}
    return everything | {"identity": everything["identity"] | {"order": ["local", "school"], "oidc": oidc}}


def keys(
    schema: dict[str, Any], node: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Every key of the schema; "*" stands for names that are free and for the items of lists."""
    for option in node.get("anyOf", [node]):
        table = schema["$defs"][option["$ref"].rpartition("/")[2]] if "$ref" in option else option
        for key, value in table.get("properties", {}).items():
            yield (*path, key)
            yield from keys(schema, value, (*path, key))
        for free in (*table.get("patternProperties", {}).values(), table.get("items")):
            if free:
                yield from keys(schema, free, (*path, "*"))


def values_at(document: Any, path: tuple[str, ...]) -> list[Any]:
    if not path:
        return [document]
    if path[0] == "*":
        items = document.values() if isinstance(document, dict) else document
        return [value for item in items for value in values_at(item, path[1:])]
    return values_at(document[path[0]], path[1:]) if path[0] in document else []


def test_the_example_loads_as_it_is() -> None:
    config = load(EXAMPLE)
    assert config.queue("secure").mask_names
    assert config.listen.lpr == ()


def test_every_key_stands_in_the_example(everything: dict[str, Any]) -> None:
    schema = json_schema()
    known = list(keys(schema, schema))
    assert len(known) > 50
    missing = [".".join(path) for path in known if not values_at(everything, path)]
    assert missing == []


def test_every_fact_of_the_rules_is_named() -> None:
    comments = set(re.findall(r"\w+\.\w+", EXAMPLE.read_text()))
    assert {path for path, _ in vocabulary()} <= comments


def test_every_commented_key_is_valid(asked: dict[str, Any]) -> None:
    # The two places where the file shows alternatives of which only one can be chosen.
    everything = asked | {"tls": asked["tls"] | {"certificate": "/etc/spoold/tls/certificate.pem"}}
    lobby = {key: value for key, value in everything["printers"]["lobby"].items() if key != "ca"}
    config = Config.model_validate(everything | {"printers": {"lobby": lobby}})
    assert len(config.rules) == 5
    assert compile_policy(config).uses_document("accept")


def defaults(model: type[BaseModel]) -> dict[str, Any]:
    """The defaults of a section, as the file writes them; what is absent or empty by default is left out."""
    fields = {name: field for name, field in model.model_fields.items() if not field.is_required()}
    made = model.model_construct(**{name: field.get_default() for name, field in fields.items()})
    plain = made.model_dump(mode="json", by_alias=True, include=set(fields), warnings=False)
    return {key: value for key, value in plain.items() if value not in (None, [], {}, "")}


def test_the_defaults_shown_are_the_real_ones(everything: dict[str, Any]) -> None:
    compared = 0
    for name, field in Config.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for key, value in defaults(model).items():
                assert everything[name][key] == value, f"{name}.{key}"
                compared += 1
    for key, value in defaults(QueueSettings).items():
        assert everything["queues"]["secure"][key] == value
        compared += 1
    assert compared > 15
    assert defaults(Printer) == {}
    assert defaults(Rule) == {"allow": False, "mask": False, "archive": False}


def test_the_limits_shown_are_the_daemon_s_own(asked: dict[str, Any]) -> None:
    document = asked | {"tls": {}, "printers": {"lobby": {"uri": "ipps://h", "cost": 0.05}}}
    for name, value in Config.model_validate(document).limits.overrides().items():
        assert getattr(DaemonLimits(), name) == value, name
