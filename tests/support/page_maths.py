"""The maths of the explorer's page in V8, without a browser."""

import base64
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from described_models import described
from py_mini_racer import MiniRacer
from torch import Tensor, nn

from vae_lab.explorer.arrays import FLOAT32, Arrays, NumberFormat
from vae_lab.explorer.networks import network_layers, weights_in
from vae_lab.explorer.page import SCRIPTS, scripts
from vae_lab.vae import VAE

# Values go to V8 and back as JSON: typed arrays become lists, and -0 and NaN are not kept.
_BRIDGE = """
const unpack = (text) => new Arrays(Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer);
const floats = (list) => Float32Array.from(list);
const plain = (value) => {
  if (ArrayBuffer.isView(value)) return Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
};
"""


class PageMaths:
    """Calls of JavaScript functions with values that JSON knows, and arrays."""

    def __init__(self, context: MiniRacer) -> None:
        self._context = context
        names = [name for name in SCRIPTS if name.startswith("maths/")]
        context.eval('"use strict";' + scripts(names) + _BRIDGE)

    def call(self, function: str, *arguments: Any) -> Any:
        """Returns what a function expression returns; `unpack(text)` is an `Arrays` in it."""
        return self._context.call(f"((...given) => plain(({function})(...given)))", *arguments)

    def set(self, name: str, function: str, *arguments: Any) -> None:
        """Keeps what a function returns, for later calls to use by its name."""
        keeping = f"((...given) => {{ globalThis.{name} = ({function})(...given); return null; }})"
        self._context.call(keeping, *arguments)


@contextmanager
def page_maths() -> Iterator[PageMaths]:
    # A context that is not closed lets Python hang at its end.
    with MiniRacer() as context:
        yield PageMaths(context)


def packed(arrays: Arrays) -> str:
    """Returns the bytes of arrays as a text of as many letters."""
    return zlib.decompress(base64.b64decode(arrays.text())).decode("latin-1")


def network(maths: PageMaths, module: nn.Module, x: Tensor, weights: NumberFormat = FLOAT32) -> Any:
    """Returns what the page computes of one input, (...) without a batch: a flat list."""
    arrays = Arrays()
    layers = network_layers(module, weights_in(arrays, weights))
    return maths.call(
        "(layers, text, shape, x) => makeNetwork(layers, unpack(text), shape).run(floats(x))",
        *(layers, packed(arrays), list(x.shape), x.flatten().tolist()),
    )


def set_model(
    maths: PageMaths, model: VAE, image_shape: tuple[int, ...], weights: NumberFormat = FLOAT32
) -> None:
    """Makes the page's `Model` of a VAE, and keeps it as `model`."""
    run, arrays = described(model, image_shape, weights)
    maths.set("model", "(run, text) => new Model(run, unpack(text))", run, packed(arrays))
