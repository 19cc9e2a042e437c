"""The latent space in TensorBoard's Projector.

Shapes: N points, Z latent dimensions, C channels, H and W pixels.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import called
from vae_lab.callbacks.picture import looking, require_at_least, require_data
from vae_lab.callbacks.snapshot import scene_of
from vae_lab.files import atomic


class Embedding(Callback):
    """Writes posterior means, with labels and small images, once: when the training has ended."""

    def __init__(self, *, num_images: int) -> None:
        require_at_least("num_images", num_images, 1)
        self.num_images = num_images

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            require_data(trainer, self)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # No other logger has a Projector, and this one's page finds the files by their names.
        folders = {
            logger.log_dir for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)
        }
        if not trainer.is_global_zero or not folders:
            return
        with looking(pl_module):
            scene = scene_of(trainer, pl_module, trainer.current_epoch)
            look = scene.look(self.num_images)
        labels = None
        if look.labels is not None:
            labels = [called(label, scene.data.label_names) for label in look.labels.tolist()]
        for folder in folders:
            write_projection(Path(folder), points=look.mean, labels=labels, images=look.images)


# TensorBoard's page loads no larger picture of all sprites together.
MAX_SPRITE_SIZE = 8192


def write_projection(
    folder: Path, *, points: Tensor, labels: Sequence[str] | None, images: Tensor
) -> None:
    """Writes `projector/` and then `projector_config.pbtxt`, which makes TensorBoard look there.

    Args:
        folder: where the run's event files are.
        points: (N, Z). Fewer than three columns are filled up with zeros: of two, the page shows
            nothing.
        labels: of each point, or None.
        images: the small picture of each point, (N, C, H, W) in [0, 1], of 1 or 3 channels.
    """
    height, width = images.shape[2:]
    room = (MAX_SPRITE_SIZE // height) * (MAX_SPRITE_SIZE // width)
    if len(points) > room:
        raise ValueError(
            f"the Projector shows at most {room} images of this size: lower num_images."
        )
    place = folder / "projector"
    place.mkdir(parents=True, exist_ok=True)
    rows = torch.nn.functional.pad(points, (0, max(0, 3 - points.shape[1]))).tolist()
    tsv = "".join("\t".join(f"{value:.6g}" for value in row) + "\n" for row in rows)
    _write(place / "points.tsv", tsv.encode())
    config = 'embeddings {\n  tensor_name: "posterior means"\n'
    config += '  tensor_path: "projector/points.tsv"\n'
    if labels is not None:
        _write(place / "labels.tsv", "".join(f"{label}\n" for label in labels).encode())
        config += '  metadata_path: "projector/labels.tsv"\n'
    _write_sprites(place / "sprites.png", images)
    config += '  sprite {\n    image_path: "projector/sprites.png"\n'
    config += f"    single_image_dim: {width}\n    single_image_dim: {height}\n  }}\n}}\n"
    _write(folder / "projector_config.pbtxt", config.encode())


def _write_sprites(path: Path, images: Tensor) -> None:
    """Writes all images as one square of cells, row by row, without lines between them."""
    count, channels, height, width = images.shape
    side = math.ceil(math.sqrt(count))
    cells = images.new_zeros(side * side, channels, height, width)
    cells[:count] = images
    sheet = cells.view(side, side, channels, height, width).permute(0, 3, 1, 4, 2)
    pixels = (
        sheet.reshape(side * height, side * width, channels).clamp(0, 1).mul(255).round().byte()
    )
    picture = Image.fromarray((pixels[..., 0] if channels == 1 else pixels).contiguous().numpy())
    with atomic(path) as partial:
        picture.save(partial, format="PNG")


def _write(path: Path, content: bytes) -> None:
    with atomic(path) as partial:
        partial.write_bytes(content)
