"""The lines in a model card that use an exported model without VAE Lab and without torch."""

from collections.abc import Sequence
from typing import NamedTuple

from vae_lab.exported import DECODER, ENCODER, IMAGE, PRIOR_DRAWS, Graph, Z


class Use(NamedTuple):
    """Ten lines of Python, what they do, and two that read a picture of somebody's own."""

    lines: str
    does: str
    own_picture: str


def use_of(graphs: Sequence[Graph], *, is_standard_prior: bool, is_binary: bool) -> Use:
    """Returns the lines for the graphs of an encoder and a decoder.

    Args:
        graphs: what was exported.
        is_standard_prior: whether the prior is N(0, I); if not, its draws come from a file.
        is_binary: whether the encoder takes images of 0 and 1 only.
    """
    encoder, decoder = (next(it for it in graphs if it.file == name) for name in (ENCODER, DECODER))
    channels, height, width = encoder.given_shape
    (latent_dim,) = decoder.given_shape
    mean, *_ = encoder.results
    draws = f'np.load("{PRIOR_DRAWS}")[:8]'
    if is_standard_prior:
        draws = f"np.random.default_rng(0).standard_normal((8, {latent_dim}), np.float32)"
    rounded = ".round()" if is_binary else ""
    sheet = f"(2 * {height}, 8 * {width}, {channels})"
    return Use(
        f"""\
import numpy as np
import onnxruntime
from PIL import Image

encode, decode = (onnxruntime.InferenceSession(f).run for f in ("{ENCODER}", "{DECODER}"))
z = {draws}  # eight draws from the prior
(images,) = decode(None, {{"{Z}": z}})  # (8, {channels}, {height}, {width}), in [0, 1]
{", ".join(encoder.results)} = encode(None, {{"{IMAGE}": images{rounded}}})  # q(z|x) of each image
(again,) = decode(None, {{"{Z}": {mean}}})
sheet = np.stack([images, again]).transpose(0, 3, 1, 4, 2).reshape{sheet}
Image.fromarray((255 * sheet).astype("uint8").squeeze()).save("draws.png")""",
        "decodes eight draws from the prior, encodes the images, decodes the posterior means",
        _own_picture(channels, (width, height), rounded),
    )


def _own_picture(channels: int, size: tuple[int, int], rounded: str) -> str:
    mode, turned = ("L", "[None, None]") if channels == 1 else ("RGB", ".transpose(2, 0, 1)[None]")
    pixels = f"np.asarray(picture, np.float32){turned} / 255"
    return f"""\
picture = Image.open("FILE").convert("{mode}").resize({size})
images = {f"({pixels}){rounded}" if rounded else pixels}"""
