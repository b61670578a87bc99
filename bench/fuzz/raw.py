"""Bytes spoiled without a look at what they mean."""

from random import Random

TOKENS = (
    b"\0", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\x1a", b"\r\n",
    b"\x85", b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xc2\xa0", b"<", b">", b"&", b"\"", b"'", b"]]>", b"<![CDATA[",
    b"-->", b"<!--",
    b"<?xml", b"?>", b"<!DOCTYPE a>", b"<!ENTITY x 'y'>", b"&#0;", b"&#x1;", b"&#55296;", b"&x;", b"&amp;", b"&lt;",
    b"/", b"/>",
    b"</", b"<a>", b"</a>", b"<a/>", b"xmlns=\"\"", b" xmlns:x='u'", b"0", b"-", b"+", b".", b",", b"e9", b"NaN",
    b"\x1f\x8b",
    b"%PDF-1.7", b"endobj", b"stream\n", b"PK\x03\x04", b"ustar", b"\x80", b"../", b"%s%n", b"\xf0\x9f\x98\x80",
)  # fmt: skip
_AT_ONCE_MAX = 64


def spoiled(document: bytes, random: Random, times: int = 0) -> bytes:
    """Change a document in one to eight places."""
    spoilt = bytearray(document)
    for _ in range(times or min(8, 1 + int(random.expovariate(0.7)))):
        random.choice(_CHANGES)(spoilt, random)
    return bytes(spoilt)


def _at(spoilt: bytearray, random: Random) -> int:
    return random.randrange(len(spoilt) + 1) if spoilt else 0


def _length(random: Random) -> int:
    return min(_AT_ONCE_MAX, 1 + int(random.expovariate(0.15)))


def _bit(spoilt: bytearray, random: Random) -> None:
    if spoilt:
        spoilt[random.randrange(len(spoilt))] ^= 1 << random.randrange(8)


def _byte(spoilt: bytearray, random: Random) -> None:
    if spoilt:
        spoilt[random.randrange(len(spoilt))] = random.randrange(256)


def _digit(spoilt: bytearray, random: Random) -> None:
    """The damage that is hardest to see: one digit for another."""
    at = _at(spoilt, random)
    for place in range(at, min(len(spoilt), at + 400)):
        if 48 <= spoilt[place] <= 57:
            spoilt[place] = 48 + random.randrange(10)
            return


def _deleted(spoilt: bytearray, random: Random) -> None:
    at = _at(spoilt, random)
    del spoilt[at : at + _length(random)]


def _repeated(spoilt: bytearray, random: Random) -> None:
    at = _at(spoilt, random)
    part = spoilt[at : at + _length(random)]
    spoilt[at:at] = part * random.randrange(1, 4)


def _token(spoilt: bytearray, random: Random) -> None:
    at = _at(spoilt, random)
    spoilt[at:at] = random.choice(TOKENS)


def _over(spoilt: bytearray, random: Random) -> None:
    token = random.choice(TOKENS)
    at = _at(spoilt, random)
    spoilt[at : at + len(token)] = token


def _moved(spoilt: bytearray, random: Random) -> None:
    at, length = _at(spoilt, random), _length(random)
    part = spoilt[at : at + length]
    del spoilt[at : at + length]
    to = _at(spoilt, random)
    spoilt[to:to] = part


def _cut(spoilt: bytearray, random: Random) -> None:
    del spoilt[_at(spoilt, random) :]


def _behind(spoilt: bytearray, random: Random) -> None:
    spoilt += random.choice((b"\0", b"\n", b" ", b"\0" * 512, b"x", *TOKENS))


_CHANGES = (_bit, _bit, _byte, _digit, _digit, _deleted, _repeated, _token, _over, _moved, _cut, _behind)
