"""Styles, script and icon, in memory, under addresses that change with their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

_FOLDER = Path(__file__).with_name("static")
_TYPES = {
    "portal.css": "text/css; charset=utf-8",
    "refresh.js": "text/javascript; charset=utf-8",
    "passkey.js": "text/javascript; charset=utf-8",
    "station.css": "text/css; charset=utf-8",
    "station.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent; `path` holds a hash of it, so that browsers may keep it for ever."""

    name: str
    path: str
    content_type: str
    content: bytes


def _load() -> Mapping[str, Asset]:
    found = {}
    for name, content_type in _TYPES.items():
        content = (_FOLDER / name).read_bytes()
        stem, _, ending = name.rpartition(".")
        path = f"/static/{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{ending}"
        found[name] = Asset(name, path, content_type, content)
    return MappingProxyType(found)


ASSETS = _load()
BY_PATH: Mapping[str, Asset] = MappingProxyType({asset.path: asset for asset in ASSETS.values()})
