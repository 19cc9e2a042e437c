"""The best q(z|x) of a family for each image, found by optimisation and not by the encoder.

Shapes: K samples per image, B images per batch, S starts, C, H, W of an image, Z latent dimensions.
Bounds in nats per image. No weight of the model changes. Labels, int64 (B,), are given to a
conditional model only: then q(z|x, y) is as close as it can be to p(z|x, y).

Source: Cremer, Li and Duvenaud, Inference Suboptimality in Variational Autoencoders,
arXiv:1801.03558. The gradient is the path derivative of Roeder, Wu and Duvenaud, Sticking the
Landing, arXiv:1703.09194: the nearer q is to the true posterior, the less it varies.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vae_lab.inference.images import Advance
from vae_lab.inference.joint import log_likelihood_of_pairs, log_weights
from vae_lab.posteriors import Posterior, joined, of_images
from vae_lab.random_streams import stream

if TYPE_CHECKING:
    from vae_lab.vae import VAE

# Takes the numbers of samples, and returns their noise, standard normal, (K, B, Z).
Noise = Callable[[range], Tensor]

# Where the optimisation begins: at the q that is given, mostly the encoder's, at the prior, and
# around a draw of the prior. The last is what is given, as it is.
STARTS = ("encoder", "prior", "draw of the prior", "not optimised")

_DRAWS = 2  # per step

# Adam forgets fast: gradients at the prior's start are a thousand times those at the end.
_BETAS = (0.9, 0.95)

# Draws of the prior, of which each image starts at the likeliest, and how much narrower than the
# prior: in a wide start a narrow mode of the posterior does not show.
_PRIOR_DRAWS, _NARROWER = 1000, 0.3


class OptimizationSettings(NamedTuple):
    """How to optimise: Adam's `steps`, and the `rate` that it begins with and that falls to 0.

    `samples` is the number of draws by which the best of several q is chosen.
    """

    steps: int
    rate: float
    samples: int


class BestPosterior(NamedTuple):
    """The best q(z|x) found for each of B images, on the CPU.

    `start` (B,) is the place in STARTS of what led to it. `moved` (B,), float64, is how many nats
    the bound rose in the last half of the steps.
    """

    posterior: Posterior
    start: Tensor
    moved: Tensor


def best_posterior(
    model: "VAE",
    x: Tensor,
    start: Posterior,
    optimization: OptimizationSettings,
    *,
    noise: Noise,
    decoder_batch: int,
    labels: Tensor | None = None,
    advance: Advance = lambda done, total: None,
) -> BestPosterior:
    """Returns the q(z|x) of the highest bound for each image x (B, C, H, W) in [0, 1].

    Of the family of `start`, and optimised from there, from the prior's mean and scale, and from
    the likeliest of some draws of the prior: after a quarter of the steps the best of the three
    continues. It is chosen by samples that no step used, and so is `start` itself if nothing was
    better; measured with the same samples the result would seem too good.

    An image's result depends on no other image, up to rounding, if its `noise` does not.
    `decoder_batch` is how many latent points are decoded at a time.
    """
    width = max(1, decoder_batch // _DRAWS)
    batches = [slice(left, left + width) for left in range(0, len(x), width)]
    parts = []
    for index, rows in enumerate(batches):
        given = of_images(start, rows).map(lambda field: field.detach().to(model.device))
        of_batch = None if labels is None else labels[rows].to(model.device)
        batch = _Batch(model, x[rows].to(model.device), of_batch, noise, rows, decoder_batch)
        parts.append(batch.best(given, optimization, _share(advance, index, len(batches))))
    return BestPosterior(
        joined([part.posterior for part in parts]),
        torch.cat([part.start for part in parts]),
        torch.cat([part.moved for part in parts]),
    )


def _share(advance: Advance, index: int, count: int) -> Advance:
    """Returns what takes how much of one of several batches is done."""
    return lambda done, total: advance(index * total + done, count * total)


class _Batch(NamedTuple):
    """Images x (B, C, H, W) that are optimised together, and their rows of the noise."""

    model: "VAE"
    x: Tensor
    labels: Tensor | None
    noise: Noise
    rows: slice
    decoder_batch: int

    def best(
        self, given: Posterior, optimization: OptimizationSettings, advance: Advance
    ) -> BestPosterior:
        """Returns the best of what is given and of what each start leads to."""
        # The same samples for all choices, and none of those of the steps.
        first = optimization.steps * _DRAWS
        samples = range(first, first + optimization.samples)
        quarter, half = optimization.steps // 4, max(optimization.steps // 2, 1)
        ends = []
        for start in (given, *self._starts_of_the_prior(given)):
            ends.append(self._optimised(start, optimization, range(quarter))[1])
            advance(len(ends), 6)
        start, chosen, _ = self._best_of(ends, samples)
        later = range(quarter, optimization.steps)
        halfway, end = self._optimised(start, optimization, later, averaged=range(quarter, half))
        best, is_given, bound = self._best_of([end, given], samples)
        moved = bound - self._bound(halfway, samples)
        is_given = is_given.bool()
        advance(6, 6)
        return BestPosterior(
            best.map(Tensor.cpu),
            chosen.masked_fill(is_given, STARTS.index("not optimised")),
            moved.masked_fill(is_given, 0.0),
        )

    def _best_of(
        self, candidates: Sequence[Posterior], samples: range
    ) -> tuple[Posterior, Tensor, Tensor]:
        """Returns the q of the highest bound for each image, its place, and the bound, (B,)."""
        # What led nowhere, to no number, is never the best.
        bounds = torch.stack([self._bound(q, samples) for q in candidates])
        highest, place = bounds.nan_to_num(-math.inf).max(dim=0)
        fields = iter([torch.stack(field) for field in zip(*candidates, strict=True)])
        images = torch.arange(len(place))
        return candidates[0].map(lambda _: next(fields)[place, images]), place, highest

    def _starts_of_the_prior(self, given: Posterior) -> list[Posterior]:
        """Returns the prior's mean and scale as a q of the family, and a narrower one at a draw."""
        prior, device = self.model.prior, self.model.device
        # Where all fields are 0, each family is the standard normal.
        standard = given.map(torch.zeros_like)
        mean, scale = prior.mean().to(device), prior.scale().to(device)
        with torch.no_grad():
            points = prior.sample(_PRIOR_DRAWS, stream("starts of the prior")).to(device)
            log_likelihoods = [
                log_likelihood_of_pairs(self.model, part, self.x, self.labels)
                for part in torch.split(points, self.decoder_batch)
            ]
        likeliest = points[torch.cat(log_likelihoods).argmax(dim=0)]  # (B, Z)
        return [_moved_to(standard, mean, scale), _moved_to(standard, likeliest, _NARROWER * scale)]

    def _optimised(
        self,
        start: Posterior,
        optimization: OptimizationSettings,
        steps: range,
        averaged: range = range(0),
    ) -> tuple[Posterior, Posterior]:
        """Returns the mean of q over some of the steps, and q at their end.

        The noise of a single step does not move the mean.
        """
        # In units of the start's own width, so that a rate suits narrow posteriors and wide ones.
        centre, scale = start.mean, start.variance.sqrt()
        fields = start.standardised(centre, scale.square()).map(torch.clone)
        adam = torch.optim.Adam(tuple(fields), lr=optimization.rate, betas=_BETAS)
        total = fields.map(torch.zeros_like)
        for step in steps:
            share = step / optimization.steps
            adam.param_groups[0]["lr"] = optimization.rate * (1 + math.cos(math.pi * share)) / 2
            noise = self._noise(range(step * _DRAWS, (step + 1) * _DRAWS))
            slopes = self._slopes(fields, centre, scale, noise)
            for field, slope in zip(fields, slopes, strict=True):
                field.grad = -slope
            adam.step()
            if step in averaged:
                total = _sum(total, fields)
        mean = total.map(lambda field: field / max(1, len(averaged)))
        return _moved_to(mean, centre, scale), _moved_to(fields, centre, scale)

    @torch.enable_grad()
    def _slopes(
        self, fields: Posterior, centre: Tensor, scale: Tensor, noise: Tensor
    ) -> tuple[Tensor, ...]:
        """Returns an estimate of the gradient of the bound by each field of q."""
        leaves = fields.map(lambda field: field.detach().requires_grad_())
        q = _moved_to(leaves, centre, scale)
        z = q.sample(noise)  # (K, B, Z)
        # The path derivative: log q depends on the fields through z only. Its other part is zero
        # in expectation, and only adds noise.
        log_q = (q.slope_of_draw(noise).detach() * z).sum(dim=-1)
        outputs = self.model.outputs(z, self.labels)
        log_joint = self.model.likelihood.log_prob(outputs, self.x) + self.model.prior.log_prob(z)
        # By the fields only: no parameter of the model gets a gradient.
        return torch.autograd.grad((log_joint - log_q).mean(dim=0).sum(), tuple(leaves))

    @torch.no_grad()
    def _bound(self, q: Posterior, samples: range) -> Tensor:
        return bound_of(
            *(self.model, self.x, q, self._noise, samples),
            decoder_batch=self.decoder_batch,
            labels=self.labels,
        )

    def _noise(self, samples: range) -> Tensor:
        return self.noise(samples)[:, self.rows].to(self.model.device)


@torch.no_grad()
def bound_of(
    model: "VAE",
    x: Tensor,
    q: Posterior,
    noise: Noise,
    samples: range,
    *,
    decoder_batch: int,
    labels: Tensor | None = None,
) -> Tensor:
    """Returns the ELBO of q for each image x (B, C, H, W), the mean over samples, float64 (B,)."""
    total = torch.zeros(len(x), dtype=torch.float64)
    width = max(1, decoder_batch // len(x))
    q = q.map(Tensor.cpu)
    for part in (samples[left : left + width] for left in range(0, len(samples), width)):
        total += log_weights(model, x, q, noise(part).cpu(), labels).sum(dim=0)
    return total / len(samples)


def _moved_to(q: Posterior, centre: Tensor, scale: Tensor) -> Posterior:
    """Returns the distribution of centre + scale * z, for centre and scale (Z,) or (B, Z)."""
    return q.standardised(-centre / scale, scale.square().reciprocal())


def _sum(first: Posterior, second: Posterior) -> Posterior:
    """Returns the sums of the fields of two of a family."""
    others = iter(second)
    return first.map(lambda field: field + next(others))
