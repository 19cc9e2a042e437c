"""Variance used as the standard deviation.

Symptom: The logged bound lies above log p(x).

The sample is mean + variance times noise, or `torch.exp(log_var)` without the factor 0.5. The KL is
that of the right width. Training makes use of the difference: the KL is that of a wide posterior,
and the decoder sees samples of a narrow one.

How to notice: Draw many samples of one posterior. Their variance must be exp(log_var).

Fix: z = mean + exp(0.5 log_var) noise. Or use `torch.distributions.Normal`, which takes the
standard deviation.

Test: test_samples_have_the_posteriors_mean_and_variance
"""

from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import (
    GREY,
    RIGHT,
    WRONG,
    Number,
    SmallVAE,
    digits,
    iwae_bound,
    mean_bound,
    panels,
    train,
    trained,
)


def wrong(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    return mean + torch.exp(log_var) * noise


def right(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    return mean + torch.exp(0.5 * log_var) * noise


class NarrowVAE(SmallVAE):
    """The small VAE with the wrong sample."""

    def terms(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        posterior = self.encode(x)
        z = wrong(posterior.mean, posterior.log_var, noise)
        return self.log_likelihood(z, x), posterior.kl_to_standard_normal()


@cache
def models() -> tuple[SmallVAE, SmallVAE]:
    return train(model=NarrowVAE(latent_dim=2)), trained()


def numbers() -> dict[str, Number]:
    x = digits()[1].images
    logged = [mean_bound(model, x) for model in models()]
    true = [iwae_bound(model, x, 300) for model in models()]
    return {
        "elbo": Number("test ELBO that is logged, nats", *logged),
        "true": Number("log p(x), 300 samples, nats", *true),
    }


def draw() -> Figure:
    figure, *axes = panels("wrong: variance", "right: standard deviation")
    log_var, noise = (
        torch.tensor(-2.0),
        torch.randn(20_000, generator=torch.Generator().manual_seed(0)),
    )
    line = torch.linspace(-1.5, 1.5, 301)
    density = torch.distributions.Normal(0.0, (0.5 * log_var).exp()).log_prob(line).exp()
    for axis, sample, colour in zip(axes, (wrong, right), (WRONG, RIGHT), strict=True):
        z = sample(torch.tensor(0.0), log_var, noise)
        axis.hist(
            z.numpy(),
            bins=60,
            range=(-1.5, 1.5),
            density=True,
            color=colour,
            alpha=0.6,
            label="samples",
        )
        axis.plot(line, density, "--", color=GREY, label="q(z|x) of the KL")
        axis.set(xlabel="z", ylim=(0, 4.2))
        axis.legend(frameon=False, fontsize=9)
    return figure
