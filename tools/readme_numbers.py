"""Measures the numbers of the README: trains and evaluates its four runs. `make readme-numbers`.

    python tools/readme_numbers.py           trains, evaluates, writes the numbers and the tables
    python tools/readme_numbers.py --tables  writes the tables only

The numbers go to docs/readme_numbers.json, the tables into README.md between
`<!-- numbers: NAME -->` and `<!-- end -->`. A test compares the two.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vae_lab import environment
from vae_lab.evaluations import evaluations_of
from vae_lab.run_folder import RunFolder, runs_in

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
NUMBERS = ROOT / "docs" / "readme_numbers.json"

SWEEP = "python -m vae_lab -m model=linear,conv latent_dim=2,10 trainer.precision=32-true threads=1"
EVALUATE = "python -m vae_lab.evaluate outputs/sweeps/NAME anatomy=true"

# The course report's test bounds after 100 epochs, in nats per image.
COURSE_REPORT = {
    "linear-z2": -155.51,
    "linear-z10": -115.93,
    "conv-z2": -150.55,
    "conv-z10": -101.35,
}

Numbers = Mapping[str, Any]


def main() -> None:
    """Writes docs/readme_numbers.json and the tables of README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", action="store_true", help="train nothing")
    if not parser.parse_args().tables:
        # Runs of another commit are not taken for these.
        name = f"readme-{environment.git_commit()}"
        for command in (f"{SWEEP} sweep_name={name}", EVALUATE.replace("NAME", name)):
            subprocess.run([sys.executable, *command.split()[1:]], cwd=ROOT, check=True)
        numbers = measured(ROOT / "outputs" / "sweeps" / name)
        NUMBERS.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    README.write_text(with_tables(text, numbers), encoding="utf-8")


def measured(sweep: Path) -> dict[str, Any]:
    """Returns what the four runs of a sweep's folder reached, in the order of the course report."""
    runs = {run.require_result().name: run for run in runs_in(sweep)}
    first = runs["linear-z2"].require_result()
    return {
        "commands": [SWEEP, EVALUATE],
        "git_commit": first.git_commit,
        "evaluation_commit": environment.git_commit(),
        "machine": first.machine,
        "versions": first.versions,
        "runs": {name: values_of(runs[name]) for name in COURSE_REPORT},
    }


def values_of(run: RunFolder) -> dict[str, Any]:
    """Returns the numbers of one run: of its test, and of its evaluation with their errors."""
    result = run.require_result()
    (record,) = evaluations_of(run)
    return {
        "metrics": result.metrics,
        "standard_errors": result.standard_errors,
        "seconds": result.seconds["total"],
        "evaluation": {
            name: [number.value, number.standard_error]
            for name, number in record.numbers.items()
            if isinstance(number.value, int | float)
        },
    }


def with_tables(text: str, numbers: Numbers) -> str:
    """Returns a text with each marked table written again.

    Raises:
        KeyError: if a mark names no table.
    """
    return re.sub(
        r"(<!-- numbers: (\w+) -->\n).*?(<!-- end -->)",
        lambda mark: f"{mark[1]}{TABLES[mark[2]](numbers)}\n{mark[3]}",
        text,
        flags=re.DOTALL,
    )


def sweep_table(numbers: Numbers) -> str:
    """Returns the table of the four runs beside the course report."""
    rows = [["run", "test bound (nats)", "= -(recon + kl)", "course report", "seconds"]]
    for name, run in numbers["runs"].items():
        elbo, recon, kl = (run["metrics"][f"{term}/test"] for term in ("elbo", "recon", "kl"))
        terms = f"{recon:.2f} + {kl:.2f}"
        report = f"{COURSE_REPORT[name]:.2f}"
        rows.append([f"`{name}`", f"**{elbo:.2f}**", terms, report, f"{run['seconds']:.0f}"])
    return markdown(rows)


def evaluation_table(numbers: Numbers) -> str:
    """Returns the table of the four evaluations, one column per run."""
    runs = numbers["runs"]
    rows = [
        ["", *(f"`{name}`" for name in runs)],
        ["course report, 10,000 images", *(f"{COURSE_REPORT[name]:.2f}" for name in runs)],
        ["`elbo`, 10,000 images", *(test_bound(run) for run in runs.values())],
    ]
    for words, names, decimals in EVALUATION_ROWS:
        cells = [
            ", ".join(cell(run["evaluation"].get(name), decimals) for name in names)
            for run in runs.values()
        ]
        rows.append([words, *cells])
    return markdown(rows)


# The words of a row, the numbers in its cells, and their decimals; None: by the standard error.
EVALUATION_ROWS = (
    ("`iw_bound`, K=500, 1,000 images", ("iw_bound",), None),
    ("`exact`, by a grid, the same 1,000", ("exact",), None),
    ("gap from `elbo` to `iw_bound`", ("gap_elbo_to_iw_bound",), None),
    ("gap from `iw_bound` to `exact`", ("gap_iw_bound_to_exact",), None),
    ("`annealed`, by annealed importance sampling", ("annealed",), None),
    ("`sandwich`: how far off `annealed` can be", ("sandwich",), None),
    ("`approximation_gap`: even the best q is below log p(x)", ("approximation_gap",), None),
    ("`amortisation_gap`: the encoder is below the best q", ("amortisation_gap",), None),
    ("`bits_per_dimension`", ("bits_per_dimension",), 3),
    ("`active_units`", ("active_units",), 0),
    ("`knn_accuracy`, `linear_probe_accuracy`", ("knn_accuracy", "linear_probe_accuracy"), 3),
    ("`precision`, `recall` of 1,000 samples", ("precision", "recall"), 3),
)


def test_bound(run: Numbers) -> str:
    """Returns the test bound of a run with its standard error."""
    return cell([run["metrics"]["elbo/test"], run["standard_errors"]["elbo/test"]], None)


def cell(number: list[float] | None, decimals: int | None) -> str:
    """Returns a number, with its standard error in two digits if no decimals are given."""
    if number is None:
        return ""
    value, error = number
    if decimals is not None:
        return f"{value:.{decimals}f}"
    decimals = 1 if error >= 1 else 2
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def markdown(rows: list[list[str]]) -> str:
    """Returns a table in Markdown; the first row is its head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def origin(numbers: Numbers) -> str:
    """Returns the commits, the machine and the version of PyTorch behind the numbers."""
    trained, evaluated = (numbers[key][:7] for key in ("git_commit", "evaluation_commit"))
    commits = f"{trained}, evaluated at {evaluated}" if trained != evaluated else trained
    return (
        f"Measured at commit {commits}: {numbers['machine']}, torch {numbers['versions']['torch']}."
    )


TABLES: dict[str, Callable[[Numbers], str]] = {
    "sweep": sweep_table,
    "evaluation": evaluation_table,
    "origin": origin,
}


if __name__ == "__main__":
    main()
