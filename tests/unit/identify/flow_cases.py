"""Small flows made by code: names, documents, archives, and the way to have them identified."""

import gzip
import hashlib
import io
import tarfile
from datetime import UTC, datetime

from pipeline.identify import identify
from pipeline.model import Identified, Received
from pipeline.ports import Tools
from pipeline.terms import Terms

UBL = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CREDIT = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
PDF = b"%PDF-1.7\n% nothing more is looked at here\n"


def name(code="FSO1100A", partner="ABC123", digits=None, sequence="000000000000001"):
    return f"{code}_{partner}_{partner}{digits or code[3:7]}{sequence}"


def ubl(body="", root="Invoice", namespace=UBL):
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{namespace}">{body}</{root}>'.encode()


def cii(body=""):
    return f'<rsm:CrossIndustryInvoice xmlns:rsm="{CII}">{body}</rsm:CrossIndustryInvoice>'.encode()


def mixed(count=1):
    units = "<CPPFactureMixteUnitaire/>" * count
    return f"<CPPFactureMixte><CPPFactures>{units}</CPPFactures></CPPFactureMixte>".encode()


def signature():
    return b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'


def sheet():
    return b'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>'


def tar_gz(*files, folder=False, form=tarfile.PAX_FORMAT):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
        if folder:
            tar.addfile(an_entry("./", tarfile.DIRTYPE))
        for file_name, content in files:
            entry = tarfile.TarInfo(("./" if folder else "") + file_name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def an_entry(entry_name, type_=tarfile.REGTYPE, target=""):
    entry = tarfile.TarInfo(entry_name)
    entry.type, entry.linkname = type_, target
    return entry


def received(content, flow=None, partner="ABC123", interface="", size=None):
    size = len(content) if size is None else size
    sha256 = hashlib.sha256(content).hexdigest()
    return Received(
        partner, name() if flow is None else flow, sha256, size, datetime(2026, 11, 20, tzinfo=UTC), (), interface
    )


def seen(content, flow=None, terms=None, **more) -> Identified:
    identified, _, _ = opened(content, flow, terms, **more)
    return identified


def opened(content, flow=None, terms=None, **more):
    source, spool = io.BytesIO(content), io.BytesIO()
    identified = identify(received(content, flow, **more), source, spool, Tools(None, None, terms or Terms()))
    return identified, source, spool


def rules(identified):
    """Every rule found, on the flow and on its members, but for the two that only inform about the name."""
    found = [*identified.findings, *(f for m in identified.members for f in m.findings)]
    return sorted(f.rule for f in found if f.rule not in {"IDN-003", "FIL-004"})


def only(identified, rule):
    found = [*identified.findings, *(f for m in identified.members for f in m.findings)]
    [one] = [f for f in found if f.rule == rule]
    return one
