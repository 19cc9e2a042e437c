"""One style in all classes: what the label decides, and what the latent vector decides.

Shapes: R rows, K columns, C channels, H and W pixels, Z latent dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vae_lab.callbacks.drawing.grids import ImageGrid, grid
from vae_lab.callbacks.drawing.letters import label_name
from vae_lab.callbacks.drawing.style import LINE
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.loggers.base import RunLogger
from vae_lab.run_folder import RunFolder


@dataclass(kw_only=True)
class Classes(Picture):
    """Decodes each of a few draws of the prior once per class: a draw a row, a class a column.

    Of a model without a condition it draws nothing.
    """

    name = "classes"
    tag = "{name}/prior"
    description = (
        "A conditional model's images: all images of a row are decoded from the same draw z of the "
        "prior, each given the class of its column. What a row has in common is the style, which z "
        "holds; what a column has in common is the class. The draws are the same in every epoch, "
        "and in every run with the same latent_dim. A model without a condition has no such "
        "picture."
    )

    rows: int  # draws of the prior
    columns: int  # the most classes that are shown, from the first

    def publish(self, snapshot: Snapshot, folder: RunFolder, loggers: Sequence[RunLogger]) -> None:
        if snapshot.classes:
            super().publish(snapshot, folder, loggers)

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> ImageGrid:
        model, classes = snapshot.model, snapshot.classes[: self.columns]
        styles = model.prior.sample(self.rows, generator)  # (R, Z)
        z = styles.repeat_interleave(len(classes), dim=0)  # (R * K, Z)
        labels = torch.tensor(classes).repeat(self.rows)
        images = model.decode(z.to(model.device), labels)
        names = [label_name(label, snapshot.data.label_names) for label in classes]
        total, pitch = len(snapshot.classes), images.shape[3] + LINE
        some = "" if len(classes) == total else f" (the first {len(classes)} of {total})"
        return ImageGrid(
            grid(images, columns=len(classes)),
            title=f"a row: one style z of the prior; a column: a class{some}",
            headings=[((k + 0.5) * pitch, name) for k, name in enumerate(names)],
        )
