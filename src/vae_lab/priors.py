"""The prior p(z): the standard normal, and mixtures that are learned.

Shapes: K samples per image, B images per batch, N draws, M components, S steps, Z latent
dimensions. All values in nats. Most of what is asked of a prior is estimated from draws, so that a
new prior needs only a density and `sample`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vae_lab.posteriors import DiagonalGaussian, Posterior, kl_to_aggregate, of_images

# Draws that stand for a prior if it has no formula for its moments and quantiles.
_DRAWS = 10_000


class Prior(nn.Module, ABC):
    """p(z). A module, so that a prior with parameters is trained and saved."""

    # Whether KL(q(z|x) || p(z)) is a sum over latent dimensions in closed form. Otherwise it is
    # estimated from draws, and the KL of single dimensions is that from the aggregate posterior.
    has_closed_kl: ClassVar[bool] = False

    @property
    def kl_reference(self) -> str:
        """The distribution that `kl` is measured from: prior, or aggregate posterior."""
        return "prior" if self.has_closed_kl else "aggregate posterior"

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Returns log p(z) in nats for z (..., Z), shape (...)."""

    @abstractmethod
    def sample(self, num_images: int, generator: torch.Generator) -> Tensor:
        """Draws z ~ p(z), shape (N, Z), on the generator's device."""

    def kl(self, posterior: Posterior) -> Tensor:
        """Returns the KL of each latent dimension in nats, (B, Z).

        KL(q(z|x) || p(z)) where `has_closed_kl`; else the KL from the aggregate posterior of these
        images, which says how much a dimension tells of an image whatever the prior.
        """
        return kl_to_aggregate(posterior)

    def kl_per_image(self, posterior: Posterior, noise: Tensor) -> Tensor:
        """Returns KL(q(z|x) || p(z)) in nats, (B,), from the draws that noise (K, B, Z) gives."""
        log_p = self.log_prob(posterior.sample(noise))
        return (posterior.log_prob_of_draw(noise) - log_p).mean(dim=0)

    def mean(self) -> Tensor:
        """Returns the mean of p(z), (Z,), on the CPU."""
        return self._draws().mean(dim=0)

    def scale(self) -> Tensor:
        """Returns the standard deviation of each dimension of p(z), (Z,), on the CPU."""
        return self._draws().std(dim=0)

    def reach(self) -> float:
        """Returns how far from 0, along any axis, p(z) has mass: 6 standard deviations."""
        # Beyond 6 a normal density is below e^-18 of its peak.
        return (self.mean().abs() + 6 * self.scale()).max().item()

    def quantiles(self, probability: Tensor) -> Tensor:
        """Returns each dimension's quantiles of p(z), (S, Z), for probabilities (S,) float64."""
        # torch.quantile takes no more than 16 million values.
        quantiles = np.quantile(self._draws().numpy(), probability.numpy(), axis=0)
        return torch.from_numpy(quantiles).float()

    def _draws(self) -> Tensor:
        with torch.no_grad():
            return self.sample(_DRAWS, torch.Generator().manual_seed(0))


class StandardNormal(Prior):
    """N(0, I), the prior of Kingma and Welling (arXiv:1312.6114, section 3 and appendix B)."""

    has_closed_kl = True

    def __init__(self, *, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def kl(self, posterior: Posterior) -> Tensor:
        return posterior.kl_to_standard_normal()

    def kl_per_image(self, posterior: Posterior, noise: Tensor) -> Tensor:
        return self.kl(posterior).sum(dim=1)

    def log_prob(self, z: Tensor) -> Tensor:
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=-1)

    def sample(self, num_images: int, generator: torch.Generator) -> Tensor:
        return torch.randn(
            num_images, self.latent_dim, generator=generator, device=generator.device
        )

    def mean(self) -> Tensor:
        return torch.zeros(self.latent_dim)

    def scale(self) -> Tensor:
        return torch.ones(self.latent_dim)

    def quantiles(self, probability: Tensor) -> Tensor:
        return torch.special.ndtri(probability).float()[:, None].expand(-1, self.latent_dim)


class Mixture(Prior):
    """A mixture of Gaussians; the subclass says which."""

    @abstractmethod
    def components(self) -> tuple[Tensor, Posterior]:
        """Returns the logits of the weights, (M,), and the components, a posterior of M images."""

    def log_prob(self, z: Tensor) -> Tensor:
        logits, each = self.components()
        of_each = each.log_prob(z.unsqueeze(-2))  # (..., M)
        return (of_each + logits.log_softmax(dim=0)).logsumexp(dim=-1)

    def sample(self, num_images: int, generator: torch.Generator) -> Tensor:
        logits, each = self.components()
        weights = logits.detach().softmax(dim=0).to(generator.device)
        chosen = weights.multinomial(num_images, replacement=True, generator=generator)
        component = of_images(each, chosen.to(each.mean.device)).map(
            lambda field: field.to(generator.device)
        )
        noise = torch.randn(component.mean.shape, generator=generator, device=generator.device)
        return component.sample(noise)

    def reach(self) -> float:
        # Of each component: 6 standard deviations of the whole miss a rare one far away, and go
        # far beyond components that lie far apart.
        _, each = self.components()
        return (each.mean.abs() + 6 * each.variance.sqrt()).max().item()


class GaussianMixture(Mixture):
    """M diagonal Gaussians with learned weights, means and variances.

    Source: Dilokthanakul et al., Deep Unsupervised Clustering with GMVAE, arXiv:1611.02648, section
    3.1, without its second latent and the network that makes components of it; as a prior of one
    level: Tomczak and Welling, VAE with a VampPrior, arXiv:1705.07120, section 2.
    """

    def __init__(self, *, latent_dim: int, num_components: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(num_components))
        # Apart from each other, or all would stay the same.
        self.means = nn.Parameter(torch.randn(num_components, latent_dim))
        self.log_vars = nn.Parameter(torch.zeros(num_components, latent_dim))

    def components(self) -> tuple[Tensor, Posterior]:
        return self.logits, DiagonalGaussian(self.means, self.log_vars)


class VampPrior(Mixture):
    """The mean of the posteriors of M learned images, each a component of equal weight.

    Source: Tomczak and Welling, VAE with a VampPrior, arXiv:1705.07120, eq. 9. A sigmoid keeps the
    images in [0, 1], in place of the paper's clipping, which silences gradients.
    """

    def __init__(
        self, *, encoder: nn.Module, image_shape: Sequence[int], num_components: int
    ) -> None:
        """Draws the images to start from; the encoder is the model's."""
        super().__init__()
        # In a tuple, so that the encoder's weights are not this module's too.
        self._encoder = (encoder,)
        # Dark with bright spots, as digits are: where the encoder finds differences.
        self.pseudo_inputs = nn.Parameter(torch.randn(num_components, *image_shape) * 2 - 2)

    def components(self) -> tuple[Tensor, Posterior]:
        each = self._encoder[0](self.pseudo_inputs.sigmoid()).map(Tensor.float)
        return each.mean.new_zeros(len(self.pseudo_inputs)), each
