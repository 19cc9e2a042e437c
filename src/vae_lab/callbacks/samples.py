"""New images: decoded draws from the prior.

Shapes: C channels, H and W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vae_lab.callbacks.drawing.grids import ImageGrid, grid
from vae_lab.callbacks.drawing.letters import label_name
from vae_lab.callbacks.drawing.style import LINE
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot


@dataclass(kw_only=True)
class Samples(Picture):
    """Decodes the same prior draws each time, so that epochs and runs compare."""

    name = "samples"
    tag = "{name}/prior"
    description = (
        "Mean images decoded from draws of the prior. The draws are the same in every epoch, and "
        "in every run with the same latent_dim. A conditional model is given the classes in turn, "
        "each as often as the others: their names stand above or beside the images."
    )

    num_images: int
    columns: int

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> ImageGrid:
        if classes := snapshot.classes:
            return self._of_classes(snapshot, classes, generator)
        images = snapshot.model.sample(self.num_images, generator=generator)
        title = "draws from the prior, decoded"
        return ImageGrid(grid(images, columns=self.columns), title=title)

    def _of_classes(
        self, snapshot: Snapshot, classes: range, generator: torch.Generator
    ) -> ImageGrid:
        """Returns draws with the classes in turn: a class a column, if there are few."""
        # Only whole turns in a row, and only full rows.
        columns = self.columns - self.columns % min(len(classes), self.columns)
        count = self.num_images - self.num_images % columns or self.num_images
        labels = torch.arange(count) % len(classes)
        images = snapshot.model.sample(count, generator=generator, labels=labels)
        names = [label_name(label, snapshot.data.label_names) for label in classes]
        height, width = (edge + LINE for edge in images.shape[2:])
        if len(classes) <= columns:
            turns = columns // len(classes)
            above = [((k + 0.5) * width, name) for k, name in enumerate(names * turns)]
            title = "draws from the prior, decoded given the class of the column"
            return ImageGrid(grid(images, columns=columns), title=title, headings=above)
        beside = [
            ((row + 0.5) * height, in_turn_words(of_row.tolist(), names))
            for row, of_row in enumerate(torch.split(labels, columns))
        ]
        title = "draws from the prior, decoded given each class in turn"
        return ImageGrid(grid(images, columns=columns), title=title, beside=beside)


def in_turn_words(labels: list[int], names: Sequence[str]) -> str:
    """Returns the names of classes in turn, such as `8 to 11, 0 to 5` of twelve."""
    turns = [labels]
    if 0 in labels[1:]:
        again = labels.index(0, 1)
        turns = [labels[:again], labels[again:]]
    return ", ".join(
        names[turn[0]] if len(turn) == 1 else f"{names[turn[0]]} to {names[turn[-1]]}"
        for turn in turns
    )
