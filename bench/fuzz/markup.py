"""XML spoiled token by token: values, tags, attributes, whole elements, comments where nobody looks, encodings."""

import re
from collections.abc import Callable
from random import Random

from bench.oracle import values

Tokens = list[bytes]
_TOKEN = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<[^<>]*>|[^<]+", re.DOTALL)
_NAME = re.compile(rb"</?([^\s/>]+)")
_ATTRIBUTE = re.compile(rb"""(\s+)([^\s=<>]+)=("[^"]*"|'[^']*')""")
_ENCODING = re.compile(rb'encoding="[^"]*"')
GUIDELINES = (
    "", "urn:cen.eu:en16931:2017", "urn:factur-x.eu:1p0:minimum", "urn:factur-x.eu:1p0:basicwl",
    "urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic",
    "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended",
    "urn:cen.eu:en16931:2017#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr",
    "urn:cen.eu:en16931:2017#compliant#urn:x",
    "urn:cen.eu:en16931:2017#conformant#urn:x", "URN:CEN.EU:EN16931:2017", "urn:cen.eu:en16931:2017 ", "A1",
)  # fmt: skip
_INSERTED = (
    b"<!-- -->", b"<!--1-->", b"<?p i?>", b"<![CDATA[]]>", b"<![CDATA[0]]>", b"&#48;", b"&#x31;", b"&amp;", b"&x;",
    b"&#0;", b"\xe2\x80\x8b",
    b"\xe2\x80\xae", b"\xc2\xa0", b" ", b"\n", b"\t", b"<a/>", b"<b>0</b>",
)  # fmt: skip
_ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "iso-8859-1",
    "iso-8859-15",
    "cp1252",
    "ascii",
    "utf-7",
)
_NAMES = (
    "UTF-8",
    "utf-8",
    "UTF-16",
    "ISO-8859-1",
    "ISO-8859-15",
    "windows-1252",
    "US-ASCII",
    "UTF-7",
    "IBM037",
    "x-other",
    "UTF-32",
)
_TAGS = (
    b"ID",
    b"Note",
    b"Name",
    b"TaxTotal",
    b"PayableAmount",
    b"GrandTotalAmount",
    b"LineTotalAmount",
    b"TaxAmount",
    b"Item",
    b"x",
)


def tokens_of(document: bytes) -> Tokens:
    return _TOKEN.findall(document)


def spoiled(document: bytes, random: Random) -> bytes:
    """Change one to four tokens, and rarely the encoding of the whole."""
    tokens = tokens_of(document)
    for _ in range(min(4, 1 + int(random.expovariate(1.1)))):
        for _ in range(4):  # some changes find nothing to change
            if random.choice(_CHANGES)(tokens, random):
                break
    spoilt = b"".join(tokens)
    if random.random() < 0.04:
        spoilt = _recoded(spoilt, random)
    return spoilt


def _is_text(token: bytes) -> bool:
    return not token.startswith(b"<")


def _some(tokens: Tokens, random: Random, wanted: Callable[[bytes], bool]) -> int:
    """The place of a token of this kind; -1 where a few looks find none."""
    for _ in range(40):
        at = random.randrange(len(tokens)) if tokens else 0
        if at < len(tokens) and wanted(tokens[at]):
            return at
    return -1


def _value(tokens: Tokens, random: Random) -> int:
    return _some(tokens, random, lambda token: _is_text(token) and token.strip() != b"")


def _is_start(token: bytes) -> bool:
    return token.startswith(b"<") and token[1:2] not in {b"/", b"!", b"?"}


def _span(tokens: Tokens, random: Random) -> tuple[int, int]:
    """The first token of an element and the one behind its last; (0, 0) where none is found."""
    start = _some(tokens, random, _is_start)
    if start < 1:
        return 0, 0
    depth = 0
    for at in range(start, len(tokens)):
        token = tokens[at]
        if token.startswith(b"</"):
            depth -= 1
        elif _is_start(token) and not token.endswith(b"/>"):
            depth += 1
        if depth <= 0 and (token.startswith(b"</") or at == start):
            return start, at + 1
    return 0, 0


# --- changes: each says whether it found something to change ----------------------------------------------------------


def _nasty(tokens: Tokens, random: Random) -> bool:
    at = _value(tokens, random)
    if at < 0:
        return False
    tokens[at] = _escaped(random.choice(values.NASTY))
    return True


def _shifted(tokens: Tokens, random: Random) -> bool:
    """The value a little beside itself."""
    at = _value(tokens, random)
    if at < 0:
        return False
    tokens[at] = _escaped(values.moved(tokens[at].decode("utf-8", "replace"), random))
    return True


def _escaped(text: str) -> bytes:
    return text.replace("&", "&amp;").replace("<", "&lt;").encode("utf-8", "replace")


def _number(tokens: Tokens, random: Random) -> bool:
    """One amount in all its places, so that the sums may still agree."""
    at = _some(tokens, random, lambda token: _is_text(token) and re.fullmatch(rb"-?[0-9]+\.[0-9]+", token) is not None)
    if at < 0:
        return False
    old, new = tokens[at], _escaped(values.moved(tokens[at].decode(), random))
    tokens[:] = [new if token == old else token for token in tokens]
    return True


def _exchanged(tokens: Tokens, random: Random) -> bool:
    """Two values in each other's place."""
    a, b = _value(tokens, random), _value(tokens, random)
    if a < 0 or b < 0 or a == b:
        return False
    tokens[a], tokens[b] = tokens[b], tokens[a]
    return True


def _copied_value(tokens: Tokens, random: Random) -> bool:
    a, b = _value(tokens, random), _value(tokens, random)
    if a < 0 or b < 0 or a == b:
        return False
    tokens[a] = tokens[b]
    return True


def _inside(tokens: Tokens, random: Random) -> bool:
    """Something in the middle of a value."""
    at = _value(tokens, random)
    if at < 0:
        return False
    cut = random.randrange(len(tokens[at]) + 1)
    tokens[at] = tokens[at][:cut] + random.choice(_INSERTED) + tokens[at][cut:]
    return True


def _wrapped(tokens: Tokens, random: Random) -> bool:
    """The same value in another writing."""
    at = _value(tokens, random)
    if at < 0 or b"&" in tokens[at] or b"]]>" in tokens[at]:
        return False
    if random.random() < 0.5:
        tokens[at] = b"<![CDATA[%b]]>" % tokens[at]
    else:
        tokens[at] = "".join(f"&#{ord(letter)};" for letter in tokens[at].decode("utf-8", "replace")).encode()
    return True


def _deleted(tokens: Tokens, random: Random) -> bool:
    start, end = _span(tokens, random)
    if not end:
        return False
    del tokens[start:end]
    return True


def _doubled(tokens: Tokens, random: Random) -> bool:
    start, end = _span(tokens, random)
    if not end or end - start > 400:
        return False
    again = list(tokens[start:end])
    if random.random() < 0.5:  # the second one says something else
        inner = [n for n, token in enumerate(again) if _is_text(token) and token.strip()]
        if inner:
            n = random.choice(inner)
            again[n] = _escaped(values.moved(again[n].decode("utf-8", "replace"), random))
    tokens[end:end] = again
    return True


def _moved(tokens: Tokens, random: Random) -> bool:
    start, end = _span(tokens, random)
    if not end:
        return False
    part = tokens[start:end]
    del tokens[start:end]
    to = random.randrange(len(tokens) + 1)
    tokens[to:to] = part
    return True


def _token(tokens: Tokens, random: Random) -> bool:
    """One token lost, repeated or exchanged: most often no XML any more."""
    if not tokens:
        return False
    at = random.randrange(len(tokens))
    what = random.random()
    if what < 0.4:
        del tokens[at]
    elif what < 0.7:
        tokens.insert(at, tokens[at])
    else:
        other = random.randrange(len(tokens))
        tokens[at], tokens[other] = tokens[other], tokens[at]
    return bool(tokens)


def _renamed(tokens: Tokens, random: Random) -> bool:
    """An element under another name, most often at both ends."""
    start, end = _span(tokens, random)
    found = _NAME.match(tokens[start]) if end else None
    if found is None:
        return False
    prefix, colon, _ = found[1].rpartition(b":")
    new = random.choice(
        (prefix + colon + random.choice(_TAGS), random.choice(_TAGS), b"x:" + found[1].rpartition(b":")[2])
    )
    tokens[start] = tokens[start].replace(found[1], new, 1)
    if end - 1 > start and random.random() < 0.9:
        tokens[end - 1] = tokens[end - 1].replace(found[1], new, 1)
    return True


def _attribute(tokens: Tokens, random: Random) -> bool:
    at = _some(tokens, random, lambda token: _is_start(token) and b"=" in token)
    if at < 0:
        return False
    found = random.choice(list(_ATTRIBUTE.finditer(tokens[at])) or [None])
    if found is None:
        return False
    blank, name, _ = found.groups()
    what = random.random()
    if what < 0.25:
        new = b""
    elif what < 0.4:
        new = found[0] + found[0]
    elif what < 0.55:
        new = (
            blank
            + random.choice((b"schemeID", b"currencyID", b"format", b"unitCode", b"x", b"xml:lang", b"xsi:nil"))
            + b'="1"'
        )
    else:
        text = random.choice(
            (*values.NASTY, "EUR", "USD", "102", "203", "0002", "1", "VA", "application/pdf", "a.pdf", "../a")
        )
        new = b'%b%b="%b"' % (blank, name, _escaped(text).replace(b'"', b"&quot;"))
    tokens[at] = tokens[at][: found.start()] + new + tokens[at][found.end() :]
    return True


def _claimed(tokens: Tokens, random: Random) -> bool:
    """Another specification identifier."""
    at = _some(tokens, random, lambda token: _is_text(token) and token.startswith(b"urn:"))
    if at < 0:
        return False
    tokens[at] = random.choice(GUIDELINES).encode()
    return True


def _misc(tokens: Tokens, random: Random) -> bool:
    """A comment, an instruction or a declaration between two tokens."""
    written = (
        b"<!-- x -->",
        b"<?xml-stylesheet href='x'?>",
        b"<!DOCTYPE x>",
        b"\n",
        b"<a/>",
        b"text",
        b"<![CDATA[x]]>",
        b"<?xml version='1.0'?>",
    )
    tokens.insert(random.randrange(len(tokens) + 1), random.choice(written))
    return True


def _recoded(document: bytes, random: Random) -> bytes:
    """In another encoding, which the declaration names or not."""
    text = document.decode("utf-8", "replace")
    encoding = random.choice(_ENCODINGS)
    if random.random() < 0.8:
        text = re.sub(r'encoding="[^"]*"', f'encoding="{random.choice((encoding.upper(), *_NAMES))}"', text, count=1)
    return text.encode(encoding, "xmlcharrefreplace")


_CHANGES = (
    _nasty, _nasty, _shifted, _shifted, _shifted, _number, _number, _exchanged, _copied_value, _inside, _inside,
    _wrapped,
    _deleted, _deleted, _doubled, _doubled, _moved, _token, _renamed, _attribute, _attribute, _claimed, _misc,
)  # fmt: skip
