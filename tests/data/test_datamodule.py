"""Splits, orders and batches: right, and dependent on nothing but what they may depend on."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from vae_lab.data import Images, MemmapImages
from vae_lab.data.batches import Batch, scale
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.images import identity
from vae_lab.errors import UserError

# The number of the first test image: no training image has it.
FIRST_TEST = 60_000


class Numbered:
    """A source whose image i has the bytes of i as its first two pixels, so that rows are known."""

    def __init__(self, num_images: int, labels: np.ndarray | None) -> None:
        self.num_images, self.labels = num_images, labels
        self.loads = 0

    def load(self) -> Images:
        self.loads += 1
        test_labels = None if self.labels is None else self.labels[:7]
        images, test_images = _of(np.arange(self.num_images)), _of(FIRST_TEST + np.arange(7))
        return Images(images, self.labels, test_images, test_labels)


def _of(rows: np.ndarray) -> np.ndarray:
    """Returns the image of each number."""
    images = np.tile(np.arange(2 * 3, dtype=np.uint8), (len(rows), 1))
    images[:, 0], images[:, 1] = rows // 256, rows % 256
    return images.reshape(-1, 1, 2, 3)


def numbers(images: Tensor) -> list[int]:
    """Returns which rows of `Numbered` the uint8 images are."""
    pixels = images.flatten(1).long()
    return (pixels[:, 0] * 256 + pixels[:, 1]).tolist()


def made(
    num_images: int = 1000,
    labels: np.ndarray | None = None,
    source: type[Numbered] = Numbered,
    **changes: Any,
) -> ImageDataModule:
    settings: dict[str, Any] = {"batch_size": 128, "num_val": 100, "split_seed": 0, "seed": 0}
    settings |= {"binarize": "none", **changes}
    data = ImageDataModule(source=source(num_images, labels), **settings)
    data.setup()
    return data


def order(data: ImageDataModule) -> list[int]:
    return [row for batch in data.train_dataloader() for row in batch.index.tolist()]


# Splits.


def test_splits_are_disjoint_and_complete_and_made_once() -> None:
    data = made()
    train, val = numbers(data.train_images[:]), numbers(data.val_images[:])
    assert (len(train), len(val)) == (900, 100)
    assert sorted(train + val) == list(range(1000))
    data.setup("test")
    assert isinstance(data.source, Numbered)
    assert data.source.loads == 1


def test_the_test_images_are_the_sources_own_and_no_training_images() -> None:
    data = made()
    assert numbers(data.test_images[:]) == list(range(FIRST_TEST, FIRST_TEST + 7))
    assert torch.equal(next(iter(data.test_dataloader())).images, scale(data.test_images[:]))


def test_the_split_depends_on_split_seed_alone() -> None:
    val = numbers(made().val_images[:])
    torch.manual_seed(5)
    assert numbers(made(seed=7, batch_size=3).val_images[:]) == val
    assert numbers(made(split_seed=1).val_images[:]) != val


def test_labels_follow_their_images() -> None:
    labels = np.random.default_rng(0).integers(0, 10, 1000)
    data = made(labels=labels)
    assert data.train_labels is not None
    assert data.val_labels is not None
    assert np.array_equal(data.train_labels, labels[numbers(data.train_images[:])])
    assert np.array_equal(data.val_labels, labels[numbers(data.val_images[:])])


def test_images_have_an_identity_of_pixels_labels_and_names() -> None:
    images, labels = _of(np.arange(20)), np.arange(20) % 2
    whole = Images(images, labels, images[:4], labels[:4], ("a", "b"))
    expected = identity(whole)
    assert len(expected) == 32
    mapped = MemmapImages(images[::-1], np.arange(20)[::-1])
    tensors = torch.from_numpy(images)
    for same in (whole._replace(train_images=mapped), whole._replace(train_images=tensors)):
        assert identity(same) == expected
    darker = images.copy()
    darker[19, 0, 1, 2] ^= 1
    others = [
        whole._replace(train_images=darker),
        whole._replace(train_images=images[::-1]),
        whole._replace(test_images=images[1:5]),
        whole._replace(train_labels=1 - labels),
        whole._replace(train_labels=None),
        whole._replace(label_names=("a", "c")),
        whole._replace(train_images=images.reshape(20, 1, 3, 2)),
        whole._replace(fingerprint="x"),
    ]
    assert len({expected, *map(identity, others)}) == 1 + len(others)


def _read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize("convert", [torch.from_numpy, _read_only])
def test_a_source_may_hand_out_tensors_or_arrays_that_cannot_be_written(
    convert: Callable[[np.ndarray], Any],
) -> None:
    class Converted(Numbered):
        def load(self) -> Images:
            # With labels all four are there, where the type allows for None.
            return Images(*(convert(values) for values in super().load()[:4]))  # type: ignore[arg-type]

    labels = np.arange(1000) % 10
    data, expected = made(labels=labels, source=Converted), made(labels=labels)
    for split in ("train", "val", "test"):
        for values in (f"{split}_images", f"{split}_labels"):
            assert torch.equal(getattr(data, values), getattr(expected, values))


def test_without_validation_the_training_images_are_shown() -> None:
    data = made(num_val=0)
    assert data.val_dataloader() == []
    assert data.val_images.shape == (0, 1, 2, 3)
    images, labels = data.examples()
    assert torch.equal(images, scale(data.train_images[:]))
    assert (len(images), labels) == (1000, None)


def test_the_validation_images_are_shown() -> None:
    data = made(labels=np.arange(1000) % 10)
    images, labels = data.examples()
    assert torch.equal(images, data.val_images[:] / 255)
    assert labels is not None and data.val_labels is not None
    assert torch.equal(labels, data.val_labels)


@pytest.mark.parametrize("num_val", [-1, 1000, 2000])
def test_a_validation_split_that_is_impossible_is_refused(num_val: int) -> None:
    with pytest.raises(UserError, match=rf"num_val={num_val} must be between 0 and 999"):
        made(num_val=num_val)


# Batches.


def test_each_epoch_has_every_image_once_and_a_short_last_batch() -> None:
    data = made()
    loader = data.train_dataloader()
    batches = list(loader)
    assert len(loader) == len(batches) == 8
    assert [len(batch.index) for batch in batches] == [128] * 7 + [4]  # 900 = 7 * 128 + 4
    assert sorted(order(data)) == list(range(900))


def test_a_batch_is_its_rows_over_255() -> None:
    data = made(num_val=0)
    data.train_images = torch.arange(256, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    for batch in data.train_dataloader():
        assert batch.images.dtype == torch.float32
        assert batch.index.dtype == torch.int64
        # Exactly the nearest float32 of each of the 256 quotients.
        expected = (batch.index.numpy().astype(np.float64) / 255).astype(np.float32)
        assert np.array_equal(batch.images.flatten().numpy(), expected)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    data = made()
    first = order(data)
    assert first != list(range(900))
    torch.manual_seed(1)
    assert order(data) == first
    assert order(made(batch_size=7)) == first
    data.epoch = 1
    second = order(data)
    assert second != first
    assert order(made(seed=1)) not in (first, second)


def test_images_lie_on_the_device_of_the_trainer_and_batches_are_made_there() -> None:
    # No GPU is needed to see where tensors are: meta tensors have a device and no values.
    data = made()
    strategy = SimpleNamespace(root_device=torch.device("meta"))
    # A stand-in has all that is asked of a trainer here.
    data.trainer = SimpleNamespace(
        strategy=strategy, current_epoch=0, world_size=1, overfit_batches=0
    )  # type: ignore[assignment]
    val = data.val_dataloader()
    assert not isinstance(val, list)
    for loader, shape in ((data.train_dataloader(), (128, 1, 2, 3)), (val, (100, 1, 2, 3))):
        batch = next(iter(loader))
        assert batch.images.shape == shape
        assert batch.images.device.type == batch.index.device.type == "meta"
    assert data.train_images[:].device.type == "cpu", "pictures and evaluation go on from there"


@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluation_batches_are_in_order(split: str) -> None:
    data = made(num_images=1700, num_val=1200)
    images = getattr(data, f"{split}_images")[:]
    batches: list[Batch] = list(getattr(data, f"{split}_dataloader")())
    assert torch.equal(torch.cat([batch.images for batch in batches]), scale(images))
    index = torch.cat([batch.index for batch in batches])
    assert torch.equal(index, torch.arange(len(images)))


class Listening(pl.LightningModule):
    """Learns nothing; notes the rows of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: dict[int, list[int]] = {}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self.seen.setdefault(self.current_epoch, []).extend(batch.index.tolist())
        return self.weight * batch.images.mean()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        assert batch.images.shape == (100, 1, 2, 3)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


# pytorch-lightning 2.6 with torch 2.15: its own affair.
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
@pytest.mark.filterwarnings("ignore:Total length of `list` across ranks is zero:UserWarning")
@pytest.mark.parametrize("num_val", [100, 0])
def test_lightning_asks_for_a_new_order_each_epoch_and_after_a_restart(
    tmp_path: Path, num_val: int
) -> None:
    def fit(epochs: int, checkpoint: Path | None) -> Listening:
        module = Listening()
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            default_root_dir=tmp_path,
            enable_checkpointing=False,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(
            module, datamodule=made(num_val=num_val), ckpt_path=checkpoint, weights_only=True
        )
        trainer.save_checkpoint(tmp_path / f"{epochs}.ckpt")
        return module

    expected = {}
    for epoch in range(3):
        data = made(num_val=num_val)
        data.epoch = epoch
        expected[epoch] = order(data)
    assert fit(3, None).seen == expected
    fit(1, None)
    assert fit(3, tmp_path / "1.ckpt").seen == {1: expected[1], 2: expected[2]}
