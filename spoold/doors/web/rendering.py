"""Pages from templates that are in memory and escape everything."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined
from starlette.responses import HTMLResponse

from spoold.doors.web import words
from spoold.doors.web.assets import ASSETS

_FOLDER = Path(__file__).with_name("templates")
# Seconds between two looks of a page that keeps itself up to date.
REFRESH_S = 4


class Renderer:
    """Loads the templates once, at the start; a broken one stops the start, not a request."""

    def __init__(self) -> None:
        sources = {path.name: path.read_text("utf-8") for path in sorted(_FOLDER.glob("*.html"))}
        self._environment = Environment(
            loader=DictLoader(sources),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(
            asset=lambda name: ASSETS[name].path, words=words, refresh_s=REFRESH_S
        )
        for name in sources:
            self._environment.get_template(name)

    def page(
        self,
        template: str,
        context: Mapping[str, object],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Return a page."""
        text = self._environment.get_template(template).render(context)
        return HTMLResponse(text, status_code=status, headers=headers)
