"""One run on several devices: a process for each, of which the first leads and the others follow.

Lightning starts the others with the command line of the first. They do not plan a run of their own:
they take part in the training of the folder that they are told, and write nothing.

Shapes: B images of a batch, R processes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
import torch

from vae_lab.data.module import Batch, Batches, ImageDataModule
from vae_lab.errors import UserError
from vae_lab.leader import FOLDER, RANK, TRUST

# What Lightning leaves in the environment, where it would keep the next run of a sweep from
# starting processes of its own.
_LEFT = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "WORLD_SIZE", RANK, FOLDER, TRUST)


@contextmanager
def leading(folder: Path, *, trust: bool) -> Iterator[None]:
    """Tells processes that are started meanwhile which run they take part in."""
    before = {name: os.environ.get(name) for name in _LEFT}
    os.environ[FOLDER], os.environ[TRUST] = str(folder.absolute()), str(int(trust))
    try:
        yield
    finally:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            # Those who wait for this process see that it is gone.
            torch.distributed.destroy_process_group()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class Shared:
    """The part of every batch that one of R processes has: every R-th image of it.

    Together the processes have the very batches of a single one. In training each needs equally
    many, for gradients are averaged over processes: a last batch gives up to R - 1 images up.
    """

    def __init__(self, batches: Batches, *, rank: int, processes: int, equal: bool) -> None:
        self.batches, self.rank, self.processes, self.equal = batches, rank, processes, equal

    def __len__(self) -> int:
        last = (len(self.batches.images) - 1) % self.batches.batch_size + 1
        return len(self.batches) - (self.equal and last < self.processes)

    def __iter__(self) -> Iterator[Batch]:
        for images, index in self.batches:
            end = len(index) - len(index) % self.processes if self.equal else len(index)
            mine = slice(self.rank, end, self.processes)
            if len(index[mine]):
                yield Batch(images[mine], index[mine])


def share(data: ImageDataModule, trainer: pl.Trainer) -> None:
    """Gives this process its part of the training and validation images.

    Raises:
        UserError: where the batches do not divide.
    """
    processes, rank = trainer.world_size, trainer.global_rank
    if processes == 1:
        return
    if data.batch_size % processes or 0 < data.num_val < processes:
        raise UserError(
            f"data.batch_size={data.batch_size} must be a multiple of the {processes} processes "
            f"that share each batch, and data.num_val={data.num_val} at least as many or 0."
        )
    train, val = data.train_dataloader, data.val_dataloader

    def shared_train() -> Shared:
        return Shared(train(), rank=rank, processes=processes, equal=True)

    def shared_val() -> Shared | list[Batches]:
        batches = val()
        if isinstance(batches, list):
            return batches
        return Shared(batches, rank=rank, processes=processes, equal=False)

    # On this object alone: pictures and evaluation go on seeing all images.
    data.train_dataloader = shared_train  # type: ignore[method-assign,assignment]
    data.val_dataloader = shared_val  # type: ignore[method-assign,assignment]
