"""The words of one language, read from its .po files; imported only where a page is not in English."""

import gettext
import io
from pathlib import Path

from babel.messages.catalog import Catalog as Messages
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from spoold.doors.web.sentences import Sentences, has_slots

_FOLDER = Path(__file__).with_name("locale")


class Catalog:
    """Texts in one language by their English ones.

    Args:
        messages: texts of pages and views, which name their values `%(name)s`, and sentences of the daemon,
            which name them `{name}`.
    """

    def __init__(self, messages: Messages) -> None:
        compiled = io.BytesIO()
        write_mo(compiled, messages)
        compiled.seek(0)
        self._texts = gettext.GNUTranslations(compiled)
        self._sentences = Sentences(
            {
                message.id: message.string
                for message in messages
                if isinstance(message.id, str) and message.id and isinstance(message.string, str)
            }
        )

    def gettext(self, message: str) -> str:
        """Return a text; the English one when there is no other."""
        return self._texts.gettext(message)

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """Return the form of a text that goes with a number."""
        return self._texts.ngettext(singular, plural, count)

    def said(self, text: str) -> str:
        """Return a sentence of the daemon; as it is when no pattern knows it."""
        return self._sentences.translated(text)


def load_catalog(code: str) -> Catalog:
    """Read the words of a language: one file for each area, merged."""
    return Catalog(merged(*(read_area(path) for path in areas(code))))


def areas(code: str) -> list[Path]:
    """Return the files of a language."""
    return sorted((_FOLDER / code).glob("*.po"))


def read_area(path: Path) -> Messages:
    """Read one file; a line that is no message raises."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.name, abort_invalid=True)


def merged(*parts: Messages) -> Messages:
    """Return the messages of all parts in one catalog, with the head of the first."""
    whole = parts[0]
    for part in parts[1:]:
        for message in part:
            if message.id:
                whole[message.id] = message
    return whole


__all__ = ["Catalog", "areas", "has_slots", "load_catalog", "merged", "read_area"]
