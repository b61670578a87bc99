"""The objects of a PDF, looked at without trusting one of them: any key may lack or hold any type, any tree may loop.

qpdf raises its own errors for damaged bytes; whoever opens the PDF catches those. Nothing here decodes more than the
limits of the process allow.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import islice
from types import SimpleNamespace
from typing import Any

from pipeline.ports import Fault, Said
from pipeline.validators.printable import shown

DECODED_BYTES_MAX = 64 * 1024 * 1024  # of one stream: six times the largest attachment that is accepted
QPDF_MIN = (12, 3)  # the first that has limits
_FILTERS_MAX = 3  # ASCII85 over Flate is the longest chain seen; each further one multiplies a bomb
_WARNINGS_MAX = 50
_QPDF_LOGGER = "pikepdf._core"
VISITS_MAX = 100_000  # objects looked at in one PDF: some thousand pages with all their annotations
_COLOURED_PAGES_MAX = 20  # decoding the content of thousands costs minutes, for a warning
_CONTENT_BYTES_MAX = 1024 * 1024  # of a page's content, looked at for colour operators

# Actions that run code or start something; ISO 19005-3 6.5.1 forbids these and some harmless ones (Hide, ResetForm).
_ACTIVE = frozenset({"/JavaScript", "/Launch", "/ImportData", "/Rendition", "/RichMediaExecute"})
# What may set off an additional action: of the document, of a page, of an annotation, of a field (ISO 32000-1 12.6.3).
_TRIGGERS = (
    *("/WC", "/WS", "/DS", "/WP", "/DP"),
    *("/O", "/C"),
    *("/E", "/X", "/D", "/U", "/Fo", "/Bl", "/PO", "/PC", "/PV", "/PI"),
    *("/K", "/F", "/V"),
)
_FONT_FILES = ("/FontFile", "/FontFile2", "/FontFile3")
_DEVICE_COLOUR = re.compile(rb"(?<![^\s\[\]()<>])(?:rg|RG|g|G|k|K)(?![^\s\[\]()<>])|/Device(?:RGB|CMYK|Gray)")
_OTHER_COLOUR = re.compile(rb"(?<![^\s\[\]()<>])(?:cs|CS)(?![^\s\[\]()<>])")
_STREAM_NAME = re.compile(r"(?:stream )?<_io\.BytesIO object at 0x[0-9a-fA-F]+>[:,]? ?")


class TooManyObjects(Exception):
    """More objects than `VISITS_MAX` would have to be looked at."""


class Visits:
    """Counts the objects looked at, and knows those that were: a loop ends, and so does a forest."""

    def __init__(self) -> None:
        self._left = VISITS_MAX
        self._seen: set[tuple[int, int]] = set()

    def first(self, obj: Any) -> bool:
        """Whether this object comes for the first time (a direct one always does)."""
        self._left -= 1
        if self._left < 0:
            raise TooManyObjects
        if not obj.is_indirect:
            return True
        key = obj.objgen
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


@cache
def limit_qpdf() -> None:
    """Set the decompression limits of this process. qpdf has none by default: 4.3 kB can become 2 GiB.

    Call it before any thread uses pikepdf; later calls do nothing. An older qpdf, which another build of pikepdf may be
    linked with, knows no limits: a fault, and no PDF is opened.
    """
    import pikepdf
    from pikepdf import settings

    found = pikepdf.__libqpdf_version__
    if tuple(int(part) for part in found.split(".")[:2]) < QPDF_MIN:
        raise Fault(_too_old(found))
    _quiet()
    settings.set_qpdf_limits(
        flate_max_memory=DECODED_BYTES_MAX,
        run_length_max_memory=DECODED_BYTES_MAX,
        png_max_memory=DECODED_BYTES_MAX,
        tiff_max_memory=DECODED_BYTES_MAX,
        dct_max_memory=DECODED_BYTES_MAX,
        max_stream_filters=_FILTERS_MAX,
        doc_max_warnings=_WARNINGS_MAX,
    )


def _quiet() -> None:
    """What qpdf says is told by findings; a line of the log that quotes a stranger's file is told by nobody."""
    logger = logging.getLogger(_QPDF_LOGGER)
    if logger.propagate:
        logger.propagate = False
        logger.addHandler(logging.NullHandler())


def _too_old(found: str) -> Said:
    mend = "pip install --upgrade --force-reinstall --only-binary pikepdf 'pikepdf>=10.17'"
    return Said(
        f"qpdf {found} est trop ancien, il faut au moins 12.3 (sans limite, un PDF de 4 ko en devient un de 2 Gio)",
        f"qpdf {found} is too old, at least 12.3 is needed (without a limit a PDF of 4 kB becomes one of 2 GiB)",
    ).then(Said(mend, mend))


def said(error: object) -> str:
    """What qpdf says, without the address of our stream: the same bytes give the same words."""
    return shown(_STREAM_NAME.sub("", str(error)))


@cache
def _kinds() -> SimpleNamespace:
    """The types of pikepdf, imported late and looked up cheaply: a page asks for them a hundred times."""
    import pikepdf

    return SimpleNamespace(
        holder=(pikepdf.Dictionary, pikepdf.Stream),
        stream=pikepdf.Stream,
        array=pikepdf.Array,
        name=pikepdf.Name,
        string=pikepdf.String,
    )


@contextmanager
def overheard() -> Iterator[list[str]]:
    """What qpdf warns of while it opens a file; a file that does not open keeps its warnings to itself otherwise."""
    said_so: list[str] = []

    def listen(record: logging.LogRecord) -> bool:
        said_so.append(record.getMessage())
        return False

    logger = logging.getLogger(_QPDF_LOGGER)
    logger.addFilter(listen)
    try:
        yield said_so
    finally:
        logger.removeFilter(listen)


def is_dictionary(obj: Any) -> bool:
    return isinstance(obj, _kinds().holder)


def is_stream(obj: Any) -> bool:
    return isinstance(obj, _kinds().stream)


def entry(holder: Any, *keys: str) -> Any:
    """Follow keys through dictionaries; None as soon as one of them is something else or lacks its key."""
    for key in keys:
        if not is_dictionary(holder):
            return None
        holder = holder.get(key)
    return holder


def elements(obj: Any) -> list[Any]:
    """The elements of an array; none where it is no array."""
    return list(obj) if isinstance(obj, _kinds().array) else []


def name(obj: Any) -> str:
    """A PDF name with its slash, or "" where it is something else. Some fonts have names that are no UTF-8."""
    return _decoded(obj) if isinstance(obj, _kinds().name) else ""


def text(obj: Any) -> str:
    """A PDF text string, or "" where it is something else or cannot be decoded."""
    return _decoded(obj) if isinstance(obj, _kinds().string) else ""


def values(obj: Any, keys: tuple[str, ...] = ()) -> list[Any]:
    """The values of a dictionary, all of them or those of some keys; none where it is no dictionary."""
    if not is_dictionary(obj):
        return []
    return [obj.get(key) for key in keys] if keys else list(obj.values())


def _decoded(obj: Any) -> str:
    try:
        return str(obj)
    except ValueError:
        return ""


def embedded_files(catalog: Any) -> Iterator[tuple[str, Any]]:
    """Walk the EmbeddedFiles name tree: (key, file specification), in its order; a specification comes once."""
    visits, specifications = Visits(), Visits()
    nodes = [entry(catalog, "/Names", "/EmbeddedFiles")]
    while nodes:
        node = nodes.pop()
        if not is_dictionary(node) or not visits.first(node):
            continue
        pairs = elements(entry(node, "/Names"))
        for key, specification in zip(pairs[::2], pairs[1::2], strict=False):
            if is_dictionary(specification) and specifications.first(specification):
                yield text(key), specification
        nodes.extend(reversed(elements(entry(node, "/Kids"))))


def active_content(pdf: Any) -> tuple[str, ...]:
    """What can run when this PDF is opened or read: JavaScript, Launch... without its slash, sorted."""
    found: set[str] = set()
    catalog = pdf.Root
    if is_dictionary(entry(catalog, "/Names", "/JavaScript")):
        found.add("JavaScript")
    if entry(catalog, "/AcroForm", "/XFA") is not None:
        found.add("XFA")
    visits = Visits()
    actions = list(_actions(pdf, catalog))
    while actions:
        action = actions.pop()
        if not is_dictionary(action) or not visits.first(action):
            continue  # an array is a destination
        kind = name(action.get("/S"))
        if kind in _ACTIVE:
            found.add(kind[1:])
        if "/JS" in action:
            found.add("JavaScript")
        following = action.get("/Next")
        actions.extend(elements(following) or [following])
    return tuple(sorted(found))


def _actions(pdf: Any, catalog: Any) -> Iterator[Any]:
    """Each walk counts for itself: one object may be an annotation, a field and an action at once."""
    annotations, fields = Visits(), Visits()
    yield entry(catalog, "/OpenAction")
    yield from values(entry(catalog, "/AA"), _TRIGGERS)
    for page in pdf.pages:
        yield from values(page.obj.get("/AA"), _TRIGGERS)
        for annotation in elements(page.obj.get("/Annots")):
            if is_dictionary(annotation) and annotations.first(annotation):
                yield annotation.get("/A")
                yield from values(annotation.get("/AA"), _TRIGGERS)
    # Fields without a widget on a page, and the bookmarks.
    nodes = [*elements(entry(catalog, "/AcroForm", "/Fields")), entry(catalog, "/Outlines")]
    while nodes:
        node = nodes.pop()
        if is_dictionary(node) and fields.first(node):
            yield node.get("/A")
            yield from values(node.get("/AA"), _TRIGGERS)
            nodes.extend([*elements(node.get("/Kids")), node.get("/First"), node.get("/Next")])


def lacks_output_intent(pdf: Any) -> bool:
    """Whether device colour is used and no PDF/A output intent says what it means (ISO 19005-3 6.2.4.3)."""
    for intent in elements(entry(pdf.Root, "/OutputIntents")):
        if name(entry(intent, "/S")) == "/GTS_PDFA1" and is_dictionary(entry(intent, "/DestOutputProfile")):
            return False
    return any(_uses_device_colour(page.obj) for page in islice(pdf.pages, _COLOURED_PAGES_MAX))


def _uses_device_colour(page: Any) -> bool:
    """A page that paints without choosing a colour space paints in DeviceGray."""
    contents = page.get("/Contents")
    left = _CONTENT_BYTES_MAX
    chooses = paints = False
    for part in elements(contents) or [contents]:
        content = readable_bytes(part)
        if content is None:
            return True  # not to be seen: it may
        content = content[:left]
        if _DEVICE_COLOUR.search(content):
            return True
        chooses = chooses or _OTHER_COLOUR.search(content) is not None
        paints = paints or bool(content.strip())
        left -= len(content)
        if left <= 0:
            break
    return paints and not chooses


def stream_bytes(obj: Any) -> bytes:
    """The decoded bytes of a stream; b"" for any other object."""
    return bytes(obj.read_bytes()) if is_stream(obj) else b""


def readable_bytes(obj: Any) -> bytes | None:
    """The same; None where the stream cannot be decoded. A stream above the limits is in the warnings of the PDF."""
    from pikepdf import PikepdfError

    try:
        return stream_bytes(obj)
    except PikepdfError:
        return None


def fonts_not_embedded(pdf: Any) -> tuple[str, ...]:
    """The base names of fonts that pages and their form XObjects use and that the file does not carry, sorted."""
    visits = Visits()
    found: set[str] = set()
    holders = [page.obj for page in pdf.pages]
    while holders:
        resources = entry(holders.pop(), "/Resources")
        if not is_dictionary(resources) or not visits.first(resources):
            continue
        for font in values(resources.get("/Font")):
            if is_dictionary(font) and visits.first(font) and not _is_embedded(font):
                found.add(shown(name(font.get("/BaseFont"))[1:], 80) or "?")
        forms = (form for form in values(resources.get("/XObject")) if name(entry(form, "/Subtype")) == "/Form")
        holders.extend(form for form in forms if visits.first(form))
    return tuple(sorted(found))


def _is_embedded(font: Any) -> bool:
    kind = name(font.get("/Subtype"))
    if kind == "/Type3":
        return True  # its glyphs are content streams
    if kind == "/Type0":
        font = next(iter(elements(font.get("/DescendantFonts"))), None)
    descriptor = entry(font, "/FontDescriptor")
    return is_dictionary(descriptor) and any(key in descriptor for key in _FONT_FILES)
