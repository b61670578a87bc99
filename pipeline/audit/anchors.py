"""A chain beside what the store attests of it: the object of each commit unit, the head of each day."""

from collections.abc import Mapping
from typing import Any

from pipeline.audit.examine import Chain
from pipeline.audit.form import HEAD_FORMAT, RESULT_FORMAT, Head, Row, is_named, parsed
from pipeline.audit.problem import REMOVED, REWRITTEN, UNATTESTED, Problem
from pipeline.plural import counted
from pipeline.ports import Said


def stands(chain: Chain, head: Head, place: Said) -> Problem | None:
    """The chain still holds a head of its past; `place`: where that head was found."""
    if head.rows <= chain.first:  # nothing stood yet; of a part of a chain, nothing that it shows
        return None
    if head.rows > chain.rows:
        lost = head.rows - chain.rows
        said = Said(
            f"{chain.partner} : {place.fr} atteste {head.rows} lignes, le journal en a {chain.rows} : les {lost} "
            "dernières ont été retirées",
            f"{chain.partner}: {place.en} attests {head.rows} rows, the chain has {chain.rows}: the last {lost} were "
            "removed",
        )
        return Problem(chain.partner, chain.rows, REMOVED, said)
    at = head.rows - 1
    if chain.hash_of(at) != head.hash:
        said = Said(
            f"{chain.partner} ligne {at} : n'est plus celle qu'atteste {place.fr}",
            f"{chain.partner} row {at} is no longer the one that {place.en} attests",
        )
        return Problem(chain.partner, at, REWRITTEN, said)
    return None


def end(chain: Chain, head: Head) -> Problem | None:
    """The row that says where the chain ends says what stands there."""
    if head == chain.head:
        return None
    place = Said("la tête inscrite au registre", "the head in the ledger")
    if (told := stands(chain, head, place)) is not None:
        return told
    said = Said(
        f"{chain.partner} : le journal a {chain.rows} lignes, sa tête en dit {head.rows} : des lignes ont été ajoutées "
        "ou la tête a été modifiée",
        f"{chain.partner}: the chain has {chain.rows} rows, its head says {head.rows}: rows were added or the head was "
        "changed",
    )
    return Problem(chain.partner, chain.rows - 1, UNATTESTED, said)


def result(chain: Chain, row: Row, content: bytes | None) -> tuple[Problem | None, Mapping[str, Any]]:
    """The object that a unit left says what its row says, and stands on rows that are there; with what it tells."""
    if not row.result:
        return Problem.of(row, UNATTESTED, "n'a laissé aucun objet au magasin", "left no object in the store"), {}
    name = f"results/{row.result[:12]}"
    if content is None:
        return Problem.of(row, UNATTESTED, ": son objet {} manque au magasin", ": its object {} is missing from the "
                          "store", name), {}  # fmt: skip
    if not is_named(row.result, content):
        return Problem.of(row, UNATTESTED, ": son objet {} n'a pas les octets de son nom",
                          ": its object {} has not the bytes of its name", name), {}  # fmt: skip
    told = parsed(content)
    said = {"format": RESULT_FORMAT, "partner": row.partner, "lot": row.lot, "attempt": row.attempt, "at": row.at,
            "records": row.records, "digest": row.digest}  # fmt: skip
    other = sorted(field for field, value in said.items() if told.get(field) != value)
    if other:
        return Problem.of(row, UNATTESTED, ": son objet {} dit autre chose ({})", ": its object {} says otherwise ({})",
                          name, ", ".join(other)), told  # fmt: skip
    head = head_of(told.get("chain"))
    if head is None or head.rows > row.sequence:
        return Problem.of(row, UNATTESTED, ": son objet {} ne dit pas sur quoi elle repose",
                          ": its object {} does not say on what it stands", name), told  # fmt: skip
    return stands(chain, head, Said(f"l'objet {name}", f"the object {name}")), told


def daily(chain: Chain, sha256: str, content: bytes | None) -> tuple[Problem | None, str]:
    """A head that was kept on a day is a head of this chain; with that day."""
    name = f"heads/{sha256[:12]}"
    told = parsed(content or b"")
    head = head_of(told)
    if content is None or not is_named(sha256, content) or head is None or told.get("format") != HEAD_FORMAT or (
        told.get("partner") != chain.partner
    ):  # fmt: skip
        said = Said(
            f"{chain.partner} : l'objet {name} n'est pas une tête de ce journal",
            f"{chain.partner}: the object {name} is no head of this chain",
        )
        return Problem(chain.partner, 0, UNATTESTED, said), ""
    day = str(told.get("day", ""))
    return stands(chain, head, Said(f"la tête gardée le {day} ({name})", f"the head kept on {day} ({name})")), day


def left_over(chain: Chain, sha256: str, content: bytes | None, sha256_of: Mapping[int, str]) -> Problem | None:
    """An object of a unit that no row names: the unit died before its row, and its flows were judged again since.

    It stands on rows that are there all the same, and tells of deposits that are there (`sha256_of`: what came).
    """
    told = parsed(content or b"")
    head = head_of(told.get("chain"))
    name = f"results/{sha256[:12]}"
    if content is None or not is_named(sha256, content) or head is None or told.get("format") != RESULT_FORMAT:
        said = Said(
            f"{chain.partner} : l'objet {name} n'est pas celui d'une unité",
            f"{chain.partner}: the object {name} is not one of a unit",
        )
        return Problem(chain.partner, 0, UNATTESTED, said)
    gone = [number for number, content_sha256 in flows_of(told).items() if sha256_of.get(number) != content_sha256]
    if gone:
        one = gone[0]
        lost_fr = counted(len(gone), (f"dépôt qui n'y est plus, le {one}", f"dépôts qui n'y sont plus, dont le {one}"))
        lost_en = counted(
            len(gone), (f"deposit that is gone, {one}", f"deposits that are gone, {one} among them"), "en"
        )
        said = Said(
            f"{chain.partner} : l'objet {name} atteste {lost_fr}",
            f"{chain.partner}: the object {name} attests {lost_en}",
        )
        return Problem(chain.partner, chain.rows, REMOVED, said)
    return stands(chain, head, Said(f"l'objet {name}", f"the object {name}"))


def flows_of(told: Mapping[str, Any]) -> dict[int, str]:
    """The deposits that the object of a unit names, with the SHA-256 of what came."""
    flows = told.get("flows")
    known = [flow for flow in flows if isinstance(flow, Mapping)] if isinstance(flows, list) else []
    return {int(flow.get("deposit", 0)): str(flow.get("sha256", "")) for flow in known}


def head_of(told: object) -> Head | None:
    """{"rows": ..., "head": ...} as a head; None where it is none."""
    if not isinstance(told, Mapping):
        return None
    rows, head = told.get("rows"), told.get("head")
    return Head(rows, head) if isinstance(rows, int) and isinstance(head, str) else None
