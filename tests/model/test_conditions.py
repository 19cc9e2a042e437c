"""What a conditional model is given: labels reach every network, and only those of the image."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vae_lab.cli.ensure_data import ensure_data
from vae_lab.cli.jobs import compose_jobs
from vae_lab.conditions.label import ClassLabel, LabelledDecoder, PlanesEncoder, RowEncoder
from vae_lab.config.identity import config_hash
from vae_lab.config.resolve import resolved
from vae_lab.data import Images
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.errors import UserError
from vae_lab.vae import VAE

SHAPE, CLASSES = (1, 8, 8), 10


def configured(*overrides: str) -> dict[str, Any]:
    [job] = compose_jobs(["data=digits", "condition=label", *overrides])
    return resolved(job.config)


def made(*overrides: str) -> VAE:
    config = configured(*overrides)
    return VAE.from_config(config, SHAPE, num_classes=CLASSES, trust=True).eval()


@pytest.mark.parametrize(
    ("network", "encoder"),
    [("linear", RowEncoder), ("burda", RowEncoder), ("conv", PlanesEncoder)],
)
def test_a_network_is_given_one_hot_labels_and_stays_as_it_is(network: str, encoder: type) -> None:
    model, plain = made(f"model={network}"), made(f"model={network}", "condition=none")
    assert type(model.encoder) is encoder and type(model.decoder) is LabelledDecoder
    assert type(model.encoder.network) is type(plain.encoder)
    assert type(model.decoder.network) is type(plain.decoder)


def test_planes_are_one_at_the_class_and_behind_the_channels() -> None:
    seen: list[torch.Tensor] = []
    encoder = PlanesEncoder(torch.nn.Identity(), 3)
    encoder.network.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    x = torch.rand(2, 1, 2, 2)
    encoder(x, torch.tensor([2, 0]))
    [given] = seen
    torch.testing.assert_close(given[:, :1], x)
    assert given[:, 1:].amax(dim=(2, 3)).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert given[:, 1:].amin(dim=(2, 3)).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("network", ["linear", "conv", "resnet"])
def test_the_label_moves_posterior_and_image(network: str) -> None:
    model, x, z = made(f"model={network}"), torch.rand(2, *SHAPE), torch.randn(2, 2)
    same, other = torch.tensor([3, 3]), torch.tensor([3, 7])
    moved = (model.encode(x, same).mean - model.encode(x, other).mean).abs().amax(dim=1)
    assert moved[0] < 1e-6 < 1e-4 < moved[1]
    moved = (model.decode(z, same) - model.decode(z, other)).abs().amax(dim=(1, 2, 3))
    assert moved[0] < 1e-6 < 1e-4 < moved[1]


def test_several_points_of_an_image_are_decoded_given_its_label() -> None:
    model, z = made(), torch.randn(3, 2, 2)
    labels = torch.tensor([4, 9])
    outputs = model.outputs(z, labels)
    for draw in range(3):
        for image in range(2):
            one = model.decoder(z[draw, image][None], labels[image : image + 1])
            torch.testing.assert_close(outputs[draw, image], one[0])


def test_a_score_is_that_of_each_image_and_its_label() -> None:
    model = made()
    x, noise, labels = torch.rand(4, *SHAPE), torch.randn(2, 4, 2), torch.tensor([0, 1, 1, 5])
    _, terms = model.score(x, noise, labels=labels)
    for image in range(4):
        one = slice(image, image + 1)
        _, alone = model.score(x[one], noise[:, one], labels=labels[one])
        torch.testing.assert_close(terms.elbo()[one], alone.elbo())


def test_labels_are_drawn_by_their_shares_after_the_latent_points() -> None:
    model = made()
    condition = model.condition
    assert isinstance(condition, ClassLabel)
    condition.begin(torch.tensor([0, 0, 0, 7]))
    shares = condition.shares
    assert shares[0] == 0.75 and shares[7] == 0.25 and shares.sum() == 1
    drawn = condition.draw(4000, torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == {0, 7} and (drawn == 0).float().mean().item() == pytest.approx(
        0.75, abs=0.03
    )
    # The same points z as those of given labels: the labels come after them.
    images = model.sample(5, torch.Generator().manual_seed(3), torch.tensor([2] * 5))
    z = model.prior.sample(5, torch.Generator().manual_seed(3))
    assert torch.equal(images, model.decode(z, torch.tensor([2] * 5)))


def test_a_model_without_labels_says_what_it_needs() -> None:
    x = torch.rand(2, *SHAPE)
    with pytest.raises(UserError, match="this model is conditional: give the label of each image"):
        made().encode(x)
    with pytest.raises(UserError, match="this model has no condition: call it without labels"):
        made("condition=none").encode(x, torch.tensor([1, 2]))


def test_no_condition_is_what_there_was_before() -> None:
    # Hashes of runs from before there was a choice stay.
    plain = configured("condition=none")
    before = {key: value for key, value in plain.items() if key != "condition"}
    assert config_hash(plain) == config_hash(before) != config_hash(configured())
    assert not [name for name in made("condition=none").state_dict() if "condition" in name]


class Known:
    """Eight images with labels that a test chooses."""

    def __init__(self, train: list[int] | None, test: list[int] | None) -> None:
        self.train, self.test = train, test

    def load(self) -> Images:
        pixels = np.random.default_rng(0).integers(0, 256, (8, *SHAPE), np.uint8)
        labels = [None if it is None else np.array(it) for it in (self.train, self.test)]
        return Images(pixels, labels[0], pixels[:2], labels[1])


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (None, None, "needs the label of every image, and these have none"),
        ([1] * 8, [1, 1], "all training images have the label 1"),
        ([0, 1] * 4, [1, 2], r"labels that no training image has \(2\)"),
    ],
)
def test_labels_that_cannot_be_given_are_refused_in_one_line(
    train: list[int] | None, test: list[int] | None, message: str
) -> None:
    data = ImageDataModule(
        source=Known(train, test),
        batch_size=2,
        num_val=2,
        split_seed=0,
        seed=0,
        binarize="none",
        gives_labels=True,
    )
    with pytest.raises(UserError, match=message) as caught:
        data.setup()
    assert "\n" not in str(caught.value) and "condition=none" in str(caught.value)


def test_batches_have_the_labels_of_their_images() -> None:
    data = ImageDataModule.from_config(configured(), trust=True)
    data.setup()
    assert data.train_labels is not None
    for batch in (next(iter(data.train_dataloader())), next(iter(data.test_dataloader()))):
        assert batch.labels is not None and len(batch.labels) == len(batch.images)
    batch = next(iter(data.train_dataloader()))
    assert batch.labels is not None and torch.equal(batch.labels, data.train_labels[batch.index])
    plain = ImageDataModule.from_config(configured("condition=none"), trust=True)
    plain.setup()
    assert next(iter(plain.train_dataloader())).labels is None


@pytest.mark.parametrize(
    ("labels", "words", "message"),
    [
        (None, "", "no labels, or one label only"),
        ([1] * 300, "", "no labels, or one label only"),
        ([0, 1, 2] * 100, "condition.labelled=2", "each of the 3 needs one"),
        ([0, 1, 2] * 100, "condition.labelled=999", "more than the 250 training images"),
    ],
)
def test_wrong_labels_are_found_before_a_run_begins(
    labels: list[int] | None, words: str, message: str, tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8), np.uint8)
    arrays: dict[str, Any] = {"images": images} | (
        {} if labels is None else {"labels": np.array(labels)}
    )
    np.savez(tmp_path / "own.npz", **arrays)
    sizes = "data.num_test=30 data.num_val=20 data.batch_size=50".split()
    own = ["condition=label", "data=npz", f"data.path={tmp_path / 'own.npz'}", *sizes]
    with pytest.raises(UserError, match=message) as caught:
        ensure_data(compose_jobs([*own, *words.split()]))
    assert "\n" not in str(caught.value)


def test_more_labels_than_images_are_refused_by_the_check_of_the_configuration() -> None:
    with pytest.raises(UserError, match="99999 is more than the 55000 training images"):
        compose_jobs(["condition=label", "condition.labelled=99999"])
