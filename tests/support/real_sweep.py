"""The sweep that browser tests look at: four jobs of two epochs, trained by the command line.

Linear and conv8, 2 and 10 dimensions, on the 5,000 digits of the package.
"""

import subprocess
import sys
from pathlib import Path

from repository import ROOT

# A convolutional network that trains in seconds beside the default linear one.
CONV8 = (ROOT / "conf/model/conv.yaml").read_text(encoding="utf-8").replace("[64, 128]", "[8, 16]")
SWEEP = (
    "-m", "model=linear,conv8", "latent_dim=2,10", "data=mnist_5k", "trainer.max_epochs=2",
    "threads=1", "callbacks.samples.every_n_epochs=1", "sweep_name=four",
    "logger.tensorboard.columns=[model,latent_dim,model.hidden_dims,lr,seed]",
)  # fmt: skip


def train(*arguments: str, folder: Path) -> list[str]:
    """Returns the command that trains in `folder`, with model=conv8 at hand."""
    (folder / "conf" / "model").mkdir(parents=True, exist_ok=True)
    (folder / "conf" / "model" / "conv8.yaml").write_text(CONV8, encoding="utf-8")
    return [sys.executable, "-m", "vae_lab", "--config-dir", str(folder / "conf"), *arguments]


def train_sweep(folder: Path) -> None:
    """Trains the sweep, in `folder`/outputs/sweeps/four."""
    command = train(*SWEEP, folder=folder)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
