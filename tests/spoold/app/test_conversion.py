"""What health and `spoold check` say of conversion: nothing while no printer needs it."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from protocols.ipp.message import Group
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import mime
from spoold.app import conversion
from spoold.app.conversion import COMPONENT, ConversionHealth, needs_conversion, remark
from spoold.app.parts import build_parts
from spoold.app.site import printers_of
from spoold.app.state import StateDirectory
from spoold.config import loader
from spoold.config.model import Config
from spoold.documents.rendering import Renderer, RenderingLimits
from spoold.printers.capabilities import DEFAULT
from spoold.printers.notebook import Notebook
from spoold.runtime.health import HealthState

# Long: the machine may be busy with other tests.
WAIT_S = 120.0
CONFIG = """
[server]
name = "spool.example"
state_dir = "{state}"
[store]
key = "file:{key}"
[printers.dots]
uri = "ipp://dots.example/ipp/print"
[queues.secure]
printers = ["dots"]
"""


def test_who_needs_conversion() -> None:
    assert not needs_conversion(None)
    assert not needs_conversion(DEFAULT)
    assert needs_conversion(replace(DEFAULT, formats=frozenset({"image/urf"})))
    assert not needs_conversion(replace(DEFAULT, formats=frozenset({"application/postscript"})))


class Told(Renderer):
    """Says of conversion what it is told."""

    words: str | None = None
    probes = 0

    async def probe(self) -> str | None:
        self.probes += 1
        return self.words


def configured(root: Path) -> Config:
    """Write a configuration with one printer, and its state directory."""
    key, path = root / "key", root / "spoold.toml"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    path.write_text(CONFIG.format(state=root / "state", key=key))
    config = loader.load(path)
    StateDirectory.prepare(config.server.state_dir, reserve_bytes=0)
    return config


async def hear(config: Config, *formats: str) -> None:
    """Note what the printer takes, as if it had said so."""
    notebook = Notebook(StateDirectory(config.server.state_dir).capabilities)
    said = Group(GroupTag.PRINTER, (mime("document-format-supported", *formats),))
    await notebook.learn(printers_of(config)["dots"], said)


@pytest.mark.parametrize("formats", [("application/pdf", "image/urf"), ()])
async def test_nobody_tries_what_no_printer_needs(tmp_path: Path, formats: tuple[str, ...]) -> None:
    config = configured(tmp_path)
    if formats:
        await hear(config, *formats)
    with ExitStack() as stack:
        parts, renderer = build_parts(config, stack), Told()
        parts.renderer = renderer
        await ConversionHealth(parts).look(again=True)
        assert COMPONENT not in parts.health.snapshot().components
        assert renderer.probes == 0


async def test_health_hears_whether_it_works(tmp_path: Path) -> None:
    config = configured(tmp_path)
    await hear(config, "image/urf")
    with ExitStack() as stack:
        parts, renderer = build_parts(config, stack), Told()
        parts.renderer = renderer
        health = ConversionHealth(parts)
        await health.look(again=False)
        assert parts.health.snapshot().components[COMPONENT].state is HealthState.OK
        renderer.words = "it is broken"
        await health.look(again=False)
        assert renderer.probes == 1
        await health.look(again=True)
        found = parts.health.snapshot().components[COMPONENT]
        assert found.state is HealthState.DEGRADED
        assert found.reason == "PDF cannot be converted for dots: it is broken"


async def test_a_probe_is_a_page_drawn() -> None:
    limits = RenderingLimits(start_timeout_s=WAIT_S, page_timeout_s=WAIT_S, ahead_s=WAIT_S)
    with trio.fail_after(WAIT_S):
        assert await Renderer(limits).probe() is None
        assert await Renderer(program="/no/such/program").probe() == "Ghostscript could not be started"


async def test_check_says_that_ghostscript_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path)
    monkeypatch.setattr(conversion, "ghostscript", lambda: None)
    assert remark(config) is None

    await hear(config, "image/pwg-raster")
    assert "PDF cannot be converted for dots: Ghostscript" in (remark(config) or "")
    monkeypatch.undo()
    assert remark(config) is None
