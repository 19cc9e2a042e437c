"""The pixels of what was drawn, for tests that look at them."""

import numpy as np
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import Canvas
from vae_lab.callbacks.drawing.pixels import from_array


def pixels_of(canvas: Canvas, scale: int) -> Tensor:
    """Returns the bytes of a canvas, (1, H, W), or (3, H, W) if it is coloured."""
    return from_array(np.array(canvas.image(scale)))
