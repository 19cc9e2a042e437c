"""In which keys the configurations of two runs differ."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from vae_lab.report.runs import Run

# What stands for the value of a key that a run does not have.
MISSING = "-"

# Facts of a run beside its keys, which can change its numbers: the last group.
CIRCUMSTANCES = "circumstances"


class KeyDifference(NamedTuple):
    """A key with the values of both runs; a run that does not have the key lacks its value."""

    key: str
    values: Mapping[str, Any]  # of A and B

    def shown(self, name: str) -> str:
        """Returns a value as it is written in a configuration."""
        return _shown(self.key, self.values[name]) if name in self.values else MISSING


class Differences(NamedTuple):
    """The keys that differ, by group, and the number of those that are equal."""

    groups: Mapping[str, list[KeyDifference]]
    num_equal: int

    @property
    def num_keys(self) -> int:
        """The number of keys that differ; circumstances are not keys."""
        return sum(len(rows) for name, rows in self.groups.items() if name != CIRCUMSTANCES)


def differences(a: Run, b: Run) -> Differences:
    """Returns in which keys two runs differ: groups in the order of their configurations."""
    keys = [*dict.fromkeys((*a.settings, *b.settings))]
    groups: dict[str, list[KeyDifference]] = {}
    for key in keys:
        if found := _difference(key, a.settings, b.settings):
            groups.setdefault(key.partition(".")[0], []).append(found)
    num_equal = sum(key in a.settings and key in b.settings for key in keys)
    num_equal -= sum(len(it.values) > 1 for rows in groups.values() for it in rows)
    # Keys without a group come first, then groups: what changes no number is last.
    ordered = dict(sorted(groups.items(), key=lambda item: item[0] in ("callbacks", "logger")))
    facts_a, facts_b = _circumstances(a), _circumstances(b)
    names = dict.fromkeys((*facts_a, *facts_b))
    if facts := [it for name in names if (it := _difference(name, facts_a, facts_b))]:
        ordered[CIRCUMSTANCES] = facts
    return Differences(ordered, num_equal)


def _difference(key: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> KeyDifference | None:
    if a.get(key) is None and b.get(key) is None:
        return None  # a key that is not set, and one that does not exist
    values = {name: of[key] for name, of in (("A", a), ("B", b)) if key in of}
    texts = [json.dumps(value, default=str, sort_keys=True) for value in values.values()]
    return KeyDifference(key, values) if len({*texts}) > 1 or len(texts) == 1 else None


def _circumstances(run: Run) -> dict[str, Any]:
    """Returns facts of a run beside its configuration, by name."""
    result = run.result
    facts = {
        "images": result.data.get("fingerprint"),
        "epochs trained": result.epochs,
        "ended by": result.ended_by,
        "git commit": result.git_commit,
        "machine": result.machine,
        "note": result.note,
        "tags": result.tags or None,
        **{f"version of {name}": version for name, version in result.versions.items()},
    }
    return {name: value for name, value in facts.items() if value is not None}


def _shown(key: str, value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value.rpartition(".")[2] if key.endswith("_target_") else value
