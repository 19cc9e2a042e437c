"""The other ways to train the same model, written afresh: each returns the seconds of some steps.

A plain loop over tensors in memory; a script with a DataLoader and per-image transforms, as the
reference report's; Lightning as its tutorials use it.
"""

import logging
import tempfile
import time
import warnings
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

BATCH = 128
LEARNING_RATE = 1e-3


def networks(kind: str, latent_dim: int) -> tuple[nn.Module, nn.Module]:
    """Returns an encoder of images (B, 1, 28, 28) to (B, 2Z), and a decoder back to logits."""
    if kind == "linear":
        return (
            nn.Sequential(
                nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 2 * latent_dim)
            ),
            nn.Sequential(
                nn.Linear(latent_dim, 64),
                nn.ReLU(),
                nn.Linear(64, 784),
                nn.Unflatten(1, (1, 28, 28)),
            ),
        )
    encoder = nn.Sequential(
        *(nn.Conv2d(1, 64, 4, 2, 1), nn.ReLU(), nn.Conv2d(64, 128, 4, 2, 1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(6272, 2 * latent_dim)),
    )
    decoder = nn.Sequential(
        *(nn.Linear(latent_dim, 6272), nn.Unflatten(1, (128, 7, 7))),
        *(nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(64, 1, 4, 2, 1)),
    )
    return encoder, decoder


def draw(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Returns z (B, Z) and the KL summed over the batch, for mean and log-variance (B, 2Z)."""
    mean, log_var = codes.chunk(2, 1)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    return z, 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum()


def plain(kind: str, latent_dim: int, images: Tensor, steps: int, *, bf16: bool) -> float:
    """A loop over bytes in memory: logits, fused Adam, nothing else."""
    encoder, decoder = networks(kind, latent_dim)
    if kind == "conv":
        encoder.to(memory_format=torch.channels_last)
        decoder.to(memory_format=torch.channels_last)
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(weights, lr=LEARNING_RATE, fused=True)
    order = torch.randperm(len(images))
    start = time.perf_counter()
    for step in range(steps):
        x = images[order[step * BATCH : (step + 1) * BATCH]].float().div_(255)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            codes = encoder(x)
            z, kl = draw(codes.float())
            logits = decoder(z)
        loss = (F.binary_cross_entropy_with_logits(logits.float(), x, reduction="sum") + kl) / BATCH
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


class OneByOne(Dataset[Tensor]):
    """Images that go through PIL and a transform one at a time, as torchvision's MNIST does."""

    def __init__(self, images: Tensor) -> None:
        self.images, self.transform = images, ToTensor()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(Image.fromarray(self.images[index, 0].numpy()))


def script(kind: str, latent_dim: int, images: Tensor, steps: int) -> float:
    """As the reference report's script: DataLoader, sigmoid, mean cross entropy, loss.item()."""
    encoder, decoder = networks(kind, latent_dim)
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(weights, lr=LEARNING_RATE, weight_decay=1e-5)
    loader = DataLoader(OneByOne(images[: steps * BATCH]), batch_size=BATCH, shuffle=True)
    total, start = 0.0, time.perf_counter()
    for x in loader:
        z, kl = draw(encoder(x))
        loss = F.binary_cross_entropy(torch.sigmoid(decoder(z)), x) + 1e-5 * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return time.perf_counter() - start


class Tutorial(pl.LightningModule):
    """A VAE as Lightning's tutorials write one: `self.log` in every step."""

    def __init__(self, kind: str, latent_dim: int) -> None:
        super().__init__()
        self.encoder, self.decoder = networks(kind, latent_dim)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        z, kl = draw(self.encoder(batch))
        recon = F.binary_cross_entropy_with_logits(self.decoder(z), batch, reduction="sum")
        loss = (recon + kl) / len(batch)
        self.log("loss", loss, on_step=True, on_epoch=True)
        self.log("recon", recon / len(batch), on_step=True, on_epoch=True)
        self.log("kl", kl / len(batch), on_step=True, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)


class Stopwatch(pl.Callback):
    """Takes the time from before the first training batch to after the last."""

    start = stop = 0.0

    def on_train_epoch_start(self, *_: Any) -> None:
        self.start = time.perf_counter()

    def on_train_batch_end(self, *_: Any) -> None:
        self.stop = time.perf_counter()

    @property
    def seconds(self) -> float:
        return self.stop - self.start


def tutorial(kind: str, latent_dim: int, images: Tensor, steps: int) -> float:
    """Lightning used the standard way, its default logger on."""
    quiet()
    loader = DataLoader(OneByOne(images[: steps * BATCH]), batch_size=BATCH, shuffle=True)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_epochs=1,
            accelerator="cpu",
            callbacks=[watch],
            default_root_dir=folder,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Tutorial(kind, latent_dim), loader)
    return watch.seconds


def quiet() -> None:
    """Keeps Lightning's tips out of the table."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
