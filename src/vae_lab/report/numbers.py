"""`report.json`: every number of a page, for programs.

Bounds and terms are in nats per image, shares between 0 and 1. What is not known is null; no value
is NaN or infinite.

- `written_by`, `written`: the version, and the time in UTC.
- `parts`: for each group of runs that can be compared
  - `title`, `keys`: those that vary
  - `evaluation`: the name of the files that `likelihoods` come from, `evaluation_of_gaps` that of
    the files that `gaps` come from
  - `answer`: `headline`, `certainty`, `ties` as text; `numbers` of the headline; `findings`, each
    with `subject`, `title`, `text`, `numbers`, `remedies` (overrides) and `evidence` (a section)
  - `settings`: `label`, `values` of the keys, `runs` (`name`, `folder`, `seed`, `epochs`,
    `seconds`, `parameters`, `active_units`, `validation_bound`, `kl_per_dimension`, the largest
    first, `curves` by tag and epoch), `elbo`, `recon`, `kl` of the test images,
    `likelihoods` that `python -m vae_lab.evaluate` found, `gaps` below log p(x) that it found with
    `anatomy=true`, with their `difference` (amortisation - approximation), and `picture_metrics`.
    A quantity has `mean`, `standard_error` over images, 95 % `interval` and the `values` of the
    seeds; one by label has a number for each; `by_step` are shares at each step of the
    interpolations
  - `comparisons`: `quantity`, `a`, `b` (labels), `value` of a - b, `standard_error`, `interval`,
    `p`, `p_corrected` by Holm for the whole page, `differs`
  - `effects`: the same of two levels of a `key` on average over the other keys
  - `interactions`: by how much the bound's difference of the first two levels of one key is larger
    at the first than at the second level of the other
- `compared`: the number of comparisons that were corrected together
- `skipped`: `folder` and `reason` of each run that was left out.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from vae_lab.report.anatomy import HEADINGS
from vae_lab.report.blocks import Answer
from vae_lab.report.comparisons import TERMS, Comparisons, quantities
from vae_lab.report.factors import crossings, factors
from vae_lab.report.gaps import Gaps
from vae_lab.report.grouping import Setting
from vae_lab.report.likelihoods import Likelihoods
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import Run, Skipped
from vae_lab.report.statistics import Difference

Record = dict[str, Any]


def to_json(
    written: Mapping[str, str],
    parts: Sequence[Record],
    comparisons: Comparisons,
    skipped: Sequence[Skipped],
) -> str:
    """Returns the content of `report.json`; `written` says by whom and when, and comes first."""
    left_out = [{"folder": str(it.path), "reason": it.reason} for it in skipped]
    content: Record = {
        **written,
        "parts": parts,
        "compared": comparisons.count,
        "skipped": left_out,
    }
    return json.dumps(_finite(content), indent=1, allow_nan=False, ensure_ascii=True) + "\n"


def part(metrics: PictureMetrics, comparisons: Comparisons, answer: Answer) -> Record:
    """Returns the numbers of a group."""
    group = metrics.group
    likelihoods, gaps = Likelihoods(group), Gaps(group)
    said = answer._asdict() | {"findings": [it._asdict() for it in answer.findings]}
    return {
        "title": group.title,
        "keys": group.keys,
        "answer": said,
        "evaluation": likelihoods.record.name if likelihoods.record else None,
        "evaluation_of_gaps": gaps.record.name if gaps.record else None,
        "settings": [
            _setting(metrics, likelihoods, setting)
            | {"gaps": _gaps(gaps, comparisons.excess(setting), setting)}
            for setting in group.settings
        ],
        "comparisons": list(_comparisons(metrics, comparisons)),
        "effects": list(_effects(metrics, comparisons)),
        "interactions": list(_interactions(metrics, comparisons)),
    }


def _setting(metrics: PictureMetrics, likelihoods: Likelihoods, setting: Setting) -> Record:
    samples = {name: setting.sample(name) for name in TERMS}
    pictures: Record = {}
    for name in metrics.names():
        if sample := metrics.sample(setting, name):
            pictures[name] = sample.numbers()
            if steps := metrics.by_step(setting, name):
                pictures[name]["by_step"] = steps
        elif shares := metrics.by_label(setting, name):
            pictures[name] = shares
    return {
        "label": setting.label,
        "values": setting.values,
        "runs": [_run(run) for run in setting.runs],
        **{name: sample.numbers() if sample else None for name, sample in samples.items()},
        "likelihoods": {
            name: sample.numbers()
            for name in likelihoods.names()
            if (sample := likelihoods.sample(setting, name))
        },
        "picture_metrics": pictures,
    }


def _gaps(gaps: Gaps, excess: Difference | None, setting: Setting) -> Record:
    samples = {name: gaps.sample(setting, name) for name in HEADINGS}
    found: Record = {name: sample.numbers() for name, sample in samples.items() if sample}
    return found | ({"difference": excess.numbers()} if excess else {})


def _run(run: Run) -> Record:
    result = run.result
    return {
        "name": run.name,
        "folder": str(run.path),
        "seed": run.seed,
        "epochs": result.epochs,
        "seconds": result.seconds.get("total"),
        "parameters": result.num_parameters,
        "active_units": result.latent.get("active_units"),
        "validation_bound": result.metrics.get("elbo/val"),
        "kl_per_dimension": run.kl_per_dimension,
        "curves": {tag: run.curves.get(tag, {}) for tag in ("elbo/train", "elbo/val")},
    }


def _comparisons(metrics: PictureMetrics, comparisons: Comparisons) -> Iterator[Record]:
    for name, measured in quantities(metrics):
        for (a, _), (b, _) in combinations(measured, 2):
            if gap := comparisons.known(name, a, b):
                yield {"quantity": name, "a": a.label, "b": b.label, **gap.numbers()}


def _effects(metrics: PictureMetrics, comparisons: Comparisons) -> Iterator[Record]:
    for name, _ in quantities(metrics):
        for factor in factors(metrics.group):
            for a, b in combinations(range(len(factor.levels)), 2):
                gap = comparisons.effect(name, metrics.group, factor, a, b)
                if gap and (count := len(factor.pairs(a, b))) > 1:
                    levels = {"a": factor.levels[a], "b": factor.levels[b]}
                    yield {
                        "quantity": name,
                        "key": factor.key,
                        **levels,
                        "averaged_over": count,
                        **gap.numbers(),
                    }


def _interactions(metrics: PictureMetrics, comparisons: Comparisons) -> Iterator[Record]:
    for a, b, at in crossings(metrics.group):
        if gap := comparisons.interaction(metrics.group, a, b, at):
            levels = {
                a.key: [a.levels[it] for it in at[:2]],
                b.key: [b.levels[it] for it in at[2:]],
            }
            yield {"levels": levels, **gap.numbers()}


def _finite(value: Any) -> Any:
    """Returns a value of standard JSON: without NaN and infinities, and of Python's own types."""
    if isinstance(value, Mapping):
        return {str(key): _finite(it) for key, it in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(it) for it in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value)
