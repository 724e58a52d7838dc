"""The sentences of the hub in other languages: none is missing, and what differs in one has its place in each."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import expect

import indevolt

from .conftest import Visit
from .scenes import Scene

SOURCES: Final = Path(indevolt.__file__).parent
LOCALES: Final = SOURCES / "hub" / "web" / "assets" / "locales"
LANGUAGES: Final = ("de", "nl", "fr")
SPOKEN: Final = (  # modules whose every sentence is on the page
    "catalogue/limits.py",
    "control/plan/reasons.py",
    "control/strategies/backup_hold.py",
    "hub/planner/circumstances.py",
)
COMPOSED: Final = {
    "packs at {0} °C take nothing",
    "the meter of the house is now that of {0}",
    "{0} battery module of {1}",
    "{0} battery modules of {1}",
}
"""Forms whose words the hub puts together by itself, so that they stand nowhere as they are."""
GAP: Final = re.compile(r"\{\d?\}")
EDGE: Final = re.compile(r"^(?:W\b|s\b|°C|\W)+|\W+$")  # of the words between two gaps: units and marks


def phrases(language: str) -> dict[str, str]:
    """Return the forms of sentences in a language, by the English one."""
    text = (LOCALES / language / "said.js").read_text("utf-8")
    found: dict[str, str] = json.loads(
        re.sub(r",\s*}", "}", text[text.index("{", text.index("export default")) :].rstrip().rstrip(";"))
    )
    return found


def sentences(path: Path) -> Iterator[str]:
    """Yield what a module says in more than a word, with gaps where something is put in."""
    tree = ast.parse(path.read_text("utf-8"))
    silent = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent.add(id(node.value))  # a docstring
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if re.search(r"[a-z]{2,} ", text):
            yield text


def form_of(text: str) -> str:
    """Return what finds a sentence, or a part of one, among the forms: anything may stand in a gap."""
    return ".*".join(map(re.escape, GAP.split(text.strip())))


@pytest.mark.parametrize("name", SPOKEN)
def test_every_sentence_of_a_reason_is_known_in_other_languages(name: str) -> None:
    known = list(phrases("de"))
    missing = [each for each in sentences(SOURCES / name) if not any(re.search(form_of(each), english) for english in known)]
    assert missing == []


def texts(path: Path) -> Iterator[str]:
    """Yield the texts of a module and the parts of those with gaps, without docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.value


def test_no_sentence_is_known_that_the_hub_does_not_say_any_more() -> None:
    said = "\n".join(text for path in SOURCES.rglob("*.py") for text in texts(path))
    known = phrases("de").keys()
    parts = {form: [EDGE.sub("", part) for part in re.split(rf"{GAP.pattern}|[;:,] ", form)] for form in known - COMPOSED}
    assert [form for form, of in parts.items() if not all(part in said for part in of)] == []
    assert known >= COMPOSED


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_knows_what_the_others_know_with_the_same_gaps(language: str) -> None:
    forms = phrases(language)
    assert forms.keys() == phrases("de").keys()
    assert [english for english, form in forms.items() if sorted(GAP.findall(english)) != sorted(GAP.findall(form))] == []


async def test_sentences_are_found_whole_in_parts_and_with_their_numbers_or_not_at_all(house: Scene, visit: Visit) -> None:
    told = {
        "stopping": "wird beendet",
        "the charge misses the plan by 12.5 %": "der Ladestand weicht um 12,5 % vom Plan ab",
        "the plan until 07:45: keeps import below 4 kW": "der Plan bis 07:45: hält den Bezug unter 4 kW",
        "prices are new; the forecast is another one": "die Preise sind neu; die Vorhersage ist eine andere",
        "kept for 31.5 ct; it is 28.0 ct now": "behalten für 31,5 ct; jetzt sind es 28,0 ct",
        "the meter of the house is now that of cellar": "der Zähler des Hauses ist jetzt der von cellar",
        "the meter of the house is now hall": "der Zähler des Hauses ist jetzt hall",
        "nobody has translated this": None,
        "prices are new; nobody has translated this": None,
    }
    async with visit(house.url, locale="de-DE") as page:
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        lines = "import(new URL('assets/lib/said.js', document.baseURI)).then(({ said }) => "
        await page.wait_for_function(f"() => {lines} said('stopping') !== null)")
        assert await page.evaluate(f"texts => {lines} texts.map(said))", list(told)) == list(told.values())
