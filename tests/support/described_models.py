"""What the explorer's page is given of a model that no run trained: its description, its arrays."""

from typing import Any

from vae_lab.explorer.arrays import Arrays, NumberFormat
from vae_lab.explorer.distributions import (
    likelihood_description,
    posterior_description,
    prior_description,
)
from vae_lab.explorer.networks import network_layers, weights_in
from vae_lab.vae import VAE


def described(
    model: VAE, image_shape: tuple[int, ...], weights: NumberFormat
) -> tuple[dict[str, Any], Arrays]:
    """Returns what the page's `Model` is made of: its first argument, and the arrays it reads."""
    arrays = Arrays()
    keep = weights_in(arrays, weights)
    run = {
        "latent_dim": model.latent_dim,
        "image_shape": image_shape,
        "encoder": {"layers": network_layers(model.encoder, keep)},
        "decoder": {"layers": network_layers(model.decoder, keep)},
        "posterior": posterior_description(model.encoder),
        "likelihood": likelihood_description(model.likelihood),
        "prior": prior_description(model.prior, arrays),
        "bound": {"kind": model.objective.bound, "num_samples": model.objective.num_samples},
    }
    return run, arrays
