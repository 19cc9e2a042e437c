"""The true posterior of images with q(z|x) and the best Gaussian on top, in the latent plane.

Shapes: K samples per image, N images, Z latent dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.charts.densities import Densities, Moments, Panel
from vae_lab.callbacks.drawing.charts.plot import Heading
from vae_lab.callbacks.drawing.charts.scatter import Window
from vae_lab.callbacks.drawing.letters import label_name
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.generative_model import BATCH
from vae_lab.inference.best_posterior import OptimizationSettings, best_posterior
from vae_lab.inference.density import Mass, bound, log_density, masses
from vae_lab.loggers.base import RunLogger
from vae_lab.posteriors import Posterior
from vae_lab.random_streams import stream
from vae_lab.run_folder import RunFolder

if TYPE_CHECKING:
    from vae_lab.vae import VAE

# What a panel shows whole: this share of the true posterior's mass, and so many standard deviations
# of each Gaussian; and the room around it, as a share of its side.
SHARE, WIDEST, ROOM = 0.98, 2.0, 0.05

# Of the optimisation: the rate it begins with, and the draws by which the best q is chosen.
RATE, SAMPLES = 0.1, 500


class BoundGaps(NamedTuple):
    """log p(x), and how far the best bound and the encoder's lie below, in nats: all (N,)."""

    log_likelihood: Tensor
    approximation: Tensor  # log p(x) - the best bound
    amortisation: Tensor  # the best bound - the encoder's


@dataclass(kw_only=True)
class Posteriors(Picture):
    """Draws p(z|x) of the first test images, with q(z|x) and the best Gaussian on top.

    Of another number of latent dimensions than two it draws nothing: there is no plane.
    """

    name = "posteriors"
    tag = "{name}/test"
    description = (
        "The true posterior p(z\\|x) of test images in the latent plane, by a grid: the darker, "
        "the larger its density, in shades of each panel's own. Solid ellipses (disc): one and "
        "two standard deviations of q(z\\|x), which the encoder gives. Dashed ellipses (plus): "
        "those of the best q of the same family, optimised for this image. Beside the disc stands "
        "the amortisation gap, what the encoder loses against the best q; beside the plus the "
        "approximation gap, what the best q still lies below log p(x); both in nats. Each panel "
        "has axes of its own. Of a conditional model all of this is given x and its class. Only of "
        "two latent dimensions."
    )

    # Once, after the training: it shows the trained model, and takes seconds.
    every_n_epochs: int | None = field(init=False, default=None)
    num_images: int
    steps: int  # along each side of a panel, at which the density is computed
    posterior_steps: int  # of the optimisation of the best q

    def publish(self, snapshot: Snapshot, folder: RunFolder, loggers: Sequence[RunLogger]) -> None:
        if snapshot.model.latent_dim == 2 and len(snapshot.data.test_images):
            super().publish(snapshot, folder, loggers)

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Densities:
        model, data = snapshot.model, snapshot.data
        pixels = data.test_images[: self.num_images]
        images = pixels.float() / 255
        labels = data.test_labels
        given = snapshot.given(None if labels is None else labels[: len(images)].cpu())
        q = model.encode(images.to(model.device), given).map(Tensor.cpu)
        best = self._best(model, images, q, given)
        found = masses(model, images, q, labels=given)
        gaps = gaps_of(model, images, found, q, best, given)
        of_class = "" if given is None else ", given the class"
        panels, facts = [], []
        for k, mass in enumerate(found):
            pair = moments(q, k), moments(best, k)
            window = window_of(mass, pair)
            label = None if given is None else given[k, None]
            density = log_density(
                model, images[k], mass, window.edges(), steps=self.steps, label=label
            )
            texts = f"{gaps.amortisation[k]:.2f}", f"{gaps.approximation[k]:.2f}"
            name = self._label(data, k)
            panels.append(Panel(pixels[k], name, window, density, pair, texts))
            facts.append(_facts(window, gaps, k))
        images_of = "a test image" if len(panels) == 1 else f"{len(panels)} test images"
        return Densities(
            heading=Heading(
                f"The true posterior p(z|x) of {images_of}{of_class}",
                "ellipses: one and two standard deviations; each panel has axes of its own, z[0] "
                "across and z[1] upwards",
            ),
            panels=panels,
            legend=(
                "q(z|x), with the amortisation gap in nats",
                "the best Gaussian, with the approximation gap",
            ),
            scale="p(z|x): white is 0, dark is its maximum",
            facts={"panels": facts},
        )

    def _best(self, model: "VAE", images: Tensor, q: Posterior, labels: Tensor | None) -> Posterior:
        noise = partial(_noise, shape=tuple(q.mean.shape), seed=self.seed)
        optimization = OptimizationSettings(steps=self.posterior_steps, rate=RATE, samples=SAMPLES)
        return best_posterior(
            model,
            images,
            q,
            optimization,
            noise=noise,
            decoder_batch=BATCH,
            labels=labels,
        ).posterior

    def _label(self, data: Any, row: int) -> str:
        labels = data.test_labels
        return "" if labels is None else label_name(int(labels[row]), data.label_names)


def _noise(samples: range, *, shape: tuple[int, ...], seed: int) -> Tensor:
    """Returns the noise of some samples, (K, N, Z)."""
    generators = (stream("posteriors", seed, k) for k in samples)
    return torch.stack([torch.randn(shape, generator=each) for each in generators])


def gaps_of(
    model: "VAE",
    images: Tensor,
    found: Sequence[Mass],
    q: Posterior,
    best: Posterior,
    labels: Tensor | None = None,
) -> BoundGaps:
    """Returns the gaps of images (N, C, H, W) in [0, 1], given their classes (N,), if any."""
    exact = torch.tensor([mass.log_likelihood for mass in found], dtype=torch.float64)
    of_q, of_best = (bound(model, images, each, labels) for each in (q, best))
    return BoundGaps(exact, exact - of_best, of_best - of_q)


def moments(posterior: Posterior, row: int) -> Moments:
    """Returns mean and covariance of one image."""
    return Moments(posterior.mean[row].double(), posterior.covariance[row].double())


def window_of(mass: Mass, gaussians: Sequence[Moments]) -> Window:
    """Returns the smallest square that shows the mass and the Gaussians, with some room."""
    boxes = [mass.box(SHARE)]
    for mean, covariance in gaussians:
        half = WIDEST * covariance.diagonal().sqrt()
        boxes.append((mean - half, mean + half))
    low = torch.stack([box[0] for box in boxes]).amin(dim=0)
    high = torch.stack([box[1] for box in boxes]).amax(dim=0)
    x, y = ((low + high) / 2).tolist()
    return Window((x, y), (high - low).max().item() / 2 / (1 - 2 * ROOM))


def _facts(window: Window, gaps: BoundGaps, row: int) -> dict[str, Any]:
    """Returns what a reader of the file gets to know of a panel."""
    x, y = window.edges()
    return {
        "axes": {"x": x, "y": y},
        "log_likelihood": gaps.log_likelihood[row].item(),
        "approximation_gap": gaps.approximation[row].item(),
        "amortisation_gap": gaps.amortisation[row].item(),
    }
