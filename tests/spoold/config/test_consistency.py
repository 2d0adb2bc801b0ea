"""Mistakes between keys are found on documents of any shape."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoold.config.consistency import findings
from spoold.config.problems import Finding, KeyPath

PRINTERS = {
    "lobby": {"uri": "ipps://192.0.2.21/ipp/print"},
    "floor-2": {"uri": "ipps://192.0.2.22/ipp/print"},
}
GOOD: dict[str, Any] = {"printers": PRINTERS, "queues": {"q": {"printers": ["lobby", "floor-2"]}}}


def found(**sections: Any) -> list[Finding]:
    return list(findings(GOOD | sections))


def only(**sections: Any) -> tuple[KeyPath, str]:
    (finding,) = found(**sections)
    return finding.path, finding.message


def test_a_good_document_has_no_findings() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("listen", "path", "taken_by"),
    [
        ({"ipp": ["[::]:443"]}, ("listen", "ipp", 0), "web"),
        ({"web": ["[::]:631"]}, ("listen", "web", 0), "ipp"),
        ({"ipp": ["192.0.2.1:443"]}, ("listen", "ipp", 0), "web"),
        ({"ipp": ["192.0.2.1:1", "192.0.2.1:1"]}, ("listen", "ipp", 1), "ipp"),
        ({"ipp": ["0.0.0.0:1", "192.0.2.1:1"]}, ("listen", "ipp", 1), "ipp"),
        ({"ipp": ["[::1]:1", "[0:0::1]:1"]}, ("listen", "ipp", 1), "ipp"),
    ],
)
def test_addresses_that_clash_are_found(listen: dict[str, Any], path: KeyPath, taken_by: str) -> None:
    where, message = only(listen=listen)
    assert where == path
    assert message.endswith(f"already taken by listen.{taken_by}")


@pytest.mark.parametrize(
    "listen",
    [
        {"ipp": ["127.0.0.1:0"], "web": ["127.0.0.1:0"]},
        {"ipp": ["192.0.2.1:1", "192.0.2.2:1"]},
        {"ipp": ["0.0.0.0:1", "[::1]:1"]},
        {"ipp": ["nonsense", "[::]:70000"], "web": "no list"},
    ],
)
def test_addresses_that_do_not_clash(listen: dict[str, Any]) -> None:
    assert found(listen=listen) == []


def test_lpr_needs_a_list_that_names_somebody() -> None:
    lpr = {"lpr": ["[::]:515"]}
    assert only(listen=lpr)[0] == ("listen", "lpr")
    assert only(listen=lpr, lpr={"allow": []})[0] == ("listen", "lpr")
    assert only(listen=lpr, lpr={"allow": ["10.0.0.0/8", "::/0"]})[0] == ("lpr", "allow", 1)
    assert found(listen=lpr, lpr={"allow": ["10.0.0.0/8"]}) == []


@pytest.mark.parametrize(
    ("sections", "path"),
    [
        ({"store": {"key": "file:/var/lib/spoold/store.key"}}, ("store", "key")),
        ({"server": {"state_dir": "/srv/s"}, "store": {"key": "file:/srv/s/a/k"}}, ("store", "key")),
        ({"tls": {"key": "/etc/k"}}, ("tls", "key")),
        ({"tls": {"certificate": "/etc/c"}}, ("tls", "certificate")),
        (
            {"printers": PRINTERS | {"f": {"uri": "folder:/var/lib/spoold/out"}}},
            ("printers", "f", "uri"),
        ),
        ({"printers": PRINTERS | {"f": {"uri": "ipp://h", "pin": "x"}}}, ("printers", "f", "pin")),
        ({"printers": PRINTERS | {"f": {"uri": "folder:/o", "ca": "/c"}}}, ("printers", "f", "ca")),
        (
            {"printers": PRINTERS | {"f": {"uri": "ipps://h", "ca": "/c", "pin": "x"}}},
            ("printers", "f", "pin"),
        ),
        ({"queues": {"q": {"printers": ["lobby", "lobby"]}}}, ("queues", "q", "printers", 1)),
        (
            {"queues": {"q": {"printers": ["lobby", "floor-2"], "release": "on-arrival"}}},
            ("queues", "q", "release"),
        ),
        (
            {
                "queues": {
                    "q": {"printers": ["lobby"], "release": "on-arrival", "authentication": "at-release"}
                }
            },
            ("queues", "q", "release"),
        ),
        ({"queues": {"q": {"printers": ["lobby"], "claim": "open"}}}, ("queues", "q", "claim")),
        (
            {"queues": {"q": {"printers": ["lobby"], "claim": "same-address", "authentication": "required"}}},
            ("queues", "q", "claim"),
        ),
        (
            {
                "queues": {
                    "q": {
                        "printers": ["lobby"],
                        "claim": "by-name",
                        "claim_known_names": True,
                        "authentication": "at-release",
                    }
                }
            },
            ("queues", "q", "claim_known_names"),
        ),
        ({"queues": {}}, ("queues",)),
        ({"rules": [{"name": "a", "when": "true", "deny": "x", "queues": ["p"]}]}, ("rules", 0, "queues", 0)),
        ({"rules": [{"name": "a", "when": "true"}]}, ("rules", 0, "name")),
        ({"rules": [{"name": "a", "when": "tru", "deny": "x"}]}, ("rules", 0, "when")),
        ({"schedules": {"s": ["Mon", "Man"]}}, ("schedules", "s", 1)),
    ],
)
def test_unsafe_and_senseless_combinations_are_found(sections: dict[str, Any], path: KeyPath) -> None:
    assert only(**sections)[0] == path


def test_names_that_do_not_exist_come_with_the_one_that_was_meant() -> None:
    assert [(f.path, f.suggestion) for f in found(queues={"q": {"printers": ["loby", "zzz"]}})] == [
        (("queues", "q", "printers", 0), "lobby"),
        (("queues", "q", "printers", 1), None),
    ]


def test_the_key_may_lie_beside_the_state_directory() -> None:
    assert found(store={"key": "file:/var/lib/spoold-keys/store.key"}) == []


def test_mistakes_in_conditions_know_their_offset() -> None:
    rule = {"name": "a", "when": "job.copies > 3 && usr.name == 'x'", "deny": "x"}
    (finding,) = found(rules=[rule])
    assert (finding.offset, finding.suggestion) == (18, "user")


SECTIONS = st.sampled_from(
    [
        "server",
        "listen",
        "lpr",
        "tls",
        "store",
        "printers",
        "queues",
        "rules",
        "schedules",
        "name",
        "when",
        "uri",
    ]
)
KEYS = SECTIONS | st.sampled_from(
    [
        "allow",
        "key",
        "certificate",
        "ipp",
        "state_dir",
        "release",
        "set",
        "a",
        "stage",
        "deny",
        "hold",
        "expires_after",
        "authentication",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["[::]:1", "folder:/x", "true"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.dictionaries(SECTIONS, VALUES, max_size=5))
def test_documents_of_any_shape_can_be_looked_into(document: dict[str, Any]) -> None:
    for finding in findings(document):
        assert finding.message
        assert finding.path[0] in {
            "server",
            "listen",
            "lpr",
            "tls",
            "store",
            "printers",
            "queues",
            "rules",
            "schedules",
        }
