"""Markov chains of a trained model's images, from draws of q(z|x) to draws of p(z|x).

A chain moves in the noise e of which q makes z, so that every q is a standard normal. The weight is
w(e) = p(x, z) / q(z|x), and the densities on the way are N(e; 0, I) w(e)^beta.

Shapes: K chains per image, N images, B images per batch, Z latent dimensions. Log-weights in nats
and double precision, on the CPU.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vae_lab.generative_model import of_rows
from vae_lab.inference.hamiltonian import Point, Weight, transition
from vae_lab.inference.images import EvaluationImages
from vae_lab.inference.joint import log_weights
from vae_lab.posteriors import Posterior, of_images
from vae_lab.random_streams import stream

if TYPE_CHECKING:
    from vae_lab.vae import VAE


class ChainSettings(NamedTuple):
    """How chains run: K, the leapfrog steps of a move, and where they start.

    The first draws are `start_width` times as wide as q. `decoder_batch` points are decoded at a
    time: it decides the memory.
    """

    num_chains: int
    leapfrog_steps: int
    start_width: float
    decoder_batch: int
    seed: int


class Chains:
    """Some chains of each image.

    The noise of a chain depends only on the name and the seed, the image's place in its split, the
    number of the chain and of its move: batches, other images and further chains change nothing.
    """

    def __init__(
        self, model: "VAE", drawn: EvaluationImages, settings: ChainSettings, *, name: str
    ) -> None:
        """Takes the name of the chains' noise."""
        self.model, self.drawn, self.settings, self.name = model, drawn, settings, name
        num_chains, decoder_batch = settings.num_chains, settings.decoder_batch
        # All chains of some images at a time; of very many chains, some of one image.
        height = min(num_chains, decoder_batch)
        width = decoder_batch // height
        self._batches = [
            (slice(first, first + height), slice(left, left + width))
            for first in range(0, num_chains, height)
            for left in range(0, len(drawn.images), width)
        ]

    def start(self) -> Point:
        """Returns the points of the first draws, (K, N)."""
        momenta, _ = self._noise(0)
        return self.at(momenta)

    def at(self, positions: Tensor) -> Point:
        """Returns the points at positions e (K, N, Z)."""
        shape = positions.shape
        point = Point(positions, positions.new_empty(shape[:2]), torch.empty_like(positions))
        for batch in self._batches:
            _put(point, batch, self._weight(batch[1])(positions[batch]))
        return point

    def move(self, point: Point, number: int, *, beta: float, step: float) -> tuple[Point, Tensor]:
        """Returns the points (K, N) after a move, and the probability of each to be accepted.

        Args:
            point: where the chains are.
            number: which of the moves it is, from 1 on.
            beta: the density that the move keeps.
            step: the step size.
        """
        momentum, uniform = self._noise(number)
        moved = Point(*map(torch.empty_like, point))
        probability = torch.empty_like(uniform)
        for batch in self._batches:
            part = Point(*(field[batch] for field in point))
            noise = momentum[batch], uniform[batch]
            end, probability[batch] = transition(
                self._weight(batch[1]), part, noise,
                beta=beta, step=step, num_steps=self.settings.leapfrog_steps,
            )  # fmt: skip
            _put(moved, batch, end)
        return moved, probability

    def _weight(self, rows: slice) -> Weight:
        q = of_images(self.drawn.posterior, rows).map(Tensor.double)
        x, labels = self.drawn.images[rows], of_rows(self.drawn.labels, rows)
        return weight_of(self.model, x, q, self.settings.start_width, labels)

    def _noise(self, number: int) -> tuple[Tensor, Tensor]:
        """Returns standard normal noise (K, N, Z) and uniform noise (K, N)."""
        rows, size = self.drawn.rows, self.drawn.split_size
        normal, uniform = [], []
        for chain in range(self.settings.num_chains):
            of_chain = self.name, self.drawn.split, self.settings.seed, chain, number
            generator = stream(*of_chain)
            shape = (size, self.model.latent_dim)
            normal.append(torch.randn(shape, generator=generator)[rows].double())
            uniform.append(torch.rand(size, generator=generator, dtype=torch.float64)[rows])
        return torch.stack(normal), torch.stack(uniform)


def _put(point: Point, batch: tuple[slice, slice], part: Point) -> None:
    for field, values in zip(point, part, strict=True):
        field[batch] = values


def weight_of(
    model: "VAE", x: Tensor, posterior: Posterior, width: float, labels: Tensor | None = None
) -> Weight:
    """Returns the function from positions (K, B, Z) to their log-weights and gradients.

    The draws of q are `width` times as wide as its own: z is what q makes of width * e, and
    log w(e) = log p(x, z) - log q(z|x) + log N(width e; 0, I) - log (N(e; 0, I) / width^Z).
    """

    def weight(position: Tensor) -> Point:
        with torch.enable_grad():
            e = position.detach().requires_grad_()
            of_q = log_weights(model, x, posterior, width * e, labels)
            wider = e.shape[-1] * math.log(width) - 0.5 * (width**2 - 1) * e.square().sum(dim=-1)
            log_weight = of_q + wider
            # By the positions only: no parameter of the model gets a gradient.
            (slope,) = torch.autograd.grad(log_weight.sum(), e)
        return Point(position, log_weight.detach(), slope)

    return weight
