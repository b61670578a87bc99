"""The smallest document on which two engines still differ: pieces are taken away while the difference stays."""

import time
from collections.abc import Callable
from copy import deepcopy

from lxml import etree

from bench.oracle.documents import serialised

TRIES_MAX = 600
SECONDS_MAX = 20.0
NEUTRAL = ("", "1", "x")

Differs = Callable[[bytes], bool]


class _Enough(Exception):
    """Tries or time are spent: what was reached stands."""


def minimised(
    document: bytes, differs: Differs, *, tries_max: int = TRIES_MAX, seconds_max: float = SECONDS_MAX
) -> bytes:
    """Elements are tried from the top down, then attributes, then texts: shorter ones, and neutral ones."""
    root = etree.fromstring(document)
    left = tries_max
    until = time.monotonic() + seconds_max

    def stays(tried: etree._Element) -> bool:
        nonlocal left
        left -= 1
        if left < 0 or time.monotonic() > until:
            raise _Enough
        return differs(serialised(tried))

    try:
        before = b""
        while before != (before := serialised(root)):
            root = _with_fewer_elements(root, stays)
            root = _with_fewer_attributes(root, stays)
            root = _with_shorter_texts(root, stays)
    except _Enough as enough:
        root = enough.args[0] if enough.args else root
    return serialised(root)


def _with_fewer_elements(root: etree._Element, stays: Callable[[etree._Element], bool]) -> etree._Element:
    rank = 1
    while rank < sum(1 for _ in root.iter()):
        tried = deepcopy(root)
        element = list(tried.iter())[rank]
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)
        try:
            if stays(tried):
                root = tried
            else:
                rank += 1
        except _Enough:
            raise _Enough(root) from None
    return root


def _with_fewer_attributes(root: etree._Element, stays: Callable[[etree._Element], bool]) -> etree._Element:
    for rank, element in enumerate(list(root.iter())):
        for name in list(element.attrib):
            tried = deepcopy(root)
            del list(tried.iter())[rank].attrib[name]
            try:
                if stays(tried):
                    root = tried
            except _Enough:
                raise _Enough(root) from None
    return root


def _with_shorter_texts(root: etree._Element, stays: Callable[[etree._Element], bool]) -> etree._Element:
    for rank, element in enumerate(list(root.iter())):
        text = element.text or ""
        blanks = len(element) > 0 and not text.strip()
        for shorter in ("",) if blanks else NEUTRAL:
            if len(shorter) > len(text) or shorter == text or text in NEUTRAL[: NEUTRAL.index(shorter)]:
                continue
            tried = deepcopy(root)
            changed = list(tried.iter())[rank]
            changed.text = shorter or None
            try:
                if stays(tried):
                    root = tried
                    break
            except _Enough:
                raise _Enough(root) from None
    for rank, element in enumerate(list(root.iter())):
        if element.tail and not element.tail.strip():
            tried = deepcopy(root)
            list(tried.iter())[rank].tail = None
            try:
                if stays(tried):
                    root = tried
            except _Enough:
                raise _Enough(root) from None
    return root
