"""A comparison of two runs as text: tables, and pictures that fit the terminal."""

from collections.abc import Iterator, Sequence

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vae_lab.callbacks.drawing.style import LINE
from vae_lab.desk.comparison.pair import NAMES, Compared, Pair
from vae_lab.desk.comparison.sentences import TEST_TITLE, cells, of_evaluations, result
from vae_lab.desk.comparison.text_pictures import rows_of_images
from vae_lab.report.strips import reconstructions, samples
from vae_lab.report.wording import counted
from vae_lab.terminal import printable

# The width if no terminal gives one.
WIDTH = 100


def print_comparison(pair: Pair, *, pictures: bool) -> None:
    """Prints which keys differ, what was measured, and the pictures of both runs."""
    # Names are not markup.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    for label, run in zip(pair.labels, pair.runs, strict=True):
        console.print(printable(f"{label}  {run.path}"))
    console.print(_configuration(pair))
    console.print()
    for sentence in result(pair):
        console.print(sentence)
    numbers = {TEST_TITLE: pair.terms, "evaluation": pair.evaluated}
    for title, compared in numbers.items():
        if compared:
            console.print(_numbers(compared, title))
    if pair.evaluated:
        console.print(of_evaluations(pair))
    if pictures:
        for text in _pictures(pair, console):
            console.print(text, no_wrap=True, crop=True)


def _configuration(pair: Pair) -> Table:
    """Returns the keys that differ, a part for each group."""
    found = pair.differences
    table = _table([f"{counted(found.num_keys, 'key')} {_differ(found.num_keys)}", *NAMES])
    for rows in found.groups.values():
        for row in rows:
            table.add_row(row.key, *(printable(row.shown(name)) for name in NAMES))
        table.add_section()
    table.caption = f"{found.num_equal} keys have the same value in both."
    table.caption_justify, table.caption_style = "left", ""
    return table


def _differ(count: int) -> str:
    return "differs" if count == 1 else "differ"


def _numbers(compared: Sequence[Compared], title: str) -> Table:
    table = _table([title, *NAMES, "A - B", "95 % interval"], numbers=True)
    for row in compared:
        table.add_row(*cells(row))
    return table


def _table(headings: Sequence[str], *, numbers: bool = False) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if numbers and place else "left", overflow="fold")
    return table


def _pictures(pair: Pair, console: Console) -> Iterator[Text]:
    """Yields the lines of reconstructions and samples, those of both runs below each other."""
    strips = [*strips_of(pair)]
    drawn = rows_of_images([images for _, _, images in strips], console)
    last = ""
    for (heading, label, _), lines in zip(strips, drawn, strict=True):
        if heading != last:
            yield Text(f"\n{heading}", "bold")
        last = heading
        yield Text(printable(label))
        yield from lines


def strips_of(pair: Pair) -> Iterator[tuple[str, str, list[np.ndarray]]]:
    """Yields a heading, a label and images (H, W) or (H, W, 3) for each strip that is shown."""
    known: list[bytes] = []
    decoded = []
    for label, run in zip(pair.labels, pair.runs, strict=True):
        if found := reconstructions(run, 1):
            originals, images = (_split(strip, run.folder.image_shape[-1]) for strip in found)
            # Usually both runs have the same originals.
            if found[0].tobytes() not in known:
                known.append(found[0].tobytes())
                decoded.append(("Reconstructions", "originals", originals))
            decoded.append(("Reconstructions", label, images))
    yield from decoded
    for label, run in zip(pair.labels, pair.runs, strict=True):
        if (strip := samples(run)) is not None:
            yield "Samples", label, _split(strip, run.folder.image_shape[-1])


def _split(strip: np.ndarray, width: int) -> list[np.ndarray]:
    """Returns the images of a strip (H, pixels) or (H, pixels, 3), each of a width."""
    lefts = range(0, strip.shape[1], width + LINE)
    return [strip[:, left : left + width] for left in lefts]
