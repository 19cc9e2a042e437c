"""When pictures are drawn and where they go; what is drawn is the part of each picture.

Shapes: C channels, H and W pixels.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.seed import isolate_rng
from torch import nn

from vae_lab.callbacks.drawing.canvas import Canvas
from vae_lab.callbacks.drawing.grids import Drawing
from vae_lab.callbacks.drawing.letters import in_letters
from vae_lab.callbacks.drawing.pixels import to_png
from vae_lab.callbacks.figures_page import Kind, write_page
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.files import write_text
from vae_lab.loggers.base import RunLogger
from vae_lab.run_folder import RunFolder

# Characters of JSON. Of hundreds of latent dimensions no reader draws paths.
MOST_FACTS = 50_000


class Visualization(ABC):
    """What a training shows of its snapshots. Knows nothing of Lightning.

    With `every_n_epochs` it is due before training, after every so many epochs, and at the end of
    the training. With None it is due once: after the training, when everything else is drawn.
    """

    every_n_epochs: int | None

    def is_due(self, epochs_done: int) -> bool:
        """Tells whether it is due after so many epochs, whether or not they are the last."""
        return self.every_n_epochs is not None and epochs_done % self.every_n_epochs == 0

    @abstractmethod
    def publish(self, snapshot: Snapshot, folder: RunFolder, loggers: Sequence[RunLogger]) -> None:
        """Writes into the run's folder and to the loggers what it shows of a snapshot."""


class Origin(NamedTuple):
    """Where a picture comes from."""

    run: str
    epoch: int  # epochs completed
    data: str | None  # name of the data set, if the run says it

    @classmethod
    def of(cls, folder: RunFolder, snapshot: Snapshot) -> "Origin":
        """Returns where the pictures of a snapshot come from."""
        result = folder.result
        if result is None:
            return cls(folder.name, snapshot.epochs_done, None)
        return cls(result.name, snapshot.epochs_done, result.data.get("name"))

    def caption(self) -> str:
        """Returns it as a line of text."""
        parts = [in_letters(self.run), f"epoch {self.epoch}", in_letters(self.data or "")]
        return " \u00b7 ".join(part for part in parts if part)


@dataclass(kw_only=True)
class Picture(Visualization):
    """One kind of picture: what is drawn of a snapshot, and how often.

    It goes into the file `figures/<name>_<epochs>.png` and to each logger of the run. The latest of
    a chart is there as `figures/<name>.svg` too.
    """

    name: ClassVar[str]
    description: ClassVar[str]  # Markdown, for the picture's card in TensorBoard
    tag: ClassVar[str] = "{name}/{split}"  # in loggers; the split is val, or train without val

    every_n_epochs: int | None  # besides before training and at its end; see `Visualization`
    seed: int  # of the generator that `draw` gets, the same after each epoch
    scale: int  # the PNG file shows each pixel as scale x scale pixels

    @abstractmethod
    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Drawing:
        """Returns the drawing: an `ImageGrid`, or a chart."""

    def publish(self, snapshot: Snapshot, folder: RunFolder, loggers: Sequence[RunLogger]) -> None:
        canvas = self.draw(snapshot, torch.Generator().manual_seed(self.seed)).layout()
        origin = Origin.of(folder, snapshot)
        canvas.caption(origin.caption())
        path = folder.figure(self.name, snapshot.epochs_done)
        to_png(canvas.image(self.scale), path, self._metadata(canvas, origin))
        if canvas.is_vector:
            write_text(path.with_name(f"{self.name}.svg"), canvas.svg())
        if not loggers:
            return
        tag = self.tag.format(name=self.name, split=snapshot.split)
        pixels = np.array(canvas.image(1))
        for logger in loggers:
            logger.log_picture(tag, pixels, step=snapshot.epochs_done, description=self.description)

    def _metadata(self, canvas: Canvas, origin: Origin) -> dict[str, Any]:
        """Returns what the file says of itself; lengths in its pixels."""
        where = {
            "scale": self.scale * canvas.zoom,  # pixels of the file for each of an image
            "grid": [self.scale * edge for edge in canvas.grid],
        }
        facts = canvas.facts if len(json.dumps(canvas.facts)) <= MOST_FACTS else {}
        return {"picture": self.name, **origin._asdict(), **where, **facts}


class PictureCallback(Callback):
    """Publishes the pictures of a trainer that are due, all of them from one snapshot per epoch.

    The step of a picture is the number of epochs completed, as it is for scalars. Drawing happens
    in eval mode, without gradients, with a generator of its own and with the global generators set
    back afterwards: drawn or not, the trained weights are the same bit for bit.

    There is one for all pictures, and it has no hook that is called per batch: Lightning asks each
    of its callbacks about each batch, which costs a small model more than its pictures do.
    """

    def __init__(self, pictures: Iterable[Visualization]) -> None:
        self.pictures = list(pictures)
        self._snapshot: Snapshot | None = None
        self._typical: dict[int, list[int]] = {}  # of the data of a training; see `Snapshot`

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and getattr(trainer, "datamodule", None) is None:
            raise ValueError(
                "Pictures take their images from a data module, and the trainer has none. "
                "Call trainer.fit(module, datamodule=...)."
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A resumed run drew this epoch's pictures before it wrote the checkpoint it starts from.
        if trainer.current_epoch == 0:
            self._publish(trainer, pl_module, 0, [p for p in self.pictures if p.is_due(0)])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epochs_done = trainer.current_epoch + 1
        due = [p for p in self.pictures if p.is_due(epochs_done)]
        self._publish(trainer, pl_module, epochs_done, due)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Only here is it certain which epoch was the last: max_epochs, max_steps, max_time and
        # early stopping all end here, and so does a run that was stopped after its last epoch.
        epochs_done = trainer.current_epoch
        late = [p for p in self.pictures if not p.is_due(epochs_done)]
        # Those that show the whole training come when everything else is drawn.
        late.sort(key=lambda picture: picture.every_n_epochs is None)
        self._publish(trainer, pl_module, epochs_done, late)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._snapshot, self._typical = None, {}

    def _publish(
        self, trainer: Trainer, module: Any, epochs_done: int, pictures: Sequence[Visualization]
    ) -> None:
        if not trainer.is_global_zero:
            return
        if self._snapshot is None or self._snapshot.epochs_done != epochs_done:
            data = trainer.datamodule  # type: ignore[attr-defined]
            self._snapshot = Snapshot(
                model=module, data=data, epochs_done=epochs_done, typical=self._typical
            )
        folder = RunFolder(Path(trainer.default_root_dir))
        loggers = [logger for logger in trainer.loggers if isinstance(logger, RunLogger)]
        for picture in pictures:
            with evaluation_mode(module):
                picture.publish(self._snapshot, folder, loggers)
        if pictures:
            drawn = [picture for picture in self.pictures if isinstance(picture, Picture)]
            kinds = [Kind(picture.name, picture.description) for picture in drawn]
            title = Origin.of(folder, self._snapshot).run
            write_page(folder, kinds, title=title, epochs_done=epochs_done)


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Eval mode, no gradients; on leaving, every mode and global generator is as it was."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad(), isolate_rng():
            yield
    finally:
        for part, training in modes:  # each by itself: a part may be in eval mode on purpose
            part.training = training
