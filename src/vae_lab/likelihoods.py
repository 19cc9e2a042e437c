"""The likelihood p(x|z), from what the decoder puts out.

Shapes: K samples per image, B images per batch, C, H, W of an image. A likelihood takes unbounded
decoder outputs (K, B, C, H, W) and returns log-probabilities per image in nats, summed over pixels
and channels, never averaged: a mean over pixels would make beta depend on the image size.
"""

import math
from abc import ABC, abstractmethod
from inspect import signature
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Decoder outputs at a time that are compared with 255 edges: 1 MB.
_OUTPUTS = 1000


class Likelihood(nn.Module, ABC):
    """What decoder outputs mean. A module, so that a learned scale is trained and saved."""

    # Whether p(x|z) is a probability, never above 1, and not a density.
    is_discrete: ClassVar[bool] = False
    # Whether a grey value counts as the mean of a coin: then log p(x|z) is an expectation over
    # binary images, which never exceeds minus their entropy.
    grey_is_a_mean: ClassVar[bool] = False

    # Whether an image's log-probability is a sum over pixels, each with the same density of its own
    # output: then that of a pixel is that of an image of one pixel.
    pixels_are_alike: ClassVar[bool] = False

    @abstractmethod
    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Returns log p(x|z) in nats, (K, B), for outputs (K, B, C, H, W) and x (B, C, H, W)."""

    def log_prob_of_pairs(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Returns log p(x|z) of every pair, (G, B), for outputs (G, C, H, W) and x (B, C, H, W)."""
        return torch.stack([self.log_prob(y.expand_as(x).unsqueeze(0), x)[0] for y in outputs])

    @abstractmethod
    def mean(self, outputs: Tensor) -> Tensor:
        """Returns the mean image E[x|z] for outputs of any shape, same shape."""

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Draws x ~ p(x|z) for outputs of any shape, same shape.

        `generator` is on the CPU, so that every device gets the same draws.

        Raises:
            NotImplementedError: The likelihood has no draws, only a density.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method sample.")


class Bernoulli(Likelihood):
    """Each pixel is a coin whose logit the decoder puts out.

    On grey targets x in [0, 1] this is the expectation of the Bernoulli log-probability over binary
    images drawn with x as their means, so the bound is that of dynamic binarisation.
    """

    is_discrete = True
    grey_is_a_mean = True
    pixels_are_alike = True

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        sums, _ = _BernoulliLogProb.apply(outputs.flatten(2), x.flatten(1))
        return sums

    def log_prob_of_pairs(self, outputs: Tensor, x: Tensor) -> Tensor:
        # Summed over pixels: one matrix product for all pairs, and what each output adds.
        logits = outputs.flatten(1)
        of_zeros, _ = _BernoulliLogProb.apply(logits, torch.zeros_like(logits))
        return logits @ x.flatten(1).T + of_zeros.unsqueeze(1)

    def mean(self, outputs: Tensor) -> Tensor:
        return torch.sigmoid(outputs)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        return (_uniform(outputs, generator) < torch.sigmoid(outputs)).to(outputs.dtype)


class _BernoulliLogProb(torch.autograd.Function):
    """The sum of x l - log(1 + e^l) over pixels, for logits l (..., D) and images x (..., D).

    A function of its own, because its derivative x - sigmoid(l) needs one sigmoid, the same as the
    value, where autograd would go back through every step. log(1 + e^l) is max(l, 0) minus the log
    of sigmoid(|l|), and logarithms are taken of products of sigmoids: one for a hundred pixels, for
    log1p is slow on some machines, and log on others. A pixel that is surely right adds 0, however
    large its logit is.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the sums (...) and the means sigmoid(l) (..., D), which are constants."""
        pixels = logits.shape[-1]
        group = next(n for n in range(100, 0, -1) if pixels % n == 0)
        means = logits.sigmoid()
        # sigmoid(|l|), the larger of a mean and 1 - mean: at least a half, and 2^-100 is a float32.
        surer = (means - 0.5).abs_().add_(0.5)
        products = torch.unflatten(surer, -1, (pixels // group, group)).prod(dim=-1)
        missed = torch.addcmul(logits.relu(), x, logits, value=-1)
        return products.log().sum(dim=-1) - missed.sum(dim=-1), means

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]
    ) -> None:
        _, means = output
        ctx.mark_non_differentiable(means)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, means)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, Tensor | None]:
        if grad is None:  # nothing follows from the sums
            return None, None
        logits, x, means = ctx.saved_tensors
        # A second derivative goes through the sigmoid.
        slope = x - (logits.sigmoid() if torch.is_grad_enabled() else means)
        grad = grad.unsqueeze(-1)
        return grad * slope, grad * logits if ctx.needs_input_grad[1] else None


# torch asks for it in every call.
_BernoulliLogProb.forward.__signature__ = signature(  # type: ignore[attr-defined]
    _BernoulliLogProb.forward
)


class ContinuousBernoulli(Likelihood):
    """Each pixel has the density on [0, 1] that is proportional to a Bernoulli's probability.

    With l the decoder's logit the density is exp(l x) / ((e^l - 1) / l).

    Source: Loaiza-Ganem and Cunningham, The Continuous Bernoulli, arXiv:1907.06845, eq. 3 to 8.
    """

    pixels_are_alike = True

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        return (x * outputs - _log_normaliser(outputs)).flatten(2).sum(dim=2)

    def log_prob_of_pairs(self, outputs: Tensor, x: Tensor) -> Tensor:
        logits = outputs.flatten(1)
        return logits @ x.flatten(1).T - _log_normaliser(logits).sum(dim=1, keepdim=True)

    def mean(self, outputs: Tensor) -> Tensor:
        # 1 / (1 - e^-l) - 1 / l = (1 + coth(l / 2) - 2 / l) / 2, and near 0 its series.
        near = outputs.abs() < 0.1
        logits = torch.where(near, 1.0, outputs)
        far = 0.5 * (1 + 1 / torch.tanh(logits / 2)) - 1 / logits
        return torch.where(near, 0.5 + outputs / 12 - outputs**3 / 720, far)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        # The inverse of the distribution function. For a logit of -|l|, whose exponential cannot
        # overflow: 1 - x has the logit -l. Without a logit the density is uniform.
        u, size = _uniform(outputs, generator), outputs.abs()
        rate = size.clamp(min=1e-6)
        falling = torch.where(size < rate, u, -torch.log1p(u * torch.expm1(-rate)) / rate)
        return torch.where(outputs > 0, 1 - falling, falling)


def _uniform(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Draws numbers in [0, 1), of the shape of outputs and on their device."""
    return torch.rand(outputs.shape, generator=generator).to(outputs)


def _exponential(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Draws numbers of density e^-x, of the shape of outputs and on their device."""
    return torch.empty(outputs.shape).exponential_(generator=generator).to(outputs)


def _log_normaliser(logits: Tensor) -> Tensor:
    """Returns log((e^l - 1) / l), elementwise: exact for large, small and vanishing logits."""
    # l / 2 + log(sinh(y) / y) with y = |l| / 2; near 0 the series, whose next term is y^8 / 37800.
    y = logits.abs() / 2
    near = y < 0.3
    far = torch.where(near, 1.0, y)  # no infinite gradient from the branch that is not taken
    square = y.square()
    series = square / 6 - square**2 / 180 + square**3 / 2835
    closed = far + torch.log(-torch.expm1(-2 * far) / (2 * far))
    return logits / 2 + torch.where(near, series, closed)


class ScaledLikelihood(Likelihood):
    """A likelihood around the decoder's output, with one scale for all pixels."""

    pixels_are_alike = True
    log_scale: Tensor

    def __init__(self, *, scale: float, learn_scale: bool) -> None:
        """Takes the scale in units of the pixel range [0, 1]: where training starts, if learned."""
        super().__init__()
        log_scale = torch.tensor(math.log(scale))
        if learn_scale:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale, persistent=False)

    def mean(self, outputs: Tensor) -> Tensor:
        # Unbounded, as the model is; pictures cut it to [0, 1].
        return outputs


class Gaussian(ScaledLikelihood):
    """Each pixel is Gaussian around the decoder's output; the scale is the standard deviation.

    Source: Kingma and Welling, arXiv:1312.6114, appendix C.2; a shared scale that is learned:
    Rybkin et al., Simple and Effective VAE Training with Calibrated Decoders, arXiv:2006.13202.
    """

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        standardised = (x - outputs) * torch.exp(-self.log_scale)
        constant = self.log_scale + 0.5 * math.log(2 * math.pi)
        return -(0.5 * standardised.square() + constant).flatten(2).sum(dim=2)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(outputs.shape, generator=generator).to(outputs)
        return outputs + torch.exp(self.log_scale) * noise


class Laplace(ScaledLikelihood):
    """Each pixel is Laplace distributed around the decoder's output: its median, sharp at edges."""

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        standardised = (x - outputs).abs() * torch.exp(-self.log_scale)
        return -(standardised + self.log_scale + math.log(2)).flatten(2).sum(dim=2)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        # The difference of two exponential draws.
        noise = _exponential(outputs, generator) - _exponential(outputs, generator)
        return outputs + torch.exp(self.log_scale) * noise


class DiscretizedLogistic(ScaledLikelihood):
    """Each pixel is one of the 256 levels k / 255: a logistic distribution, rounded to them.

    A level has the probability of the interval of width 1 / 255 around it, the first and the last
    level that of everything beyond, so the 256 probabilities sum to 1.

    Source: Kingma et al., Inverse Autoregressive Flow, arXiv:1606.04934, appendix; Salimans et al.,
    PixelCNN++, arXiv:1701.05517, eq. 2.
    """

    is_discrete = True

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        inverse = torch.exp(-self.log_scale)
        half = 0.5 / 255 * inverse
        centred = (x - outputs) * inverse
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b - a)), and a - b is the width:
        # no difference of numbers that are nearly equal, at any distance from the mean.
        below = F.logsigmoid(centred + half) * (x < 1)  # of the upper end; 1 for the last level
        above = F.logsigmoid(half - centred) * (x > 0)
        inside = torch.log(-torch.expm1(-2 * half)) * ((x > 0) & (x < 1))
        return (below + above + inside).flatten(2).sum(dim=2)

    def mean(self, outputs: Tensor) -> Tensor:
        # Not the output: what lies beyond 0 and 1 counts as 0 and 1. A level is the share of the
        # 255 edges that lie below it, so E[x] is the mean probability to lie above an edge.
        edges = torch.arange(0.5, 255, dtype=outputs.dtype, device=outputs.device) / 255
        inverse = torch.exp(-self.log_scale)
        flat = outputs.flatten()
        # A graph that is exported has no loop over parts.
        parts = (flat,) if torch.compiler.is_exporting() else torch.split(flat, _OUTPUTS)
        means = [torch.sigmoid((part[:, None] - edges) * inverse).mean(dim=1) for part in parts]
        return torch.cat(means).view_as(outputs)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        # The log of the ratio of two exponential draws is logistic.
        noise = _exponential(outputs, generator).log() - _exponential(outputs, generator).log()
        x = outputs + torch.exp(self.log_scale) * noise
        return (x.clamp(0, 1) * 255).round() / 255
