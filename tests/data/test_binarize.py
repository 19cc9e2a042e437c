"""Binary targets: right in distribution, from streams of their own, fixed where they must be."""

from pathlib import Path

import numpy as np
import pytest
import torch
from runs import train
from stripes import StripedDigits, small_config

from vae_lab.data.binarize import TARGETS, bernoulli, binarized_once
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.random_streams import stream


def made(tmp_path: Path, *overrides: str) -> ImageDataModule:
    config, _ = small_config(tmp_path, *overrides)
    data = ImageDataModule.from_config(config, trust=True)
    data.setup()
    return data


def seen(data: ImageDataModule, epoch: int) -> torch.Tensor:
    data.epoch = epoch
    batches = list(data.train_dataloader())
    images = torch.cat([batch.images for batch in batches])
    return images[torch.cat([batch.index for batch in batches]).argsort()]


def test_draws_have_the_grey_values_as_means() -> None:
    images = torch.tensor([0, 1, 51, 128, 254, 255], dtype=torch.uint8).expand(100_000, 6)
    means = bernoulli(images, stream("test")).double().mean(dim=0) / 255
    expected = images[0].double() / 255
    error = (expected * (1 - expected) / 100_000).sqrt()
    assert ((means - expected).abs() <= 4 * error).all()
    assert means[0] == 0 and means[-1] == 1


def test_threshold_is_one_from_a_half() -> None:
    images = np.array([[0, 127, 128, 255]], dtype=np.uint8)
    assert binarized_once(images, "threshold", "test")[:].tolist() == [[0, 0, 255, 255]]
    assert binarized_once(images, "none", "test") is images


@pytest.mark.parametrize("kind", ["static", "dynamic", "threshold"])
def test_every_image_that_is_seen_or_scored_is_binary(kind: str, tmp_path: Path) -> None:
    data = made(tmp_path, f"data.binarize={kind}")
    for images in (
        seen(data, 0) * 255,
        data.val_images[:],
        data.test_images[:],
        data.examples()[0] * 255,
    ):
        assert {int(value) for value in images.flatten().tolist()} == {0, 255}


def test_dynamic_draws_depend_on_seed_and_epoch_alone_and_evaluation_is_fixed(
    tmp_path: Path,
) -> None:
    data = made(tmp_path, "data.binarize=dynamic")
    first = seen(data, 0)
    torch.rand(3)
    assert torch.equal(seen(made(tmp_path, "data.binarize=dynamic"), 0), first)
    assert not torch.equal(seen(data, 1), first)
    other = made(tmp_path, "data.binarize=dynamic", "seed=1")
    assert not torch.equal(seen(other, 0), first)
    assert torch.equal(other.test_images[:], data.test_images[:])
    assert torch.equal(other.val_images[:], data.val_images[:])


def test_static_draws_stay_over_epochs_and_depend_on_no_split(tmp_path: Path) -> None:
    data = made(tmp_path, "data.binarize=static")
    assert torch.equal(seen(data, 0), seen(data, 5))
    whole = binarized_once(StripedDigits().load().train_images[:], "static", "train")[:]
    unsplit = made(tmp_path, "data.binarize=static", "data.num_val=0")
    assert np.array_equal(unsplit.train_images[:], whole)
    # The order within both parts is the data set's, so the parts are subsets of the whole.
    rows = {row.tobytes() for row in whole}
    assert all(row.numpy().tobytes() in rows for row in data.val_images[:])


@pytest.mark.parametrize("kind", ["static", "dynamic", "threshold"])
def test_a_run_states_its_targets_and_its_protocol_and_result_differ(
    kind: str, tmp_path: Path
) -> None:
    result, _ = train(tmp_path, f"data.binarize={kind}", "callbacks=none", "logger=none")
    assert result.protocol["targets"] == TARGETS[kind]
    assert result.status == "success"
