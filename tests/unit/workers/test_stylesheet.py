"""A sheet as the engine gets it: the same rules, its code list a parameter, its assertions numbered."""

import pytest
from lxml import etree

from pipeline.adapters.artefacts import PACKS, installed_folder
from pipeline.workers.stylesheet import UnfitSheet, reduced, tuned

SVRL = "http://purl.oclc.org/dsdl/svrl"
XSL = "http://www.w3.org/1999/XSL/Transform"


def a_sheet(test: str, *, parameter: str = '<xsl:param name="other"/>') -> str:
    return f"""<xsl:stylesheet xmlns:xsl="{XSL}" xmlns:svrl="{SVRL}" version="2.0">{parameter}
<!-- <svrl:failed-assert test="old"/> -->
<xsl:template match="/"><svrl:failed-assert test="{test}"/><svrl:successful-report
 test="b"/><svrl:failed-assert test="c"><svrl:text>see document (BG-24)</svrl:text></svrl:failed-assert></xsl:template>
</xsl:stylesheet>"""


def test_each_assertion_tells_its_ordinal_and_comments_do_not_count() -> None:
    root = etree.fromstring(tuned(a_sheet("a"), ""))
    numbered = [element.get("ordinal") for element in root.iter(f"{{{SVRL}}}*") if element.get("test")]
    assert numbered == ["1", "2", "3"]


@pytest.mark.parametrize("lookup", ["document('list.xml')", "document( 'list.xml' )"])
def test_the_lookup_of_the_code_list_becomes_a_parameter(lookup: str) -> None:
    root = etree.fromstring(tuned(a_sheet(f"{lookup}/codedb/cl[@id=1]"), "list.xml"))
    assert [element.get("name") for element in root.iter(f"{{{XSL}}}param")] == ["codedb_doc", "other"]
    assert next(root.iter(f"{{{SVRL}}}failed-assert")).get("test") == "$codedb_doc/codedb/cl[@id=1]"


@pytest.mark.parametrize(
    ("sheet", "code_list"),
    [
        (a_sheet("document('other.xml')"), "list.xml"),
        (a_sheet("document('list.xml')"), ""),
        (a_sheet("a"), "list.xml"),
        (a_sheet("doc('file:///etc/passwd')"), ""),
        (a_sheet("document(@href)"), ""),
        (a_sheet("unparsed-text('x')"), ""),
        (a_sheet("document('list.xml')", parameter=""), "list.xml"),
    ],
)
def test_a_sheet_that_reads_anything_else_is_not_run(sheet: str, code_list: str) -> None:
    with pytest.raises(UnfitSheet):
        tuned(sheet, code_list)


WALKS = """<xsl:stylesheet xmlns:xsl="{xsl}" xmlns:svrl="{svrl}" version="2.0">
<xsl:template match="text()" priority="-1"/>{more}
<xsl:template match="/"><svrl:active-pattern><xsl:apply-templates /></svrl:active-pattern>
<xsl:apply-templates mode="M1" select="/"/></xsl:template>
<xsl:template match="a" mode="M1"><svrl:fired-rule context="a[b > 1]" /><xsl:apply-templates /></xsl:template></xsl:stylesheet>"""


@pytest.mark.parametrize(
    ("more", "walks"),
    [
        ("", 2),
        ('<xsl:template match="b" mode="M2"/>', 2),
        ('<xsl:template match="b"/>', 3),  # it could say something
        ('<xsl:template match="text()"> </xsl:template>', 3),
    ],
)
def test_a_walk_is_left_out_only_where_it_can_give_nothing(more: str, walks: int) -> None:
    root = etree.fromstring(tuned(WALKS.format(xsl=XSL, svrl=SVRL, more=more), ""))
    assert len([*root.iter(f"{{{XSL}}}apply-templates")]) == walks


@pytest.mark.parametrize(
    ("match", "visits"),
    [
        ("a[@b = 'c']/d", "*"),
        ("//a[b[@c] = 'd']", "*"),
        ("@*|node()", "*"),
        ("a/@b", "@*|*"),
        ("a[@b]/@c", "@*|*"),
        ("attribute::b", "@*|*"),
        ("a[b = '[']", "@*|*"),  # not understood: left alone
    ],
)
def test_attributes_are_visited_only_where_a_rule_may_be_about_them(match: str, visits: str) -> None:
    rule = f'<xsl:template match="{match}" mode="M5"><xsl:apply-templates mode="M5" select="@*|*" /></xsl:template>'
    other = '<xsl:template match="@*" mode="full-path"><xsl:apply-templates mode="full-path" select="@*|*" /></xsl:template>'
    root = etree.fromstring(tuned(WALKS.format(xsl=XSL, svrl=SVRL, more=rule + other), ""))
    applied = {e.get("mode"): e.get("select") for e in root.iter(f"{{{XSL}}}apply-templates") if e.get("mode") != "M1"}
    assert (applied["M5"], applied["full-path"]) == (visits, "@*|*")


@pytest.mark.parametrize("pack", PACKS)
def test_no_installed_rule_is_about_attributes(pack: str) -> None:
    files = PACKS[pack]
    after = tuned((installed_folder() / files.sheet).read_text("utf-8"), files.code_list.rpartition("/")[2])
    applied = etree.fromstring(after.encode()).iter(f"{{{XSL}}}apply-templates")
    selects = {element.get("select") for element in applied if (element.get("mode") or "").startswith("M")}
    assert selects == {"/", "*"}


def test_the_list_of_the_rules_that_fired_is_not_written() -> None:
    assert "fired-rule" not in tuned(WALKS.format(xsl=XSL, svrl=SVRL, more=""), "")


@pytest.mark.parametrize("pack", PACKS)
def test_the_idle_walks_of_an_installed_sheet_go(pack: str) -> None:
    files = PACKS[pack]
    after = tuned((installed_folder() / files.sheet).read_text("utf-8"), files.code_list.rpartition("/")[2])
    pattern = etree.fromstring(after.encode()).find(f".//{{{SVRL}}}active-pattern")
    assert pattern is not None
    assert pattern.find(f"{{{XSL}}}apply-templates") is None


@pytest.mark.parametrize("pack", PACKS)
def test_an_installed_sheet_keeps_its_rules_and_reads_nothing(pack: str) -> None:
    files = PACKS[pack]
    text = (installed_folder() / files.sheet).read_text("utf-8")
    before = etree.fromstring(text.encode())
    after = etree.fromstring(tuned(text, files.code_list.rpartition("/")[2]).encode())
    assert "document('" not in etree.tostring(after, encoding="unicode")
    kinds = (f"{{{SVRL}}}failed-assert", f"{{{SVRL}}}successful-report")
    ordinals = [element.get("ordinal") for element in after.iter(*kinds)]
    assert ordinals == [str(n) for n, _ in enumerate(before.iter(*kinds), start=1)]
    assert len(ordinals) > 100


def patterns(sheet: str) -> list[str | None]:
    """The patterns that the document itself runs, in their order."""
    applied = etree.fromstring(sheet.encode()).iter(f"{{{XSL}}}apply-templates")
    return [element.get("mode") for element in applied if element.get("select") == "/"]


@pytest.mark.parametrize("pack", PACKS)
def test_a_few_patterns_of_an_installed_sheet_run_alone_and_ordinals_stay(pack: str) -> None:
    files = PACKS[pack]
    whole = tuned((installed_folder() / files.sheet).read_text("utf-8"), files.code_list.rpartition("/")[2])
    modes = patterns(whole)
    wanted = {mode for mode in (modes[0], modes[-1]) if mode}
    shorter = reduced(whole, wanted)
    assert patterns(shorter) == [mode for mode in modes if mode in wanted]
    kinds = (f"{{{SVRL}}}failed-assert", f"{{{SVRL}}}successful-report")
    before, after = (
        [e.get("ordinal") for e in etree.fromstring(text.encode()).iter(*kinds)] for text in (whole, shorter)
    )
    assert before == after
    inner = [e for e in etree.fromstring(shorter.encode()).iter(f"{{{XSL}}}apply-templates") if e.get("select") != "/"]
    assert len(inner) == len(
        [e for e in etree.fromstring(whole.encode()).iter(f"{{{XSL}}}apply-templates") if e.get("select") != "/"]
    )


@pytest.mark.parametrize(
    "call",
    [
        '<xsl:apply-templates mode="M2" select="/"></xsl:apply-templates>',
        '<xsl:apply-templates mode="M2" select="/"/><!-- <xsl:apply-templates mode="M2" select="/"/> -->',
        "",
    ],
)
def test_a_sheet_that_calls_a_pattern_in_another_way_runs_whole(call: str) -> None:
    sheet = f'<xsl:apply-templates mode="M1" select="/"/>{call}'
    assert reduced(sheet, {"M2"}) == sheet
    assert reduced(sheet, {"M1", "M2"}) == sheet
