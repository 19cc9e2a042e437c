"""Whether images look like a mistake: black, nearly black, or of one colour.

Shapes: N images, B images of a chunk, C channels, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from vae_lab.data.images import ImageArray
from vae_lab.errors import UserError

# An image whose values, of 0 to 255, lie no further apart looks like one colour.
_BLANK, _FAINT = 1, 31

_CHUNK = 1000


@dataclass
class PixelStatistics:
    """What tells whether images look like a mistake: how far the values of each lie apart."""

    contrasts: list[int] = field(default_factory=list)  # of each image, 0 to 255
    largest: int = 0
    is_grey: bool = True  # all channels are equal
    # Equal for equal images, in hexadecimal digits; None if nobody asks for them.
    digests: list[str] | None = field(default_factory=list)

    def add(self, images: np.ndarray) -> None:
        """Takes further images, uint8 (B, C, H, W)."""
        low, high = images.min(axis=(2, 3)), images.max(axis=(2, 3))
        self.contrasts += (high - low).max(axis=1).tolist()
        self.largest = max(self.largest, int(high.max()))
        if self.digests is not None:
            pixels = (image.tobytes() for image in images)
            self.digests += [blake2b(each, digest_size=8).hexdigest() for each in pixels]
        self.is_grey = self.is_grey and bool((images == images[:, :1]).all())

    def add_all(self, images: ImageArray) -> None:
        """Takes further images, uint8 (N, C, H, W), some at a time."""
        for start in range(0, len(images), _CHUNK):
            self.add(images[start : start + _CHUNK])


def check_pixels(what: str, statistics: PixelStatistics, *, names: Sequence[str] = ()) -> list[str]:
    """Returns in words what looks wrong with the pixels of images.

    `names` are what messages call the images, instead of their numbers from 0.

    Raises:
        UserError: No image shows anything.
    """
    contrasts, largest = np.array(statistics.contrasts), statistics.largest
    total, is_blank = len(contrasts), contrasts <= _BLANK
    if is_blank.all():
        if largest <= _BLANK:
            raise UserError(
                f"{what}: the largest value is {largest} of 255, so every image is black. If 1 "
                f"stands for white, multiply the values by 255."
            )
        raise UserError(
            f"{what}: each image is of one colour, so there is nothing to learn. Look at how the "
            f"images were written."
        )
    words = _copies(what, statistics)
    if is_blank.any():
        first = int(is_blank.argmax())
        words.append(
            f"{is_blank.sum()} of the {total} images of {what} are of one colour each (the first "
            f"is {names[first] if names else f'image {first}'}): leave them out, or look at how "
            f"they were written."
        )
    is_faint = (contrasts <= _FAINT) & ~is_blank
    if (faint := int(is_faint.sum())) >= (total - is_blank.sum()) / 2:
        words.append(
            f"{faint} of the {total} images of {what} use less than an eighth of the values from 0 "
            f"to 255, and look like one colour: if their largest value, {largest}, stands for "
            f"white, multiply the values by {255 / largest:.4g}."
        )
    return words


def _copies(what: str, statistics: PixelStatistics) -> list[str]:
    digests = statistics.digests or []
    copies, total = len(digests) - len({*digests}), len(digests)
    words = (
        f"{copies} of the {total} images of {what} are copies of others: the same image may be in "
        f"training and test, so leave copies out."
    )
    return [words] if copies else []
