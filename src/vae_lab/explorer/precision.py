"""Which number format the weights of a page get: the smallest one that shows the same.

Shapes: K samples per image, N images, C, H, W of an image, Z latent dimensions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vae_lab.explorer.arrays import FIXED14, FIXED16, FLOAT24, FLOAT32, NumberFormat, rounded
from vae_lab.generative_model import of_rows
from vae_lab.objectives.base import Draws
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

# The smallest first.
LADDER = (FIXED14, FIXED16, FLOAT24)

# How far a pixel may be from that of the weights in single precision, in [0, 1]; and the bound of
# an image, in nats. Of bounds of thousands of nats a share: more digits describe no image better.
PIXELS, NATS, SHARE = 1e-3, 1e-2, 1e-4
LARGE = 1000  # nats

# Images that formats are compared on, and draws of them that are decoded.
_IMAGES, _DRAWS = 512, 2048


class Precision(NamedTuple):
    """A number format, and the largest deviations that it makes of a pixel and of a bound, nats."""

    number_format: NumberFormat
    pixels: float
    nats: float


class _Inputs(NamedTuple):
    """Images (N, C, H, W), their labels (N,) or None, codes (N, Z), and noise (K, N, Z)."""

    x: Tensor
    labels: Tensor | None
    codes: Tensor
    noise: Tensor


class _Shown(NamedTuple):
    """Mean images of the codes (N, C, H, W), and the bound of each image in nats, (N,)."""

    pixels: Tensor
    elbo: Tensor


@torch.no_grad()
def choose_precision(model: VAE, images: Tensor, labels: Tensor | None) -> Precision:
    """Returns the smallest format with which the page shows what single precision shows.

    Both decode the same codes, and draw with the same noise. `images` are uint8 (N, C, H, W), their
    labels (N,), of a model without a condition None.
    """
    num_samples = model.objective.num_samples
    x = images[: max(8, min(_IMAGES, _DRAWS // num_samples))].to(model.device).float() / 255
    given = None if labels is None else labels[: len(x)].to(model.device)
    codes = model.encode(x, given).mean
    shape = (num_samples, len(x), model.latent_dim)
    noise = torch.randn(shape, generator=stream("explorer", "precision")).to(model.device)
    shown = _Inputs(x, given, codes, noise)
    exact = _shown(model, shown, FLOAT32)
    size = exact.elbo.abs()
    tolerance = torch.where(size > LARGE, SHARE * size, NATS)
    for number_format in LADDER:
        near = _shown(model, shown, number_format)
        pixels = (near.pixels - exact.pixels).abs().max().item()
        nats = (near.elbo - exact.elbo).abs()
        # A comparison with NaN is false, and the next format is tried.
        if pixels <= PIXELS and bool((nats <= tolerance).all()):
            return Precision(number_format, pixels, nats.max().item())
    return Precision(FLOAT32, 0.0, 0.0)


def _shown(model: VAE, inputs: _Inputs, number_format: NumberFormat) -> _Shown:
    """Returns what a page with the weights in a format shows of images.

    The prior is that of the model: the page has its components, not the network behind them.
    """
    encode, decode = (
        _with_weights_in(network, number_format) for network in (model.encoder, model.decoder)
    )
    condition, (x, labels, codes, noise) = model.condition, inputs
    pixels = model.likelihood.mean(decode(*condition.inputs(codes, labels)).float())
    # A few images at a time: K samples of each are decoded.
    size = max(1, 500 // len(noise))
    elbos = []
    for start in range(0, len(x), size):
        rows = slice(start, start + size)
        some, of_some, given = x[rows], noise[:, rows], of_rows(labels, rows)
        posterior = encode(*condition.inputs(some, given)).map(Tensor.float)
        z = posterior.sample(of_some)
        repeated = None if given is None else given.repeat(len(z))
        outputs = decode(*condition.inputs(z.flatten(0, 1), repeated)).float()
        log_likelihood = model.likelihood.log_prob(outputs.unflatten(0, z.shape[:2]), some)
        draws = Draws(posterior, of_some, z, log_likelihood, stream("explorer", "objective"))
        elbos.append(model.objective(draws, model.prior)[1].elbo())
    return _Shown(pixels, torch.cat(elbos))


def _with_weights_in(network: nn.Module, number_format: NumberFormat) -> Callable[..., Any]:
    """Returns what a network computes with its matrices and kernels in a format.

    Vectors stay in single precision in the page (see `networks.weights_in`).
    """
    weights = {
        name: torch.from_numpy(rounded(weight.cpu().float().numpy(), number_format)).to(weight)
        for name, weight in network.named_parameters()
        if weight.dim() > 1
    }
    return lambda *inputs: functional_call(network, weights, inputs)
