"""The files that TensorBoard's Projector reads in a run's folder.

Shapes: N points, Z latent dimensions, C channels, H and W pixels.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from vae_lab.files import atomic

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
