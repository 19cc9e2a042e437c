"""Images of shapes, drawn from known factors: no file, no network.

Shapes: N images, F factors, C channels, H height, W width.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vae_lab.data.images import Factors, Images
from vae_lab.data.shapes.correlation import joint_tables
from vae_lab.data.shapes.draws import draw_factors
from vae_lab.data.shapes.outlines import OUTLINES
from vae_lab.data.shapes.renderer import Renderer
from vae_lab.errors import UserError

_TRAIN, _TEST = 0, 1


class Shapes:
    """One bright shape in each image, whose factors are known; labels are the shapes.

    Training and validation images have the correlations that were asked for. Those of the test
    images are independent, unless `correlated_test` is set.
    """

    def __init__(
        self,
        *,
        image_size: int,
        shapes: Sequence[str],
        values: Mapping[str, int],
        correlate: Sequence[Any],
        correlated_test: bool,
        num_images: int,
        num_test: float,
        draw_seed: int,
    ) -> None:
        if image_size not in (32, 64):
            raise UserError(f"data.image_size must be 32 or 64 with data=shapes, got {image_size}.")
        for shape in shapes:
            if shape not in OUTLINES or shapes.count(shape) > 1:
                known = ", ".join(OUTLINES)
                raise UserError(f"data.shapes names {shape}: each of {known} is possible once.")
        if not isinstance(num_test, int) or not 1 <= num_test <= 1_000_000:
            raise UserError(
                f"data.num_test must be a whole number from 1 to 1,000,000 with data=shapes, got "
                f"{num_test}."
            )
        self.renderer = Renderer(image_size=image_size, shapes=shapes, values=values)
        self.counts = dict(zip(self.renderer.names, self.renderer.counts, strict=True))
        if not self.counts:
            raise UserError(
                "data=shapes has no factor with more than one value: add data.values.x=8, or more "
                "than one of data.shapes."
            )
        self.tables = joint_tables(correlate, self.counts)
        self.test_tables = self.tables if correlated_test else []
        self.num_images, self.num_test, self.draw_seed = num_images, int(num_test), draw_seed

    def image_shape(self) -> tuple[int, int, int]:
        """Returns C, H, W of the images."""
        return self.renderer.image_shape

    def load(self) -> Images:
        """Draws the factors by `draw_seed`, and an image of each."""
        train, test = (
            draw_factors(self.counts, tables, number, self.draw_seed, split)
            for tables, number, split in (
                (self.tables, self.num_images, _TRAIN),
                (self.test_tables, self.num_test, _TEST),
            )
        )
        names, values = self.renderer.names, self.renderer.value_names
        draw, is_labelled = self.renderer.draw, "shape" in names
        return Images(
            *(draw(train), train[:, 0].copy() if is_labelled else None),
            *(draw(test), test[:, 0].copy() if is_labelled else None),
            self.renderer.shapes if is_labelled else None,
            warnings=(),
            factors=Factors(names, values, train, test),
        )
