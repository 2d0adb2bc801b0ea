"""Pages from templates that are in memory and escape everything."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined
from starlette.responses import HTMLResponse

from spoold.doors.web import language, words
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
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.policies["ext.i18n.trimmed"] = True
        # Callables that ask which language it is: an overlay for each language would share its globals with
        # the others, and the last one made would speak for all.
        self._environment.install_gettext_callables(  # type: ignore[attr-defined]
            language.plain_gettext, language.plain_ngettext, newstyle=True
        )
        self._environment.filters["said"] = language.said
        self._environment.globals.update(
            asset=lambda name: ASSETS[name].path,
            words=words,
            refresh_s=REFRESH_S,
            speech=language.speech,
            languages=language.LANGUAGES,
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
