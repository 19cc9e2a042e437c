"""Stand-ins for module, data and logger, small enough to compute by hand, and a way to train them.

Latent points are two pixels, unless a test asks for another number.
"""

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers.logger import DummyLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vae_lab.callbacks.progress import Progress
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.data.batches import Batch
from vae_lab.loggers.base import RunLogger
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.priors import StandardNormal
from vae_lab.training.trainer import with_pictures_together

WHEN: dict[str, Any] = {"every_n_epochs": 2, "seed": 3, "scale": 1}


class TinyVAE(pl.LightningModule):
    """Encodes an image (1, 2, 2) as its pixels, over and over; trains with global noise.

    With classes it is conditional: a decoded image is brighter by 1 per class, a code the same.
    """

    def __init__(self, *, latent_dim: int, num_classes: int = 0) -> None:
        super().__init__()
        self.condition = SimpleNamespace(num_classes=num_classes)
        self.is_conditional = num_classes > 0
        self.given: list[tuple[Tensor, Tensor | None]] = []  # what was decoded, with its labels
        self.latent_dim = latent_dim
        self.prior = StandardNormal(latent_dim=latent_dim)
        self.layer = nn.Linear(4, 4)
        self.dropout = nn.Dropout(0.5)  # draws from torch's global generator
        self.modes: list[tuple[bool, bool]] = []

    def encode(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        self.check(x, labels)
        self.modes.append((self.training, torch.is_grad_enabled()))
        mean = x.flatten(1).repeat(1, 1 + self.latent_dim // 4)[:, : self.latent_dim]
        return DiagonalGaussian(mean, mean - 1)

    def check(self, values: Tensor, labels: Tensor | None) -> None:
        assert (labels is not None) == self.is_conditional
        assert labels is None or labels.shape == values.shape[:1]

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        self.check(z, labels)
        self.given.append((z, labels))
        self.modes.append((self.training, torch.is_grad_enabled()))
        # Decoders of other people may be careless with global generators.
        torch.rand(1), np.random.random(), random.random()
        images = z.repeat(1, 4)[:, :4].reshape(-1, 1, 2, 2)
        return images if labels is None else images + labels[:, None, None, None]

    def reconstruct(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.decode(self.encode(x, labels).mean, labels)

    def sample(
        self, num_images: int, generator: torch.Generator, labels: Tensor | None = None
    ) -> Tensor:
        return self.decode(torch.rand(num_images, self.latent_dim, generator=generator), labels)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        assert self.training
        assert torch.is_grad_enabled()
        pixels = batch.images.flatten(1)
        return (self.dropout(self.layer(pixels)) - pixels).square().sum(1).mean()

    def on_train_epoch_end(self) -> None:
        self.log("loss/train", 161.234 - self.current_epoch)

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("elbo/val", -158.9)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class TinyData(pl.LightningDataModule):
    """Twelve random images (1, 2, 2), labels 0 to 9, 0, 1; three batches an epoch."""

    num_val = 12
    label_names = tuple("0123456789")

    def __init__(self) -> None:
        super().__init__()
        self.images = torch.rand(12, 1, 2, 2, generator=torch.Generator().manual_seed(5))

    def examples(self) -> tuple[Tensor, Tensor | None]:
        return self.images, torch.arange(12) % 10

    def train_dataloader(self) -> Any:
        batches = [Batch(self.images[rows], rows) for rows in torch.arange(12).reshape(3, 4)]
        # A list serves as a data set: it has a length and rows.
        return DataLoader(batches, batch_size=None)  # type: ignore[arg-type]

    def val_dataloader(self) -> Any:
        # A tensor serves as a data set: it has a length and rows.
        return DataLoader(self.images, batch_size=12)  # type: ignore[arg-type]


class Spy(RunLogger, DummyLogger):
    """Keeps the pictures and histograms it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[tuple[str, int, np.ndarray]] = []
        self.histograms: list[tuple[str, int, Tensor]] = []

    def log_picture(self, tag: str, picture: np.ndarray, *, step: int, description: str) -> None:
        assert description
        self.pictures.append((tag, step, picture))

    def log_histogram(self, tag: str, values: Tensor, *, step: int) -> None:
        self.histograms.append((tag, step, values))


def train(
    folder: Path,
    callbacks: list[Any],
    *,
    latent_dim: int = 2,
    loggers: list[Any] | None = None,
    resume: Path | None = None,
    module: TinyVAE | None = None,
    data: TinyData | None = None,
    **limits: Any,
) -> TinyVAE:
    torch.manual_seed(0)
    module = module or TinyVAE(latent_dim=latent_dim)
    trainer = pl.Trainer(
        default_root_dir=folder,
        callbacks=with_pictures_together(callbacks),
        logger=loggers or False,
        accelerator="cpu",
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
        enable_model_summary=False,
        log_every_n_steps=1,
        enable_progress_bar=any(isinstance(c, Progress) for c in callbacks),
        **limits,
    )
    trainer.fit(module, datamodule=data or TinyData(), ckpt_path=resume)
    return module


def drawn(folder: Path, name: str = "samples") -> list[int]:
    return sorted(int(path.stem.split("_")[-1]) for path in (folder / "figures").glob(f"{name}_*"))


def snapshot_of(
    *, latent_dim: int = 2, num_classes: int = 0, model: Any = None, data: Any = None
) -> Snapshot:
    """Returns what a picture is drawn from: the stand-ins, or others in their place."""
    model = model or TinyVAE(latent_dim=latent_dim, num_classes=num_classes)
    return Snapshot(model=model, data=data or cast(Any, TinyData()), epochs_done=0)
