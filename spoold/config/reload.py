"""Reload: a new file is checked off to the side; what cannot change while running keeps its value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spoold.config.loader import load
from spoold.config.model import Config

# Sockets, store, identity providers, pools and loggers are made once; everything else is asked for each time.
RESTART_SECTIONS = ("listen", "tls", "store", "identity", "limits", "log")
RESTART_SERVER_KEYS = ("name", "state_dir")


@dataclass(frozen=True, slots=True)
class Reload:
    """What a new file changes.

    Args:
        config: the configuration to run with from now on: the new file, except for what needs a restart.
        changed: keys that differ between what runs and the file, such as "queues.secure.release".
        needs_restart: those of them that take effect only after a restart.
    """

    config: Config
    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]


def reload(path: Path, running: Config) -> Reload:
    """Load the file again and compare; after ConfigurationErrors the running configuration stays good."""
    return compare(running, load(path))


def compare(running: Config, new: Config) -> Reload:
    """Return what changes between two configurations, and the one that can run now."""
    changed = tuple(_differences((), _plain(running), _plain(new)))
    needs_restart = tuple(key for key in changed if _restarts(key))
    kept: dict[str, Any] = {section: getattr(running, section) for section in RESTART_SECTIONS}
    kept["server"] = new.server.model_copy(
        update={key: getattr(running.server, key) for key in RESTART_SERVER_KEYS}
    )
    return Reload(new.model_copy(update=kept), changed, needs_restart)


def _plain(config: Config) -> dict[str, Any]:
    return config.model_dump(mode="json", by_alias=True)


def _restarts(key: str) -> bool:
    section, _, rest = key.partition(".")
    return section in RESTART_SECTIONS or (section == "server" and rest in RESTART_SERVER_KEYS)


def _differences(path: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences((*path, key), before, after)
        elif before != after:
            yield ".".join((*path, key))
