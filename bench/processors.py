"""The results of several processors side by side: the tables of bench/README.md, "Processors".

    python bench/processors.py outputs/bench outputs/bench-avx2

Each folder holds training.json and roofline.json of one processor. Prints a line and a letter for
each, and tables with one column per letter.
"""

import argparse
import json
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from measure import Spread, caption, spread, table
from peers import BATCH
from roofline import peaks_in_words

Reports = dict[str, dict[str, Any]]


def reports(folders: list[Path], name: str) -> Reports:
    """Returns the results of one bench by letter, and prints what they were found on."""
    found: Reports = {}
    for letter, folder in zip(ascii_uppercase, folders, strict=False):
        found[letter] = json.loads((folder / name).read_text(encoding="utf-8"))
        threads = found[letter]["settings"]["threads"]
        said = f"{threads} threads" if threads else "threads as a user has them"
        print(f"- {name}, {letter}: {caption(said, found[letter])}")
    print()
    return found


def ratio_rows(found: Reports) -> list[list[str]]:
    """Returns the ratios between ways to train, of each model on each processor."""
    kinds = ("linear", "conv")
    columns = [found[letter]["found"][kind]["ratios"] for kind in kinds for letter in found]
    names = dict.fromkeys(name for column in columns for name in column)
    return [[name, *(cell(column.get(name, {}).get("ratio")) for column in columns)]
            for name in names]  # fmt: skip


def seconds_rows(found: Reports) -> list[list[str]]:
    """Returns the seconds per 1,000 images of each way to train."""
    columns = []
    for kind in ("linear", "conv"):
        for report in found.values():
            of = report["found"][kind]
            scale = 1000 / (of["steps"] * BATCH)
            columns.append({way: spread([one * scale for one in values])
                            for way, values in of["seconds"].items()})  # fmt: skip
    ways = dict.fromkeys(way for column in columns for way in column)
    return [[way, *(cell(column.get(way)) for column in columns)] for way in ways]


def roof_rows(found: Reports, *, layers: bool) -> list[list[str]]:
    """Returns of steps or of layers the milliseconds, what bounds them, their share of the roof."""
    names = dict.fromkeys(name for report in found.values() for name in report["found"])
    rows = []
    for name in names:
        if (" | " in name) != layers:
            continue
        row = name.split(" | ") if layers else [name]
        for report in found.values():
            one = report["found"].get(name)
            row += (
                [f"{one['seconds'][0] * 1000:.3g}", one["bound_by"], cell(one["share_of_roof"])]
                if one
                else [""] * 3
            )
        rows.append(row)
    return rows


def cell(value: list[float] | Spread | None) -> str:
    return str(Spread(*value)) if value else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    folders = parser.parse_args().folders
    found = reports(folders, "training.json")
    models = [f"`{kind}`, {letter}" for kind in ("linear", "conv") for letter in found]
    print(table(["ratio", *models], ratio_rows(found)), "\n")
    print(table(["seconds per 1,000 images", *models], seconds_rows(found)), "\n")
    found = reports(folders, "roofline.json")
    head = [
        f"{letter}: {name}" for letter in found for name in ("ms", "bound by", "share of the roof")
    ]
    print(table(["step", *head], roof_rows(found, layers=False)), "\n")
    for letter, report in found.items():
        steps = {name: one for name, one in report["found"].items() if " | " not in name}
        print(f"- {letter}: {peaks_in_words(steps)}")
    print()
    print(table(["part of `conv`", "pass", "precision", *head], roof_rows(found, layers=True)))


if __name__ == "__main__":
    main()
