"""Messages and groups: what the getters give for present, absent and oddly typed attributes."""

import pytest

from protocols.ipp.message import Group, Message
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import LanguageString, boolean, enum, integer, keyword, name_, no_value, octets

GROUP = Group(
    GroupTag.JOB,
    (
        integer("copies", 3),
        enum("print-quality", 5),
        boolean("last-document", True),
        name_("job-name", LanguageString("fr", "été")),
        keyword("media", "a", "b"),
        no_value("date-time-at-completed"),
        octets("job-password", b"1234"),
    ),
)


def test_getters() -> None:
    assert GROUP.integer("copies") == 3
    assert GROUP.integer("print-quality") == 5
    assert GROUP.boolean("last-document") is True
    assert GROUP.string("job-name") == "été"
    assert GROUP.string("media") == "a"
    assert GROUP.strings("media") == ("a", "b")
    assert GROUP.get("copies") == integer("copies", 3)
    assert "media" in GROUP
    assert len(GROUP) == 7
    assert [attribute.name for attribute in GROUP][:2] == ["copies", "print-quality"]


@pytest.mark.parametrize("name", ["absent", "date-time-at-completed", "job-password"])
def test_getters_give_none_for_what_is_not_of_their_syntax(name: str) -> None:
    assert GROUP.integer(name) is None
    assert GROUP.boolean(name) is None
    assert GROUP.string(name) is None
    assert GROUP.strings(name) == ()


def test_a_boolean_is_no_integer_and_the_reverse() -> None:
    assert GROUP.integer("last-document") is None
    assert GROUP.boolean("copies") is None
    assert GROUP.get("absent") is None
    assert "absent" not in GROUP


def test_groups_of_a_message() -> None:
    operation = Group(GroupTag.OPERATION, (keyword("which-jobs", "completed"),))
    message = Message((2, 0), 10, 1, (operation, GROUP, Group(GroupTag.JOB)))
    assert message.group(GroupTag.JOB) is GROUP
    assert message.operation_group is operation
    assert len(message.all(GroupTag.JOB)) == 2
    assert message.group(GroupTag.PRINTER) == Group(GroupTag.PRINTER)
    assert message.all(GroupTag.PRINTER) == ()
