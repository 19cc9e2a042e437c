"""What an evaluation prints: the numbers of one run, or a table of several."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table

from vae_lab.evaluate.factors.block import OF_FACTORS, factors_block
from vae_lab.evaluate.highlights import ANATOMY, anatomy_block, weights_block
from vae_lab.evaluate.requests import Request
from vae_lab.evaluate.values import digits, value_with_error
from vae_lab.evaluations import EvaluationRecord, record_of
from vae_lab.run_folder import Number
from vae_lab.terminal import in_this_shell

# Columns of text if there is no terminal to ask.
WIDE = 120

# What is printed below the numbers, once, and not beside each.
_FOOTNOTES = ("features", "classifier")

# What stands behind a number: it differs between numbers that were otherwise measured alike.
_BEHIND = ("bias", "bins", "neighbours", "grid_points", "above_variance")

# The columns of a table of runs, and their headings.
COLUMNS = {
    "elbo": "elbo",
    "iw_bound": "iw_bound",
    "exact": "exact",
    "summed_bound": "summed bound",
    "bayes_accuracy": "Bayes accuracy",
    "approximation_gap": "approximation gap",
    "amortisation_gap": "amortisation gap",
    "bits_per_dimension": "bits/dim",
    "knn_accuracy": "kNN accuracy",
    "precision": "precision",
    "recall": "recall",
}

# What a heading says of a condition.
_HEADINGS = {None: "", "label": " given y"}

# What log-likelihoods are, if all images have a label, and if only some have one.
_LOG_P = {"label": "Log-likelihoods are log p(x given y); summed_bound is on log p(x)"}
_LOG_P_OF_SOME = (
    "elbo and summed_bound are on log p(x); the others are log p(x given y), with the class y that "
    "the classifier finds most probable"
)

# Labels whose shares are columns; more would not fit.
_MOST_LABELS = 10

_NO_LIKELIHOODS = (
    "the targets are grey values, taken as means of binary draws: these are not likelihoods, and "
    "cannot be compared with published ones"
)


def format_evaluation(name: str, content: Mapping[str, Any]) -> str:
    """Returns an evaluation as lines of text: the common protocol, then the numbers."""
    record = record_of("", content)
    common = record.protocol
    head = [
        f"{name}: {common.get('data')}, {common.get('split')} split; {common.get('weights')} "
        f"weights, {common.get('weights_epoch')} epochs",
        f"targets: {common.get('targets')}",
        f"evaluation seed {common.get('seed')}; log-likelihoods in nats per image, higher is "
        f"better; ± standard error over images",
    ]
    if condition := common.get("condition"):
        head.append(f"condition: {condition}. {_LOG_P.get(condition, _LOG_P_OF_SOME)}")
    pictures = record.picture_metrics
    blocks = (weights_block, anatomy_block, factors_block)
    first = [line for block in blocks for line in block(record.numbers)]
    notes = [*_notes(record.numbers), *_common_notes({**record.numbers, **pictures})]
    of_pictures = ["", "pictures and interpolations, for the report", *_pictures(pictures)]
    parts = [
        *head,
        "",
        *first,
        *_by_protocol(record),
        "",
        *notes,
        *(of_pictures if pictures else []),
    ]
    return "\n".join(parts).rstrip()


def format_table(measured: Sequence[tuple[Request, Mapping[str, Any]]]) -> str:
    """Returns a row per run, those with the best bound first if the bounds can be compared.

    What a terminal is too narrow for continues in a table below, with the names again.
    """
    rows = [(request, record_of("", content)) for request, content in measured]
    kinds = {
        (*(record.protocol.get(key) for key in ("data", "split", "targets", "condition")),
         request.run.require_result().choices.get("likelihood"))
        for request, record in rows
    }  # fmt: skip
    if len(kinds) == 1:
        rows.sort(key=lambda row: -_scalar(row[1].numbers.get("iw_bound")))
    records = [record for _, record in rows]
    columns = [column for name in COLUMNS for column in _columns_of(name, records)]
    if len(kinds) > 1:
        columns.insert(0, ["data", *(str(record.protocol.get("data")) for _, record in rows)])
    runs = ["run", *(request.name for request, _ in rows)]
    text = "\n\n".join(_rendered(table) for table in _tables(runs, columns))
    return "\n".join([_title(rows[0][1]), "", text, "", *_table_notes(rows)])


def _columns_of(name: str, records: Sequence[EvaluationRecord]) -> list[list[str]]:
    """Returns a column of a number, or one for each condition that it was measured under.

    log p(x) and log p(x|y) do not stand in one column.
    """
    numbers = [record.numbers.get(name) for record in records]
    conditions = [number and number.protocol.get("condition") for number in numbers]
    known = dict.fromkeys(it for it, number in zip(conditions, numbers, strict=True) if number)
    return [
        [
            COLUMNS[name] + _HEADINGS.get(condition, f" ({condition})"),
            *(
                value_with_error(number if it == condition else None)
                for it, number in zip(conditions, numbers, strict=True)
            ),
        ]
        for condition in known
    ]


def _tables(first: Sequence[str], columns: Sequence[Sequence[str]]) -> list[Table]:
    """Returns as many tables as the width asks for; each begins with the first column."""
    # Three blanks lie between columns; a long name continues in the next line.
    of_names = min(max(map(len, first)), _width() // 2) + 2
    groups: list[list[Sequence[str]]] = [[]]
    for column in columns:
        widths = [max(map(len, it)) + 3 for it in [*groups[-1], column]]
        if groups[-1] and of_names + sum(widths) > _width() - 2:
            groups.append([])
        groups[-1].append(column)
    return [_table([first, *group]) for group in groups]


def _table(columns: Sequence[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for index, (heading, *_) in enumerate(columns):
        table.add_column(
            heading,
            justify="right" if index else "left",
            no_wrap=bool(index),
            overflow="fold",
        )
    for cells in zip(*(column[1:] for column in columns), strict=True):
        table.add_row(*cells)
    return table


def _title(record: EvaluationRecord) -> str:
    protocol, (samples, _) = record.protocol, record.size
    images = {
        it.protocol.get("images") for name, it in record.numbers.items() if name == "iw_bound"
    }
    of_images = "".join(f", {count} images" for count in images)
    return (
        f"{protocol.get('data')}, {protocol.get('split')} split: nats per image, higher is better; "
        f"± standard error over images. iw_bound: {samples} samples{of_images}, seed "
        f"{protocol.get('seed')}"
    )


def _table_notes(rows: Sequence[tuple[Request, EvaluationRecord]]) -> list[str]:
    report = in_this_shell("python -m vae_lab.report")
    numbers = [(request.name, record.numbers.get("iw_bound")) for request, record in rows]
    low = [name for name, number in numbers if number and "warning" in number.details]
    grey = any(number and number.protocol.get("targets_are_means") for _, number in numbers)
    return [
        *([f"iw_bound, exact: {_NO_LIKELIHOODS}"] if grey else []),
        *([f"iw_bound may be too low, as its file says: {', '.join(low)}"] if low else []),
        f"All numbers are kept in the folders of the runs. {report} FOLDER shows them.",
    ]


def _by_protocol(record: EvaluationRecord) -> list[str]:
    """Returns a line per number, below the protocol that it shares with those beside it."""
    hidden = {*record.protocol, *_FOOTNOTES, *_BEHIND, "targets_are_means"}
    groups: dict[str, list[Number]] = {}
    for number in record.numbers.values():
        if number.name in ANATOMY or number.name in OF_FACTORS:
            continue  # they stand above
        shown = {key: it for key, it in number.protocol.items() if key not in hidden}
        groups.setdefault(_listed(shown), []).append(number)
    width = max(map(len, record.numbers), default=0)
    lines = []
    for protocol, numbers in groups.items():
        lines.append(protocol)
        for number in numbers:
            behind = {key: number.protocol[key] for key in _BEHIND if key in number.protocol}
            line = (
                f"  {number.name.ljust(width)}  {value_with_error(number):>16}  {_listed(behind)}"
            )
            lines.append(line.rstrip())
    return lines


def _notes(numbers: Mapping[str, Number]) -> list[str]:
    """Returns the details of each number, and its warning."""
    lines = []
    for name, number in numbers.items():
        details = {key: it for key, it in number.details.items() if it is not None}
        warning = details.pop("warning", None)
        if name == "iw_bound" or name in OF_FACTORS:
            continue  # they stand above
        lines += [f"{name}: {_listed(details)}"] if details else []
        lines += [f"{name}: {warning}"] if warning else []
    return lines


def _common_notes(numbers: Mapping[str, Number]) -> list[str]:
    common = [(key, it.protocol.get(key)) for it in numbers.values() for key in _FOOTNOTES]
    notes = [f"{key}: {note}" for key, note in dict.fromkeys(common) if note is not None]
    grey = [name for name, it in numbers.items() if it.protocol.get("targets_are_means")]
    return [*notes, *([f"{', '.join(grey)}: {_NO_LIKELIHOODS}"] if grey else [])]


def _pictures(numbers: Mapping[str, Number]) -> list[str]:
    """Returns picture metrics in tables: what is measured by of what, and by label."""
    by_label = {name: it.value for name, it in numbers.items() if isinstance(it.value, dict)}
    single = {name: it for name, it in numbers.items() if name not in by_label}
    measures = list(dict.fromkeys(name.partition("_of_")[0] for name in single if "_of_" in name))
    things = list(dict.fromkeys(name.partition("_of_")[2] for name in single if "_of_" in name))
    columns = [
        [thing, *(value_with_error(single.get(f"{measure}_of_{thing}")) for measure in measures)]
        for thing in things
    ]
    tables = _tables(["", *measures], columns) if columns else []
    labels = list(dict.fromkeys(label for value in by_label.values() for label in value))
    if labels and len(labels) <= _MOST_LABELS:
        columns = [
            [label, *(digits(value.get(label)) for value in by_label.values())] for label in labels
        ]
        tables += _tables(["", *by_label], columns)
        by_label = {}
    others = [name for name in numbers if name in by_label or "_of_" not in name]
    lines = [f"{name}: {value_with_error(numbers[name])}" for name in others]
    return [*map(_rendered, tables), *lines]


def _listed(notes: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {digits(it)}" for key, it in notes.items())


def _scalar(number: Number | None) -> float:
    value = number.value if number else None
    return float(value) if isinstance(value, int | float) else float("-inf")


def _width() -> int:
    console = Console()
    return console.width if console.is_terminal else WIDE


def _rendered(table: RenderableType) -> str:
    # Names are not markup.
    console = Console(
        width=_width(), force_terminal=False, highlight=False, markup=False, emoji=False
    )
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines() if line.strip())
