"""Muon: what it makes orthogonal, which parameters are Adam's, and that it goes on exactly."""

import copy

import pytest
import torch
from torch import Tensor, nn

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.identity import config_hash
from vae_lab.config.resolve import resolved
from vae_lab.optimizers import QUINTIC, Muon, orthogonal
from vae_lab.vae import VAE


def muon(layer: nn.Module) -> Muon:
    return Muon(
        layer.named_parameters(),
        lr=0.05,
        adam_lr=0.01,
        betas=(0.9, 0.99),
        momentum=0.95,
        iterations=5,
        transposed=[
            f"{name}.weight" if name else "weight"
            for name, one in layer.named_modules()
            if isinstance(one, nn.ConvTranspose2d)
        ],
    )


@pytest.mark.parametrize(
    ("line", "name", "rates"),
    [
        ("", "muon", (5e-2, 1e-2)),
        ("model=conv", "muon", (1e-2, 5e-3)),
        ("model=conv optimizer=adam", "adam", (5e-3, None)),
        ("model=burda", "adam", (1e-3, None)),
        ("model=burda optimizer=muon", "muon", (2e-2, 1e-3)),
        ("likelihood=laplace", "adam", (1e-2, None)),
        ("likelihood=laplace optimizer=muon", "muon", (5e-2, 1e-2)),
        ("likelihood=continuous_bernoulli model=conv", "adam", (5e-3, None)),
        ("experiment=reference model=linear", "adam", (1e-3, None)),
        ("experiment=shortest_linear model.muon_lr=1e-3", "muon", (5e-2, 2e-2)),
        ("model.muon_lr=3e-2 model.lr=1e-3", "muon", (3e-2, 1e-3)),
    ],
)
def test_the_model_or_the_likelihood_names_the_optimizer_and_a_command_line_wins(
    line: str, name: str, rates: tuple[float, float | None]
) -> None:
    (job,) = compose_jobs(line.split())
    optimizer = resolved(job.config)["optimizer"]
    assert job.choices["optimizer"] == name
    assert (optimizer["lr"], optimizer.get("adam_lr")) == rates


def test_a_default_of_another_key_is_in_no_hash_but_its_effect_is() -> None:
    hashes = {
        line: config_hash(resolved(compose_jobs(line.split())[0].config))
        for line in ("", "model.muon_lr=1e-3", "optimizer.lr=1e-3", "optimizer=adam")
    }
    assert hashes["model.muon_lr=1e-3"] == hashes["optimizer.lr=1e-3"]
    with_adam = resolved(compose_jobs(["optimizer=adam"])[0].config)
    del with_adam["model"]["muon_lr"]  # as earlier versions had it
    assert config_hash(with_adam) == hashes["optimizer=adam"]
    assert len(set(hashes.values())) == 3


def of_known_values(rows: int, columns: int, values: Tensor) -> tuple[Tensor, Tensor]:
    """Returns U S V^T of random orthogonal U and V, and U V^T."""
    generator = torch.Generator().manual_seed(0)
    size = len(values)
    left = torch.linalg.qr(torch.randn(rows, size, generator=generator))[0]
    right = torch.linalg.qr(torch.randn(columns, size, generator=generator))[0]
    return left * values @ right.T, left @ right.T


@pytest.mark.parametrize("shape", [(20, 64), (64, 20), (32, 32)])
def test_singular_values_go_to_about_one_and_directions_stay(shape: tuple[int, int]) -> None:
    matrix, nearest = of_known_values(*shape, torch.linspace(0.05, 3, min(shape)))
    found = orthogonal(matrix, 5)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.65 and values.max() < 1.25
    cosine = (found * nearest).sum() / found.norm() / nearest.norm()
    assert cosine > 0.97
    # Nothing but the singular values changes: the same subspaces.
    torch.testing.assert_close(found @ matrix.T, matrix @ found.T, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", [(20, 64), (64, 20)])
def test_it_is_the_polynomial_applied_step_by_step(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, dtype=torch.float64)
    a, b, c = QUINTIC
    expected = matrix / matrix.norm()
    for _ in range(4):
        gram = expected @ expected.T
        expected = a * expected + (b * gram + c * gram @ gram) @ expected
    torch.testing.assert_close(orthogonal(matrix, 4), expected)


def test_gradients_of_zero_or_next_to_it_move_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(3, 5), 5), torch.zeros(3, 5))
    for size in (1e-20, 1e-30, 1e-40):
        assert orthogonal(torch.randn(3, 5) * size, 5).abs().max() < 1e-6


def test_layers_get_orthogonal_steps_and_all_the_rest_is_adams() -> None:
    (job,) = compose_jobs(["model=conv", "prior=vamp", "likelihood=gaussian", "optimizer=muon"])
    model = VAE.from_config(resolved(job.config), (1, 28, 28), trust=False)
    named = dict(model.named_parameters())
    own, rest = model.optimization.optimizer(params=named.items()).param_groups
    names = {id(parameter): name for name, parameter in named.items()}
    matrices = {names[id(one)] for one in own["params"]}
    assert matrices == {n for n in named if n.endswith(".weight")}
    others = {names[id(one)] for one in rest["params"]}
    assert "prior.pseudo_inputs" in others
    assert matrices | others == set(named) and not matrices & others


def a_layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(6, 4)


def backward(layer: nn.Module, seed: int) -> None:
    layer.zero_grad()
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(seed))
    layer(x).square().sum().backward()


def gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad.clone()


def test_the_rest_moves_as_with_adam_alone() -> None:
    mine, others = a_layer(), a_layer()
    optimizer = muon(mine)
    adam = torch.optim.Adam([others.bias], lr=0.01, betas=(0.9, 0.99), fused=True)
    for seed in range(3):
        backward(mine, seed)
        others.bias.grad = gradient(mine.bias)
        optimizer.step()
        adam.step()
    assert torch.equal(mine.bias, others.bias)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch 2.9 brings it")
def test_matrices_move_as_with_torchs_own() -> None:
    mine, others = a_layer(), a_layer()
    optimizer = muon(mine)
    theirs: torch.optim.Optimizer = torch.optim.Muon(
        [others.weight], lr=0.05, momentum=0.95, weight_decay=0
    )
    start = mine.weight.detach().clone()
    for seed in range(3):
        backward(mine, seed)
        others.weight.grad = gradient(mine.weight)
        optimizer.step()
        theirs.step()
    moved, expected = mine.weight - start, others.weight - start
    # torch's is in bf16.
    assert (moved - expected).norm() < 0.03 * expected.norm()


def test_a_tall_matrix_takes_longer_steps_and_a_kernel_is_a_matrix() -> None:
    tall, kernel = nn.Linear(2, 8, bias=False), nn.Conv2d(3, 4, 5, bias=False)
    for layer, longest in ((tall, 0.05 * 2), (kernel, 0.05)):
        layer.weight.grad = torch.randn_like(layer.weight)
        before = layer.weight.detach().clone()
        muon(layer).step()
        step = torch.linalg.svdvals((layer.weight - before).flatten(1))
        assert 0.65 * longest < step.min() and step.max() < 1.25 * longest


@pytest.mark.parametrize(("inputs", "outputs", "longer"), [(64, 1, 1), (128, 64, 8**0.5)])
def test_the_step_of_a_transposed_convolution_has_the_length_of_outputs_by_inputs(
    inputs: int, outputs: int, longer: float
) -> None:
    layer = nn.ConvTranspose2d(inputs, outputs, 4, bias=False)  # 16 outputs for each channel
    layer.weight.grad = torch.randn_like(layer.weight)
    before = layer.weight.detach().clone()
    muon(layer).step()
    step = torch.linalg.svdvals((layer.weight - before).flatten(1))
    assert 0.65 * 0.05 * longer < step.min() and step.max() < 1.25 * 0.05 * longer


def test_the_models_transposed_convolutions_are_known_to_the_optimizer() -> None:
    (job,) = compose_jobs(["model=conv", "optimizer=muon"])
    model = VAE.from_config(resolved(job.config), (1, 28, 28), trust=False)
    optimizer = model.optimization.optimizer(params=model.named_parameters())
    assert isinstance(optimizer, Muon)
    transposed = {m.weight for m in model.modules() if isinstance(m, nn.ConvTranspose2d)}
    assert len(transposed) == 2 and optimizer._transposed == transposed


def test_it_goes_on_from_its_state_to_the_last_bit() -> None:
    layer = a_layer()
    optimizer = muon(layer)
    for seed in range(2):
        backward(layer, seed)
        optimizer.step()
    other = copy.deepcopy(layer)
    again = muon(other)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for model, one in ((layer, optimizer), (other, again)):
        for seed in range(2, 4):
            backward(model, seed)
            one.step()
    assert torch.equal(layer.weight, other.weight) and torch.equal(layer.bias, other.bias)


def test_the_closures_loss_comes_back() -> None:
    layer = a_layer()

    def closure() -> float:
        backward(layer, 0)
        return 3.0

    assert muon(layer).step(closure) == 3.0
    assert layer.weight.grad is not None
