"""The evaluation of a trained model: what its metrics share, each part computed once.

A metric is a function that yields numbers; `METRICS` lists them. Shapes: N images, C, H, W of an
image, Z latent dimensions. Log-likelihoods in nats per image.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vae_lab.checkpoints import trained_model
from vae_lab.data.binarize import TARGETS
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.images import ImageArray
from vae_lab.errors import UserError
from vae_lab.evaluate import annealed, grid, marginal_likelihood
from vae_lab.evaluate.anatomy import anatomy, best_of
from vae_lab.evaluate.bayes import bayes
from vae_lab.evaluate.bound import PerImage, bound_per_image, elbo
from vae_lab.evaluate.classifiers import probes
from vae_lab.evaluate.costs import seconds
from vae_lab.evaluate.factors.numbers import factor_scores
from vae_lab.evaluate.latent_space import active_units, mutual_information
from vae_lab.evaluate.marginal_likelihood import ImportanceWeighted
from vae_lab.evaluate.picture_metrics import picture_metrics
from vae_lab.evaluate.progress import EvaluationProgress
from vae_lab.evaluate.recorded_images import images_of, other_images_of
from vae_lab.evaluate.sample_quality import RealImageReference, sample_quality
from vae_lab.evaluate.semi_supervised import classifier_accuracy
from vae_lab.generative_model import BATCH
from vae_lab.inference.annealing import Annealed
from vae_lab.inference.best_posterior import BestPosterior
from vae_lab.inference.images import Advance, EvaluationImages
from vae_lab.objectives.elbo import Elbo
from vae_lab.posteriors import Posterior, of_images
from vae_lab.random_streams import stream, subset
from vae_lab.run_folder import Number, RunFolder
from vae_lab.vae import VAE


@dataclass
class Evaluation:
    """A model in eval mode and single precision, the images of a split, and the settings.

    What several metrics need is computed when it is first asked for, and kept.
    """

    model: VAE
    data: ImageDataModule
    split: str
    settings: Mapping[str, Any]
    # What all numbers of an evaluation have in common.
    protocol: dict[str, Any] = field(default_factory=dict)
    # The fingerprint of images that are not those of the training.
    other_images: str | None = None
    # Takes how much of a metric is done.
    advance: Advance = lambda done, total: None
    # Values of each image of `drawn`, which a metric leaves here for the file beside the numbers.
    per_image: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def load(cls, run: RunFolder, checkpoint: Path, settings: Mapping[str, Any]) -> "Evaluation":
        """Loads what the evaluation of a run needs.

        Raises:
            UserError: The checkpoint, the data or the device cannot be used.
        """
        trust, split = settings["trust"], settings["split"]
        model, epochs_done = trained_model(run, checkpoint, trust=trust)
        # The ELBO, whatever was trained: evaluations compare.
        model.objective = Elbo(beta=1.0, num_samples=model.objective.num_samples)
        data = images_of(run, settings)
        other_images = other_images_of(data, run)
        try:
            model = model.float().eval().to(settings["device"])
        except (RuntimeError, AssertionError) as error:
            raise UserError(f"device={settings['device']} cannot be used: {error}") from error
        protocol = {
            "data": run.config["data"]["name"],
            "split": split,
            "targets": TARGETS[data.binarize],
            "binarize": data.binarize,
            "weights": checkpoint.stem,
            "weights_epoch": epochs_done,
            "seed": settings["seed"],
            "precision": "32-true",
        }
        if other_images is not None:
            protocol["data"] = f"other images than those of the training ({other_images})"
        evaluation = cls(model, data, split, settings, protocol, other_images)
        protocol |= evaluation.condition
        if (count := len(evaluation.images)) < 2:
            other = {"test": "val", "val": "test"}[split]
            raise UserError(
                f"split={split} has {count} {'image' if count == 1 else 'images'} in this run, and "
                f"an evaluation needs 2: choose split={other}, or a run with more images."
            )
        return evaluation

    def __post_init__(self) -> None:
        data, is_test = self.data, self.split == "test"
        # The images of the split, uint8 (N, C, H, W).
        self.images: ImageArray = data.test_images if is_test else data.val_images
        self._labels = data.test_labels if is_test else data.val_labels
        # Whether the images have labels, which classifiers need.
        self.has_labels = self._labels is not None and data.train_labels is not None

    @cached_property
    def given(self) -> Tensor | None:
        """The labels that a conditional model is given, int64 (N,), else None.

        If it was given only some labels in training, those that its classifier finds most probable.
        """
        return self.model.complete_in_batches(self.images, self.data.given_labels(self.split))

    @property
    def condition(self) -> dict[str, Any]:
        """What the protocol of numbers says that are given the labels; empty without condition."""
        return self.model.condition.protocol()

    @property
    def log_p(self) -> str:
        """What estimates are of that take the labels `given`, in words."""
        if not self.model.is_conditional:
            return "log p(x)"
        whose = ", y found by the classifier" if self.model.condition.classifies else ""
        return f"log p(x given y{whose})"

    @property
    def bound_is_on(self) -> str:
        """What `bound` is on, in words: with a classifier it sums over the classes."""
        return "log p(x)" if self.model.condition.classifies else self.log_p

    @property
    def labels(self) -> Tensor:
        """The labels of the split, (N,); only if `has_labels`."""
        assert self._labels is not None
        return self._labels

    @cached_property
    def train(self) -> tuple[Tensor, Tensor]:
        """The training images that classifiers learn from, uint8 (N, C, H, W), and their labels."""
        labels, settings = self.data.train_labels, self.settings
        assert labels is not None
        rows = subset(len(labels), settings["num_train"], "classifiers", settings["seed"])
        return self.data.fixed_train_images[rows], labels[rows]

    @cached_property
    def bound(self) -> PerImage:
        """The sampled bound of every image of the split."""
        num_samples = self.model.objective.num_samples
        return bound_per_image(
            self.model,
            self.images,
            num_samples=num_samples,
            batch_size=BATCH,
            split=self.split,
            # Not `given`: the bound of a model with a classifier sums over the classes.
            labels=self.data.given_labels(self.split),
        )

    @cached_property
    def posterior(self) -> Posterior:
        """q(z|x) of the images of the split, on the CPU."""
        return self.model.encode_in_batches(self.images, self.given)

    @cached_property
    def drawn(self) -> EvaluationImages:
        """The images that costly metrics are computed on, drawn from the split."""
        size, settings = len(self.images), self.settings
        rows = subset(size, settings["num_images"], "evaluation", settings["seed"])
        posterior = of_images(self.posterior, rows)
        x = self.images[rows].float() / 255
        given = None if self.given is None else self.given[rows]
        return EvaluationImages(x, posterior, rows, self.split, size, given)

    @cached_property
    def importance_weighted(self) -> ImportanceWeighted:
        """The importance-weighted bound of the images drawn."""
        return marginal_likelihood.importance_weighted(
            self.model,
            self.drawn,
            num_samples=self.settings["num_samples"],
            decoder_batch=self.settings["decoder_batch"],
            seed=self.settings["seed"],
            advance=self.advance,
        )

    @cached_property
    def best(self) -> BestPosterior:
        """The best posterior of the family for each of the images drawn."""
        # In the stage of annealed importance sampling it is the first half.
        return best_of(self, self.drawn, lambda done, total: self.advance(done, 2 * total))

    @cached_property
    def annealed(self) -> Annealed:
        """log p(x) of the images drawn, by annealed importance sampling."""
        return annealed.annealed_importance_sampling(self)

    @cached_property
    def grid_integral(self) -> grid.GridIntegral:
        """log p(x) of the images drawn, by a grid; only for two latent dimensions."""
        return grid.exact_on_grid(
            self.model,
            self.drawn,
            tolerance=self.settings["grid_tolerance"],
            max_points=self.settings["grid_points"],
            advance=self.advance,
        )

    @cached_property
    def prior_draws(self) -> tuple[Tensor, Tensor | None]:
        """Draws of the prior, (N, Z), and under a condition labels drawn from p(y), (N,)."""
        generator, count = (
            stream("generated", self.settings["seed"]),
            self.settings["num_generated"],
        )
        z = self.model.prior.sample(count, generator)
        return z, self.model.condition.draw(count, generator)

    @cached_property
    def samples(self) -> Tensor:
        """Mean images of prior draws, cut to [0, 1], on the CPU, (N, C, H, W)."""
        return self.decode(*self.prior_draws)

    @cached_property
    def reference(self) -> RealImageReference | None:
        """The classifier and the manifold of training images; None without labels."""
        if not self.has_labels:
            return None
        images, labels = self.train
        names = self.data.label_names or ()
        return RealImageReference(images.float() / 255, labels, names, self.settings)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns mean images of points z (N, Z), cut to [0, 1], on the CPU, (N, C, H, W)."""
        return self.model.decode_in_batches(z, labels).clamp(0, 1)


Metric = Callable[[Evaluation], Iterator[Number]]

METRICS: tuple[Metric, ...] = (
    elbo,
    bayes,
    marginal_likelihood.importance_weighted_bound,
    grid.exact,
    annealed.annealed,
    anatomy,
    active_units,
    mutual_information,
    probes,
    classifier_accuracy,
    sample_quality,
    factor_scores,
    picture_metrics,
)


# Of those the metrics that no image's label enters: they are of p(x), not of p(x|y).
_WITHOUT_LABELS = (bayes, sample_quality)


def evaluate(evaluation: Evaluation, progress: EvaluationProgress) -> dict[str, dict[str, Any]]:
    """Returns the numbers of every metric, as they are kept.

    Those of the pictures, which every run measures at its end too, stand apart: the report compares
    them across runs, and so they have no protocol in common with the others.
    """
    numbers: dict[str, Any] = {}
    pictures: dict[str, Any] = {}
    costs = seconds(evaluation, [metric.__name__ for metric in METRICS])
    for metric in METRICS:
        is_of_pictures = metric is picture_metrics
        kept, common = (pictures, {}) if is_of_pictures else (numbers, evaluation.protocol)
        if metric in _WITHOUT_LABELS:
            common = {key: it for key, it in common.items() if key not in evaluation.condition}
        # A metric counts its steps on the bar of its stage.
        with progress.stage(metric.__name__, costs) as evaluation.advance:
            for number in metric(evaluation):
                kept[number.name] = number._replace(protocol=common | number.protocol).to_json()
    settings = dict(evaluation.settings)
    record = {"protocol": evaluation.protocol, "settings": settings, "numbers": numbers}
    return record | {"picture_metrics": pictures}
