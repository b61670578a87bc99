"""Schema validation with long attachments set aside.

libxml2 reads base64 at 0.2 GB a second: nine tenths of the validation of an invoice with a PDF of 150 kB in it. Such a
text is checked here, and a short one stands in its place while libxml2 looks at the rest. Whatever is not plainly
base64 is left where it is, for libxml2 to judge.
"""

from lxml import etree

from pipeline.readers.walk import PREFIXES

# of type xs:base64Binary without a facet in every schema we know (a test reads them)
HOLDERS = (f"{{{PREFIXES['ram']}}}AttachmentBinaryObject", f"{{{PREFIXES['cbc']}}}EmbeddedDocumentBinaryObject")
_LONG_CHARS = 10_000  # below, setting aside costs as much as it saves
_SHORT = "AAAA"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# what may stand before the padding: the bits that the padding cuts off are zero
_BEFORE_PADDING = {b"": _ALPHABET, b"=": b"AEIMQUYcgkosw048", b"==": b"AQgw"}


def is_valid(tree: etree._ElementTree, schema: etree.XMLSchema) -> bool:
    """Does the schema accept the document? Its log has the complaints; the tree is afterwards as it was."""
    aside = []
    for element in tree.iter(*HOLDERS):
        text = element.text
        if text is not None and len(text) >= _LONG_CHARS and not len(element) and is_base64(text):
            aside.append((element, text))
    try:
        for element, _ in aside:
            element.text = _SHORT
        return bool(schema.validate(tree))
    finally:
        for element, text in aside:
            element.text = text


def is_base64(text: str) -> bool:
    """Is this base64 beyond doubt: in full groups, in one line or in lines, nothing after the padding?

    >>> is_base64("QUI="), is_base64("QUI"), is_base64("QUJ=")
    (True, False, False)
    """
    if not text.isascii():
        return False
    data = text.encode("ascii")
    if b"\n" in data:
        data = data.translate(None, b"\n").strip(b" ")
    padding = data.translate(None, _ALPHABET)
    before = _BEFORE_PADDING.get(padding)
    if before is None or len(data) % 4 or not data.endswith(padding):
        return False
    return data[-len(padding) - 1 :][:1] in before
