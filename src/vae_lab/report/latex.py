"""The table of results for a paper: `results.tex`, for LaTeX with booktabs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vae_lab.report.conditions import log_p, note
from vae_lab.report.gaps import AMORTISATION, APPROXIMATION, Gaps
from vae_lab.report.grouping import Group
from vae_lab.report.likelihoods import Likelihoods
from vae_lab.report.statistics import Sample
from vae_lab.report.tables import commands
from vae_lab.report.wording import counted, key_name, listed, shown
from vae_lab.terminal import printable

# Quantities side by side: more do not fit on a page.
WIDEST = 6

# What LaTeX reads as more than a letter.
_ESCAPES = str.maketrans(
    {character: rf"\{character}" for character in "_%&#${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)


class Column(NamedTuple):
    """A quantity: its name in a run or an evaluation, its heading, and which value is best."""

    name: str
    heading: str
    best: int = 0  # 1: the highest, -1: the lowest, 0: neither

    @property
    def title(self) -> str:
        """The heading with an arrow to the better side."""
        arrow = {1: r" $\uparrow$", -1: r" $\downarrow$"}.get(self.best, "")
        return self.heading + arrow


# Those of the run come first, then those of an evaluation.
TERMS = (
    Column("elbo", "bound", 1),
    Column("recon", "reconstruction", -1),
    Column("kl", "KL"),
)
EVALUATED = (
    Column("iw_bound", "IW bound", 1),
    Column("exact", r"$\log p(x)$", 1),
    Column("annealed", r"$\log p(x)$, AIS", 1),
    Column("bits_per_dimension", "bits/dim", -1),
    Column("knn_accuracy", r"$k$-NN (\%)", 1),
    Column("precision", r"precision (\%)", 1),
    Column("recall", r"recall (\%)", 1),
)

# Those of an evaluation with anatomy=true, which may be another one.
PARTS = (
    Column(APPROXIMATION, "approximation gap", -1),
    Column(AMORTISATION, "amortisation gap", -1),
)


def results(groups: Sequence[Group], written: Mapping[str, str]) -> str:
    """Returns the file: a table per group of comparable runs, below what made it, as comments.

    `written` says by which version and when.
    """
    runs = [run for group in groups for run in group.runs]
    versions = sorted({f"{name} {it}" for run in runs for name, it in run.result.versions.items()})
    commits = sorted({str(run.result.git_commit) for run in runs})
    made = [*dict.fromkeys(line for group in groups for line in commands(group.runs))]
    comments = [
        f"{written['written_by']}, {written['written']}. Needs \\usepackage{{booktabs}}.",
        f"Versions: {', '.join(versions)}; commit {', '.join(commits)}.",
        *made,
    ]
    head = [f"% {' '.join(printable(line).split())}" for line in comments]
    return "\n".join([*head, *(_table(group) for group in groups)]) + "\n"


def escaped(text: str) -> str:
    """Returns a text as LaTeX prints it letter by letter."""
    return " ".join(printable(text).split()).translate(_ESCAPES)


def _table(group: Group) -> str:
    likelihoods, gaps = Likelihoods(group), Gaps(group)
    samples = {column: [it.sample(column.name) for it in group.settings] for column in TERMS}
    for column in EVALUATED:
        samples[column] = [likelihoods.sample(it, column.name) for it in group.settings]
    samples |= {it: [gaps.sample(setting, it.name) for setting in group.settings] for it in PARTS}
    columns = [
        [_said(column.title, group), *_cells(column, of_column)]
        for column, of_column in samples.items()
        if any(of_column)
    ]
    parts = [columns[start : start + WIDEST] for start in range(0, len(columns), WIDEST)]
    has_bound = any(samples[EVALUATED[0]])
    caption = _caption(group, likelihoods if has_bound else None)
    if any(samples[PARTS[0]]):
        caption = f"{caption} {_said(_gaps_explained(gaps), group)}"
    lines = [
        *(r"\begin{table}", r"  \centering", r"  \small"),
        f"  \\caption{{{caption}}}",
        "\n\n  \\medskip\n".join(_tabular(_keys(group), part) for part in parts),
        r"\end{table}",
    ]
    return "\n".join(lines)


def _keys(group: Group) -> list[list[str]]:
    """Returns the columns that tell the settings apart, each below its heading."""
    settings = group.settings
    columns = [
        [escaped(key_name(key)), *(_value(setting.values[key]) for setting in settings)]
        for key in group.keys
    ] or [["run", *(_value(setting.label) for setting in settings)]]
    if any(len(setting.runs) > 1 for setting in settings):
        columns.append(["seeds", *(str(len(setting.runs)) for setting in settings)])
    return columns


def _tabular(keys: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]) -> str:
    heading, *rows = zip(*keys, *columns, strict=True)
    lines = [
        f"  \\begin{{tabular}}{{{'l' * len(keys)}{'r' * len(columns)}}}",
        *(r"    \toprule", f"    {_line(heading)}", r"    \midrule"),
        *(f"    {_line(row)}" for row in rows),
        *(r"    \bottomrule", r"  \end{tabular}"),
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _value(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "--" if value is None else escaped(text)


def _cells(column: Column, samples: Sequence[Sample | None]) -> list[str]:
    """Returns the cells of a column; the best of several is bold."""
    known = [sample.mean for sample in samples if sample]
    best = max(known, key=lambda mean: mean * column.best) if column.best else None
    return [
        _cell(sample, is_best=len(known) > 1 and sample is not None and sample.mean == best)
        for sample in samples
    ]


def _cell(sample: Sample | None, *, is_best: bool) -> str:
    """Returns a mean with its standard deviation over seeds, or else its standard error."""
    if sample is None:
        return "--"
    scale = 100 if sample.is_share else 1
    error = sample.error if sample.spread is None else sample.spread
    error = scale * error if error and math.isfinite(error) else None
    mean = shown(scale * sample.mean, error)
    mean = rf"\mathbf{{{mean}}}" if is_best else mean
    return rf"${mean}$" if error is None else rf"${mean} \pm {shown(error, error)}$"


def _said(text: str, group: Group) -> str:
    """Returns a text on log p(x) with what the bounds of a group are on."""
    return text.replace(r"\log p(x)", rf"\log {_p(group)}")


def _p(group: Group) -> str:
    return log_p(group.runs).removeprefix("log ").replace(" given ", r" \mid ")


def _gaps_explained(gaps: Gaps) -> str:
    images = counted(gaps.num_images_of(APPROXIMATION) or 0, "image")
    return (
        rf"Approximation gap: $\log p(x)$ minus the best bound of the posterior's family; "
        f"amortisation gap: the best bound minus that of the encoder; of {images}."
    )


def _caption(group: Group, likelihoods: Likelihoods | None) -> str:
    first = group.runs[0]
    images, targets = first.result.data.get("test"), first.result.protocol.get("targets")
    of_images = f"the standard error over {counted(images, 'image') if images else 'the images'}"
    counts = sorted({len(setting.runs) for setting in group.settings})
    several = listed([str(count) for count in counts if count > 1] or ["no"])
    of_seeds = f"the standard deviation over {several} seeds"
    if counts == [1]:
        error = f"{of_images}, of one seed each"
    else:
        error = f"{of_seeds}; of one seed, {of_images}" if 1 in counts else of_seeds
    of_group = "" if group.title == first.data_name else f" ({escaped(group.title)})"
    sentences = [
        f"Test images of {escaped(first.data_name)}{of_group}, nats per image; targets: "
        f"{escaped(str(targets))}.",
        f"$\\pm$ is {error}.",
        "Bold is the best of a column, significant or not." if len(group.settings) > 1 else "",
        escaped(note(group.runs)),
    ]
    if likelihoods:
        images = counted(likelihoods.num_images or 0, "image")
        sentences.append(
            f"The importance-weighted (IW) bound has {counted(likelihoods.num_samples, 'sample')} "
            f"per image, of {images}."
        )
        if likelihoods.targets_are_means:
            sentences.append("Values of grey targets are not likelihoods.")
    return " ".join(filter(None, sentences))
