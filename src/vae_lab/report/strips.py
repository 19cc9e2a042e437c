"""The pictures of runs, from their PNG files: whole, and in strips that stand above one another."""

import io
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from vae_lab.callbacks.drawing.style import BAND, LINE, SHADE
from vae_lab.reading import is_kind
from vae_lab.report.blocks import PagePicture
from vae_lab.report.run_pictures import image_pixels, last_picture
from vae_lab.report.runs import Run

# A picture that takes more bytes is made smaller.
MOST_BYTES = 250_000

STRIP_HEIGHT = 56  # about, in pixels of the page

CODE = list[float]  # of a point of the latent space, (Z,)


def whole(
    run: Run, kind: str, label: str, alt: str, file: str, *, without_texts: bool = False
) -> PagePicture | None:
    """Returns the last picture of a kind; None if the run drew none."""
    if (picture := last_picture(run, kind)) is None:
        return None
    data, image, about = picture
    if without_texts and "grid" in about:
        image = image.crop(picture.box)
        data = _encode(image)
    small = image
    while len(data) > MOST_BYTES and min(small.size) > 100:
        # Fewer colours first, then fewer pixels.
        data = _encode(small.convert("RGB").quantize(64))
        small = small.reduce(2)
    return PagePicture(label, data, *image.size, alt, file)


def reconstructions(run: Run, double_rows: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns originals and reconstructions as two strips, uint8 (H, pixels) or (H, pixels, 3).

    A strip holds up to so many rows of the run's picture, one after the other.
    """
    if (found := image_pixels(run, "reconstructions")) is None:
        return None
    _, picture, _ = found
    _, height, width = run.folder.image_shape
    double = 2 * height + LINE
    # By the picture: there may have been fewer images than were asked for.
    num_rows, rest = divmod(picture.shape[0] + BAND, double + BAND)
    if num_rows < 1 or rest or (picture.shape[1] + LINE) % (width + LINE):
        return None
    tops = range(0, min(num_rows, double_rows) * (double + BAND), double + BAND)
    gap = np.full((double, LINE, *picture.shape[2:]), round(255 * SHADE), dtype=np.uint8)
    rows = [part for top in tops for part in (gap, picture[top : top + double])]
    both = np.concatenate(rows[1:], axis=1)
    return both[:height], both[height + LINE :]


def samples(run: Run) -> np.ndarray | None:
    """Returns the first row of samples as a strip, uint8 (H, pixels) or (H, pixels, 3)."""
    if (found := image_pixels(run, "samples")) is None:
        return None
    _, picture, _ = found
    _, height, width = run.folder.image_shape
    if (picture.shape[0] + LINE) % (height + LINE) or (picture.shape[1] + LINE) % (width + LINE):
        return None
    return picture[:height]


def first(pixels: np.ndarray, count: int, width: int) -> np.ndarray:
    """Returns the first images of a strip, each of a width."""
    return pixels[:, : count * (width + LINE) - LINE]


class Interpolation(NamedTuple):
    """A strip with its originals at both ends, and the labels on the way.

    Of a conditional model the name says which class is given: a pair of images has two.
    """

    name: str
    originals: tuple[str, str]  # what those at both ends are called
    pixels: np.ndarray  # uint8, (H, pixels) or (H, pixels, 3)
    labels: list[str]  # at each step; empty if unknown
    ends: list[list[float]]  # both codes, each (Z,); empty if unknown


def interpolations(run: Run) -> list[Interpolation]:
    """Returns one for each pair of images, such as `1 to 7`; none if they do not fit."""
    if (found := image_pixels(run, "interpolations")) is None:
        return []
    settings, pixels, picture = found
    _, height, width = run.folder.image_shape
    pairs, steps = settings.get("pairs", []), settings.get("steps", 0)
    across = 2 * (width + BAND) + steps * (width + LINE) - LINE
    if any(len(pair) != 2 for pair in pairs):
        return []
    abouts = picture.about.get("paths", [])
    if any("given" in about for about in abouts):
        pairs = [pair for pair in pairs for _ in range(2)]
    if pixels.shape[:2] != (len(pairs) * (height + LINE) - LINE, across):
        return []
    paths: list[Interpolation] = []
    former: list[str] = []
    for row, pair in enumerate(pairs):
        about = abouts[row] if row < len(abouts) else {}
        originals = _originals(run, row, pair, about)
        given = f", given {about['given']}" if "given" in about else ""
        name = f"{' to '.join(originals)}{given}"
        number = former.count(name)
        former.append(name)
        top = row * (height + LINE)
        paths.append(
            Interpolation(
                name=f"{name}, again {number}" if number else name,
                originals=originals,
                pixels=pixels[top : top + height],
                labels=[str(label) for label in about.get("labels") or []],
                ends=[about[end] for end in ("start", "end") if is_kind(about.get(end), CODE)],
            )
        )
    return paths


def _originals(
    run: Run, row: int, pair: tuple[int, int], about: Mapping[str, Any]
) -> tuple[str, str]:
    """Returns the labels at the ends of a row; images without these labels were taken in turn."""
    ends = about.get("ends", [])
    if is_kind(ends, list[str]) and len(ends) == 2:
        return ends[0], ends[1]
    # Older pictures do not say it.
    names = run.result.data.get("labels")
    if names is None:
        return str(pair[0]), str(pair[1])
    if all(0 <= label < len(names) for label in pair):
        return names[pair[0]], names[pair[1]]
    return f"image {2 * row}", f"image {2 * row + 1}"


def strip(pixels: np.ndarray, label: str, alt: str, file: str) -> PagePicture:
    """Returns a strip as a picture, enlarged by a whole factor: small images can be seen too."""
    image = Image.fromarray(pixels)
    factor = max(1, round(STRIP_HEIGHT / image.height))
    return PagePicture(
        label, _encode(image), factor * image.width, factor * image.height, alt, file
    )


def _encode(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
