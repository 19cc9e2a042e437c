"""A callback that notes when the first training step is done, for `bench/startup.py`."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl


class FirstStep(pl.Callback):
    """Writes the time of day of the first training step to a file."""

    def __init__(self, *, path: str) -> None:
        self.path = Path(path)

    def on_train_batch_end(self, *_: Any) -> None:
        if not self.path.exists():
            self.path.write_text(repr(time.time()), encoding="ascii")
