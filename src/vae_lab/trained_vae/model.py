"""A trained VAE as an object to use.

Shapes: N images, C, H, W of an image, Z latent dimensions, S steps, L classes. Values in nats per
image.
"""

import math
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae_lab.class_labels import classes_of
from vae_lab.errors import UserError
from vae_lab.evaluate.marginal_likelihood import importance_weighted
from vae_lab.evaluate.scores import Scores, score
from vae_lab.evaluations import read_per_image
from vae_lab.exported import is_exported, read_test_bounds
from vae_lab.generative_model import BATCH
from vae_lab.inference.classes import class_log_joint, class_log_weights
from vae_lab.inference.completion.completions import Completion, complete
from vae_lab.inference.images import EvaluationImages
from vae_lab.notebook_html import MOST_CLASSES, result_html, row_of, samples_of_classes
from vae_lab.posteriors import Posterior
from vae_lab.random_streams import stream
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.trained_vae.arguments import (
    Array,
    image_batch,
    latent_points,
    missing_pixels,
    seen_pixels,
)
from vae_lab.trained_vae.labels import Label, Labels, class_indices
from vae_lab.vae import VAE


class TrainedVAE:
    """A trained VAE in eval mode, on the CPU, without gradients; made by `vae_lab.load`.

    Images are floats in [0, 1], (N, C, H, W). Latent points are floats, (N, Z). Both can be tensors
    or numpy arrays. Results are tensors. `latent_dim` is Z, `image_shape` is (C, H, W), `config`
    is the configuration of the run, `result` what is known of it, `folder` its place.

    A model that was trained with `condition=label` needs the class of each image: one label for
    all, or a list, an array or a tensor of N. A label is the name of a class, such as `"circle"` or
    7; if no class has a number as its name, it can also be the place of its name in `classes`.
    Every p and q is then given the class too. Other models take no labels, and `classes` is empty.
    """

    def __init__(
        self,
        *,
        model: VAE,
        image_shape: tuple[int, ...],
        config: Mapping[str, Any],
        result: RunResult,
        folder: Path,
    ) -> None:
        self.model, self.image_shape, self.config = model, image_shape, config
        self.result, self.folder = result, folder
        self.latent_dim, self.classes = model.latent_dim, classes_of(config, result)

    def __repr__(self) -> str:
        bound = self.result.metrics.get("elbo/test", math.nan)
        condition = f", {len(self.classes)} classes" if self.classes else ""
        return (
            f"TrainedVAE({self.result.name!r}, latent_dim={self.latent_dim}, "
            f"image_shape={self.image_shape}{condition}, test ELBO {bound:.2f} nats)"
        )

    def _repr_html_(self) -> str:
        """Returns what a notebook shows: the run's numbers, and samples, one of each class."""
        if not self.classes:
            images = self.sample(10)
            row = [row_of(images.numpy(), "samples: decoded draws from the prior")]
        else:
            # All classes decode the same point.
            shown = self.classes[:MOST_CLASSES]
            images = torch.cat([self.sample(1, label=name) for name in shown])
            row = samples_of_classes(images.numpy(), shown)
        return result_html(self.result, self.folder, row)

    @torch.no_grad()
    def encode(self, images: Array, labels: Labels | None = None) -> Posterior:
        """Returns q(z|x) of images (N, C, H, W), with `mean` and `variance`, both (N, Z)."""
        x = self._images(images)
        return self.model.encode(x, self._labels(labels, len(x), "vae.encode(images, labels)"))

    @torch.no_grad()
    def decode(self, z: Array, labels: Labels | None = None) -> Tensor:
        """Returns the mean images E[x|z] of latent points (N, Z), shape (N, C, H, W)."""
        points = latent_points(z, self.latent_dim)
        return self.model.decode(points, self._labels(labels, len(points), "vae.decode(z, labels)"))

    @torch.no_grad()
    def reconstruct(self, images: Array, labels: Labels | None = None) -> Tensor:
        """Encodes images (N, C, H, W) and decodes their posterior means, same shape."""
        x = self._images(images)
        given = self._labels(labels, len(x), "vae.reconstruct(images, labels)")
        return self.model.reconstruct(x, given)

    @torch.no_grad()
    def sample(self, num_images: int, *, label: Labels | None = None, seed: int = 0) -> Tensor:
        """Decodes N draws from the prior: mean images (N, C, H, W), the same for the same seed.

        `label` is the class of all of them, or a list of N. A conditional model without a label
        draws the classes by their shares among the training images. The latent points depend on
        the seed only: another class shows the same ones.
        """
        if num_images < 1:
            raise UserError(f"num_images must be at least 1, got {num_images}.")
        given = None
        if label is not None:
            given = self._labels(label, num_images, "vae.sample(num_images, label=...)")
        return self.model.sample(num_images, stream("sample", seed), given)

    @torch.no_grad()
    def interpolate(
        self, start: Array, end: Array, *, steps: int, labels: Labels | None = None
    ) -> Tensor:
        """Returns mean images on the straight lines between posterior means, (S, N, C, H, W).

        The first of the S steps are the reconstructions of `start`, (N, C, H, W). The last are
        those of `end`, which must have as many images. `labels` are the classes of the lines.
        """
        if steps < 2:
            raise UserError(f"steps must be at least 2, the two ends, got {steps}.")
        first, last = self._images(start), self._images(end)
        if first.shape != last.shape:
            raise UserError(f"start has {len(first)} images and end {len(last)}: give as many.")
        call = f"vae.interpolate(start, end, steps={steps}, labels=...)"
        given = self._labels(labels, len(first), call)
        ends = self.model.encode(first, given).mean, self.model.encode(last, given).mean
        return self.model.interpolate(*ends, steps=steps, labels=given).transpose(0, 1)

    @torch.no_grad()
    def classify(self, images: Array, *, num_samples: int = 10, seed: int = 0) -> Tensor:
        """Returns p(y|x) of images (N, C, H, W) by Bayes' rule, float64 (N, L), of `classes`.

        It is p(y) p(x|y), made to sum to 1. p(x|y) of each class is estimated by its
        importance-weighted bound with K = `num_samples` draws of q(z|x, y), and p(y) are the shares
        of the classes among the training images. It takes L times as long as `log_likelihood`.
        """
        if not self.classes:
            raise UserError(
                "this model has no condition, so it knows no classes: train one with "
                "condition=label."
            )
        if num_samples < 1:
            raise UserError(f"num_samples must be at least 1, got {num_samples}.")
        x = self._images(images)
        of_classes = class_log_weights(self.model, x, num_samples=num_samples, seed=seed)
        return class_log_joint(self.model, of_classes).softmax(dim=1)

    @torch.no_grad()
    def log_likelihood(
        self,
        images: Array,
        labels: Labels | None = None,
        *,
        num_samples: int,
        seed: int = 0,
    ) -> Tensor:
        """Returns the importance-weighted bound on log p(x) with K samples, in nats, (N,), float64.

        It is a lower bound in expectation, and rises with K = `num_samples` (Burda et al.,
        arXiv:1509.00519). Of a conditional model it is one on log p(x|y). With a Bernoulli
        likelihood on grey images it is not a likelihood: compare it only with bounds of the same
        kind. With a Gaussian, Laplace or continuous Bernoulli likelihood it is the logarithm of a
        density, and can be above 0.
        """
        if num_samples < 1:
            raise UserError(f"num_samples must be at least 1, got {num_samples}.")
        x = self._images(images)
        call = f"vae.log_likelihood(images, labels, num_samples={num_samples})"
        given = self._labels(labels, len(x), call)
        # Each image as the first of a split of one: they have the same noise, and so the value of
        # an image depends on no other.
        rows = torch.zeros(len(x), dtype=torch.long)
        first = EvaluationImages(x, self.model.encode(x, given), rows, "use", 1, given)
        estimate = importance_weighted(
            self.model, first, num_samples=num_samples, decoder_batch=BATCH, seed=seed
        )
        return torch.from_numpy(estimate.log_likelihood)

    @torch.no_grad()
    def score(
        self,
        images: Array,
        labels: Labels | None = None,
        *,
        num_samples: int = 100,
        seed: int = 0,
    ) -> Scores:
        """Returns the bound of each image (N, C, H, W) in nats, with its error and its rank.

        The rank is the share of the run's test images whose bound is lower: an image that is unlike
        those of the training has a low one. See `Scores`.
        """
        if num_samples < 2:
            raise UserError(f"num_samples must be at least 2, for an error, got {num_samples}.")
        x = self._images(images)
        return score(
            self.model,
            x,
            num_samples=num_samples,
            seed=seed,
            test_bounds=self.test_bounds,
            labels=self._labels(labels, len(x), "vae.score(images, labels)"),
        )

    @torch.no_grad()
    def complete(
        self,
        image: Array,
        mask: Array,
        *,
        label: Label | None = None,
        num_images: int = 8,
        seed: int = 0,
    ) -> Completion:
        """Returns N ways to fill in the missing pixels of an image (C, H, W), see `Completion`.

        `mask` (H, W) or (C, H, W) is True, or 1, where a pixel is missing; what the image holds
        there has no effect. The ways are draws of p(missing|seen), not the most likely one: exact
        with two latent dimensions, else chosen of weighted points, with a warning if these are few.
        A conditional model fills in an image of the class `label`; without one it draws a class for
        each way from p(y|seen), which takes L times as long.
        """
        if num_images < 1:
            raise UserError(f"num_images must be at least 1, got {num_images}.")
        missing = missing_pixels(mask, self.image_shape)
        [x] = self._images(seen_pixels(image, missing)[None])
        place = (
            None
            if label is None
            else self._labels(label, 1, "vae.complete(image, mask, label=...)")
        )
        completion = complete(
            self.model,
            x,
            missing,
            num_images=num_images,
            generator=stream("complete", seed),
            label=None if place is None else int(place),
        )
        if completion.warning:
            warnings.warn(completion.warning, stacklevel=3)
        return completion

    @cached_property
    def test_bounds(self) -> np.ndarray | None:
        """The bounds of the run's test images in nats, ascending; None if they are not known."""
        if is_exported(self.folder):
            return read_test_bounds(self.folder)
        bounds = read_per_image(RunFolder(self.folder)).get("elbo")
        return None if bounds is None else np.sort(bounds)

    def _images(self, images: Array) -> Tensor:
        return image_batch(images, self.image_shape, binarize=self.config["data"]["binarize"])

    def _labels(self, labels: Labels | None, num_images: int, call: str) -> Tensor | None:
        return class_indices(labels, self.classes, num_images, call=call)
