"""debug=overfit: a network that can learn memorises eight images, a broken one does not."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from command import Command
from stripes import StripedDigits, small_config
from torch import Tensor

from vae_lab.callbacks.known_by_heart import recall
from vae_lab.cli.jobs import compose_jobs
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.errors import UserError
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.run_folder import RunFolder

LINE = ("debug=overfit", "data=stripes", "threads=1", "logger=none")


def only_run() -> RunFolder:
    (folder,) = Path("outputs/runs").iterdir()
    return RunFolder(folder)


@pytest.mark.parametrize(
    "changed",
    [
        (),
        ("likelihood=gaussian",),
        ("objective=mmd",),
        (
            "model.encoder._target_=user_networks.Encoder",
            "+model.encoder.width=32",
            "~model.encoder.hidden_dims",
        ),
    ],
)
def test_a_network_that_can_learn_knows_the_images(
    changed: tuple[str, ...], vae_lab: Command
) -> None:
    done = vae_lab(*LINE, *changed)
    assert done.code == 0 and "The network memorises the 8 images after 1000 steps" in done.out
    run = only_run()
    assert run.path.name.startswith("overfit-linear-z2-stripes")
    result = run.require_result()
    assert (result.data["train"], result.data["val"], result.steps) == (8, 0, 1000)
    # What is measured at the end, and what could be resumed, would only mislead.
    assert result.picture_metrics == {} and not run.checkpoints.exists()
    assert result.choices["debug"] == "overfit"
    assert [*run.figures("reconstructions")] == [0, 5, 10, 15, 20]


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_broken_network_fails(part: str, vae_lab: Command) -> None:
    broken = f"model.{part}._target_=user_networks.Blind{part.capitalize()}"
    # With Adam the decoder of a blind encoder ignores z soon, so all reconstructions are the same.
    done = vae_lab(*LINE, broken, "optimizer=adam")
    assert done.code == 1
    # One in eight.
    assert "the network does not distinguish the 8 images after 1000 steps: 12% of" in done.err
    assert done.err.count("\n") == 1
    assert "To resume" not in done.out
    result = only_run().require_result()
    assert result.status == "failed" and result.error is not None
    assert result.error.startswith("NotLearned: ")
    # There are pictures to look at.
    assert 20 in only_run().figures("reconstructions")


def test_a_sweep_says_which_networks_can_learn(vae_lab: Command) -> None:
    done = vae_lab(
        *LINE,
        "-m",
        "model.decoder._target_=vae_lab.networks.LinearDecoder,user_networks.BlindDecoder",
        "sweep_name=check",
    )
    assert done.code == 1
    statuses = {
        RunFolder(path.parent).require_result().status
        for path in Path("outputs/sweeps/check").glob("*/result.json")
    }
    assert statuses == {"success", "failed"}


def test_the_settings_are_those_of_the_check_only(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.num_train"):
        compose_jobs(["data=digits", "data.num_train=8"])
    (job,) = compose_jobs(
        [
            "debug=overfit",
            "data=digits",
            "experiment=first_look",
            "data.num_train=4",
            "data.batch_size=4",
        ]
    )
    assert job.values["data"]["num_train"] == 4 and job.values["optimizer"]["adam_lr"] == 2e-2
    with pytest.raises(UserError, match=r"data\.num_train=9999 is more than the 1500 training"):
        compose_jobs(["debug=overfit", "data=digits", "data.num_train=9999"])
    config, _ = small_config(tmp_path, "debug=overfit")
    assert not {"report", "explorer"} & {key for key in config if config[key] is not None}


def test_each_step_has_all_images_and_an_epoch_many_steps() -> None:
    data = ImageDataModule(
        source=StripedDigits(),
        batch_size=8,
        num_val=20,
        split_seed=0,
        seed=0,
        binarize="none",
        num_train=8,
        passes_per_epoch=5,
    )
    data.setup()
    batches = [*data.train_dataloader()]
    assert len(batches) == len(data.train_dataloader()) == 5
    assert all(sorted(batch.index.tolist()) == [*range(8)] for batch in batches)
    assert len(data.train_images) == len(data.fixed_train_images) == 8
    assert data.train_labels is not None and len(data.train_labels) == 8
    # From all parts of the set, in which each image has seven copies or more.
    assert len({tuple(image.flatten().tolist()) for image in data.train_images[:8]}) == 8
    assert len(data.val_images) == len(data.test_images) == 20


IMAGES = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)])


@pytest.mark.parametrize(
    ("decode", "recognised", "exactness"),
    [
        (lambda z: IMAGES.repeat(len(z) // 2, 1, 1, 1), 1, 1),
        (lambda z: IMAGES.mean(0, keepdim=True).repeat(len(z), 1, 1, 1), 0, 0),
        # Half the way from the mean to the image: a quarter of the squared distance is left.
        (lambda z: 0.25 + 0.5 * IMAGES.repeat(len(z) // 2, 1, 1, 1), 1, 0.75),
        (lambda z: 1 - IMAGES.repeat(len(z) // 2, 1, 1, 1), 0, -3),
        (lambda z: torch.zeros(len(z), 1, 2, 2), 0.5, -1),
    ],
)
def test_what_a_model_knows_of_its_images(
    decode: Callable[[Tensor], Tensor], recognised: float, exactness: float
) -> None:
    def encode(x: Tensor, labels: None) -> DiagonalGaussian:
        return DiagonalGaussian(torch.zeros(len(x), 3), torch.zeros(len(x), 3))

    model: Any = SimpleNamespace(encode=encode, decode=lambda z, _: decode(z), latent_dim=3)
    found = recall(model, IMAGES, 5, torch.Generator().manual_seed(0))
    assert found == pytest.approx((recognised, exactness))
