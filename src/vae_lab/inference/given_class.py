"""A conditional model with its class fixed: a model of the images of one class, unconditional.

It has p(z), p(x|z, y) and q(z|x, y) of one y: what takes an unconditional model can use it.

Shapes: B images or points per batch.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from vae_lab.vae import VAE


class GivenClass(nn.Module):
    """A network (values, labels) -> outputs, as one of values (B, ...) with the same label."""

    def __init__(self, network: nn.Module, label: int) -> None:
        super().__init__()
        self.network, self.label = network, label

    def forward(self, values: Tensor) -> Tensor:
        labels = torch.full((len(values),), self.label, device=values.device)
        return self.network(values, labels)


def given_class(model: "VAE", label: int) -> "VAE":
    """Returns the model of images of a class, 0 to L - 1. It shares the weights of `model`."""
    assert 0 <= label < model.condition.num_classes
    of_class = type(model)(
        encoder=GivenClass(model.encoder, label),
        decoder=GivenClass(model.decoder, label),
        prior=model.prior,
        likelihood=model.likelihood,
        objective=model.objective,
        optimization=model.optimization,
        latent_dim=model.latent_dim,
        seed=model.seed,
    )
    return of_class.train(model.training).to(model.device)
