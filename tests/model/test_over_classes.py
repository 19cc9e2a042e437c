"""The class as a latent variable: against sums over classes by hand, with and without labels."""

import math

import pytest
import torch
from torch import Tensor

from vae_lab.objectives import (
    BetaTC,
    CapacityElbo,
    CyclicElbo,
    Elbo,
    FreeBitsElbo,
    Iwae,
    Mmd,
    WarmUpElbo,
)
from vae_lab.objectives.base import Draws
from vae_lab.objectives.over_classes import ClassWeights, over_classes
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.priors import StandardNormal

K, B, L, Z = 2, 3, 4, 5
PRIOR = StandardNormal(latent_dim=Z)
UNKNOWN = torch.full((B,), -1)


@pytest.fixture
def draws() -> Draws:
    """Draws of L * B images: all images with class 0, then all with class 1, ..."""
    generator = torch.Generator().manual_seed(1)
    mean, log_var = torch.randn(2, L * B, Z, generator=generator)
    noise = torch.randn(K, B, Z, generator=generator).repeat(1, L, 1)
    posterior = DiagonalGaussian(mean, log_var)
    log_likelihood = -10 * torch.rand(K, L * B, generator=generator)
    return Draws(posterior, noise, posterior.sample(noise), log_likelihood, generator)


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(B, L, generator=torch.Generator().manual_seed(2)).requires_grad_()


LOG_SHARES = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()


def elbo_of_class(draws: Draws, image: int, label: int) -> float:
    """Returns the bound on log p(x|y) of an image with a class, one number at a time."""
    row = label * B + image
    mean, log_var = (field[row] for field in draws.posterior)
    kl = sum(
        0.5 * (float(m) ** 2 + math.exp(float(v)) - float(v) - 1)
        for m, v in zip(mean, log_var, strict=True)
    )
    return float(draws.log_likelihood[:, row].mean()) - kl


def test_without_labels_the_bound_is_the_sum_over_classes(draws: Draws, logits: Tensor) -> None:
    weights = ClassWeights.of(logits, UNKNOWN)
    loss, terms = over_classes(Elbo(beta=1, num_samples=K), draws, PRIOR, weights, LOG_SHARES)
    for image in range(B):
        q = logits[image].softmax(dim=0).tolist()
        # Eq. 7: the sum over y of q(y|x) (L(x, y) + log q(y|x)), with L(x, y) of eq. 6.
        expected = sum(
            q[y] * (elbo_of_class(draws, image, y) + float(LOG_SHARES[y]) - math.log(q[y]))
            for y in range(L)
        )
        assert terms.elbo()[image].item() == pytest.approx(expected, abs=1e-5)
    assert loss.item() == pytest.approx(-terms.elbo().mean().item(), abs=1e-5)


def test_with_the_exact_posterior_over_classes_it_is_the_marginal(draws: Draws) -> None:
    # q(y|x) proportional to p(y) exp(ELBO of y) closes the gap: logsumexp over the classes.
    joint = torch.tensor(
        [[elbo_of_class(draws, i, y) + float(LOG_SHARES[y]) for y in range(L)] for i in range(B)]
    )
    weights = ClassWeights.of(joint, UNKNOWN)
    _, terms = over_classes(Elbo(beta=1, num_samples=K), draws, PRIOR, weights, LOG_SHARES)
    torch.testing.assert_close(terms.elbo(), joint.logsumexp(dim=1), rtol=0, atol=1e-5)


def test_with_labels_the_bound_is_that_of_the_class_and_log_p_of_it(
    draws: Draws, logits: Tensor
) -> None:
    labels = torch.tensor([2, 0, 3])
    weights = ClassWeights.of(logits, labels)
    loss, terms = over_classes(Elbo(beta=1, num_samples=K), draws, PRIOR, weights, LOG_SHARES)
    expected = [
        elbo_of_class(draws, image, label) + float(LOG_SHARES[label])
        for image, label in enumerate(labels.tolist())
    ]
    torch.testing.assert_close(terms.elbo(), torch.tensor(expected), rtol=0, atol=1e-5)
    # The classifier has no part in it.
    assert torch.autograd.grad(loss, logits)[0].abs().max() == 0


def test_the_gradient_of_the_classifier_is_that_of_the_formula(
    draws: Draws, logits: Tensor
) -> None:
    weights = ClassWeights.of(logits, torch.tensor([-1, 1, -1]))
    loss, _ = over_classes(Elbo(beta=1, num_samples=K), draws, PRIOR, weights, LOG_SHARES)
    (gradient,) = torch.autograd.grad(loss, logits)
    for image in (0, 2):
        q = logits[image].detach().softmax(dim=0)
        # The slope of -U by logit j is q_j (f_j - mean of f), f = ELBO + log p(y) - log q(y|x).
        f = torch.tensor([elbo_of_class(draws, image, y) for y in range(L)]) + LOG_SHARES - q.log()
        expected = -q * (f - (q * f).sum()) / B
        torch.testing.assert_close(gradient[image], expected, rtol=1e-4, atol=1e-6)
    assert gradient[1].abs().max() == 0


@pytest.mark.parametrize("size", [200.0, 1e4])
def test_a_certain_classifier_has_finite_values_and_gradients(draws: Draws, size: float) -> None:
    logits = torch.tensor([[size, 0, -size, 0]]).repeat(B, 1).requires_grad_()
    weights = ClassWeights.of(logits, torch.tensor([-1, 1, -1]))
    loss, terms = over_classes(Elbo(beta=1, num_samples=K), draws, PRIOR, weights, LOG_SHARES)
    assert loss.isfinite()
    assert terms.kl.isfinite().all()
    assert torch.autograd.grad(loss, logits)[0].isfinite().all()


def test_beta_weighs_the_kl_of_z_only(draws: Draws, logits: Tensor) -> None:
    weights = ClassWeights.of(logits, UNKNOWN)
    losses = [
        over_classes(Elbo(beta=beta, num_samples=K), draws, PRIOR, weights, LOG_SHARES)[0].item()
        for beta in (0.0, 1.0, 2.0)
    ]
    kl_of_z = weights.mean(PRIOR.kl_per_image(draws.posterior, draws.noise)).mean().item()
    assert losses[1] - losses[0] == pytest.approx(kl_of_z, abs=1e-4)
    assert losses[2] - losses[1] == pytest.approx(kl_of_z, abs=1e-4)


def test_objectives_that_need_more_than_terms_say_so() -> None:
    elbo = {"beta": 1, "num_samples": 1}
    terms = [
        Elbo(**elbo),
        WarmUpElbo(**elbo, warmup=0.5),
        CyclicElbo(**elbo, warmup=0.5, cycles=2),
        WarmUpElbo(**elbo, warmup=0.5).at(0.2),
    ]
    others = [
        FreeBitsElbo(**elbo, free_bits=1),
        CapacityElbo(**elbo, capacity=1, warmup=0.5),
        BetaTC(**elbo),
        Iwae(num_samples=1, doubly_reparameterised=False),
        Mmd(alpha=0, mmd_weight=1, bandwidth=1, num_samples=1),
    ]
    assert [objective.takes_terms for objective in terms] == [True] * len(terms)
    assert [objective.takes_terms for objective in others] == [False] * len(others)
