"""The integration report (compte rendu d'intégration, CSO): the one answer to one deposit.

The layout of the platform's own file is not published: ours has the shape of CPPFluxStatuts (spec 02 section 3.1).
Every time inside is that of the deposit, so that a retry writes the same bytes.
"""

from pipeline.model import FlowState, InvoiceOutcome, Verdict
from pipeline.plural import counted
from pipeline.returns import message
from pipeline.returns.envelope import envelope, moment
from pipeline.returns.markup import DECLARATION, leaf, node
from pipeline.returns.names import report_name
from pipeline.returns.report_rows import ReportLine, lines
from pipeline.terms import Terms

VERSION = "V1_18"  # the text that the schema of status files itself gives
STATUS_IDS = {
    FlowState.INTEGRATED: 90,
    FlowState.PARTIAL: 96,
    FlowState.REJECTED: 93,
    FlowState.WAITING: 91,
}
# outcome -> (one, many); zero is singular in French, plural in English
_COUNTED = {
    message.FRENCH: {
        InvoiceOutcome.INTEGRATED: ("facture intégrée", "factures intégrées"),
        InvoiceOutcome.REFUSED: ("refusée", "refusées"),
        InvoiceOutcome.PENDING: ("en attente", "en attente"),
    },
    message.ENGLISH: {
        InvoiceOutcome.INTEGRATED: ("invoice integrated", "invoices integrated"),
        InvoiceOutcome.REFUSED: ("refused", "refused"),
        InvoiceOutcome.PENDING: ("pending", "pending"),
    },
}
_NONE = {message.FRENCH: "aucune facture intégrée", message.ENGLISH: "no invoice integrated"}
_FILES = {message.FRENCH: ("fichier refusé", "fichiers refusés"), message.ENGLISH: ("file refused", "files refused")}


def render(
    verdict: Verdict,
    ours: str,
    terms: Terms,
    *,
    lang: str = message.FRENCH,
    report_warnings: bool = True,
    said: str = "",
) -> bytes:
    """The bytes of the report; `ours` is our application code. Its name is `names.report_name`.

    `said` stands in the place of the sentence that counts invoices.
    """
    received = verdict.read.received
    name = report_name(received, verdict.read.announced, ours)
    errors = lines(verdict, terms, lang=lang, report_warnings=report_warnings)
    status = node(
        "DonneesStatut",
        leaf("IdStatut", str(STATUS_IDS[verdict.state])),
        leaf("ComplementStatut", verdict.state.value),
        leaf("Commentaire", said or comment(verdict, lang)),
        leaf("Note", f"sha256={received.sha256}"),
        leaf("Horodatage", moment(received.received_at)),
        leaf("IdFlux", received.name),
        _details(errors),
    )
    report = node(
        "CPPStatut",
        envelope(name, received.day, received.partner, ours),
        node("CPPFluxStatuts", node("CPPFluxStatutUnitaire", status, NumOrdre="1"), compteur="1"),
        Version=VERSION,
    )
    return f"{DECLARATION}{report}".encode()


def comment(verdict: Verdict, lang: str = message.FRENCH) -> str:
    """How many invoices of the flow became what, in one sentence; of a refused file nobody knows how many it holds."""
    lang = message.ENGLISH if lang == message.ENGLISH else message.FRENCH
    refused = sum(member.is_refused for member in verdict.read.members)
    if not verdict.invoices:
        said = [_NONE[lang]]
    else:
        said = [counted(verdict.count(outcome), _COUNTED[lang][outcome], lang) for outcome in InvoiceOutcome]
    if refused:
        said.append(counted_files(refused, lang))
    return ", ".join(said)


def counted_files(refused: int, lang: str) -> str:
    """How many files were refused; `lang` is fr or en."""
    return counted(refused, _FILES[lang], lang)


def _details(errors: tuple[ReportLine, ...]) -> str:
    if not errors:
        return ""
    written = (
        node(
            "LigneErreurDetail",
            leaf("NatureErreur", line.nature),
            leaf("CodeErreur", line.code),
            leaf("LibelleErreur", line.label),
            leaf("DescriptionErreur", line.description),
            IdLigne=str(rank),
        )
        for rank, line in enumerate(errors, 1)
    )
    return node("Details", *written, NbLignesErreur=str(len(errors)))
