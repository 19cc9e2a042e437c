"""The data of a run: three splits in memory or on disk, handed out in batches by index.

Shapes: N images of a split, B images per batch, C channels, H height, W width.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from vae_lab.config.identity import condition_of, is_conditional
from vae_lab.config.instantiate import instantiate
from vae_lab.config.sizes import check_batch, check_processes, check_val, num_images, num_trained
from vae_lab.data.batches import Batches, MemmapTensors, Shard, different_rows, scale
from vae_lab.data.binarize import binarized_once
from vae_lab.data.factor_splits import SplitFactors, split_factors
from vae_lab.data.images import Images, MemmapImages, Source, identity, select
from vae_lab.data.known_labels import KnownLabels, WithLabelled
from vae_lab.data.loaded import as_arrays, as_line, label_names
from vae_lab.data.splits import absent_labels, check_classes, stratified
from vae_lab.data.user_images import check_source
from vae_lab.errors import UserError
from vae_lab.random_streams import stream

# Images per batch if no gradient is needed. It fits in memory and changes no result.
_EVALUATION_BATCH = 500

# Pictures choose among so many images at most: all of a large set as float would fill the memory.
_MAX_EXAMPLES = 5000


class ImageDataModule(pl.LightningDataModule):
    """Loads a source, splits validation images off its training images, and hands out batches.

    The split depends only on `split_seed`, and the order of an epoch, like the draws of
    `binarize=dynamic`, only on `seed` and the epoch. Each of several processes has its part of
    every training and validation batch; pictures and evaluation see all images. What follows is
    there after `setup`; `num_val` is a number then, also if it was a share.
    """

    train_images: Tensor | MemmapTensors  # uint8 (N, C, H, W), like those that follow
    fixed_train_images: Tensor | MemmapTensors  # as evaluation and pictures see them
    val_images: Tensor | MemmapTensors
    test_images: Tensor | MemmapTensors
    train_labels: Tensor | None  # int64 (N,)
    val_labels: Tensor | None
    test_labels: Tensor | None
    label_names: tuple[str, ...] | None  # of the labels 0, 1, ...
    factors: SplitFactors | None  # what the images were drawn from, if it is known
    image_shape: tuple[int, int, int]  # C, H, W
    fingerprint: str  # which images and labels they are
    known: KnownLabels | None = None  # the training images that have a label, if not all have
    warnings: list[str]  # what looks wrong with them

    def __init__(
        self,
        *,
        source: Source,
        batch_size: int,
        num_val: float,
        split_seed: int,
        seed: int,
        binarize: str,
        num_train: int | None = None,
        passes_per_epoch: int = 1,
        gives_labels: bool = False,
        labelled: int | None = None,
    ) -> None:
        """Takes, beside the settings of conf/data, those of debug=overfit, and of a condition.

        With `num_train` only so many of the training images are used, `passes_per_epoch` times in
        an epoch. `gives_labels`: the batches have labels, which every image must have then. Only
        so many as `labelled` of the training images are given theirs, unless it is None.
        """
        super().__init__()
        self.labelled = labelled
        self.gives_labels = gives_labels
        self.source, self.batch_size, self.num_val = source, batch_size, num_val
        self.num_train, self.passes = num_train, passes_per_epoch
        self.binarize = binarize
        self.split_seed, self.seed = split_seed, seed
        self.epoch = 0  # the epoch whose order is given out while no trainer is attached
        self._is_loaded = False

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, trust: bool) -> "ImageDataModule":
        """Returns the data of a resolved configuration; nothing is read yet."""
        data = config["data"]
        keys = ("batch_size", "num_val", "split_seed", "binarize")
        # Nothing is written at a place that a stranger's run names.
        source = instantiate(data["source"], trust=trust, offered={"read_only": not trust})
        few = {key: data[key] for key in ("num_train", "passes_per_epoch") if key in data}
        few["gives_labels"] = is_conditional(config)
        few["labelled"] = condition_of(config).get("labelled")
        return cls(source=source, seed=config["seed"], **{key: data[key] for key in keys}, **few)

    def setup(self, stage: str | None = None) -> None:
        """Loads and splits the images, once; UserError if a setting does not suit them."""
        if self._is_loaded:
            return
        loaded = as_arrays(self.source.load())
        warnings = loaded.warnings
        if warnings is None:
            warnings = check_source(type(self.source).__name__, loaded)
        images: Any = loaded.train_images
        test_images: Any = loaded.test_images
        labels = loaded.train_labels
        self.fingerprint, self.label_names = identity(loaded), label_names(loaded)
        if self.gives_labels:
            check_classes(labels, loaded.test_labels)
        self.image_shape = tuple(images.shape[1:])
        val = self._validation(loaded)

        # The targets that stay the same in every epoch.
        test_images = binarized_once(test_images, self.binarize, "test")
        targets = binarized_once(images, self.binarize, "train")
        self.test_images, self.val_images = _tensor(test_images), _tensor(select(targets, val))
        self.fixed_train_images = self.train_images = _tensor(select(targets, ~val))
        if self.binarize == "dynamic":
            # The batches of each epoch draw their targets from the grey images.
            self.train_images = _tensor(select(images, ~val))
        self.test_labels = _tensor(loaded.test_labels)
        self.train_labels = None if labels is None else _tensor(labels[~val])
        self.val_labels = None if labels is None else _tensor(labels[val])
        self.factors = split_factors(loaded.factors, val, as_line)
        if labels is not None and loaded.test_labels is not None:
            of_splits = {"training": labels[~val], "validation": labels[val]}
            warnings += absent_labels(of_splits | {"test": loaded.test_labels})
        self.warnings = [*map(as_line, warnings)]
        if self.num_train is not None:
            self._keep(different_rows(self.train_images, self.num_train))
        if self.labelled is not None and self.train_labels is not None:
            chosen = self.num_classes, self.labelled, self.split_seed
            self.known = KnownLabels.balanced(self.train_labels, *chosen)
        self._is_loaded = True

    def _keep(self, rows: Tensor) -> None:
        """Keeps of the training images those of some rows."""
        self.train_images = self.train_images[rows]
        self.fixed_train_images = self.fixed_train_images[rows]
        self.train_labels = None if self.train_labels is None else self.train_labels[rows]
        self.factors = self.factors and self.factors._replace(train=self.factors.train[rows])

    def _validation(self, loaded: Images) -> np.ndarray:
        """Returns which training images are the validation images, bool (N,); sets `num_val`."""
        total = len(loaded.train_images)
        if loaded.val is not None:
            val, self.num_val = loaded.val, int(loaded.val.sum())
        else:
            check_val(self.num_val, total)
            self.num_val = num_images(self.num_val, total)
            generator = stream("split", self.split_seed)
            val = stratified(loaded.train_labels, total, self.num_val, generator)
        check_batch(self.batch_size, num_trained(total - self.num_val, self.num_train))
        return val

    @property
    def num_classes(self) -> int:
        """The number of labels there are; 0 without labels."""
        return len(self.label_names or ())

    def given_labels(self, split: str) -> Tensor | None:
        """Returns the labels of train, val or test that the model is given, (N,); None if none.

        With `labelled`, those of all other images are -1.
        """
        labels = {"train": self.train_labels, "val": self.val_labels, "test": self.test_labels}
        of_split = labels[split] if self.gives_labels else None
        if of_split is not None and self.known is not None:
            return self.known.given(len(of_split), with_known=split == "train")
        return of_split

    def facts(self) -> dict[str, Any]:
        """Returns which images they are, as `result.json` says it."""
        return {
            "train": len(self.train_images),
            "val": len(self.val_images),
            "test": len(self.test_images),
            "labels": list(self.label_names or []),
            "fingerprint": self.fingerprint,
            **({} if self.factors is None else {"factors": self.factors.facts()}),
            **({} if self.known is None else {"labelled": self.known.facts()}),
        }

    def state_dict(self) -> dict[str, Any]:
        """Returns what a checkpoint keeps of the data: which images they are."""
        return {"fingerprint": self.fingerprint}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Raises UserError if a run would resume with other images than it began with."""
        if state_dict.get("fingerprint") != self.fingerprint:
            raise UserError(
                "the images are others than when this run began: put the old ones back, or begin "
                "a new run."
            )

    def check_processes(self, processes: int) -> None:
        """Raises UserError unless processes can share each batch; `num_val` is a number."""
        check_processes(self.batch_size, int(self.num_val), processes)

    def train_dataloader(self) -> Batches | Shard | WithLabelled:
        """Returns all training images in the order of the epoch that runs when it is iterated."""
        rng = self._binarize_rng if self.binarize == "dynamic" else None
        images = self._on_device(self.train_images)
        given = self._labels_on_device("train")
        batches = Batches(
            images, self.batch_size, self._order, rng, passes=self.passes, labels=given
        )
        shard = self._shard(batches, equal=True)
        if self.known is None:
            return shard
        again = partial(self._binarize_rng, "labelled") if rng else None
        return WithLabelled(shard, images, self.known, self.batch_size, self._turns_rng, again)

    def val_dataloader(self) -> Batches | Shard | list[Batches]:
        """Returns the validation images in their order; no loader if there are none."""
        if not self.num_val:
            return []
        batches = _in_order(self._on_device(self.val_images), self._labels_on_device("val"))
        return self._shard(batches, equal=False)

    def test_dataloader(self) -> Batches:
        """Returns the test images in their order."""
        return _in_order(self.test_images, self.given_labels("test"))

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        # On the processor it is there; looking through it for tensors takes longer than a layer.
        if device.type == "cpu":
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def examples(self) -> tuple[Tensor, Tensor | None]:
        """Returns the images that pictures show, float32 (N, C, H, W), and their labels (N,).

        They are the validation images, or the training images if there is no validation; of
        many, the first 5,000.
        """
        images, labels = self.fixed_train_images, self.train_labels
        if self.num_val:
            images, labels = self.val_images, self.val_labels
        shown = slice(_MAX_EXAMPLES)
        return scale(images[shown]), None if labels is None else labels[shown]

    def _order(self) -> Tensor:
        generator = stream("order", self.seed, self._current_epoch())
        return torch.randperm(len(self.train_images), generator=generator)

    def _turns_rng(self) -> torch.Generator:
        return stream("labelled", self.seed, self._current_epoch())

    def _binarize_rng(self, *parts: str) -> torch.Generator:
        device = self._device() if isinstance(self.train_images, Tensor) else torch.device("cpu")
        return stream("binarize", *parts, self.seed, self._current_epoch(), device=device)

    def _on_device(self, images: Tensor | MemmapTensors) -> Tensor | MemmapTensors:
        # All of them once, so that no batch waits for its way to a GPU. Files stay where they are.
        return images.to(self._device()) if isinstance(images, Tensor) else images

    def _labels_on_device(self, split: str) -> Tensor | None:
        labels = self.given_labels(split)
        return None if labels is None else labels.to(self._device())

    def _shard(self, batches: Batches, *, equal: bool) -> Batches | Shard:
        """Returns this process's part of batches; all of them if there is no other process."""
        if self.trainer is None or self.trainer.world_size == 1:
            return batches
        rank, processes = self.trainer.global_rank, self.trainer.world_size
        return Shard(batches, rank=rank, processes=processes, equal=equal)

    def _device(self) -> torch.device:
        return torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device

    def _current_epoch(self) -> int:
        if self.trainer is None:
            return self.epoch
        # If a few batches are memorised, all epochs have those of the first.
        # Lightning's Trainer sets this attribute from elsewhere.
        by_heart = self.trainer.overfit_batches  # type: ignore[attr-defined]
        return 0 if by_heart else self.trainer.current_epoch


def _in_order(images: Tensor | MemmapTensors, labels: Tensor | None) -> Batches:
    order = torch.arange(len(images))
    return Batches(images, _EVALUATION_BATCH, lambda: order, None, labels=labels)


def _tensor(values: Any) -> Any:
    """Returns images or labels as a tensor of the same memory, or of the same file."""
    if isinstance(values, MemmapImages):
        return MemmapTensors(values)
    return None if values is None else torch.from_numpy(values)
