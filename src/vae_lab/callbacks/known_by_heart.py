"""The check of debug=overfit: whether the training images are memorised.

Shapes: K draws per image, B images, C channels, H height, W width, Z latent dimensions.
"""

import logging
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from vae_lab.callbacks.picture import evaluation_mode
from vae_lab.data.batches import scale
from vae_lab.vae import VAE

log = logging.getLogger(__name__)


class NotLearned(RuntimeError):
    """The network does not distinguish the few images that it was trained on."""


class Recall(NamedTuple):
    """What a model knows of its images, by its reconstructions.

    `recognised`: the share of reconstructions that are closer to their own image than to any other.
    `exactness`: the share of the squared distances from the images to their mean that they have, 1
    if they are the images. A decoder that ignores z, or an encoder that ignores x, gives all images
    one reconstruction, whatever the likelihood is: it recognises one of B, and is at best 0 exact.
    """

    recognised: float
    exactness: float


class KnownByHeart(Callback):
    """Says at the end of a training whether its images are memorised; an error if they are not
    even distinguished.
    """

    def __init__(
        self, *, least_recognised: float, least_exactness: float, num_draws: int, seed: int
    ) -> None:
        """Takes what is enough to distinguish the images, and to memorise them.

        For each image z is drawn from the posterior `num_draws` times.
        """
        self.least_recognised, self.least_exactness = least_recognised, least_exactness
        self.num_draws, self.seed = num_draws, seed

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, VAE)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        images = scale(data.train_images[: len(data.train_images)]).to(pl_module.device)
        if (images == images[0]).all():
            raise NotLearned(f"the {len(images)} training images are all the same: choose others.")
        generator = torch.Generator().manual_seed(self.seed)
        with evaluation_mode(pl_module):
            labels = data.given_labels("train")
            found = recall(pl_module, images, self.num_draws, generator, labels)
        exactness = round(found.exactness, 2) + 0.0  # -0.0 + 0.0 is 0.0, so never -0%
        what = f"the {len(images)} images after {trainer.global_step} steps"
        facts = (
            f"{found.recognised:.0%} of the reconstructions are closest to their own image, and "
            f"they have {exactness:.0%} of what distinguishes the images from their mean"
        )
        if not found.recognised >= self.least_recognised:
            raise NotLearned(
                f"the network does not distinguish {what}: {facts}. Look at figures/, check that "
                f"the decoder uses z and the encoder x, and try a larger latent_dim, more "
                f"trainer.max_epochs, or a smaller optimizer.lr."
            )
        if found.exactness >= self.least_exactness:
            log.info("The network memorises %s: %s.", what, facts)
        else:
            log.warning(
                "The network distinguishes %s, and does not memorise them: %s. A larger network "
                "or latent_dim may draw them more exactly.",
                *(what, facts),
            )
        log.info("The test below is of other images: its bound says nothing.")


def recall(
    model: VAE,
    images: Tensor,
    num_draws: int,
    generator: torch.Generator,
    labels: Tensor | None = None,
) -> Recall:
    """Returns what a model knows of images in [0, 1], (B, C, H, W).

    A reconstruction is the mean image at a draw of z. `labels` (B,) are for a conditional model.
    """
    noise = torch.randn((num_draws, len(images), model.latent_dim), generator=generator)
    z = model.encode(images, labels).sample(noise.to(images.device))  # (K, B, Z)
    given = None if labels is None else labels.repeat(num_draws)
    decoded = model.decode(z.flatten(0, 1), given).double()
    drawn = decoded.flatten(1).view(*z.shape[:2], -1)  # (K, B, CHW)
    flat = images.double().flatten(1)  # (B, CHW)
    distances = torch.cdist(drawn, flat.expand(num_draws, -1, -1))  # (K, B, B)
    own = distances.diagonal(dim1=1, dim2=2)  # (K, B)
    # Of one that is as close to another image nothing is known.
    is_closest = (distances <= own.unsqueeze(2)).sum(dim=2) == 1
    error = own.square().sum() / num_draws
    spread = (flat - flat.mean(dim=0)).square().sum()
    return Recall(float(is_closest.double().mean()), 1 - float(error / spread))
