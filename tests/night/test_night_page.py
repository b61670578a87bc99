"""The page of the night: whole by itself, every name escaped, every chart with its figures, in both languages."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import night_samples
import pytest
from lxml import html

from pipeline.adapters.night.charts import NARROW, Bar, Part, bars
from pipeline.adapters.night.page import DIFFERENCES_MAX, Beside, render
from pipeline.adapters.night.words import Words
from pipeline.reconcile.night import KINDS, STAGES

BESIDE = Beside("r.xlsx", "r.csv")
VOID = {"meta", "br", "link", "img", "input", "hr", "col"}


class Outline(HTMLParser):
    """Every tag and attribute of a page; an end tag that closes something else is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(page: bytes) -> Outline:
    parsed = Outline()
    parsed.feed(page.decode())
    parsed.close()
    assert parsed.open == []
    return parsed


@pytest.fixture(scope="module")
def page() -> bytes:
    return render(night_samples.night(), Words("fr"), BESIDE)


@pytest.fixture(scope="module")
def tree(page: bytes) -> html.HtmlElement:
    return html.document_fromstring(page.decode())


def plain(text: str) -> str:
    return " ".join(text.replace("\u202f", " ").replace("\u00a0", " ").split())


def tables(tree: html.HtmlElement, title: str) -> list[list[str]]:
    """The figures under the chart of this title."""
    (figure,) = tree.xpath("//figure[figcaption/h2 = $title]", title=title)
    return [[plain(cell.text_content()) for cell in row] for row in figure.xpath(".//tbody/tr")]


def test_it_holds_no_script_and_names_nothing_outside_of_itself(page: bytes) -> None:
    tags = outline(page).tags
    assert {tag for tag, _ in tags} & {
        "script",
        "iframe",
        "object",
        "embed",
        "img",
        "link",
        "form",
        "base",
        "image",
        "use",
    } == set()
    for _, attributes in tags:
        assert not any(name.startswith("on") or name in {"src", "srcset", "action", "style"} for name in attributes)
        assert attributes.get("href", "#").startswith("#")  # type: ignore[union-attr]
    css = page.decode().partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"url\(|@import|expression|https?:", css)


def test_its_policy_admits_its_own_style_and_nothing_else(page: bytes) -> None:
    text = page.decode()
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"content=\"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\"" in text
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_names_of_strangers_are_text(page: bytes, tree: html.HtmlElement) -> None:
    assert b"<script" not in page
    assert "\u202e" not in page.decode()
    assert b"\x1b" not in page
    assert "<script>alert(1)</script>&\"'<img src=x onerror=alert(1)>\\u202e\\x1b[2J" in tree.text_content()


def test_the_figures_of_the_cards_are_those_of_the_result(tree: html.HtmlElement) -> None:
    found = night_samples.night()
    cards = {
        plain(card.find("dt").text_content()): [plain(one.text_content()) for one in card.findall("dd")]
        for card in tree.xpath("//div[contains(@class, 'card')]")
    }
    words = Words("fr")
    assert cards["Flux reçus"] == [plain(words.number(found.total.files["received"]))]
    for stage in ("read", "integrated", "pending", "refused", "delivered"):
        card = cards[f"Factures {STAGES[stage].fr}"]
        assert card[0] == plain(words.number(found.total.sum_of(stage).invoices))
        assert card[1] == plain(words.short_amount(found.total.sum_of(stage).money["EUR"], "EUR"))


def test_every_chart_has_a_name_and_its_figures_as_a_table(tree: html.HtmlElement) -> None:
    figures = tree.xpath("//figure[.//svg]")
    assert len(figures) == 9
    for figure in figures:
        (drawing,) = figure.xpath(".//svg")
        assert drawing.get("role") == "img"
        assert drawing.get("aria-label") == figure.xpath("string(figcaption/h2)")
        assert len(figure.xpath(".//details//tbody/tr")) >= len(drawing.xpath(".//text[@class='label']")) > 0
        assert figure.xpath(".//details//th[@scope='row']")


def test_the_tables_under_the_charts_hold_the_figures_of_the_result(tree: html.HtmlElement) -> None:
    found, words = night_samples.night(), Words("fr")
    partners = {row[0]: row for row in tables(tree, "Factures par partenaire")}
    first = found.rows[0]
    assert partners["TLM001 Télématique & Réseaux SA"][1:8] == [
        *(plain(words.number(first.sum_of(stage).invoices)) for stage in STAGES), plain(words.amount(first.read.money["EUR"], "EUR")),
    ]  # fmt: skip
    kinds = {row[0].lower(): row[1] for row in tables(tree, "Écarts par nature")}
    assert kinds == {KINDS[kind].label.fr.lower(): plain(words.number(count)) for kind, count in found.by_kind.items()}
    rules = {row[0]: row[3] for row in tables(tree, "Motifs de refus, et autres constats")}
    assert rules["RTG-010"] == "1 704"
    ages = {row[0]: row[1:7] for row in tables(tree, "Âge des factures, par statut")}
    of_03 = [age for age in found.ages if age.status == "03"]
    assert ages["03 mise à disposition"] == [
        plain(words.number(sum(age.invoices for age in of_03))),
        *(plain(words.number(sum(age.buckets[place] for age in of_03))) for place in range(5)),
    ]
    terms = tables(tree, "Délais de paiement à surveiller")
    assert terms[0][:4] == [
        "11000201100044 Services de l'État pour la facturation électronique",
        "10 340",
        "775",
        "193",
    ]


def test_every_difference_is_named_with_its_next_step_up_to_a_cap(tree: html.HtmlElement) -> None:
    found = night_samples.night()
    rows = tree.xpath("//section[@id='ecarts']//td[@class='said']")
    assert len(rows) == len(found.differences)
    text = plain(tree.xpath("string(//section[@id='ecarts'])"))
    for one in found.differences[:10]:
        assert plain(one.said.fr) in text
        assert plain(one.next.fr) in text
    many = html.document_fromstring(render(night_samples.crowded_night(20_000), Words("fr"), BESIDE).decode())
    assert len(many.xpath("//section[@id='ecarts']//td[@class='said']")) == DIFFERENCES_MAX
    assert "et 19 500 autres de cette nature" in plain(many.text_content())
    assert "compte rendu perdu" in plain(many.text_content()).lower()


def test_a_source_that_was_not_read_and_a_broken_invariant_are_in_sight(tree: html.HtmlElement) -> None:
    assert [plain(one.text_content()) for one in tree.xpath("//span[@class='tag note'][. = 'non lue']")] == ["non lue"]
    broken = tree.xpath("//span[@class='tag bad'][. = 'rompu']")
    assert len(broken) == 1
    assert not broken[0].xpath("ancestor::details")
    assert len(tree.xpath("//span[@class='tag good'][. = 'tient'][ancestor::details]")) == 2


def test_the_same_night_gives_the_same_page_and_english_is_english() -> None:
    found = night_samples.night()
    assert render(found, Words("fr"), BESIDE) == render(found, Words("fr"), BESIDE)
    english = render(found, Words("en"), BESIDE).decode()
    assert '<html lang="en">' in english
    text = plain(html.document_fromstring(english).text_content())
    assert "Reconciliation of the business day, Friday 20 November 2026" in text
    assert not re.search(r"\b(écarts|factures|partenaire|montant|règle)\b", text.replace("rapprochement", ""))


def test_a_quiet_night_says_so_and_draws_nothing() -> None:
    page = render(night_samples.quiet_night(), Words("fr"), BESIDE)
    outline(page)
    tree = html.document_fromstring(page.decode())
    assert tree.xpath("//svg") == []
    assert "Tout concorde" in tree.text_content()
    assert "Aucun écart : ce qui a été comparé concorde." in tree.text_content()


def test_a_bar_is_as_long_as_what_it_stands_for_and_never_longer_than_the_chart() -> None:
    drawn = [
        Bar("a", (Part(75, "blue", "x", "75"), Part(25, "red", "y", "25")), "100"),
        Bar("b" * 200, (Part(1, "blue", "x", "1"),), "1"),
        Bar("c", (Part(0, "blue", "x"), Part(10**12, "red", "y")), "0", whole=1),
    ]
    svg = html.fragment_fromstring(bars("t", drawn, NARROW))
    boxes = [
        (one.get("class"), float(one.get("x")), float(one.get("width")))
        for one in svg.xpath(".//rect[@class != 'track']")
    ]
    longest = 10**12
    assert boxes[0][0] == "blue"
    assert boxes[0][2] == 1.5  # the least that can be seen, beside a bar a billion times as long
    assert all(x + size <= NARROW + 0.01 for _, x, size in boxes)
    assert boxes[-1] == ("red", 0.0, float(NARROW))
    assert longest > 0
    labels = svg.xpath(".//text[@class='label']")
    assert len(labels[1].text_content()) < 75
    assert labels[1].text_content().endswith("…")
