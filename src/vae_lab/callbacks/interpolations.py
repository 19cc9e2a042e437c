"""Paths through latent space, from one digit to another.

Shapes: N images, P pairs, S steps, C channels, H and W pixels, Z latent dimensions.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.grids import ImageGrid, paths
from vae_lab.callbacks.drawing.letters import label_name
from vae_lab.callbacks.drawing.style import BAND, LINE
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import EncodedImages, Snapshot, typical

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
        "typical images of their label, chosen only by pixels, the same in every epoch and run."
    )

    pairs: Sequence[Sequence[int]]  # labels: from, to
    steps: int
    num_images: int  # among whose codes the nearest are sought

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> ImageGrid:
        model, names = snapshot.model, snapshot.data.label_names
        examples, labels = snapshot.data.examples()
        first, last = find_pairs(examples, labels, self.pairs).unbind(1)
        starts, ends = examples[first].to(model.device), examples[last].to(model.device)
        z = between(model.encode(starts).mean, model.encode(ends).mean, steps=self.steps)
        decoded = model.decode(z.flatten(0, 1))  # (P * S, C, H, W)
        images = decoded.view(*z.shape[:2], *decoded.shape[1:])
        passed = labels_near(z.cpu(), snapshot.encoded(self.num_images))
        height, width = images.shape[-2:]
        return ImageGrid(
            paths(starts, images, ends),
            title="decoded at lambda",
            ends="original",
            above=columns(self.steps, width=width),
            beside=[
                (row * (height + LINE) + height / 2, in_words(path, names))
                for row, path in enumerate(passed or [])
            ],
            facts={
                "paths": [
                    {
                        "ends": [end_name(index, labels, names) for index in (start, end)],
                        "start": rounded(codes[0]),
                        "end": rounded(codes[-1]),
                        "labels": passed and [full_name(label, names) for label in passed[row]],
                    }
                    for row, (start, end, codes) in enumerate(
                        zip(first.tolist(), last.tolist(), z.cpu(), strict=True)
                    )
                ]
            },
        )


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


def find_pairs(images: Tensor, labels: Tensor | None, pairs: Sequence[Sequence[int]]) -> Tensor:
    """Chooses the images of each pair, always the same ones for the same data.

    The most typical image of a label is used first (`snapshot.typical`), the next if the label
    comes up again. A pair with a label that is missing (or used up), and every pair if there
    are no labels, gets the images 2p and 2p + 1, p being its row.

    Returns the indices (P, 2) among the images (N, C, H, W) of the `pairs` of two labels each;
    `labels` is (N,).
    """
    asked = {label for pair in pairs for label in pair}
    left = {} if labels is None else {label: typical(images, labels, label) for label in asked}
    chosen = []
    for row, pair in enumerate(pairs):
        labelled = [left[label].pop(0) for label in pair if left.get(label)]
        in_turn = [2 * row % len(images), (2 * row + 1) % len(images)]
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
