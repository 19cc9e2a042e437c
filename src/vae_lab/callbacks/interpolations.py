"""Paths through latent space, from one digit to another.

Shapes: N images, P pairs, S steps, C channels, H and W pixels, Z latent dimensions.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.grids import ImageGrid, Tick, paths
from vae_lab.callbacks.drawing.letters import label_name
from vae_lab.callbacks.drawing.style import BAND, LINE
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import EncodedImages, Snapshot

NEAREST = 5  # codes of images whose labels say what a point of the latent space looks like


@dataclass(kw_only=True)
class Interpolations(Picture):
    """Decodes points on the straight line between the posterior means of two images, a row each."""

    name = "interpolations"
    tag = "{name}/latent"
    description = (
        "Each row leads from the original on its left to the one on its right: decoded points, "
        "equally spaced, on the straight line between their posterior means (no sampling). Lambda "
        "is how far a point is on that line. At the right stand the labels passed on the way: at "
        "each point the most frequent label of the five nearest posterior means. Originals are "
        "typical images of their label, chosen only by pixels, the same in every epoch and run. Of "
        "a conditional model each pair has two rows, which share all points: the upper one is "
        "decoded given the class of the first image, the lower one given that of the last. Only "
        "the style changes along a row."
    )

    pairs: Sequence[Sequence[int]]  # labels: from, to
    steps: int
    num_images: int  # among whose codes the nearest are sought

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> ImageGrid:
        examples, labels = snapshot.data.examples()
        pairs = find_pairs(self.pairs, snapshot.typical, len(examples))
        first, last, given = rows_of(pairs, snapshot.given(labels))
        z, images = self._decoded(snapshot, first, last, given)
        passed = None
        if given is None:  # else the classes share the latent space: a code's label says little
            passed = labels_near(z.cpu(), snapshot.encoded(self.num_images))
        return ImageGrid(
            paths(examples[first].to(images), images, examples[last].to(images)),
            title="decoded at lambda",
            ends="original",
            above=columns(self.steps, width=images.shape[-1]),
            beside=self._beside(passed, given, snapshot.data.label_names, images.shape[-2]),
            facts={"paths": self._facts(snapshot, first, last, given, z.cpu(), passed)},
        )

    def _decoded(
        self, snapshot: Snapshot, first: Tensor, last: Tensor, given: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Returns the points of rows, (P, S, Z), and their decoded images, (P, S, C, H, W)."""
        model, (examples, labels) = snapshot.model, snapshot.data.examples()
        codes = [
            model.encode(
                examples[rows].to(model.device),
                snapshot.given(None if labels is None else labels[rows].cpu()),
            ).mean
            for rows in (first, last)
        ]
        z = between(codes[0], codes[1], steps=self.steps)
        of_each = None if given is None else given.repeat_interleave(self.steps)
        decoded = model.decode(z.flatten(0, 1), of_each)  # (P * S, C, H, W)
        return z, decoded.view(*z.shape[:2], *decoded.shape[1:])

    def _beside(
        self,
        passed: list[list[int]] | None,
        given: Tensor | None,
        names: Sequence[str] | None,
        height: int,
    ) -> list[Tick]:
        """Returns what stands at the right of rows: the labels passed, or the class given."""
        texts = [in_words(path, names) for path in passed or []]
        if given is not None:
            texts = [f"given {label_name(label, names)}" for label in given.tolist()]
        return [(row * (height + LINE) + height / 2, text) for row, text in enumerate(texts)]

    def _facts(
        self,
        snapshot: Snapshot,
        first: Tensor,
        last: Tensor,
        given: Tensor | None,
        z: Tensor,
        passed: list[list[int]] | None,
    ) -> list[dict[str, Any]]:
        """Returns what a reader of the file gets to know of each row, of points (P, S, Z)."""
        names, (_, labels) = snapshot.data.label_names, snapshot.data.examples()
        facts: list[dict[str, Any]] = [
            {
                "ends": [end_name(index, labels, names) for index in (start, end)],
                "start": rounded(codes[0]),
                "end": rounded(codes[-1]),
                "labels": None
                if passed is None
                else [full_name(label, names) for label in passed[row]],
            }
            | ({} if given is None else {"given": full_name(int(given[row]), names)})
            for row, (start, end, codes) in enumerate(
                zip(first.tolist(), last.tolist(), z, strict=True)
            )
        ]
        return facts


def rows_of(pairs: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Returns the first and last image of each row, and the class that it is decoded with, (P,).

    Takes pairs (P, 2) of images whose classes, `given` (N,), a conditional model is told. Then a
    pair has a row for the class at each end; if they are the same, it is two rows that are equal,
    so that each pair has as many.
    """
    if given is None:
        return pairs[:, 0], pairs[:, 1], None
    twice = pairs.repeat_interleave(2, dim=0)
    return twice[:, 0], twice[:, 1], given.cpu()[pairs].flatten()


def columns(steps: int, *, width: int) -> list[tuple[float, str]]:
    """Returns lambda above each decoded image of `paths`, `width` pixels wide; both ends first."""
    first = width + BAND + width / 2
    names = [f"{at:.2g}".replace("0.", ".") for at in torch.linspace(0, 1, steps).tolist()]
    decoded = [(first + k * (width + LINE), name) for k, name in enumerate(names)]
    return [decoded[0], *decoded[:0:-1]]


def between(start: Tensor, end: Tensor, *, steps: int) -> Tensor:
    """Returns equally spaced points from start to end, both (P, Z), ends included: (P, S, Z)."""
    weight = torch.linspace(0, 1, steps, device=start.device, dtype=start.dtype)[:, None]
    return start[:, None] * (1 - weight) + end[:, None] * weight


def find_pairs(
    pairs: Sequence[Sequence[int]], typical: Callable[[int], list[int]], num_images: int
) -> Tensor:
    """Chooses the images of each pair of two labels, always the same ones for the same data.

    Of the images that are `typical` of a label (see `Snapshot`) the first is used first, the next
    if the label comes up again. A pair with a label that has none (or none left) gets the images
    2p and 2p + 1, p being its row. Returns the indices among the images, (P, 2).
    """
    left = {label: typical(label) for pair in pairs for label in pair}
    chosen = []
    for row, pair in enumerate(pairs):
        labelled = [left[label].pop(0) for label in pair if left.get(label)]
        in_turn = [2 * row % num_images, (2 * row + 1) % num_images]
        chosen.append(labelled if len(labelled) == 2 else in_turn)
    return torch.tensor(chosen)


def labels_near(z: Tensor, encoded: EncodedImages) -> list[list[int]] | None:
    """Returns what points (P, S, Z) look like: the most frequent label of the nearest codes.

    Of labels that are as frequent the one with the nearest code counts. None without labels.
    """
    if encoded.labels is None:
        return None
    num_nearest = min(NEAREST, len(encoded.mean))
    distances = torch.cdist(z.flatten(0, 1).float(), encoded.mean)  # (P * S, N)
    labels = encoded.labels[distances.topk(num_nearest, largest=False).indices]
    votes = [Counter(row) for row in labels.tolist()]  # which count the nearest first
    found = [vote.most_common(1)[0][0] for vote in votes]
    return [found[start : start + z.shape[1]] for start in range(0, len(found), z.shape[1])]


def in_words(path: Sequence[int], names: Sequence[str] | None) -> str:
    """Returns the labels that a path passes, each once where it stays the same."""
    passed = [label_name(label, names) for label, _ in groupby(path)]
    # Between words a line may end.
    return ("\u203a" if max(map(len, passed)) == 1 else " \u203a ").join(passed)


def full_name(label: int, names: Sequence[str] | None) -> str:
    """Returns the name of a label, or its number if there are no names."""
    return str(label) if names is None else names[label]


def end_name(index: int, labels: Tensor | None, names: Sequence[str] | None) -> str:
    """Returns what the image of an index is called: by its label if there are labels."""
    return f"image {index}" if labels is None else full_name(int(labels[index]), names)


def rounded(code: Tensor) -> list[float]:
    """Returns a code (Z,) as numbers for the metadata of a file."""
    return [round(value, 4) for value in code.tolist()]
