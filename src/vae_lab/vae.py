"""The variational auto-encoder as a LightningModule: score, steps, running sums, optimiser.

Shapes: K samples per image, B images per batch, C, H, W of an image, Z latent dimensions. With
labels, int64 (B,), for a conditional model only, the bound is one on log p(x|y). Metrics are in
nats per image; `recon` is -log p(x|z), `kl` is unweighted, `elbo` is the (negative) bound, `loss`
is what is minimised.
"""

import logging
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor, nn

from vae_lab.conditions.base import Condition, Unconditional
from vae_lab.config.identity import condition_of, config_hash
from vae_lab.config.instantiate import instantiate, locate
from vae_lab.epochs import EpochSums, StepFacts, diverged, share_done, training_ends
from vae_lab.errors import UserError
from vae_lab.generative_model import GenerativeModel, of_rows
from vae_lab.likelihoods import Likelihood
from vae_lab.matrix_products import without_autocast
from vae_lab.networks.base import make_classifier, make_encoder
from vae_lab.objectives.base import Draws, Objective, Terms
from vae_lab.optimizers import learning_rate_factor, transposed_weights
from vae_lab.priors import Prior
from vae_lab.random_streams import stream, stream_seed
from vae_lab.unknown_classes import check_objective, score_over_classes

log = logging.getLogger(__name__)

_STEPS_PER_FINITE_CHECK = 50
# What `optimizer` holds beside the optimiser's own arguments.
SCHEDULE_KEYS = ("schedule", "warmup")


class Optimization(NamedTuple):
    """How to optimise: `params`, names and parameters -> optimiser; progress -> rate factor."""

    optimizer: Callable[..., torch.optim.Optimizer]
    learning_rate_factor: Callable[[float], float]


class VAE(GenerativeModel):
    """An encoder, a decoder, a prior, a likelihood and an objective, trained together."""

    # The configuration that the weights belong to, kept in checkpoints; None: unknown.
    config_hash: str | None = None
    # The learning rate of the last step; None before the first.
    _rate: float | None = None

    def __init__(
        self,
        *,
        encoder: nn.Module,
        decoder: nn.Module,
        prior: Prior,
        likelihood: Likelihood,
        objective: Objective,
        optimization: Optimization,
        latent_dim: int,
        seed: int,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(
            encoder=encoder,
            decoder=decoder,
            prior=prior,
            likelihood=likelihood,
            condition=condition or Unconditional(num_classes=0),
            latent_dim=latent_dim,
        )
        self.objective, self.optimization, self.seed = objective, optimization, seed

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        image_shape: tuple[int, ...],
        *,
        trust: bool,
        num_classes: int = 0,
    ) -> "VAE":
        """Returns the model of a resolved configuration, its weights drawn from `seed`.

        `num_classes` are those of the labels, 0 if there are none: a condition needs them.
        """
        # Before the first layer: the starting weights belong to the seed.
        torch.manual_seed(config["seed"])
        make = partial(instantiate, trust=trust)
        sizes = {"image_shape": image_shape, "latent_dim": config["latent_dim"]}
        condition = make(condition_of(config), num_classes=num_classes)
        encoder, decoder = _networks(config, condition, image_shape, trust=trust)
        optimizer = {k: v for k, v in config["optimizer"].items() if k not in SCHEDULE_KEYS}
        transposed = transposed_weights({"encoder": encoder, "decoder": decoder})
        update = partial(make, optimizer, offered={"transposed": transposed})
        schedule = learning_rate_factor(*(config["optimizer"][key] for key in SCHEDULE_KEYS))
        model = cls(
            encoder=encoder,
            decoder=decoder,
            prior=make(config["prior"], offered={**sizes, "encoder": encoder}),
            likelihood=make(config["likelihood"]),
            objective=make(config["objective"]),
            optimization=Optimization(update, schedule),
            condition=condition,
            **{key: config[key] for key in ("latent_dim", "seed")},
        )
        # Last: the starting weights of the other parts are those without a classifier.
        condition.add_classifier(
            lambda size: make_classifier(config, image_shape, num_classes=size, trust=trust)
        )
        check_objective(model.objective, condition)
        model.config_hash = config_hash(config)
        return model

    @classmethod
    def load_from_checkpoint(cls, *_: Any, **__: Any) -> NoReturn:
        """Raises UserError: a checkpoint holds weights, and not what the model is made of."""
        raise UserError(
            "a checkpoint of VAE Lab holds weights only: vae_lab.load(RUN_FOLDER).model is the "
            "model that they belong to."
        )

    def score(
        self,
        x: Tensor,
        noise: Tensor,
        objective: Callable[[Draws, Prior], tuple[Tensor, Terms]] | None = None,
        generator: torch.Generator | None = None,
        *,
        labels: Tensor | None = None,
    ) -> tuple[Tensor, Terms]:
        """Returns the loss (a scalar) and the bound's terms, each (B,), of images x (B, C, H, W).

        Args:
            x: images in [0, 1].
            noise: standard normal, (K, B, Z). Sampling never depends on train or eval mode.
            objective: in place of the model's own, which stands for the end of training; or its
                `means`, which are then returned in place of the loss.
            generator: see `Draws`; in place of one that starts again in every call.
            labels: the classes of the images, (B,), for a conditional model. If one is -1, for
                unknown, the classes are summed: see `score_over_classes`.
        """
        generator = generator or stream("objective", self.seed)
        if labels is not None and self.condition.has_unknown(labels):
            of_bound = objective or self.objective
            return score_over_classes(self, x, noise, of_bound, generator, labels)
        posterior = self.encode(x, labels)
        z = posterior.sample(noise)
        outputs = self.outputs(z, labels)
        with without_autocast(x.device.type):
            log_likelihood = self.likelihood.log_prob(outputs, x)
            draws = Draws(posterior, noise, z, log_likelihood, generator)
            return (objective or self.objective)(draws, self.prior)

    # Training and validation.

    def on_fit_start(self) -> None:
        data = self._data()
        self.condition.begin(data.given_labels("train"))
        self.objective.begin(len(data.train_images), data.batch_size // self.trainer.world_size)

    def _data(self) -> Any:
        """Returns the trainer's data module, which gives each image a row, and the row noise."""
        if hasattr(data := getattr(self.trainer, "datamodule", None), "train_images"):
            return data
        raise UserError(
            "a VAE takes its batches from an ImageDataModule, not from a DataLoader: call "
            "trainer.fit(model, datamodule=ImageDataModule(...))."
        )

    def on_train_epoch_start(self) -> None:
        # For networks that draw by themselves (dropout): a resumed run draws the same.
        torch.manual_seed(stream_seed("network", self.seed, self.current_epoch))
        self._noise = stream("noise", self.seed, self.current_epoch, device=self.device)
        self._train_sums = EpochSums(self.device)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        # Noise: of several processes, each has every so many images of a batch. All draw the noise
        # of the whole batch, as a single process would, and take their part.
        processes = self.trainer.world_size
        shape = (self.objective.num_samples, len(batch.images) * processes, self.latent_dim)
        noise = torch.randn(shape, generator=self._noise, device=self.device)
        if processes > 1:
            noise = noise[:, self.global_rank :: processes]
        # Loss: by the weights of this moment of the training.
        objective = self.objective.at(share_done(self.trainer, self.global_step, self._num_steps))
        self._rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        loss, terms = self._training_loss(batch, noise, objective)
        if self._checks_finite(batch_idx) and not math.isfinite(loss.item()):
            facts = self._step_facts(self.global_step + 1)
            raise diverged(loss, terms, batch, facts=facts, parameters=self.parameters())
        self._train_sums.add(loss, terms)
        return loss

    def _training_loss(
        self, batch: Any, noise: Tensor, objective: Objective
    ) -> tuple[Tensor, Terms]:
        if batch.labelled is None:
            return self.score(batch.images, noise, objective, self._noise, labels=batch.labels)
        drawn = noise, objective, self._noise
        loss, terms = score_over_classes(self, batch.images, *drawn, batch.labels)
        return loss + self.condition.classifier_loss(*batch.labelled), terms

    def _checks_finite(self, batch_idx: int) -> bool:
        # On a GPU a look at the loss makes the processor wait for it: in some steps only, and what
        # is NaN once stays so. Gradients carry it to the process that leads.
        often = self.device.type == "cpu" or batch_idx % _STEPS_PER_FINITE_CHECK == 0
        return often and self.global_rank == 0

    def _step_facts(self, step: int) -> StepFacts:
        # The rate of that step; none outside a training.
        return {"epoch": self.current_epoch + 1, "step": step, "lr": self._rate}

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        is_end = training_ends(self.trainer)
        # Here and not at the epoch's end, so that callbacks find the metrics there.
        if self.trainer.is_last_batch or is_end:
            facts = self._step_facts(self.global_step)
            metrics = self._train_sums.metrics(self.trainer, "train", facts)
            self._log_epoch({**metrics, "lr": self._rate})
        if is_end:
            # The last weights are validated too, wherever in an epoch the training ends.
            self.trainer.check_val_every_n_epoch = self.trainer.val_check_batch = 1

    def on_validation_epoch_start(self) -> None:
        self._val_sums = EpochSums(self.device, self.objective.loss)
        self._val_generator = stream("objective", "val", self.seed)
        # The same noise at every epoch and in every run: epochs and runs compare.
        num_images = len(self._data().val_images)
        shape = (self.objective.num_samples, num_images, self.latent_dim)
        self._val_noise = torch.randn(shape, generator=stream("val")).to(self.device)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        # As many decoded images at once as with one draw each.
        size = max(1, len(batch.images) // self.objective.num_samples)
        for first in range(0, len(batch.images), size):
            rows = slice(first, first + size)
            images, labels = batch.images[rows], of_rows(batch.labels, rows)
            noise = self._val_noise[:, batch.index[rows]]
            drawn = noise, self.objective.means, self._val_generator
            self._val_sums.add(*self.score(images, *drawn, labels=labels))

    def on_validation_epoch_end(self) -> None:
        if not self.trainer.sanity_checking:
            facts = self._step_facts(self.global_step)
            self._log_epoch(self._val_sums.metrics(self.trainer, "val", facts))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["config_hash"] = self.config_hash

    def configure_optimizers(self) -> Any:
        optimizer = self.optimization.optimizer(params=self.named_parameters())
        self._num_steps = self.trainer.estimated_stepping_batches
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate_factor)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def _rate_factor(self, step: int) -> float:
        done = share_done(self.trainer, step, self._num_steps)
        return self.optimization.learning_rate_factor(done)

    def _log_epoch(self, metrics: dict[str, Any]) -> None:
        """Sends the metrics of an epoch to every logger, and to callbacks that monitor them."""
        values = "  ".join(f"{name} {value:.6g}" for name, value in metrics.items())
        log.debug("epoch %d  %s", self.current_epoch + 1, values)
        # In a training for callbacks only: Lightning logs at its own step, the number of batches.
        is_fit = self.trainer.state.fn == "fit"
        several = self.trainer.world_size > 1
        self.log_dict(
            metrics,
            on_step=False,
            on_epoch=True,
            logger=not is_fit,
            batch_size=1,
            sync_dist=several,
        )
        for logger in self.loggers if is_fit else ():
            # The step is the number of epochs completed, as for pictures.
            logger.log_metrics(metrics, step=self.current_epoch + 1)


def _networks(
    config: Mapping[str, Any], condition: Condition, image_shape: tuple[int, ...], *, trust: bool
) -> tuple[nn.Module, nn.Module]:
    """Returns encoder and decoder, each a network of `model` as the condition has it made."""
    node = config["model"]["decoder"]
    cls = locate(config["model"]["encoder"]["_target_"], trust=trust)
    encoder = condition.encoder(
        lambda shape: make_encoder(config, shape, trust=trust),
        image_shape,
        flattens=getattr(cls, "flattens", False),
    )
    decoder = condition.decoder(
        lambda size: instantiate(node, trust=trust, image_shape=image_shape, latent_dim=size),
        config["latent_dim"],
    )
    return encoder, decoder
