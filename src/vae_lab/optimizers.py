"""How weights move: Muon, and the schedules of the learning rate.

Muon: steps whose matrices are orthogonal, for the weights of layers; Adam for everything else
(Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024),
https://kellerjordan.github.io/posts/muon). torch has it for matrices only; convolutions, which it
leaves out, hold most weights here, and one optimizer for all parameters keeps the settings of the
trainer (clipping, accumulation) whole.

A schedule is a factor as a function of progress, the share of the optimiser's steps done, in
[0, 1]. It has no state, so a resumed run continues it by its step count.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

# Of x -> a x + b x^3 + c x^5, which takes every singular value in (0, 1] towards 1 in few steps.
QUINTIC = (3.4445, -4.7750, 2.0315)

# A gradient of a smaller norm is rounding: it moves almost nothing.
SMALLEST = 1e-7


class Muon(torch.optim.Optimizer):
    """One optimizer of two groups: the layers' weights, and Adam's rest.

    The first group holds every parameter named `weight` with two or more dimensions, taken as a
    matrix of outputs by inputs: its first dimension by all others, or the other way round if its
    name is in `transposed`, as that of a transposed convolution is. Its step is the momentum's
    nearest matrix with orthogonal rows (or columns), about, times `lr` and the root of outputs /
    inputs if there are more outputs: a length that does not depend on the loss's unit. Biases,
    norms, scales and the prior's parameters are Adam's, with `adam_lr` and `betas`.

    `momentum`, in [0, 1), is the share of the last step's that is kept. The authors take five
    `iterations` of the polynomial, and leave the first and the last layer to Adam
    (conf/optimizer/muon.yaml says what the differences bring).
    """

    def __init__(
        self,
        params: Iterable[tuple[str, nn.Parameter]],
        *,
        lr: float,
        adam_lr: float,
        betas: tuple[float, float],
        momentum: float,
        iterations: int,
        transposed: Collection[str],
    ) -> None:
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        self._transposed: set[nn.Parameter] = set()
        for name, parameter in params:
            if name in transposed:
                self._transposed.add(parameter)
            is_matrix = name.rpartition(".")[2] == "weight" and parameter.ndim > 1
            (matrices if is_matrix else rest).append(parameter)
        # As a group: there may be none.
        self._adam = torch.optim.Adam([{"params": rest}], lr=adam_lr, betas=betas, fused=True)
        muon = {"params": matrices, "lr": lr, "momentum": momentum, "iterations": iterations}
        super().__init__([muon, *self._adam.param_groups], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Moves the parameters along their gradients; returns the closure's loss."""
        with torch.enable_grad():
            loss = None if closure is None else closure()
        muon, rest = self.param_groups
        for weight in muon["params"]:
            if weight.grad is not None:
                self._move(weight, weight.grad.flatten(1), muon)
        # Loading a checkpoint replaces both.
        self._adam.param_groups, self._adam.state = [rest], self.state
        self._adam.step()
        return loss

    def _move(self, weight: nn.Parameter, gradient: Tensor, group: dict[str, Any]) -> None:
        state, kept = self.state[weight], group["momentum"]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        momentum = state["momentum"].lerp_(gradient, 1 - kept)
        # Nesterov's: where the next step would look.
        direction = orthogonal(gradient.lerp(momentum, kept), group["iterations"])
        rows, columns = gradient.shape if weight not in self._transposed else gradient.T.shape
        length = group["lr"] * math.sqrt(max(1, rows / columns))
        weight.add_(direction.reshape(weight.shape), alpha=-length)


def transposed_weights(networks: Mapping[str, nn.Module]) -> set[str]:
    """Returns the names of the weights whose first dimension is that of their layer's inputs."""
    kinds = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return {
        f"{network}.{name}.weight"
        for network, module in networks.items()
        for name, part in module.named_modules()
        if isinstance(part, kinds)
    }


def orthogonal(matrix: Tensor, iterations: int) -> Tensor:
    """Returns about U V^T of a matrix U S V^T: its singular values between 0.7 and 1.2.

    The polynomial is odd, so it works on the smaller of the two Gram matrices and meets the matrix
    itself only at both ends: the same function as step by step, at a fraction of the products. What
    few iterations do not reach, singular values far below the largest, stays smaller. Zeros give
    zeros.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    a, b, c = QUINTIC
    gram = wide @ wide.T
    # Of the Frobenius norm, which is at least the largest singular value.
    square = gram.trace().clamp(min=SMALLEST**2)
    gram = gram / square
    product = None
    for left in reversed(range(iterations)):
        # One step: a I + b G + c G^2 of the Gram matrix G, which then is that of the next step.
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        if left:
            gram = factor @ gram @ factor
    assert product is not None
    result = (product / square.sqrt()) @ wide
    return result if matrix.shape[0] <= matrix.shape[1] else result.T


# The learning rate starts at 1/25 of its peak, as in Smith and Topin, Super-Convergence,
# arXiv:1708.07120, and as in torch's OneCycleLR, and ends near zero.
START, END = 1 / 25, 1e-4

# Stages of `tripling`, 3^0 to 3^7 of 3,280 parts: Burda et al., arXiv:1509.00519, section 5.
STAGES = 8


def learning_rate_factor(schedule: str, warmup: float) -> Callable[[float], float]:
    """Returns progress -> factor on the peak learning rate.

    `one_cycle` rises in the share `warmup` of the steps, in (0, 1), then falls, both along half a
    cosine. `tripling` falls to a tenth in eight stages, each three times as long as the last.
    """
    factors: dict[str, Callable[[float], float]] = {
        "constant": _constant,
        "one_cycle": partial(_one_cycle, warmup=warmup),
        "tripling": _tripling,
    }
    return factors[schedule]


def _constant(progress: float) -> float:
    return 1.0


def _one_cycle(progress: float, warmup: float) -> float:
    start, end, share = START, 1.0, progress / warmup
    if progress >= warmup:
        start, end, share = 1.0, END, min(1.0, (progress - warmup) / (1 - warmup))
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))


def _tripling(progress: float) -> float:
    # Stage i begins when (3^i - 1) / 2 parts are done.
    parts = progress * (3**STAGES - 1) / 2
    # A part of a part is lost in rounding, never a stage.
    stage = math.floor(math.log(2 * parts + 1 + 1e-9, 3))
    return 10 ** (-min(stage, STAGES - 1) / (STAGES - 1))
