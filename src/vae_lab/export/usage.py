"""The lines in a model card that use an exported model without VAE Lab and without torch."""

from collections.abc import Sequence
from typing import NamedTuple

from vae_lab.exported import DECODER, ENCODER, IMAGE, LABEL, PRIOR_DRAWS, Graph, Z

# Draws from the prior that the lines decode; or the most classes, of one draw.
_DRAWS, _MOST_CLASSES = 8, 10


class Use(NamedTuple):
    """Ten lines of Python, what they do, and those that read a picture of somebody's own."""

    lines: str
    does: str
    own_picture: str


def use_of(
    graphs: Sequence[Graph], *, is_standard_prior: bool, is_binary: bool, num_classes: int
) -> Use:
    """Returns the lines for the graphs of an encoder and a decoder.

    Args:
        graphs: what was exported.
        is_standard_prior: whether the prior is N(0, I); if not, its draws come from a file.
        is_binary: whether the encoder takes images of 0 and 1 only.
        num_classes: those that the model is given, 0 without a condition.
    """
    encoder, decoder = (next(it for it in graphs if it.file == name) for name in (ENCODER, DECODER))
    channels, height, width = encoder.given[IMAGE]
    (latent_dim,) = decoder.given[Z]
    mean, *_ = encoder.results
    columns = min(num_classes, _MOST_CLASSES) or _DRAWS
    rounded = ".round()" if is_binary else ""
    z = _draws(num_classes, columns, latent_dim, is_standard_prior)
    label = f', "{LABEL}": label' if num_classes else ""
    encoded = f'encode(None, {{"{IMAGE}": images{rounded}{label}}})  # q(z|x) of each image'
    sheet = f"(2 * {height}, {columns} * {width}, {channels})"
    return Use(
        f"""\
import numpy as np
import onnxruntime
from PIL import Image

encode, decode = (onnxruntime.InferenceSession(f).run for f in ("{ENCODER}", "{DECODER}"))
{z}
(images,) = decode(None, {{"{Z}": z{label}}})  # {(columns, channels, height, width)}, in [0, 1]
{", ".join(encoder.results)} = {encoded}
(again,) = decode(None, {{"{Z}": {mean}{label}}})
sheet = np.stack([images, again]).transpose(0, 3, 1, 4, 2).reshape{sheet}
Image.fromarray((255 * sheet).astype("uint8").squeeze()).save("draws.png")""",
        _does(columns if num_classes else 0),
        _own_picture(channels, (width, height), rounded, has_label=num_classes > 0),
    )


def _draws(num_classes: int, columns: int, latent_dim: int, is_standard_prior: bool) -> str:
    """Returns the lines that draw from the prior: once for all classes, or for each image."""
    count = 1 if num_classes else columns
    draws = f'np.load("{PRIOR_DRAWS}")[:{count}]'
    if is_standard_prior:
        draws = f"np.random.default_rng(0).standard_normal(({count}, {latent_dim}), np.float32)"
    if num_classes:
        label = f"label = np.arange({columns}, dtype=np.int64)  # the places of the classes"
        return f"z = {draws}.repeat({columns}, 0)  # one draw\n{label}"
    return f"z = {draws}  # eight draws from the prior"


def _does(num_classes: int) -> str:
    if not num_classes:
        return "decodes eight draws from the prior, encodes the images, decodes the posterior means"
    return (
        f"decodes one draw from the prior as each of {num_classes} classes, encodes the images "
        f"with their classes, decodes the posterior means"
    )


def _own_picture(channels: int, size: tuple[int, int], rounded: str, *, has_label: bool) -> str:
    mode, turned = ("L", "[None, None]") if channels == 1 else ("RGB", ".transpose(2, 0, 1)[None]")
    pixels = f"np.asarray(picture, np.float32){turned} / 255"
    label = "\nlabel = np.array([0], np.int64)  # its class" if has_label else ""
    return f"""\
picture = Image.open("FILE").convert("{mode}").resize({size})
images = {f"({pixels}){rounded}" if rounded else pixels}{label}"""
