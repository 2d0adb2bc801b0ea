"""The [archive] table: a key with a slip is noticed, terms are in days, and rules that archive need it."""

import tomllib
from datetime import timedelta

import pytest
from pydantic import ValidationError

from holdstore.archive_key import ArchiveSecret
from holdstore.archive_text import write_public, write_secret
from spoold.config.archive import Archive
from spoold.config.policy_findings import NO_ARCHIVE, findings
from spoold.model.archive import ArchiveTerms

SECRET = bytes(range(64, 96))
PUBLIC = ArchiveSecret(SECRET).public
KEY = write_public(PUBLIC)


def test_it_says_for_whom_and_how_long() -> None:
    one = Archive.model_validate({"key": KEY, "keep": "3650d"})
    assert one.terms() == ArchiveTerms(PUBLIC, timedelta(days=3650))
    assert one.model_dump(mode="json") == {"key": KEY, "keep": "3650d"}
    assert Archive.model_validate(one.model_dump()) == one


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"key": KEY, "keep": "10h"}, "must be a number of days"),
        ({"key": KEY, "keep": 365}, "must be a number of days"),
        ({"key": KEY, "keep": "0d"}, "must be between 1d and 36525d"),
        ({"key": KEY, "keep": "40000d"}, "must be between 1d and 36525d"),
        ({"key": KEY[:-1], "keep": "1d"}, "copied whole"),
        ({"key": KEY[:-1] + ("0" if KEY[-1] != "0" else "1"), "keep": "1d"}, "not copied exactly"),
        ({"key": 5, "keep": "1d"}, "must be a string"),
        ({"key": KEY}, "keep"),
    ],
)
def test_what_is_wrong_is_said(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Archive.model_validate(values)


def test_the_private_half_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError, match="private half") as caught:
        Archive.model_validate({"key": write_secret(SECRET), "keep": "1d"})
    assert SECRET.hex() not in str(caught.value.errors(include_input=False))


@pytest.mark.parametrize(
    ("head", "found"), [("", [(("rules", 1, "archive"), NO_ARCHIVE)]), ("[archive]\n", [])]
)
def test_a_rule_that_archives_needs_the_table(head: str, found: list[tuple[object, str]]) -> None:
    rules = [{"name": "a", "when": "true", "mask": True}, {"name": "b", "when": "true", "archive": True}]
    raw = tomllib.loads(head) | {"rules": rules}
    assert [(one.path, one.message) for one in findings(raw)] == found
