"""What pydantic found is told in words that repeat no value of the file."""

from typing import Any

import pytest
from pydantic import ValidationError

from spoold.config.findings import from_validation
from spoold.config.model import Config
from spoold.config.problems import Finding, KeyPath

SECRET = "hunter2hunter2"
GOOD: dict[str, Any] = {
    "server": {"name": "print.example.org"},
    "store": {"key": "credential:store-key"},
    "printers": {"lobby": {"uri": "ipps://192.0.2.21/ipp/print"}},
    "queues": {"secure": {"printers": ["lobby"]}},
}


def found(**sections: Any) -> list[Finding]:
    document = GOOD | sections
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(document)
    return list(from_validation(caught.value, document))


@pytest.mark.parametrize(
    ("sections", "path", "message", "at"),
    [
        ({"log": {"level": 3}}, ("log", "level"), 'must be "debug", "info", "warning" or "error"', "value"),
        ({"log": 3}, ("log",), "must be a table", "value"),
        ({"printers": {"Ö": {"uri": "ipp://h"}, **GOOD["printers"]}}, ("printers", "Ö"), "1 to 63", "key"),
        ({"server": {}}, ("server", "name"), "is missing", "value"),
        ({"log": {"x": 1}}, ("log", "x"), 'unknown key "x" in [log]', "key"),
        (
            {"limits": {"max_documents_per_job": 0}},
            ("limits", "max_documents_per_job"),
            "at least 1",
            "value",
        ),
        ({"server": {"name": "a", "mask_names": 1}}, ("server", "mask_names"), "true or false", "value"),
        ({"listen": {"ipp": "x"}}, ("listen", "ipp"), "must be a list", "value"),
        ({"identity": {"order": []}}, ("identity", "order"), "not be empty", "value"),
        ({"tls": {"key": "/k"}}, ("tls", "key"), "has no meaning", "key"),
    ],
)
def test_every_kind_of_mistake_has_words(
    sections: dict[str, Any], path: KeyPath, message: str, at: str
) -> None:
    (finding,) = found(**sections)
    assert (finding.path, finding.at) == (path, at)
    assert message in finding.message


def test_a_misspelt_key_that_is_required_is_told_once() -> None:
    (finding,) = found(server={"nmae": "print.example.org"})
    assert (finding.path, finding.suggestion) == (("server", "nmae"), "name")


def test_a_key_that_resembles_another_does_not_hide_that_one_is_missing() -> None:
    assert {finding.path for finding in found(server={"zzz": 1})} == {("server", "zzz"), ("server", "name")}


def test_no_finding_repeats_a_value() -> None:
    wrong = {
        "server": {"name": [SECRET]},
        "store": {"key": SECRET, "documents": SECRET},
        "log": {"level": SECRET},
    }
    for finding in found(**wrong, tls={"certificate": SECRET}, limits={"max_document": SECRET}):
        assert SECRET not in f"{finding.message}{finding.suggestion}"
