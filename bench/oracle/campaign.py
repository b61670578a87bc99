"""One pack held against Saxon: documents as they are, then mutants, in batches, until a count or a time is reached.

Saxon works on one batch while this process makes the next one and asks the compiled engine; with two jobs two Saxons
take turns. Answers are read in the order of the mutants: a run that was cut goes on as if it had not been.
"""

import contextlib
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.oracle import cases, documents, rules
from bench.oracle.compare import Compared, Kind, compared
from bench.oracle.documents import parsed
from bench.oracle.engines import Broken, Compiled, Saxon, Told
from bench.oracle.mutants import Mutant, Mutator
from bench.oracle.state import PackState, State
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.readers.safe_xml import Parsed

BATCH = 64
_SIGNATURES_MAX = 200  # of which a case is written; a pack with more is broken
_SAVE_S = 20.0
_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'')
_NO_ANSWER = "Saxon gave no answer"
_WARM = 100


@dataclass(frozen=True)
class Given:
    """A document to compare. `number`: that of a mutant, None for a document that is no mutant."""

    name: str
    schema: str
    parsed: Parsed
    number: int | None
    aim: str = ""  # "+3": test 3 is to fire, "-3": it is to hold


Batch = list[Given]


class Campaign:
    """The comparison of one pack. Use it as a context manager."""

    def __init__(
        self,
        pack: str,
        seed: int,
        state: State,
        *,
        installed: bool = False,
        jobs: int = 1,
        cases_in: Path | None = None,
        compiled: Compiled | None = None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.pack = rules.pack(pack)
        self._compiled = compiled or Compiled(pack)
        self._mutator = Mutator(self.pack, seed)
        self._schemas = InstalledSchemas()
        self._state = state
        self.now: PackState = state.of(pack, seed, self._compiled.digest, installed=installed)
        self._installed = installed
        self._saxons = [self._warmed() for _ in range(jobs)]
        self._spare: Saxon | None = None
        self._cases_in = cases_in
        self._note = note

    def __enter__(self) -> "Campaign":
        return self

    def __exit__(self, *_: object) -> None:
        for saxon in (*self._saxons, *([self._spare] if self._spare else [])):
            saxon.close()

    def run(self, mutants: int, seconds_max: float = float("inf")) -> PackState:
        """Go on to this many mutants in all, or as far as the time allows; documents as they are come first."""
        now, began, saved = self.now, time.monotonic(), time.monotonic()
        before = now.seconds
        given = self._given(mutants)
        out: deque[tuple[Saxon, Batch, list[Told | Exception]]] = deque()
        free = deque(self._saxons)
        is_over = False
        while out or not is_over:
            if free and not is_over:
                batch = list(islice(given, BATCH))
                is_over = not batch or time.monotonic() - began > seconds_max
                if not batch:
                    continue
                saxon = free.popleft()
                with contextlib.suppress(Broken):  # `_answers` meets it again
                    saxon.ask(self.pack.name, [one.parsed.text for one in batch])
                out.append((saxon, batch, [self._ours(one) for one in batch]))
                continue
            saxon, batch, ours = out.popleft()
            waited = time.monotonic()
            saxon, theirs = self._answers(saxon, batch)
            now.saxon_seconds += time.monotonic() - waited
            free.append(saxon)
            for one, our, their in zip(batch, ours, theirs, strict=True):
                self._take(one, our, their)
            now.seconds = before + time.monotonic() - began
            if time.monotonic() - saved > _SAVE_S:
                self._state.save()
                saved = time.monotonic()
                self._note(f"{self.pack.name} {now.mutants} mutants, {now.differing} differences")
        for seen, sign in ((now.fired, "+"), (now.held, "-")):  # what was seen needs no reason
            now.aimed = {aim: tried for aim, tried in now.aimed.items() if aim[0] != sign or int(aim[1:]) not in seen}
        self._state.save()
        return now

    def _answers(self, saxon: Saxon, batch: Batch) -> tuple[Saxon, list[Told]]:
        """The answers to a batch. Where Saxon ended or hangs another one takes its place, and is asked one by one."""
        try:
            return saxon, saxon.answer()
        except Broken:
            self._note(f"{self.pack.name}: Saxon gave no answer to a batch, another one takes its place")
        told: list[Told] = []
        for one in batch:
            saxon = self._instead_of(saxon) if len(told) == 0 or told[-1].stopped == _NO_ANSWER else saxon
            try:
                told += saxon.run(self.pack.name, [one.parsed.text])
            except Broken:
                told.append(Told(stopped=_NO_ANSWER))
        return (self._instead_of(saxon) if told[-1].stopped == _NO_ANSWER else saxon), told

    def _instead_of(self, saxon: Saxon) -> Saxon:
        saxon.close()
        self._saxons.remove(saxon)
        self._saxons.append(self._warmed())
        return self._saxons[-1]

    def _warmed(self) -> Saxon:
        """A Saxon that has run: it learns which variables to compute at once, and may stop on a value that a new one
        never looks at. A server of the pipeline has run too.
        """
        own = [seed.text for seed in documents.fixtures() if seed.schema in self.pack.schemas]
        saxon = Saxon(installed=self._installed)
        saxon.run(self.pack.name, (own * _WARM)[:_WARM])
        return saxon

    def _given(self, mutants: int) -> Iterator[Given]:
        if self.now.mutants == 0 and self.now.documents == 0:
            for seed in (*documents.corpus(), *documents.fixtures()):
                if seed.schema in self.pack.schemas:
                    yield Given(seed.name, seed.schema, parsed(seed.text), None)
            for one in self._mutator.all_named:
                yield Given(one.origin, one.schema, parsed(one.text), None)
        for number in range(self.now.mutants, mutants):
            made = self._mutator.make(number)
            yield Given(f"mutant {number} of {made.origin}", made.schema, parsed(made.text), number, _aim(made))

    def _ours(self, given: Given) -> Told | Exception:
        try:
            return self._compiled.run(given.parsed)
        except Exception as err:  # a bug of the compiled engine is a difference like others, and the campaign goes on
            return err

    def _take(self, given: Given, ours: Told | Exception, theirs: Told) -> None:
        now = self.now
        if given.number is None:
            now.documents += 1
        else:
            now.mutants = given.number + 1
            now.valid += self._is_valid(given)
        if given.aim:
            tried = now.aimed.setdefault(given.aim, [0, 0])
            tried[0] += 1
            tried[1] += bool(theirs.stopped)
        now.fired.update(theirs.fired)
        now.held.update(theirs.held)
        if isinstance(ours, Exception):
            self._differs(f"compiled failed: {type(ours).__name__} {ours}"[:200], given, theirs, None)
            return
        if theirs.stopped == _NO_ANSWER:
            self._differs(_NO_ANSWER, given, theirs, None)
            return
        found = compared(ours, theirs, self._compiled.left)
        if found.kind is Kind.BOTH_STOPPED:
            now.both_stopped += 1
        elif found.kind is Kind.OURS_STOPPED:
            now.ours_stopped += 1
            now.why_stopped[ours.stopped] = now.why_stopped.get(ours.stopped, 0) + 1
        elif found.is_difference:
            self._differs(_about(found, theirs), given, theirs, found)

    def _is_valid(self, given: Given) -> bool:
        return given.parsed.tree is not None and self._schemas.get(given.schema).validate(given.parsed.tree)

    def _differs(self, signature: str, given: Given, theirs: Told, found: Compared | None) -> None:
        now = self.now
        now.differing += 1
        now.differences[signature] = now.differences.get(signature, 0) + 1
        if self._cases_in is None or signature in now.cases or len(now.cases) >= _SIGNATURES_MAX:
            return
        text, told = given.parsed.text, theirs
        if found is not None:
            if self._spare is None:
                self._spare = self._warmed()
            text = cases.shortest(self.pack.name, text, found, self._compiled, self._spare)
            again = cases.judged(self.pack.name, text, self._compiled, self._spare)
            told = again[2] if again is not None else theirs
        path = cases.written(self._cases_in, self.pack.name, text, f"{signature} ({given.name})", told)
        now.cases[signature] = path.stem
        self._note(f"{self.pack.name}: {signature} -> {path.with_suffix('.xml')}")


def _about(found: Compared, theirs: Told) -> str:
    """The kind of a difference; where Saxon stopped also why, without the values that it quotes."""
    return f"{found.signature} {_QUOTED.sub('...', theirs.stopped).partition(': ')[0]}".rstrip()


def _aim(made: Mutant) -> str:
    return "" if made.want is None else f"{'+' if made.want else '-'}{made.target}"


def to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


__all__ = ["Broken", "Campaign", "to_stderr"]
