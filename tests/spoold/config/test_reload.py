"""Reloading: what changed, what takes effect now, and a bad file that changes nothing."""

from pathlib import Path

import pytest

from spoold.config.loader import load
from spoold.config.model import Config, Server
from spoold.config.problems import ConfigurationErrors
from spoold.config.reload import RESTART_SECTIONS, RESTART_SERVER_KEYS, compare, reload

BEFORE = """
[server]
name = "print.example.org"
[store]
key = "credential:store-key"
[printers.lobby]
uri = "ipps://192.0.2.21/ipp/print"
[queues.secure]
printers = ["lobby"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "spoold.toml"
    file.write_text(BEFORE)
    return file


def test_the_same_file_changes_nothing(path: Path) -> None:
    running = load(path)
    again = reload(path, running)
    assert (again.changed, again.needs_restart) == ((), ())
    assert again.config == running


def test_what_can_change_takes_effect_at_once(path: Path) -> None:
    running = load(path)
    path.write_text(
        BEFORE.replace('["lobby"]', '["lobby"]\nmask_names = false').replace(
            "[store]", "mask_names = true\n[store]"
        )
        + '[printers.floor-2]\nuri = "ipps://192.0.2.22/ipp/print"\n[hold]\nexpires_after = "1h"\n'
    )
    again = reload(path, running)
    assert set(again.changed) == {
        "server.mask_names",
        "hold.expires_after",
        "printers.floor-2",
        "queues.secure.mask_names",
    }
    assert again.needs_restart == ()
    assert again.config == load(path)


def test_what_needs_a_restart_keeps_its_value_and_is_named(path: Path) -> None:
    running = load(path)
    path.write_text(
        BEFORE.replace("print.example.org", "other.example.org").replace(
            "[store]", "mask_names = true\n[store]"
        )
        + '[listen]\nipp = ["[::]:8631"]\n[log]\nlevel = "debug"\n'
    )
    again = reload(path, running)
    assert set(again.needs_restart) == {"server.name", "listen.ipp", "log.level"}
    assert set(again.changed) - set(again.needs_restart) == {"server.mask_names"}
    assert again.config.server.name == "print.example.org"
    assert again.config.server.mask_names
    assert again.config.listen == running.listen
    assert again.config.log.level == "info"


def test_what_was_removed_is_named(path: Path) -> None:
    running = load(path)
    path.write_text(BEFORE + "[queues.second]\nprinters = ['lobby']")
    bigger = load(path)
    assert compare(bigger, running).changed == ("queues.second",)
    assert compare(running, bigger).changed == ("queues.second",)


def test_a_bad_file_raises_and_the_old_configuration_is_untouched(path: Path) -> None:
    running = load(path)
    path.write_text(BEFORE + "[queues.second]\nprinters = ['loby']")
    with pytest.raises(ConfigurationErrors, match="loby"):
        reload(path, running)
    assert list(running.queues) == ["secure"]


def test_the_keys_that_need_a_restart_exist() -> None:
    assert set(RESTART_SECTIONS) <= set(Config.model_fields)
    assert set(RESTART_SERVER_KEYS) <= set(Server.model_fields)
