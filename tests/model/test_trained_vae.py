"""`vae_lab.load`: two lines from a run's folder to a model that can be used."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import make_earlier, train
from stripes import striped_data

import vae_lab
from vae_lab import exported
from vae_lab.evaluations import read_per_image
from vae_lab.run_folder import RunFolder
from vae_lab.trained_vae import TrainedVAE


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> TrainedVAE:
    _, folder = train(tmp_path_factory.mktemp("loaded"), "callbacks=none", "logger=none")
    state = torch.get_rng_state()
    loaded = vae_lab.load(folder)
    assert torch.equal(state, torch.get_rng_state())
    return loaded


@pytest.fixture
def images() -> torch.Tensor:
    return striped_data().test_images[:4].float() / 255


def test_a_run_of_an_earlier_version_is_loaded(tmp_path: Path) -> None:
    _, folder = train(tmp_path, "callbacks=none", "logger=none")
    expected = vae_lab.load(folder).sample(3, seed=0)
    make_earlier(folder)
    assert torch.equal(vae_lab.load(folder).sample(3, seed=0), expected)


def test_shapes_and_both_kinds_of_array(vae: TrainedVAE, images: torch.Tensor) -> None:
    posterior = vae.encode(images)
    assert posterior.mean.shape == posterior.variance.shape == (4, 2)
    assert torch.equal(vae.encode(images.numpy()).mean, posterior.mean)
    assert torch.equal(vae.reconstruct(images), vae.decode(posterior.mean.numpy()))
    assert vae.sample(5, seed=0).shape == (5, 1, 28, 28)
    assert torch.equal(vae.sample(5, seed=0), vae.sample(5, seed=0))
    assert not torch.equal(vae.sample(5, seed=0), vae.sample(5, seed=1))


def test_an_interpolation_begins_and_ends_at_the_reconstructions(
    vae: TrainedVAE, images: torch.Tensor
) -> None:
    path = vae.interpolate(images[:2], images[2:], steps=5)
    assert path.shape == (5, 2, 1, 28, 28)
    torch.testing.assert_close(path[0], vae.reconstruct(images[:2]))
    torch.testing.assert_close(path[-1], vae.reconstruct(images[2:]))


def test_the_log_likelihood_of_an_image_depends_on_no_other_and_rises_with_the_samples(
    vae: TrainedVAE, images: torch.Tensor
) -> None:
    together = vae.log_likelihood(images, num_samples=10, seed=0)
    assert together.shape == (4,)
    alone = torch.cat([vae.log_likelihood(x[None], num_samples=10, seed=0) for x in images])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=0)
    many = vae.log_likelihood(images, num_samples=300, seed=0)
    # One sample gives the bound only in the mean over many draws.
    ones = [vae.log_likelihood(images, num_samples=1, seed=seed).mean() for seed in range(50)]
    assert many.mean() > torch.stack(ones).mean()


def test_completions_keep_what_is_seen_and_repeat_with_the_seed(
    vae: TrainedVAE, images: torch.Tensor
) -> None:
    mask = torch.zeros(28, 28, dtype=torch.bool)
    mask[14:] = True
    made = vae.complete(images[0], mask, num_images=5, seed=0)
    assert made.images.shape == (5, 1, 28, 28)
    assert made.z.shape == (5, 2)
    assert torch.equal(made.images[:, :, :14], images[0, :, :14].expand(5, -1, -1, -1))
    assert torch.equal(made.images[:, :, 14:], vae.decode(made.z)[:, :, 14:])
    again = vae.complete(images[0].numpy(), mask.numpy(), num_images=5, seed=0)
    assert torch.equal(again.images, made.images)
    assert not torch.equal(vae.complete(images[0], mask, num_images=5, seed=1).z, made.z)
    # NaN is how many mark what is missing.
    unknown = torch.where(mask, torch.nan, images[0])
    assert torch.equal(vae.complete(unknown, mask, num_images=5, seed=0).z, made.z)


def test_scores_are_the_bound_with_its_rank_among_the_test_images(
    vae: TrainedVAE, images: torch.Tensor
) -> None:
    scores = vae.score(images, num_samples=200, seed=0)
    # The bound of the very image, by the noise of the final test and by that of the score.
    assert vae.test_bounds is not None
    bounds = read_per_image(RunFolder(vae.folder))["elbo"]
    assert vae.test_bounds.tolist() == sorted(bounds)
    of_one_draw = 200**0.5 * scores.elbo_error.numpy()
    assert (abs(scores.elbo.numpy() - bounds[:4]) < 5 * of_one_draw).all()
    assert scores.rank is not None
    lower = [(bounds < elbo).mean() for elbo in scores.elbo.tolist()]
    assert scores.rank.tolist() == pytest.approx(lower)
    apart = torch.cat([vae.score(x[None], num_samples=200, seed=0).elbo for x in images])
    torch.testing.assert_close(scores.elbo, apart, atol=1e-3, rtol=0)
    noise = vae.score(torch.rand(1, 1, 28, 28), num_samples=10, seed=0)
    assert noise.rank is not None
    assert noise.rank.item() == 0


def test_a_model_without_bounds_of_test_images_gives_no_rank(
    tmp_path: Path, images: torch.Tensor
) -> None:
    _, folder = train(tmp_path, "callbacks=none", "logger=none")
    (folder / "per_image.npz").unlink()
    scores = vae_lab.load(folder).score(images, num_samples=2, seed=0)
    assert scores.rank is None
    assert scores.elbo.shape == (4,)


def test_the_bounds_that_an_export_keeps_give_the_rank(tmp_path: Path) -> None:
    bounds = np.random.default_rng(0).normal(-100, 10, 10_000)
    (tmp_path / "test_bounds.json").write_text(exported.test_bounds_as_json(bounds))
    kept = exported.read_test_bounds(tmp_path)
    assert kept is not None
    for value in (-125.0, -100.0, -80.0):
        share = np.searchsorted(kept, value) / len(kept)
        assert share == pytest.approx((bounds < value).mean(), abs=0.002)
    assert exported.read_test_bounds(tmp_path / "elsewhere") is None
    (tmp_path / "test_bounds.json").write_text('{"bounds": ["high"]}')
    with pytest.raises(ValueError, match=r"test_bounds.json cannot be read"):
        exported.read_test_bounds(tmp_path)


def test_wrong_input_says_what_is_wrong(vae: TrainedVAE, images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"images must have shape \(N, 1, 28, 28\), got \(4, 28"):
        vae.encode(images[:, 0])
    with pytest.raises(ValueError, match=r"must have shape .*got \(1, 1, 32, 32\)"):
        vae.encode(torch.zeros(1, 1, 32, 32))
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got values from 0 to 255"):
        vae.reconstruct((images * 255).byte())
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        vae.reconstruct(images * float("nan"))
    with pytest.raises(ValueError, match=r"z must have shape \(N, 2\), got \(1, 3\)"):
        vae.decode(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="z must be finite"):
        vae.decode(torch.full((1, 2), float("inf")))
    with pytest.raises(ValueError, match="must be a tensor or a numpy array, got list"):
        # A wrong type on purpose.
        vae.decode([[0.0, 0.0]])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_samples must be at least 1, got 0"):
        vae.log_likelihood(images, num_samples=0, seed=0)
    with pytest.raises(ValueError, match="num_images must be at least 1"):
        vae.sample(0, seed=0)
    with pytest.raises(ValueError, match="steps must be at least 2"):
        vae.interpolate(images, images, steps=1)
    with pytest.raises(ValueError, match="start has 4 images and end 2"):
        vae.interpolate(images, images[:2], steps=3)
    with pytest.raises(ValueError, match="num_samples must be at least 2, for an error, got 1"):
        vae.score(images, num_samples=1, seed=0)
    mask = torch.ones(28, 28)
    with pytest.raises(ValueError, match=r"image must have shape \(1, 28, 28\), got \(4, 1"):
        vae.complete(images, mask, num_images=1, seed=0)
    with pytest.raises(ValueError, match=r"mask must have shape \(28, 28\) or \(1, 28, 28\)"):
        vae.complete(images[0], mask[:14], num_images=1, seed=0)
    with pytest.raises(ValueError, match="mask must be True, or 1, where a pixel is missing"):
        vae.complete(images[0], mask / 2, num_images=1, seed=0)
    with pytest.raises(ValueError, match="nothing is missing"):
        vae.complete(images[0], 0 * mask, num_images=1, seed=0)
    with pytest.raises(ValueError, match="num_images must be at least 1, got 0"):
        vae.complete(images[0], mask, num_images=0, seed=0)


def test_a_model_of_binary_images_refuses_grey_ones(tmp_path: Path, images: torch.Tensor) -> None:
    _, folder = train(tmp_path, "callbacks=none", "logger=none", "data.binarize=threshold")
    vae = vae_lab.load(folder)
    with pytest.raises(ValueError, match=r"trained on binary images \(data.binarize=threshold\)"):
        vae.encode(images)
    assert vae.encode(images.round()).mean.shape == (4, 2)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a run"):
        vae_lab.load(tmp_path)


def test_importing_the_package_is_cheap() -> None:
    heavy = {"torch", "numpy", "omegaconf", "hydra"}
    code = f"import sys, vae_lab; print(*{heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == []
