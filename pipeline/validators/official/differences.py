"""What two engines do not agree on about one document: rules, flags and places, never its words."""

from typing import NamedTuple

from pipeline.ports import Hit, RulesRan, Said

SAXON, COMPILED = "saxon", "compiled"
Key = tuple[str, str, str]  # (rule, flag, location)
_SHOWN = 5


class Differing(NamedTuple):
    """What only one of the engines says; or that a value stopped one of them alone."""

    saxon: tuple[Key, ...]
    compiled: tuple[Key, ...]
    stopped: str = ""  # the engine that was stopped, where the other went on

    def told(self) -> Said:
        """One sentence: how many hits each engine has for itself, and the first of them."""
        if self.stopped:
            return Said(
                f"une valeur arrête {self.stopped} et pas l'autre moteur",
                f"a value stops {self.stopped} and not the other engine",
            )
        return Said(
            f"saxon seul dit {_listed(self.saxon, 'rien')}, compiled seul dit {_listed(self.compiled, 'rien')}",
            f"saxon alone says {_listed(self.saxon, 'nothing')}, compiled alone {_listed(self.compiled, 'nothing')}",
        )


def differences(saxon: RulesRan, compiled: RulesRan) -> Differing | None:
    """Compare two answers as sets of (rule, flag, location); None where they are the same."""
    if bool(saxon.stopped) != bool(compiled.stopped):
        return Differing((), (), SAXON if saxon.stopped else COMPILED)
    one, other = _keys(saxon.hits), _keys(compiled.hits)
    if one == other:
        return None
    return Differing(tuple(sorted(one - other)), tuple(sorted(other - one)))


def _keys(hits: tuple[Hit, ...]) -> set[Key]:
    return {(hit.id, hit.flag, hit.location) for hit in hits}


def _listed(hits: tuple[Key, ...], nothing: str) -> str:
    if not hits:
        return nothing
    shown = ", ".join(" ".join(filter(None, hit)) for hit in hits[:_SHOWN])
    return f"{len(hits)} ({shown}{', ...' if len(hits) > _SHOWN else ''})"
