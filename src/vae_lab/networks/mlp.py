"""Fully connected networks: with ReLU, and with the tanh of Burda et al.

`image_shape` is (C, H, W). Every encoder and decoder takes it from the run, a decoder `latent_dim`,
Z, too, an encoder the family of its posterior; the other sizes are in the YAML file.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from vae_lab.networks.base import Decoder, Encoder
from vae_lab.posteriors import Family


class TanhEncoder(Encoder):
    """Layers of `hidden_dims` units with tanh.

    Source: Burda et al., Importance Weighted Autoencoders, arXiv:1509.00519, section 5.
    """

    flattens = True

    def __init__(
        self, *, image_shape: Sequence[int], hidden_dims: Sequence[int], posterior: Family
    ) -> None:
        sizes = (math.prod(image_shape), *hidden_dims, posterior.num_outputs)
        super().__init__(nn.Flatten(), *_tanh_layers(sizes), posterior=posterior)


class TanhDecoder(Decoder):
    """Mirror of `TanhEncoder`."""

    def __init__(
        self, *, image_shape: Sequence[int], hidden_dims: Sequence[int], latent_dim: int
    ) -> None:
        sizes = (latent_dim, *reversed(hidden_dims), math.prod(image_shape))
        super().__init__(*_tanh_layers(sizes), nn.Unflatten(1, tuple(image_shape)))


def _tanh_layers(sizes: Sequence[int]) -> list[nn.Module]:
    """Returns linear layers with tanh between them, and nothing after the last."""
    layers: list[nn.Module] = []
    for wide, deep in pairwise(sizes):
        layer = nn.Linear(wide, deep)
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.Tanh()]
    return layers[:-1]


class LinearEncoder(Encoder):
    """Layers of `hidden_dims` units with ReLU."""

    flattens = True

    def __init__(
        self, *, image_shape: Sequence[int], hidden_dims: Sequence[int], posterior: Family
    ) -> None:
        sizes = (math.prod(image_shape), *hidden_dims)
        # In this order: a seed's starting weights depend on it.
        layers = [*_dense(sizes), nn.Linear(sizes[-1], posterior.num_outputs)]
        super().__init__(nn.Flatten(), *layers, posterior=posterior)


class LinearDecoder(Decoder):
    """Mirror of `LinearEncoder`."""

    def __init__(
        self, *, image_shape: Sequence[int], hidden_dims: Sequence[int], latent_dim: int
    ) -> None:
        sizes = (latent_dim, *reversed(hidden_dims))
        layers = [*_dense(sizes), nn.Linear(sizes[-1], math.prod(image_shape))]
        super().__init__(*layers, nn.Unflatten(1, tuple(image_shape)))


def _dense(sizes: Sequence[int]) -> list[nn.Module]:
    """Returns linear layers with ReLU after each."""
    pairs = pairwise(sizes)
    return [nn.Sequential(nn.Linear(wide, deep), nn.ReLU()) for wide, deep in pairs]
