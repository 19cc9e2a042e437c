"""Trainings in which only some images have a label: the objective, the data, resuming, refusals."""

import math
from copy import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from command import QUICK
from runs import run_job
from stripes import small_config
from torch import Tensor

from vae_lab.checkpoints import read_checkpoint, trained_model
from vae_lab.data.batches import Labelled
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.errors import Stopped, UserError
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.run_folder import RunFolder
from vae_lab.training.resume_state import ResumeState
from vae_lab.unknown_classes import score_over_classes
from vae_lab.vae import VAE

M2 = [*QUICK, "condition=label", "condition.labelled=20", "callbacks=none", "threads=1"]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return small_config(tmp_path_factory.mktemp("conf"), *M2)[0]


@pytest.fixture(scope="module")
def data(config: dict[str, Any]) -> Any:
    data = ImageDataModule.from_config(config, trust=True)
    data.setup()
    return data


@pytest.fixture
def model(config: dict[str, Any], data: Any) -> Any:
    shape, classes = data.image_shape, data.num_classes
    return VAE.from_config(config, shape, num_classes=classes, trust=True)


def noise_of(model: Any, number: int) -> Tensor:
    return torch.randn(1, number, model.latent_dim, generator=torch.Generator().manual_seed(0))


def test_with_all_labels_the_loss_is_conditional_log_p_of_y_and_the_classifier(
    model: Any, data: Any, config: dict[str, Any]
) -> None:
    x, labels = data.train_images[:12].float() / 255, data.train_labels[:12]
    noise, generator = noise_of(model, 12), torch.Generator()
    objective = model.objective
    over, terms = score_over_classes(model, x, noise, objective, generator, labels)
    conditional, given = model.score(x, noise, labels=labels)
    log_p = torch.tensor(1 / 10).log()
    torch.testing.assert_close(over, conditional - log_p, rtol=1e-6, atol=1e-4)
    torch.testing.assert_close(terms.elbo(), given.elbo() + log_p, rtol=1e-6, atol=1e-4)
    # And what a training step adds.
    expected = F.cross_entropy(model.condition.classifier(x), labels)
    weight = config["condition"]["classifier_weight"]
    torch.testing.assert_close(model.condition.classifier_loss(x, labels), weight * expected)


def test_without_labels_it_is_the_sum_over_classes_one_at_a_time(model: Any, data: Any) -> None:
    x, noise = data.train_images[:6].float() / 255, noise_of(model, 6)
    _, terms = model.score(x, noise, labels=torch.full((6,), -1))
    q = model.condition.classifier(x).softmax(dim=1)
    by_hand = torch.zeros(6)
    for label in range(10):
        _, given = model.score(x, noise, labels=torch.full((6,), label))
        joint = given.elbo() + torch.tensor(0.1).log()
        by_hand += q[:, label] * (joint - q[:, label].log())
    torch.testing.assert_close(terms.elbo(), by_hand, rtol=1e-5, atol=1e-3)


def test_the_gradient_of_the_bound_reaches_the_classifier(model: Any, data: Any) -> None:
    x = data.train_images[:6].float() / 255
    loss, _ = model.score(x, noise_of(model, 6), labels=torch.full((6,), -1))
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())


def test_an_image_scores_the_same_beside_images_with_and_without_labels(
    model: Any, data: Any
) -> None:
    x, noise = data.train_images[:4].float() / 255, noise_of(model, 4)
    _, mixed = model.score(x, noise, labels=torch.tensor([-1, 3, -1, 7]))
    _, without = model.score(x, noise, labels=torch.full((4,), -1))
    torch.testing.assert_close(mixed.elbo()[[0, 2]], without.elbo()[[0, 2]])


def test_unknown_labels_are_encoded_with_the_most_probable_class(model: Any, data: Any) -> None:
    x = data.train_images[:4].float() / 255
    best = model.condition.classifier(x).argmax(dim=1)
    unknown, mixed = torch.full((4,), -1), torch.tensor([-1, 3, -1, 7])
    torch.testing.assert_close(model.encode(x, unknown).mean, model.encode(x, best).mean)
    torch.testing.assert_close(model.reconstruct(x, unknown), model.reconstruct(x, best))
    completed = model.complete_in_batches(data.train_images[:4], mixed)
    assert completed.tolist() == [int(best[0]), 3, int(best[2]), 7]


def test_every_batch_has_labelled_images_and_minus_one_elsewhere(data: Any) -> None:
    known = set(data.known.rows.tolist())
    seen = 0
    for batch in data.train_dataloader():
        expected = [
            int(data.train_labels[row]) if row in known else -1 for row in batch.index.tolist()
        ]
        assert batch.labels.tolist() == expected
        seen += sum(label >= 0 for label in expected)
        assert isinstance(batch.labelled, Labelled)
        assert torch.equal(batch.labelled.labels, data.train_labels[data.known.rows])
        pixels = data.train_images[data.known.rows].float() / 255
        assert torch.equal(batch.labelled.images, pixels)
    assert seen == 20
    assert torch.bincount(data.train_labels[data.known.rows]).tolist() == [2] * 10


def test_more_labels_than_a_batch_take_turns(config: dict[str, Any]) -> None:
    more = config | {"condition": config["condition"] | {"labelled": 50}}
    data: Any = ImageDataModule.from_config(more, trust=True)
    data.setup()
    turns = data.train_dataloader()._turns()
    shown = torch.cat([next(turns) for _ in range(25)])
    # 25 batches of 32 are 16 times 50: after each 50, every image had its turn once more.
    for end in range(50, 801, 50):
        assert torch.bincount(shown[:end]).tolist() == [end // 50] * 50
    assert not torch.equal(shown[:50], shown[50:100])
    for batch in data.train_dataloader():
        assert batch.labelled.images.shape == (32, 1, 28, 28)


def test_validation_and_test_images_have_no_label(data: Any) -> None:
    for split in ("val", "test"):
        assert data.given_labels(split).unique().tolist() == [-1]
    for batch in data.val_dataloader():
        assert batch.labels.unique().tolist() == [-1] and batch.labelled is None


def test_no_other_label_has_a_part_in_what_is_given(data: Any) -> None:
    # Another class for every image without a label: the batches are the same.
    other = copy(data)
    is_known = data.given_labels("train") >= 0
    other.train_labels = torch.where(is_known, data.train_labels, (data.train_labels + 1) % 10)
    other.val_labels, other.test_labels = data.val_labels * 0, data.test_labels * 0
    for one, two in zip(data.train_dataloader(), other.train_dataloader(), strict=True):
        assert torch.equal(one.labels, two.labels)
        assert torch.equal(one.labelled.labels, two.labelled.labels)
    for split in ("train", "val", "test"):
        assert torch.equal(data.given_labels(split), other.given_labels(split))


def test_a_run_records_which_labels_and_how_good_the_classifier_is(tmp_path: Path) -> None:
    config, choices = small_config(tmp_path / "conf", *M2, "logger=csv")
    result = run_job(config, choices, tmp_path / "run")
    assert result.data["labelled"]["images"] == 20
    assert len(result.data["labelled"]["fingerprint"]) == 12
    assert result.protocol["condition"] == "label, 20 known"
    # The accuracy of the tested weights, from the checkpoint.
    run = RunFolder(tmp_path / "run")
    model: Any = trained_model(run, run.checkpoints / "best.ckpt", trust=True)[0]
    data: Any = ImageDataModule.from_config(config, trust=True)
    data.setup()
    for split, images, labels in (
        ("test", data.test_images, data.test_labels),
        ("val", data.val_images, data.val_labels),
    ):
        classes = model.condition.classifier(images.float() / 255).argmax(dim=1)
        share = (classes == labels).double().mean().item()
        assert result.metrics[f"accuracy/{split}"] == pytest.approx(share)
        assert 0 < (result.standard_errors[f"accuracy/{split}"] or 0) < 0.15
    # p(y) is not learned from labels that are few.
    assert model.condition.shares.tolist() == pytest.approx([0.1] * 10)
    header = (run.path / "metrics.csv").read_text().partition("\n")[0].split(",")
    assert "accuracy/val" in header


def weights_of(folder: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = read_checkpoint(folder / "checkpoints" / "last.ckpt")["state_dict"]
    return state


@pytest.mark.parametrize("binarize", ["none", "dynamic"])
def test_a_resumed_run_ends_as_if_it_had_not_been_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, binarize: str
) -> None:
    # More labels than a batch holds: they take turns.
    more = ("condition.labelled=50", f"data.binarize={binarize}", "trainer.max_epochs=3")
    config, choices = small_config(tmp_path / "conf", *M2, *more)
    run_job(config, choices, tmp_path / "whole")

    def check(_: ResumeState, trainer: Any, *__: Any) -> None:
        if trainer.current_epoch == 2:
            monkeypatch.undo()
            raise Stopped(15)

    monkeypatch.setattr(ResumeState, "on_train_batch_start", check)
    with pytest.raises(Stopped):
        run_job(config, choices, tmp_path / "stopped")
    run_job(config, choices, tmp_path / "stopped")
    whole, resumed = (weights_of(tmp_path / name) for name in ("whole", "stopped"))
    assert any(name.startswith("condition.classifier.") for name in whole)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_the_networks_of_a_seed_are_those_without_a_classifier(config: dict[str, Any]) -> None:
    all_labels = config | {"condition": config["condition"] | {"labelled": None}}
    some: Any
    every: Any
    some, every = (
        VAE.from_config(one, (1, 28, 28), num_classes=10, trust=True)
        for one in (config, all_labels)
    )
    assert every.condition.classifier is None
    of_some = dict(some.named_parameters())
    assert all(torch.equal(value, of_some[name]) for name, value in every.named_parameters())


@pytest.mark.parametrize("network", ["conv", "resnet", "burda"])
@pytest.mark.parametrize("posterior", ["diagonal", "full"])
def test_any_network_and_posterior_classifies(tmp_path: Path, network: str, posterior: str) -> None:
    config, _ = small_config(tmp_path, *M2, f"model={network}", f"posterior={posterior}")
    model: Any = VAE.from_config(config, (1, 28, 28), num_classes=10, trust=True)
    x = torch.rand(3, 1, 28, 28)
    loss, terms = model.score(x, noise_of(model, 3), labels=torch.tensor([-1, 2, -1]))
    loss.backward()
    assert loss.isfinite() and terms.kl.shape == (3,)
    assert model.condition.logits(x).shape == (3, 10)


class OwnPosterior(torch.nn.Module):
    """An encoder of somebody's own that makes its posterior itself."""

    def __init__(self, *, image_shape: tuple[int, ...], latent_dim: int) -> None:
        super().__init__()
        self.layers = torch.nn.Linear(math.prod(image_shape), 2 * latent_dim)

    def forward(self, x: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(*self.layers(x.flatten(1)).chunk(2, dim=1))


def test_an_encoder_that_makes_its_posterior_itself_is_one_line(config: dict[str, Any]) -> None:
    target = f"{OwnPosterior.__module__}.OwnPosterior"
    own = config | {"model": config["model"] | {"encoder": {"_target_": target}}}
    with pytest.raises(UserError, match="OwnPosterior makes its posterior itself, so it cannot"):
        VAE.from_config(own, (1, 28, 28), num_classes=10, trust=True)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["condition.labelled=0"], "condition.labelled must be a whole number above 0, or null"),
        (["condition.labelled=0.5"], "condition.labelled must be a whole number above 0, or null"),
        (["condition.classifier_weight=-1"], "condition.classifier_weight must be a number of at"),
        (["objective=iwae"], "condition.labelled=20 with objective=iwae is not supported"),
        (["objective=elbo_free_bits"], "with objective=elbo_free_bits is not supported"),
        (["objective=elbo_capacity"], "with objective=elbo_capacity is not supported"),
        (["objective=beta_tc"], "with objective=beta_tc is not supported"),
        (["objective=mmd"], "with objective=mmd is not supported"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        small_config(tmp_path, *M2, *overrides)


@pytest.mark.parametrize(
    ("labelled", "message"),
    [(9, "leaves a class without a label"), (81, "more than the 80 training images")],
)
def test_too_few_and_too_many_labels_are_one_line(
    config: dict[str, Any], labelled: int, message: str
) -> None:
    wrong = config | {"condition": config["condition"] | {"labelled": labelled}}
    with pytest.raises(UserError, match=message):
        ImageDataModule.from_config(wrong, trust=True).setup()


@pytest.mark.parametrize("objective", ["elbo_warmup", "elbo_cyclic"])
def test_weights_of_the_kl_that_change_work(tmp_path: Path, objective: str) -> None:
    config, choices = small_config(tmp_path / "conf", *M2, f"objective={objective}")
    assert run_job(config, choices, tmp_path / "run").epochs == 2
