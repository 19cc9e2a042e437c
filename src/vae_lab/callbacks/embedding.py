"""The latent space in TensorBoard's Projector.

Shapes: N points, Z latent dimensions, C channels, H and W pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import ImageColor
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import style_of
from vae_lab.callbacks.drawing.grids import to_uint8
from vae_lab.callbacks.drawing.pixels import to_image, to_png
from vae_lab.callbacks.picture import Visualization
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.files import write_text
from vae_lab.loggers.base import RunLogger
from vae_lab.loggers.tensorboard import TensorBoardRunLogger
from vae_lab.run_folder import RunFolder


@dataclass(kw_only=True)
class Embedding(Visualization):
    """Writes posterior means, with labels and small images, once: when the training has ended."""

    every_n_epochs = None
    num_images: int

    def publish(self, snapshot: Snapshot, folder: RunFolder, loggers: Sequence[RunLogger]) -> None:
        # No other logger has a Projector, and its page looks for the files by their names.
        folders = [logger.log_dir for logger in loggers if isinstance(logger, TensorBoardRunLogger)]
        if not folders:
            return
        encoded, labels = snapshot.encoded(self.num_images), None
        images = encoded.images
        if encoded.labels is not None:
            names = snapshot.data.label_names
            # A page has the letters that the font of the pictures lacks.
            numbers = encoded.labels.tolist()
            labels = [str(number) if names is None else names[number] for number in numbers]
            images = tinted(encoded.images, encoded.labels)
        for log_dir in folders:
            write_projection(Path(log_dir), points=encoded.mean, labels=labels, images=images)


def tinted(images: Tensor, labels: Tensor) -> Tensor:
    """Returns images (N, C, H, W) whose labels (N,) can be told by colour, (N, 3, H, W).

    TensorBoard's page opens without colours, and no file can change that; so the images have them.
    Of grey images the colour takes the place of black; coloured ones get a frame of it.
    """
    classes, groups = torch.unique(labels, return_inverse=True)
    colours = [ImageColor.getrgb(style_of(group)[0]) for group in range(len(classes))]
    colour = torch.tensor(colours)[groups][:, :, None, None] / 255  # (N, 3, 1, 1)
    if images.shape[1] == 1:
        return images + (1 - images) * colour
    height, width = images.shape[2:]
    framed, thick = images.clone(), -(-min(height, width) // 16)
    for edge in (
        framed[:, :, :thick],
        framed[:, :, -thick:],
        framed[..., :thick],
        framed[..., -thick:],
    ):
        edge[:] = colour
    return framed


# TensorBoard's page loads no larger picture of all sprites together.
MAX_SPRITE_SIZE = 8192


def write_projection(
    folder: Path, *, points: Tensor, labels: Sequence[str] | None, images: Tensor
) -> None:
    """Writes `projector/` and then `projector_config.pbtxt`, which makes TensorBoard look there.

    Takes the folder of the event files, and points (N, Z) with their labels and small images,
    (N, C, H, W) in [0, 1]. Fewer than three columns are filled up with zeros: of two, the page
    shows nothing.
    """
    height, width = images.shape[2:]
    most = (MAX_SPRITE_SIZE // height) * (MAX_SPRITE_SIZE // width)
    if len(points) > most:
        raise ValueError(
            f"the Projector shows at most {most} images of this size: lower num_images."
        )
    projector = folder / "projector"
    rows = torch.nn.functional.pad(points, (0, max(0, 3 - points.shape[1]))).tolist()
    tsv = "".join("\t".join(f"{value:.6g}" for value in row) + "\n" for row in rows)
    write_text(projector / "points.tsv", tsv)
    config = 'embeddings {\n  tensor_name: "posterior means"\n'
    config += '  tensor_path: "projector/points.tsv"\n'
    if labels is not None:
        write_text(projector / "labels.tsv", "".join(f"{label}\n" for label in labels))
        config += '  metadata_path: "projector/labels.tsv"\n'
    _write_sprites(projector / "sprites.png", images)
    config += '  sprite {\n    image_path: "projector/sprites.png"\n'
    config += f"    single_image_dim: {width}\n    single_image_dim: {height}\n  }}\n}}\n"
    write_text(folder / "projector_config.pbtxt", config)


def _write_sprites(path: Path, images: Tensor) -> None:
    """Writes all images as one square of cells, row by row, without lines between them."""
    count, channels, height, width = images.shape
    side = math.ceil(math.sqrt(count))
    cells = images.new_zeros(side * side, channels, height, width)
    cells[:count] = images
    sheet = cells.view(side, side, channels, height, width).permute(2, 0, 3, 1, 4)
    pixels = to_uint8(sheet.reshape(channels, side * height, side * width))
    to_png(to_image(pixels), path)
