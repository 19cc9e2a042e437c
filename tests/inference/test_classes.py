"""log p(x|y) of every class: against closed forms, and against mistakes that a test must find."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from conditional_models import (
    BLOCK,
    COINS,
    SHARES,
    block_models,
    blocks,
    entropy,
    exact_log_joint,
    images_of_classes,
    linear_given_label,
)
from linear_gaussian import linear_gaussian
from torch import Tensor

from vae_lab.errors import UserError
from vae_lab.inference import joint
from vae_lab.inference.classes import class_log_joint, class_log_weights

IMAGES = 40


def found(
    shift: float, num_samples: int, places: Sequence[int] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the bounds (N, L), the exact log p(x, y) (N, L), and the labels (N,)."""
    model, exact = linear_given_label(latent_dim=3, posterior_shift=shift)
    x, labels = images_of_classes(IMAGES, exact)
    bounds = class_log_weights(model, x, num_samples=num_samples, seed=0, places=places)
    return class_log_joint(model, bounds), exact_log_joint(exact, x), labels


def test_an_exact_posterior_gives_the_exact_joint_and_so_bayes_from_one_sample() -> None:
    log_joint, exact, labels = found(0.0, 1)
    assert log_joint.shape == (IMAGES, len(SHARES)) and log_joint.dtype == torch.float64
    torch.testing.assert_close(log_joint, exact, atol=1e-4, rtol=0)
    torch.testing.assert_close(log_joint.logsumexp(1), exact.logsumexp(1), atol=1e-4, rtol=0)
    torch.testing.assert_close(log_joint.softmax(1), exact.softmax(1), atol=1e-4, rtol=0)
    # The classes overlap: a mistake in p(y) would change the probabilities.
    accuracy = (exact.argmax(1) == labels).double().mean()
    assert 0.6 < accuracy < 0.99
    without_shares = (log_joint - torch.tensor(SHARES).log()).softmax(1)
    assert (without_shares - exact.softmax(1)).abs().max() > 0.05


def test_many_samples_come_to_the_exact_values_and_few_lie_below() -> None:
    places = range(IMAGES)
    log_joint, exact, _ = found(0.3, 4000, places)
    torch.testing.assert_close(log_joint, exact, atol=0.2, rtol=0)
    assert (log_joint - exact).mean().abs() < 0.02
    one, few = (found(0.3, count, places)[0] for count in (1, 5))
    gaps = [(exact - it).mean().item() for it in (one, few, log_joint)]
    assert gaps[0] > gaps[1] > gaps[2] > -0.02


def test_classes_share_the_noise_so_that_their_differences_do_not_vary() -> None:
    # Here log p(x|y) - log w depends on the noise only: differences are exact from one sample.
    log_joint, exact, _ = found(0.5, 1, range(IMAGES))
    assert (log_joint - exact).std(dim=0).min() > 0.3
    torch.testing.assert_close(log_joint.softmax(1), exact.softmax(1), atol=1e-4, rtol=0)


def test_noise_that_differs_between_classes_would_be_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original: Any = joint.log_weights

    def unpaired(*args: Any) -> Tensor:
        *others, noise, labels = args
        generator = torch.Generator().manual_seed(int(labels[0]))
        return original(*others, torch.randn(noise.shape, generator=generator), labels)

    monkeypatch.setattr("vae_lab.inference.classes.log_weights", unpaired)
    log_joint, exact, _ = found(0.5, 1, range(IMAGES))
    assert (log_joint.softmax(1) - exact.softmax(1)).abs().max() > 0.1


@pytest.mark.parametrize("points", [1, 7, 100])
def test_batches_change_nothing_and_bound_the_memory(
    points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _, _ = found(0.3, 6, range(IMAGES))
    sizes = []
    original: Any = joint.log_weights

    def counting(model: object, x: Tensor, q: object, noise: Tensor, labels: Tensor) -> Tensor:
        sizes.append(noise.shape[0] * noise.shape[1])
        return original(model, x, q, noise, labels)

    monkeypatch.setattr("vae_lab.inference.classes.BATCH", points)
    monkeypatch.setattr("vae_lab.inference.classes.log_weights", counting)
    actual, _, _ = found(0.3, 6, range(IMAGES))
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=0)
    assert max(sizes) <= points
    assert sum(sizes) == 6 * IMAGES * len(SHARES)


def test_an_image_without_a_place_depends_on_no_other_and_bytes_are_floats() -> None:
    model, _ = linear_given_label(latent_dim=3, posterior_shift=0.4)
    pixels = torch.randint(0, 256, (5, 1, 1, 6), dtype=torch.uint8)
    every = class_log_weights(model, pixels, num_samples=3, seed=1)
    last = class_log_weights(model, pixels[4:].float() / 255, num_samples=3, seed=1)
    torch.testing.assert_close(every[4:], last, atol=1e-5, rtol=0)
    other = class_log_weights(model, pixels, num_samples=3, seed=2)
    assert (other - every).abs().min() > 1e-4
    assert class_log_weights(model, pixels[:0], num_samples=3, seed=1).shape == (0, 3)


@pytest.mark.parametrize("shares", [(0.25,) * 4, (0.5, 0.25, 0.125, 0.125)])
def test_what_the_label_decides_is_gained_exactly(shares: tuple[float, ...]) -> None:
    pixels, labels = blocks(80, shares=shares)
    model, _ = block_models(shares)
    bounds = class_log_weights(model, pixels, num_samples=1, seed=0)
    given = bounds[torch.arange(len(labels)), labels]
    # The other pixels are coins, and the block is known.
    torch.testing.assert_close(
        given, given.new_full((80,), -COINS * math.log(2)), rtol=1e-6, atol=0
    )
    log_joint = class_log_joint(model, bounds)
    gain = (given - log_joint.logsumexp(1)).mean().item()
    assert gain == pytest.approx(entropy(shares), abs=1e-6)
    if shares == (0.25,) * 4:
        assert gain == pytest.approx(BLOCK * math.log(2))
    assert (log_joint.argmax(1) == labels).all()


def test_a_class_without_images_has_no_probability() -> None:
    pixels, labels = blocks(80)
    model, _ = block_models((0.0, 0.5, 0.25, 0.25))
    log_joint = class_log_joint(model, class_log_weights(model, pixels, num_samples=1, seed=0))
    assert (log_joint[:, 0] == -math.inf).all() and log_joint[:, 1:].isfinite().all()
    assert (log_joint[labels > 0].argmax(1) == labels[labels > 0]).all()


def test_an_unconditional_model_is_refused_in_one_line() -> None:
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.0)
    with pytest.raises(UserError, match="condition=label"):
        class_log_weights(model, torch.rand(2, 1, 1, 6), num_samples=1, seed=0)
