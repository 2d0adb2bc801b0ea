"""The model: closed, frozen, with the defaults that are safe."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from spoold.config.model import Config
from spoold.config.section import Section
from spoold.config.values import ListenAddress
from spoold.model.queue import Authentication, Release
from spoold.runtime.limits import DaemonLimits


def document(**sections: Any) -> dict[str, Any]:
    """The smallest document, with sections replaced or added."""
    return {
        "server": {"name": "print.example.org"},
        "store": {"key": "credential:store-key"},
        "printers": {"lobby": {"uri": "ipps://192.0.2.21/ipp/print"}},
        "queues": {"secure": {"printers": ["lobby"]}},
        **sections,
    }


def config(**sections: Any) -> Config:
    return Config.model_validate(document(**sections))


def refusals(**sections: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        config(**sections)
    return [(error["loc"], error["msg"]) for error in caught.value.errors(include_url=False)]


def test_the_defaults_are_the_safe_ones() -> None:
    made = config()
    assert made.listen.ipp == (ListenAddress("::", 631),)
    assert made.listen.web == (ListenAddress("::", 443),)
    assert made.listen.lpr == ()
    assert made.server.state_dir == Path("/var/lib/spoold")
    assert made.tls.certificate == "auto"
    assert made.hold.expires_after == timedelta(hours=4)
    queue = made.queue("secure")
    assert (queue.mask_names, queue.authentication, queue.release) == (
        True,
        Authentication.REQUIRED,
        Release.BY_OWNER,
    )
    assert made.metrics.allows("127.0.0.1")
    assert not made.metrics.allows("192.0.2.1")


def test_nothing_changes_after_loading() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        config().server.name = "other"


def test_every_section_is_closed() -> None:
    sections: list[type[Section]] = Section.__subclasses__()
    assert Config in sections
    for section in sections:
        assert section.model_config["extra"] == "forbid"
        assert section.model_config["frozen"]


@pytest.mark.parametrize(
    ("server_wide", "of_queue", "masked"),
    [(False, False, False), (False, True, True), (True, False, True), (True, True, True)],
)
def test_masking_anywhere_masks(server_wide: bool, of_queue: bool, masked: bool) -> None:
    made = config(
        server={"name": "print.example.org", "mask_names": server_wide},
        queues={"secure": {"printers": ["lobby"], "mask_names": of_queue}},
    )
    assert made.queue("secure").mask_names is masked


def test_a_queue_may_have_its_own_term() -> None:
    made = config(
        hold={"expires_after": "2h"},
        queues={"a": {"printers": ["lobby"]}, "b": {"printers": ["lobby"], "expires_after": "8h"}},
    )
    assert made.queue("a").expires_after == timedelta(hours=2)
    assert made.queue("b").expires_after == timedelta(hours=8)
    with pytest.raises(KeyError):
        made.queue("c")


def test_limits_override_the_daemon_s_own_by_their_names() -> None:
    made = config(limits={"max_document": "1GiB", "min_free": "5MiB", "max_documents_per_job": 3})
    overrides = made.limits.overrides()
    assert overrides == {
        "max_document_bytes": 1024**3,
        "min_free_bytes": 5 * 1024**2,
        "max_documents_per_job": 3,
    }
    assert DaemonLimits(**overrides).max_document_bytes == 1024**3
    assert config().limits.overrides() == {}


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("10.20.3.4", True),
        ("::ffff:10.20.3.4", True),
        ("2001:db8::9%eth0", True),
        ("10.21.0.1", False),
        ("::1", False),
        ("", False),
        ("printer.example.org", False),
    ],
)
def test_lpr_peers_are_matched_with_the_list(host: str, allowed: bool) -> None:
    assert config(lpr={"allow": ["10.20.0.0/16", "2001:db8::/64"]}).lpr.allows(host) is allowed


def test_lpr_is_refused_without_a_list_also_when_systemd_passed_the_socket() -> None:
    assert config().lpr_refusal(activated=False) is None
    assert "[lpr] allow" in (config().lpr_refusal(activated=True) or "")
    listed = config(lpr={"allow": ["10.20.0.0/16"]}, listen={"lpr": ["[::]:515"]})
    assert listed.lpr_refusal(activated=True) is None
    assert listed.lpr_refusal(activated=False) is None


def test_a_configuration_survives_being_written() -> None:
    made = config(
        lpr={"allow": ["10.20.0.0/16"]},
        rules=[
            {"name": "a", "when": "true", "set": {"print-color-mode": "monochrome"}, "expires_after": "1h"}
        ],
        schedules={"hours": ["Mon 08:00-09:00"]},
        limits={"max_document": "1GiB"},
    )
    assert Config.model_validate(made.model_dump(mode="json", by_alias=True, exclude_none=True)) == made


def test_a_configuration_can_be_built_from_its_sections() -> None:
    made = config()
    again = Config(server=made.server, store=made.store, printers=made.printers, queues=made.queues)
    assert again == made
    with pytest.raises(ValidationError, match="at least one queue"):
        Config(server=made.server, store=made.store)


@pytest.mark.parametrize(
    ("sections", "path", "message"),
    [
        (
            {"store": {"key": "credential:k", "documents": "s3://bucket/x"}},
            ("store", "documents"),
            "not supported yet",
        ),
        (
            {"store": {"key": "credential:k", "database": "postgresql://x"}},
            ("store", "database"),
            "not supported yet",
        ),
        ({"queues": {}}, ("queues",), "at least one queue"),
        ({"queues": {"q": {"printers": []}}}, ("queues", "q", "printers"), "at least 1"),
        ({"identity": {"order": ["local", "school"]}}, ("identity", "order", 1), "ldap.school"),
    ],
)
def test_what_does_not_exist_yet_or_makes_no_sense_is_refused(
    sections: dict[str, Any], path: tuple[str | int, ...], message: str
) -> None:
    ((loc, said),) = refusals(**sections)
    assert loc == path
    assert message in said


def test_mistakes_inside_and_between_sections_come_together() -> None:
    found = refusals(
        server={"name": 7},
        queues={"secure": {"printers": ["loby"], "release": "on-arrival", "authentication": "at-release"}},
        listen={"lpr": ["[::]:515"]},
    )
    assert {path for path, _ in found} == {
        ("server", "name"),
        ("listen", "lpr"),
        ("queues", "secure", "printers", 0),
        ("queues", "secure", "release"),
    }


def test_no_error_repeats_a_value() -> None:
    secret = "hunter2hunter2"
    with pytest.raises(ValidationError) as caught:
        config(store={"key": secret}, tls={"certificate": [secret], "key": {"a": secret}})
    assert secret not in str(caught.value)
