"""Whether documents can be converted where a printer needs it: for health, and for `spoold check`."""

from spoold.app.parts import Parts
from spoold.app.site import printers_of
from spoold.app.state import StateDirectory
from spoold.config.model import Config
from spoold.documents.rendering import ghostscript
from spoold.documents.rendering_words import MISSING_WORDS
from spoold.printers.capabilities import Capabilities
from spoold.printers.notebook import Notebook
from spoold.release.raster_plan import target_of

COMPONENT = "conversion"
_PDF = "application/pdf"


class ConversionHealth:
    """Remembers for whom it was tried last: a trial costs two processes, asking for whom costs nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tried_for: list[str] = []

    async def look(self, *, again: bool) -> None:
        """Report to health, nothing while no printer needs it; tries when asked to `again`, or for others."""
        parts = self._parts
        needing = [
            name for name in parts.site().printers if needs_conversion(parts.printers.capabilities(name))
        ]
        if needing and (again or needing != self._tried_for):
            found = await parts.renderer.probe()
            if found is None:
                parts.health.ok(COMPONENT)
            else:
                parts.health.degraded(COMPONENT, _words(needing, found))
        elif not needing and self._tried_for:
            parts.health.forget(COMPONENT)
        self._tried_for = needing


def needs_conversion(abilities: Capabilities | None) -> bool:
    """Tell whether PDF reaches a printer only as something else; not, as long as the printer never spoke."""
    return abilities is not None and _PDF not in abilities.formats and target_of(_PDF, abilities) is not None


def remark(config: Config) -> str | None:
    """Return what `spoold check` says when Ghostscript is missing, by what printers once told the daemon."""
    if ghostscript() is not None:
        return None
    notebook = Notebook(StateDirectory(config.server.state_dir).capabilities)
    needing = [one.name for one in printers_of(config).values() if needs_conversion(notebook.of(one))]
    return _words(needing, MISSING_WORDS) if needing else None


def _words(needing: list[str], why: str) -> str:
    return f"PDF cannot be converted for {', '.join(needing)}: {why}"
