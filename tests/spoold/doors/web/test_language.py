"""Languages: how one is chosen, that none lacks a text, and that the daemon's sentences are known again."""

# ruff: noqa: RUF001 - French is written with its own apostrophe

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from babel.messages.catalog import Message
from jinja2 import DictLoader, Environment
from starlette.datastructures import Headers

from spoold.doors.web import language, words
from spoold.doors.web.catalog import areas, load_catalog, read_area
from spoold.doors.web.language import LANGUAGES, choose, preferred, said, speaking
from spoold.doors.web.sentences import MAX_LENGTH, Sentences, slots_of
from tests.support.texts import WEB, Text, bare_texts, daemon_texts, template_texts, view_texts
from tests.support.web_portal import PortalKit

OTHERS = [code for code in LANGUAGES if code != language.ENGLISH]
_VALUE = re.compile(r"%\((\w+)\)s")
_TAG = re.compile(r"</?[a-z]+[^>]*>")
# French puts a space before these, which must not let them begin a line.
_LOOSE = re.compile("\\x20[:;!?»]|«\\x20")
TEMPLATES = sorted((WEB / "templates").glob("*.html"))


def environment() -> Environment:
    made = Environment(loader=DictLoader({}), autoescape=True, extensions=["jinja2.ext.i18n"])
    made.policies["ext.i18n.trimmed"] = True
    made.newstyle_gettext = True  # type: ignore[attr-defined]
    return made


def messages(code: str) -> Iterator[tuple[Path, Message]]:
    for path in areas(code):
        for message in read_area(path):
            if message.id:
                yield path, message


# -- nothing is missing


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_is_there_in_every_language(code: str) -> None:
    known = {message.id if isinstance(message.id, str) else message.id[0] for _, message in messages(code)}
    wanted = [text for text, _ in [*template_texts(environment()), *view_texts()]] + daemon_texts()
    missing = {text.message: text for text in wanted if text.message not in known}
    told = "".join(f'\n# {text.place}\nmsgid "{escaped(text)}"\nmsgstr ""\n' for text in missing.values())
    assert not missing, f"{len(missing)} texts have no words in locale/{code}/*.po:\n{told}"


def escaped(text: Text) -> str:
    return text.message.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@pytest.mark.parametrize("code", OTHERS)
def test_translations_are_whole(code: str) -> None:
    for path, message in messages(code):
        place = f"{path.name}: {message.id}"
        assert not message.fuzzy, place
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
        assert len(ids) == len(strings), place
        for english, other in zip(ids, strings, strict=True):
            assert other, f"{place} is not translated"
            assert sorted(_VALUE.findall(english)) == sorted(_VALUE.findall(other)), f"{place}: other values"
            assert set(slots_of(other)) <= set(slots_of(english)), f"{place}: a value that is not there"
            assert _TAG.findall(english) == _TAG.findall(other), f"{place}: other markup"
            assert code != "fr" or not _LOOSE.search(other), f"{place}: a sign that may begin a line"
            # Both can be filled: a lone percent sign would fail when the page is shown.
            if _VALUE.search(english):
                assert other % dict.fromkeys(_VALUE.findall(english), "x"), place


@pytest.mark.parametrize("code", OTHERS)
def test_one_text_has_one_translation(code: str) -> None:
    seen: dict[object, tuple[Path, object]] = {}
    for path, message in messages(code):
        key = message.id if isinstance(message.id, str) else tuple(message.id)
        first = seen.setdefault(key, (path, message.string))
        assert first[1] == message.string, f"{first[0].name} and {path.name} differ about {key!r}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_say_nothing_untranslated(path: Path) -> None:
    assert bare_texts(environment(), path.read_text("utf-8")) == []


def test_what_counts_as_untranslated() -> None:
    for source in (
        "<p>Hello</p>",
        '<a title="Go on">{{ x }}</a>',
        "<p>{{ 'Ready' if x else y }}</p>",
        '<p aria-label="{{ x or "Nothing" }}">',
        '<img alt="{{ x }}{% if y %} of it{% endif %}">',
    ):
        assert bare_texts(environment(), source), source
    for source in (
        '<p class="{{ "ok" if x else "bad" }}">{{ _("Hello") }}</p>',
        "<p>{% trans %}Hello{% endtrans %} · {{ x }}</p>",
        "{# a remark #}<b>1</b>",
    ):
        assert bare_texts(environment(), source) == [], source


# -- the choice


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("de-CH,de;q=0.9,fr;q=0.5,en;q=0.3", "fr"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("fr;q=0.3, en;q=0.7", "en"),
        ("FR", "fr"),
        ("fr;q=0", "en"),
        ("*", "en"),
        ("de, *;q=0.5, fr;q=0.1", "en"),
        ("de", "en"),
        ("fr;q=x", "en"),
        ("fr\x00", "en"),
        ("frx", "en"),
        (",".join(["fr"] * 1_000), "en"),
        ("../../etc/passwd", "en"),
    ],
)
def test_what_the_browser_prefers(accepted: str, code: str) -> None:
    assert preferred(accepted) == code


@pytest.mark.parametrize(
    ("cookie", "code"),
    [
        (f"{language.COOKIE}=en", "en"),
        (f"__Host-spoold=x; {language.COOKIE}=en; a=b", "en"),
        (f"{language.COOKIE}=de", "fr"),
        (f"{language.COOKIE}=en; {language.COOKIE}=fr", "fr"),
        (f"x{language.COOKIE}=en", "fr"),
    ],
)
def test_a_remembered_choice_comes_first(cookie: str, code: str) -> None:
    assert choose(Headers({"Cookie": cookie, "Accept-Language": "fr"})) == code


async def test_pages_say_which_language_they_are_in(portal: PortalKit) -> None:
    page = await portal.visitor().get("/sign-in", **{"Accept-Language": "fr-FR"})
    assert page.headers["content-language"] == "fr"
    assert {"accept-language", "cookie"} <= {each.strip().lower() for each in page.headers["vary"].split(",")}
    assert '<html lang="fr">' in page.text
    assert "Connectez-vous pour imprimer" in page.text
    english = await portal.visitor().get("/sign-in")
    assert english.headers["content-language"] == "en"
    assert '<html lang="en">' in english.text


async def test_the_switch_leads_back_and_is_remembered(portal: PortalKit) -> None:
    visitor = await portal.signed_in()
    answer = await visitor.post("/language", language="fr", next="/printers")
    assert (answer.status_code, answer.headers["location"]) == (303, "/printers")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-spoold-language=fr; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=")
    assert "Imprimantes" in (await visitor.get("/printers")).text


@pytest.mark.parametrize(
    ("left", "reached"),
    [
        ("/sign-in?next=/printers", "/sign-in?next=/printers"),
        ("/me/tokens/revoke", "/me/tokens"),
        ("/printers/x/y/z", "/printers"),
    ],
)
async def test_the_switch_finds_the_page_of_a_form(portal: PortalKit, left: str, reached: str) -> None:
    answer = await portal.visitor().post("/language", language="fr", next=left)
    assert answer.headers["location"] == reached


@pytest.mark.parametrize(
    "following",
    [
        "//evil.test",
        "https://evil.test/",
        "/\\evil.test",
        "/nothing",
        "/language",
        "",
        "/a\r\nX: y",
        "/?\r\nX: y",
    ],
)
async def test_the_switch_leads_nowhere_else(portal: PortalKit, following: str) -> None:
    answer = await portal.visitor().post("/language", language="fr", next=following)
    assert answer.headers["location"] == "/"
    assert "x" not in answer.headers


async def test_an_unknown_language_is_not_remembered(portal: PortalKit) -> None:
    answer = await portal.visitor().post("/language", language="../fr", next="/")
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers


async def test_another_site_does_not_choose(portal: PortalKit) -> None:
    answer = await portal.visitor().post("/language", {"Origin": "https://evil.test"}, language="fr")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_programs_are_answered_in_english(portal: PortalKit) -> None:
    answer = await portal.visitor().get("/api/v1/jobs", **{"Accept-Language": "fr"})
    assert answer.json()["detail"] == "Sign in first."
    assert "content-language" not in answer.headers


async def test_two_languages_at_the_same_time(portal: PortalKit) -> None:
    """What an overlay for each language gets wrong: one request's language reaches the other's page."""
    portal.job()
    alice, bob = await portal.signed_in("alice"), await portal.signed_in("bob")
    seen: list[tuple[str, bool]] = []

    async def look(visitor: object, code: str) -> None:
        for _ in range(20):
            page = await (alice if visitor == "alice" else bob).get("/", **{"Accept-Language": code})
            seen.append((code, f'<html lang="{code}">' in page.text and NATIVE[code] in page.text))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look, "alice", "fr")
        nursery.start_soon(look, "bob", "en")
    assert len(seen) == 40
    assert all(right for _, right in seen)


NATIVE = {"en": "Sign out", "fr": "Se déconnecter"}


def test_english_reads_no_catalog() -> None:
    """Idle memory: Babel is there when the first French page is asked for, and not before."""
    script = (
        "import sys; from spoold.doors.web import app, language; "
        "assert 'babel' not in sys.modules; language.gettext('Sign in'); assert 'babel' not in sys.modules\n"
        "with language.speaking('fr'): assert language.gettext('Sign in') == 'Se connecter'\n"
        "assert 'babel' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


# -- numbers, times


def test_numbers_and_dates_follow_the_language() -> None:
    moment = datetime(2027, 8, 3, 14, 5, tzinfo=UTC)
    assert words.date(moment) == "3 Aug 2027"
    assert words.pages(1_200) == "1,200 pages"
    with speaking("fr"):
        assert words.date(moment) == "3 août 2027"
        assert words.day(moment) == "3 août"
        assert words.pages(0) == "0 page"
        assert words.pages(1) == "1 page"
        assert words.pages(1_200) == "1\u202f200 pages"
        assert words.time_left(93_600) == "1 j 2 h"


async def test_a_job_without_a_name_is_called_by_its_number_in_the_pages_language(portal: PortalKit) -> None:
    portal.job("Salaries 2026")
    page = (await (await portal.signed_in("oskar")).get("/", **{"Accept-Language": "fr"})).text
    assert "Impression 1" in page
    assert "Job 1" not in page


# -- the daemon's sentences


@pytest.mark.parametrize(
    ("text", "french"),
    [
        ("Paper is jammed.", "Il y a un bourrage de papier."),
        ("lobby: Paper is jammed.", "lobby : Il y a un bourrage de papier."),
        (
            "lobby: Paper is jammed. Nothing was printed. It can be released at floor-2 now.",
            "lobby : Il y a un bourrage de papier. Rien n’a été imprimé. "
            "Elle peut sortir ici maintenant : floor-2.",
        ),
        (
            "Too many failed sign-ins. Try again in 15 minutes.",
            "Trop de connexions refusées. Réessayez dans 15 minutes.",
        ),
        ("Folder", "Dossier"),
        ("The stapler is jammed.", "Bourrage : agrafeuse."),
        ("Released to floor-2.", "Lancée vers floor-2."),
        (
            'Released to floor-2 by bob, for its owner, because the rule "cheap" sends it there.',
            "Lancée vers floor-2 par bob, pour son propriétaire, parce que la règle « cheap » l’y envoie.",
        ),
        (
            'Printed on both sides of the sheet and in black and white, as the rule "Duplex" asks.',
            "Imprimée recto verso et en noir et blanc, comme le demande la règle « Duplex ».",
        ),
        (
            'Printed on one side of the sheet and in black and white and in 2 copies, as the rule "A" asks.',
            "Imprimée sur une face de la feuille et en noir et blanc et en 2 exemplaires, "
            "comme le demande la règle « A ».",
        ),
        (
            'Printed in one copy, as the rule "A" asks. Held for 1 day at most, as the rule "A" asks.',
            "Imprimée en un exemplaire, comme le demande la règle « A ». "
            "Retenue 1 jour au plus, comme le demande la règle « A ».",
        ),
        ("It can be released at attic, lobby or den.", "Elle peut sortir ici : attic, lobby ou den."),
        (
            'Held for 2 hours at most, as the rule "Night" asks.',
            "Retenue 2 heures au plus, comme le demande la règle « Night ».",
        ),
        (
            'Refused by the rule "No posters": Posters are printed in the office. Ask there.',
            "Refusée par la règle « No posters » : Posters are printed in the office. Ask there.",
        ),
        # An administrator's own words, and names that look like ours.
        ("Posters are printed in the office. Ask there.", "Posters are printed in the office. Ask there."),
        ("Printed at Ready.", "Imprimée ici : Ready."),
        ("Something new and unknown.", "Something new and unknown."),
        ("", ""),
    ],
)
def test_sentences_are_known_again(text: str, french: str) -> None:
    with speaking("fr"):
        assert plain(said(text)) == french
    assert said(text) == text


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_every_sentence_is_translated_whatever_its_values_are() -> None:
    """Each sentence of the daemon, with names in it, comes back in French with the same names."""
    catalog = load_catalog("fr")
    for text in daemon_texts():
        slots = list(dict.fromkeys(slots_of(text.message)))
        values = {slot: f"Zq{number}x" for number, slot in enumerate(slots)}
        sentence = text.message
        for slot, value in values.items():
            sentence = sentence.replace(f"{{{slot}}}", value)
        french = catalog.said(sentence)
        assert french != sentence, text
        kept = [value for value in values.values() if value in french]
        assert len(kept) == len(values) or text.message in LEFT_OUT, text


# "is not known" and "are not known" are one word shorter in French.
LEFT_OUT = {"because {join} {verb} not known"}


def test_no_text_takes_long() -> None:
    """Whatever somebody manages to have said, it is walked through a few times, not combined."""
    catalog = load_catalog("fr")
    hostile = [
        "a: " * 660,
        "lobby: " + "Paper is jammed. " * 110,
        "x and " * 330,
        ". " * 999,
        "a" * MAX_LENGTH,
    ]
    began = time.process_time()
    for text in hostile:
        catalog.said(text)
    assert time.process_time() - began < 5.0
    assert catalog.said("Paper is jammed. " * 1_000).startswith("Paper")


def test_sentences_by_hand() -> None:
    made = Sentences(
        {
            "Sent to {name} by {user}.": "Von {user} an {name}.",
            "Sent to {name}.": "An {name}.",
            "{one} and {two}": "{one} und {two}",
            "tea": "Tee",
            "bread and butter": "Butterbrot",
            "milk": "Milch",
            "Drink {what}.": "Trink {what}.",
        }
    )
    assert made.translated("Sent to a by b.") == "Von b an a."
    assert made.translated("Sent to a. Sent to b by c.") == "An a. Von c an b."
    assert made.translated("Drink tea and milk.") == "Trink Tee und Milch."
    assert made.translated("Drink tea and rum.") == "Trink tea and rum."
    assert (
        made.translated("Drink bread and butter and tea and milk.") == "Trink Butterbrot und Tee und Milch."
    )
    assert made.translated("Unknown. Sent to a.") == "Unknown. An a."
    assert made.translated(" Sent to a. ") == " An a. "


async def test_a_french_page_costs_little_more(portal: PortalKit) -> None:
    """Processor time of a full list once the language is there: at most twice the English one's."""
    for number in range(30):
        portal.job(f"Letter {number}", pages=1_000 + number)
        portal.kit.clock.advance(60)
    alice = await portal.signed_in()
    costs = dict.fromkeys(LANGUAGES, sys.float_info.max)
    for _ in range(8):
        for code in LANGUAGES:
            began = time.process_time()
            page = await alice.get("/", **{"Accept-Language": code})
            costs[code] = min(costs[code], time.process_time() - began)
            assert page.text.count('<li class="card job"') == 30
    assert costs["fr"] <= 2 * costs["en"], costs
