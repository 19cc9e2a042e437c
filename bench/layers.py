"""The layers of a model's training step, each pass of each on its own, as calls to be timed.

A layer gets the input that it has in a training step, of 128 images. It runs again and again on the
same tensors, so that small ones stay in the caches: in a step it is somewhat slower. The pass of a
weight's gradient and that of an input's are separate calls of autograd; a part that a step does not
need (the gradient of the images) is left out.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from peers import BATCH
from torch import Tensor, nn

from vae_lab.objectives.base import Draws
from vae_lab.vae import VAE

Pass = Callable[[], object]


class Given(NamedTuple):
    """A layer and its input in a training step."""

    layer: nn.Module
    x: Tensor
    needs_gradient: bool


def passes(config: Mapping[str, Any], images: Tensor, *, bf16: bool) -> dict[tuple[str, str], Pass]:
    """Returns the passes of a model's step, by part and pass, in the order of a step."""
    model = VAE.from_config(config, tuple(images.shape[1:]), trust=True)
    x = images[:BATCH].float() / 255
    noise = torch.randn(model.objective.num_samples, len(x), model.latent_dim)
    computing = partial(torch.autocast, "cpu", torch.bfloat16, enabled=bf16, cache_enabled=False)
    found: dict[tuple[str, str], Pass] = {}
    with computing():
        given = recorded(model, x, noise)
    for one in given:
        found |= {(named(one), name): call for name, call in of_layer(one, computing)}
    found |= {("losses", name): call for name, call in of_losses(model, x, noise)}
    optimizer = model.optimization.optimizer(params=model.named_parameters())
    for weight in model.parameters():
        weight.grad = torch.randn_like(weight) / 1000
    return found | {(type(optimizer).__name__, "step"): optimizer.step}


def recorded(model: VAE, x: Tensor, noise: Tensor) -> list[Given]:
    """Returns the layers that compute something, with their inputs, in the order of a step."""
    given: list[Given] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        # Not what makes a posterior of the last outputs. Cloned: the next layer may write over it.
        if isinstance(output, Tensor):
            given.append(Given(layer, inputs[0].detach().clone(), inputs[0].requires_grad))

    layers = [
        layer
        for network in (model.encoder, model.decoder)
        for layer in network.modules()
        if not [*layer.children()] and not isinstance(layer, nn.Flatten | nn.Unflatten)
    ]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    model.score(x, noise)
    for hook in hooks:
        hook.remove()
    return given


def named(given: Given) -> str:
    """Returns the kind of a layer and what it maps: channels, or the shape of its input."""
    name, weight = type(given.layer).__name__, getattr(given.layer, "weight", None)
    if weight is None:
        return f"{name} {'x'.join(map(str, given.x.shape[1:]))}"
    transposed = isinstance(given.layer, nn.ConvTranspose2d)
    first, second = weight.shape[:2] if transposed else weight.shape[1::-1]
    return f"{name} {first} to {second}"


def of_layer(given: Given, computing: Callable[[], Any]) -> Iterator[tuple[str, Pass]]:
    """Yields the passes of one layer; `computing` is in the precision of the step."""
    layer, weights = given.layer, list(given.layer.parameters())

    @torch.no_grad()
    def forward() -> None:
        with computing():
            layer(given.x)

    yield "forward", forward
    x = given.x.clone().requires_grad_(given.needs_gradient)
    with computing():
        # A copy, for a layer that works in place.
        y = layer(x.clone())
    gradient = torch.randn_like(y)
    for name, wanted in (("input", [x] if given.needs_gradient else []), ("weights", weights)):
        if wanted:
            yield (
                f"backward, {name}",
                partial(torch.autograd.grad, y, wanted, gradient, retain_graph=True),
            )


def of_losses(model: VAE, x: Tensor, noise: Tensor) -> Iterator[tuple[str, Pass]]:
    """Yields the passes from the decoder's outputs to the loss; the divergence has no gradient."""
    with torch.no_grad():
        posterior = model.encode(x)
        z = posterior.sample(noise)
        outputs = model.outputs(z)

    def loss(of: Tensor) -> Tensor:
        log_likelihood = model.likelihood.log_prob(of, x)
        draws = Draws(posterior, noise, z, log_likelihood, torch.Generator())
        return model.objective(draws, model.prior)[0]

    yield "forward", partial(torch.no_grad()(loss), outputs)
    given = outputs.clone().requires_grad_()
    yield (
        "backward, input",
        partial(torch.autograd.grad, loss(given), given, retain_graph=True),
    )
