"""A trained model as an object to use: `vae_lab.load(FOLDER)`. No data set is needed.

Shapes: N images, C, H, W of an image, Z latent dimensions, S steps. Values in nats per image.
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

from vae_lab.checkpoints import exported_model, trained_model
from vae_lab.errors import UserError
from vae_lab.evaluate.marginal_likelihood import importance_weighted
from vae_lab.evaluate.scores import Scores, score
from vae_lab.evaluations import read_per_image
from vae_lab.exported import is_exported, located, read_test_bounds
from vae_lab.inference.completion.completions import Completion, complete
from vae_lab.inference.images import EvaluationImages
from vae_lab.notebook_html import result_html, row_of
from vae_lab.posteriors import Posterior
from vae_lab.random_streams import stream
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.vae import VAE

Array = Tensor | np.ndarray


def load(folder: Path | str, *, weights: str | None, trust: bool) -> "TrainedVAE":
    """Returns the model of a run's or an exported folder; see `vae_lab.load`.

    Raises:
        UserError: The folder is neither, or its weights are not whole or of another run.
    """
    path = located(folder)
    # Building draws starting weights from torch's own generator: the caller's is left as it was.
    with torch.random.fork_rng(devices=[]):
        return (_of_export if is_exported(path) else _of_run)(path, weights, trust)


def _of_run(folder: Path, weights: str | None, trust: bool) -> "TrainedVAE":
    run = RunFolder(folder)
    _ = run.config  # raises if the folder is not a run
    model, _ = trained_model(run, run.checkpoint(weights), trust=trust)
    return TrainedVAE(
        model=model.float().eval(),
        image_shape=run.image_shape,
        config=run.config,
        result=run.require_result(),
        folder=folder,
    )


def _of_export(folder: Path, weights: str | None, trust: bool) -> "TrainedVAE":
    model, about = exported_model(folder, trust=trust)
    if weights not in (None, about.weights):
        raise UserError(f"{folder} holds the weights {about.weights} only, got weights={weights}.")
    return TrainedVAE(
        model=model.float().eval(),
        image_shape=about.image_shape,
        config=about.config,
        result=about.result,
        folder=folder,
    )


class TrainedVAE:
    """A trained VAE in eval mode, on the CPU, without gradients; made by `vae_lab.load`.

    Images are floats in [0, 1], (N, C, H, W). Latent points are floats, (N, Z). Both can be tensors
    or numpy arrays. Results are tensors. `latent_dim` is Z, `image_shape` is (C, H, W), `config`
    is the configuration of the run, `result` what is known of it, `folder` its place.
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
        self.latent_dim = model.latent_dim

    def __repr__(self) -> str:
        bound = self.result.metrics.get("elbo/test", math.nan)
        return (
            f"TrainedVAE({self.result.name!r}, latent_dim={self.latent_dim}, "
            f"image_shape={self.image_shape}, test ELBO {bound:.2f} nats)"
        )

    def _repr_html_(self) -> str:
        """Returns what a notebook shows: the run's numbers, and ten samples."""
        samples = row_of(self.sample(10, seed=0).numpy(), "samples: decoded draws from the prior")
        return result_html(self.result, self.folder, [samples])

    @torch.no_grad()
    def encode(self, images: Array) -> Posterior:
        """Returns q(z|x) of images (N, C, H, W), with `mean` and `variance`, both (N, Z)."""
        return self.model.encode(self._images(images))

    @torch.no_grad()
    def decode(self, z: Array) -> Tensor:
        """Returns the mean images E[x|z] of latent points (N, Z), shape (N, C, H, W)."""
        return self.model.decode(self._latent(z))

    @torch.no_grad()
    def reconstruct(self, images: Array) -> Tensor:
        """Encodes images (N, C, H, W) and decodes their posterior means, same shape."""
        return self.model.reconstruct(self._images(images))

    @torch.no_grad()
    def sample(self, num_images: int, *, seed: int) -> Tensor:
        """Decodes N draws from the prior: mean images (N, C, H, W), the same for the same seed."""
        if num_images < 1:
            raise UserError(f"num_images must be at least 1, got {num_images}.")
        return self.model.sample(num_images, stream("sample", seed))

    @torch.no_grad()
    def interpolate(self, start: Array, end: Array, *, steps: int) -> Tensor:
        """Returns mean images on the straight lines between posterior means, (S, N, C, H, W).

        The first of the S steps are the reconstructions of `start`, (N, C, H, W). The last are
        those of `end`, which must have as many images.
        """
        if steps < 2:
            raise UserError(f"steps must be at least 2, the two ends, got {steps}.")
        first, last = self.encode(start).mean, self.encode(end).mean
        if first.shape != last.shape:
            raise UserError(f"start has {len(first)} images and end {len(last)}: give as many.")
        return self.model.interpolate(first, last, steps=steps).transpose(0, 1)

    @torch.no_grad()
    def log_likelihood(self, images: Array, *, num_samples: int, seed: int) -> Tensor:
        """Returns the importance-weighted bound on log p(x) with K samples, in nats, (N,), float64.

        It is a lower bound in expectation, and rises with K = `num_samples` (Burda et al.,
        arXiv:1509.00519). With a Bernoulli likelihood on grey images it is not a likelihood:
        compare it only with bounds of the same kind. With a Gaussian, Laplace or continuous
        Bernoulli likelihood it is the logarithm of a density, and can be above 0.
        """
        if num_samples < 1:
            raise UserError(f"num_samples must be at least 1, got {num_samples}.")
        x = self._images(images)
        # Each image as the first of a split of one: they have the same noise, and so the value of
        # an image depends on no other.
        rows = torch.zeros(len(x), dtype=torch.long)
        first = EvaluationImages(x, self.model.encode(x), rows, "use", 1)
        estimate = importance_weighted(
            self.model, first, num_samples=num_samples, decoder_batch=2000, seed=seed
        )
        return torch.from_numpy(estimate.log_likelihood)

    @torch.no_grad()
    def score(self, images: Array, *, num_samples: int = 100, seed: int = 0) -> Scores:
        """Returns the bound of each image (N, C, H, W) in nats, with its error and its rank.

        The rank is the share of the run's test images whose bound is lower: an image that is unlike
        those of the training has a low one. See `Scores`.
        """
        if num_samples < 2:
            raise UserError(f"num_samples must be at least 2, for an error, got {num_samples}.")
        return score(
            self.model,
            self._images(images),
            num_samples=num_samples,
            seed=seed,
            test_bounds=self.test_bounds,
        )

    @torch.no_grad()
    def complete(
        self, image: Array, mask: Array, *, num_images: int = 8, seed: int = 0
    ) -> Completion:
        """Returns N ways to fill in the missing pixels of an image (C, H, W), see `Completion`.

        `mask` (H, W) or (C, H, W) is True, or 1, where a pixel is missing; what the image holds
        there has no effect. The ways are draws of p(missing|seen), not the most likely one: exact
        with two latent dimensions, else chosen of weighted points, with a warning if these are few.
        """
        if num_images < 1:
            raise UserError(f"num_images must be at least 1, got {num_images}.")
        missing = self._mask(mask)
        given = _tensor("image", image)
        if tuple(given.shape) != self.image_shape:
            raise UserError(f"image must have shape {self.image_shape}, got {tuple(given.shape)}.")
        [x] = self._images(torch.where(missing, 0.0, given)[None])
        generator = stream("complete", seed)
        completion = complete(self.model, x, missing, num_images=num_images, generator=generator)
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

    def _mask(self, mask: Array) -> Tensor:
        """Returns which pixels are missing, bool (C, H, W)."""
        values = _tensor("mask", mask)
        if tuple(values.shape) not in (self.image_shape, self.image_shape[1:]):
            raise UserError(
                f"mask must have shape {self.image_shape[1:]} or {self.image_shape}, got "
                f"{tuple(values.shape)}."
            )
        if not ((values == 0) | (values == 1)).all():
            raise UserError(
                "mask must be True, or 1, where a pixel is missing, and else False, or 0: it has "
                "other values."
            )
        missing = values.bool().expand(self.image_shape)
        if not missing.any():
            raise UserError("mask is False everywhere: nothing is missing, nothing to complete.")
        return missing

    def _images(self, images: Array) -> Tensor:
        x = _tensor("images", images)
        if x.dim() != 4 or tuple(x.shape[1:]) != self.image_shape or len(x) == 0:
            wanted = ", ".join(map(str, self.image_shape))
            raise UserError(f"images must have shape (N, {wanted}), got {tuple(x.shape)}.")
        low, high = x.min().item(), x.max().item()
        if not (low >= 0 and high <= 1):
            raise UserError(
                f"images must lie in [0, 1], got values from {low:g} to {high:g}: divide bytes by "
                f"255."
            )
        kind = self.config["data"]["binarize"]
        if kind != "none" and not ((x == 0) | (x == 1)).all():
            raise UserError(
                f"this model was trained on binary images (data.binarize={kind}), and these are "
                f"grey: binarise them first."
            )
        return x

    def _latent(self, z: Array) -> Tensor:
        points = _tensor("z", z)
        if points.dim() != 2 or points.shape[1] != self.latent_dim:
            raise UserError(f"z must have shape (N, {self.latent_dim}), got {tuple(points.shape)}.")
        if not points.isfinite().all():
            raise UserError("z must be finite, got NaN or infinity.")
        return points


def _tensor(name: str, values: Array) -> Tensor:
    """Returns the values as float32 on the CPU."""
    if not isinstance(values, Tensor | np.ndarray):
        raise UserError(f"{name} must be a tensor or a numpy array, got {type(values).__name__}.")
    # A copy, since an array may be one that torch cannot share.
    tensor = torch.from_numpy(values.copy()) if isinstance(values, np.ndarray) else values
    return tensor.detach().cpu().float()
