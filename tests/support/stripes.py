"""Small things that tests share: a source of made-up digits, and configurations for it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data import Images
from vae_lab.data.datamodule import ImageDataModule


class Stripes(torch.nn.Module):
    """Not a network: a class from outside the package, as a person's own would be."""


class StripedDigits:
    """100 training and 20 test images of stripes whose place is their label, without a file."""

    def load(self) -> Images:
        train, test = _striped(100), _striped(20)
        return Images(*train, *test)


def striped_data() -> ImageDataModule:
    """Returns the digits as tensors, all training images in training."""
    data = ImageDataModule(
        source=StripedDigits(), batch_size=32, num_val=0, split_seed=0, seed=0, binarize="none"
    )
    data.setup()
    return data


def _striped(count: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(count) % 10
    images = np.zeros((count, 1, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[0, 4 + 2 * label, 4:24] = 255
        image[0, 5 + 2 * label, 4:24] = 120
    return images, labels


def write_conf(folder: Path) -> None:
    """Writes a person's own conf folder: data=stripes."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "stripes.yaml").write_text(
        "name: stripes\nroot: null\nfiles: null\nnum_val: 20\nsplit_seed: 0\nbatch_size: 32\n"
        "binarize: none\nfallback: null\nsource:\n  _target_: stripes.StripedDigits\n"
    )


def small_config(folder: Path, *overrides: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns a resolved configuration on the stripes, two epochs, and its choices.

    Nothing is measured for the report, and no page is written, unless the overrides ask for it:
    they take longer than such a training.
    """
    write_conf(folder)
    asks = any("explorer" in override for override in overrides)
    (job,) = compose_jobs(
        [
            "--config-dir",
            str(folder),
            "data=stripes",
            "trainer.max_epochs=2",
            "report=null",
            *([] if asks else ["explorer=null"]),
            *overrides,
        ]
    )
    return resolved(job.config), job.choices
