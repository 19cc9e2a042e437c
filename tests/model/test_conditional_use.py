"""A conditional model in use: labels of every kind, classes by Bayes' rule, errors of one line."""

from pathlib import Path

import numpy as np
import pytest
import torch
from runs import train
from stripes import striped_data

import vae_lab
from vae_lab.class_labels import class_index
from vae_lab.inference.classes import class_log_weights
from vae_lab.random_streams import stream
from vae_lab.trained_vae import TrainedVAE
from vae_lab.trained_vae.labels import class_indices

SHORT = ("callbacks=none", "logger=none")


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> TrainedVAE:
    folder = tmp_path_factory.mktemp("conditional")
    _, run = train(folder, "condition=label", "trainer.max_epochs=30", *SHORT)
    return vae_lab.load(run)


@pytest.fixture
def images() -> torch.Tensor:
    return striped_data().test_images[:4].float() / 255  # of the classes 0, 1, 2, 3


LABELS = [0, 1, 2, 3]


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        ("0", "1", "2", "3"),
        np.array(LABELS),
        np.array(LABELS, np.uint8),
        np.array(LABELS, np.float64),
        torch.tensor(LABELS),
        torch.tensor(LABELS)[:, None],
        [0, "1", 2, "3"],
    ],
)
def test_labels_of_every_kind_are_the_same(
    vae: TrainedVAE, images: torch.Tensor, labels: object
) -> None:
    expected = vae.model.encode(images, torch.tensor(LABELS))
    posterior = vae.encode(images, labels)  # type: ignore[arg-type]  # each kind is one of Labels
    assert torch.equal(posterior.mean, expected.mean)
    assert torch.equal(posterior.variance, expected.variance)


def test_one_label_is_that_of_all_images(vae: TrainedVAE, images: torch.Tensor) -> None:
    for label in (3, "3", np.int64(3), torch.tensor(3)):
        mean = vae.encode(images, label).mean  # type: ignore[arg-type]  # numpy's number too
        assert torch.equal(mean, vae.encode(images, [3] * 4).mean)
    assert not torch.equal(vae.encode(images, 3).mean, vae.encode(images, 4).mean)


def test_samples_are_of_the_class_and_all_classes_share_the_draws(vae: TrainedVAE) -> None:
    z = vae.model.prior.sample(5, stream("sample", 0))
    for label in (0, 7):
        assert torch.equal(vae.sample(5, label=label), vae.decode(z, label))
    assert torch.equal(vae.sample(2, label=[4, "9"], seed=0), vae.decode(z[:2], [4, 9]))
    # Without a label, as the model does it: by p(y), the same points.
    drawn = vae.sample(5, seed=0)
    generator = stream("sample", 0)
    _ = vae.model.prior.sample(5, generator)
    labels = vae.model.condition.draw(5, generator)
    assert torch.equal(drawn, vae.decode(z, labels))


def test_every_use_takes_labels(vae: TrainedVAE, images: torch.Tensor) -> None:
    again = vae.reconstruct(images, LABELS)
    assert torch.equal(again, vae.decode(vae.encode(images, LABELS).mean, LABELS))
    path = vae.interpolate(images[:2], images[2:], steps=5, labels=[1, 7])
    assert path.shape == (5, 2, 1, 28, 28)
    torch.testing.assert_close(path[0], vae.reconstruct(images[:2], [1, 7]))
    torch.testing.assert_close(path[-1], vae.reconstruct(images[2:], [1, 7]))
    right, wrong = (vae.score(images, labels) for labels in (LABELS, [5, 6, 7, 8]))
    assert (right.elbo > wrong.elbo).all()
    log_p = vae.log_likelihood(images, LABELS, num_samples=100)
    assert (log_p > vae.log_likelihood(images, [5, 6, 7, 8], num_samples=100)).all()
    torch.testing.assert_close(log_p, right.iw_bound, atol=1, rtol=0)


def test_classes_are_found_by_bayes_rule(vae: TrainedVAE, images: torch.Tensor) -> None:
    assert vae.classes == tuple("0123456789")
    probabilities = vae.classify(images, num_samples=5, seed=1)
    assert probabilities.shape == (4, 10) and probabilities.dtype == torch.float64
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(4).double())
    weights = class_log_weights(vae.model, images, num_samples=5, seed=1).exp()
    # By hand: the classes are as frequent among the training images as p(y) says.
    joint = weights * vae.model.condition.shares.double()
    torch.testing.assert_close(probabilities, joint / joint.sum(dim=1, keepdim=True))
    everything = striped_data().test_images[:].float() / 255
    found = vae.classify(everything).argmax(dim=1)
    assert (found == torch.arange(20) % 10).double().mean() > 0.9
    names = [vae.classes[k] for k in vae.classify(images).argmax(1)]
    assert names == ["0", "1", "2", "3"]


def test_a_completion_is_of_the_class_or_of_classes_that_fit_what_is_seen(
    vae: TrainedVAE, images: torch.Tensor
) -> None:
    mask = torch.zeros(28, 28, dtype=torch.bool)
    mask[:, 14:] = True  # each half shows the place of the stripe
    made = vae.complete(images[3], mask, num_images=6)
    assert made.labels is not None and made.class_probabilities is not None
    assert made.labels.tolist() == [3] * 6
    assert made.class_probabilities[3] > 0.9
    given = vae.complete(images[3], mask, label="8", num_images=6)
    assert given.labels is not None and given.labels.tolist() == [8] * 6
    assert given.class_probabilities is None
    assert given.log_likelihood < made.log_likelihood


def test_a_notebook_shows_one_of_each_class_with_its_name(vae: TrainedVAE) -> None:
    page = vae._repr_html_()
    assert page.count("<img ") == 10
    assert all(f">{name}</div><img" in page for name in vae.classes)
    assert "one draw from the prior, decoded as each class" in page
    assert "nats per image, given its class" in page and "condition label" in page
    assert "10 classes" in repr(vae)


def test_wrong_labels_are_one_line_that_says_what_to_type(
    vae: TrainedVAE, images: torch.Tensor
) -> None:
    missing = r"needs the class of each image: vae\.encode\(images, labels\), with one of 0, 1, 2"
    with pytest.raises(ValueError, match=missing) as refused:
        vae.encode(images)
    assert "\n" not in str(refused.value) and "vae.classify(images)" in str(refused.value)
    with pytest.raises(ValueError, match=r"vae\.decode\(z, labels\)"):
        vae.decode(torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"^10 is not a class of this model: name one of 0, 1, 2"):
        vae.sample(1, label=10)
    with pytest.raises(ValueError, match=r"^-1 is not a class of this model"):
        vae.reconstruct(images, -1)
    with pytest.raises(ValueError, match=r"labels has shape \(3,\): one label for each of the 4"):
        vae.score(images, [1, 2, 3])
    with pytest.raises(ValueError, match=r"One-hot labels: labels.argmax\(axis=1\)"):
        vae.encode(images, torch.eye(10)[:4])
    with pytest.raises(ValueError, match=r"a whole number, got 0\.5"):
        vae.encode(images, 0.5)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ValueError, match="labels must be one label, or a list"):
        vae.encode(images, [[1], [2, 3]])  # type: ignore[list-item]  # wrong on purpose


def test_a_model_without_a_condition_takes_no_labels() -> None:
    vae = vae_lab.load("example:linear-z2")
    assert vae.classes == ()
    with pytest.raises(ValueError, match="this model has no condition, so it takes no labels"):
        vae.sample(3, label=7)
    with pytest.raises(ValueError, match="knows no classes: train one with condition=label"):
        vae.classify(vae.sample(3))


def test_a_whole_number_is_a_name_if_names_are_numbers_and_else_a_place() -> None:
    assert [class_index(label, ("3", "5", "9")) for label in (5, "5", 9)] == [1, 1, 2]
    with pytest.raises(ValueError, match=r"^1 is not a class of this model: name one of 3, 5, 9"):
        class_index(1, ("3", "5", "9"))
    shapes = ("square", "ellipse", "heart")
    assert [class_index(label, shapes) for label in ("heart", 0, 1)] == [2, 0, 1]
    with pytest.raises(ValueError, match=r"ellips is not a class .* Did you mean ellipse"):
        class_index("ellips", shapes)
    with pytest.raises(ValueError, match=r"^3 is not a class"):
        class_index(3, shapes)
    many = tuple(f"class-{k}" for k in range(100))
    with pytest.raises(ValueError, match=r"class-19 and 80 more\."):
        class_index("circle", many)
    places = class_indices(np.array(["heart", "square"]), shapes, 2, call="")
    assert places is not None and places.dtype == torch.int64 and places.tolist() == [2, 0]


def test_an_array_with_labels_gives_a_conditional_model_of_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    pixels, names = generator.random((60, 8, 8)), np.array(["circle", "square"])[np.arange(60) % 2]
    vae = vae_lab.train(
        *("condition=label", "latent_dim=2", "trainer.max_epochs=1", "callbacks=none"),
        *("report=null", "explorer=null", "data.num_val=10", "data.batch_size=20"),
        data=pixels,
        labels=names,
    )
    assert vae.classes == ("circle", "square")
    assert vae.sample(3, label="square").shape == (3, 1, 8, 8)
    assert torch.equal(vae.sample(3, label="square"), vae.sample(3, label=1))
