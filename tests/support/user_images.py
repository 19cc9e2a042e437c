"""Made-up images of one's own: coloured discs, as arrays and as files."""

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"blue": (40, 80, 240), "green": (40, 200, 60), "red": (230, 50, 40)}


def discs(count: int, *, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns discs on dark ground, uint8 (N, S, S, 3), and the names of their colours (N,)."""
    draw = np.random.default_rng(seed)
    names = np.array(sorted(COLOURS))[np.arange(count) % len(COLOURS)]
    places = draw.uniform(0.3 * size, 0.7 * size, (count, 2, 1, 1))
    radius = draw.uniform(0.15 * size, 0.3 * size, (count, 1, 1))
    y, x = np.mgrid[:size, :size]
    inside = (x - places[:, 0]) ** 2 + (y - places[:, 1]) ** 2 < radius**2
    colours = np.array([COLOURS[name] for name in names])
    images = np.where(inside[..., None], colours[:, None, None], (25, 20, 30))
    return images.astype(np.uint8), names


def write_files(folder: Path, count: int, *, size: int, labels: bool = True) -> list[Path]:
    """Writes discs as PNG files, each in the sub-folder of its colour if there are to be labels."""
    paths = []
    for number, (image, name) in enumerate(zip(*discs(count, size=size), strict=True)):
        path = folder / (name if labels else "") / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        paths.append(path)
    return paths
