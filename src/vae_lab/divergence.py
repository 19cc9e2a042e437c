"""A bound that is no number any more: what is known of that moment, and the batch it came from.

Shapes: B images, C, H, W of an image.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vae_lab.files import atomic

FILE = "diverged.npz"


class NonFiniteError(RuntimeError):
    """The bound is no longer a number: training on would only hide it.

    `facts` are numbers, by name; `images` (B, C, H, W) and their rows `index` (B,) the batch, or
    None where the bound is one of many batches.
    """

    def __init__(
        self,
        split: str,
        *,
        terms: Mapping[str, float],
        facts: Mapping[str, float | None],
        images: Tensor | None = None,
        index: Tensor | None = None,
    ) -> None:
        found = ", ".join(f"{name} {value:g}" for name, value in terms.items())
        where = ", ".join(
            f"{name.replace('_', ' ')} {value:g}"
            for name, value in facts.items()
            if value is not None
        )
        super().__init__(
            f"the {split} bound is not finite any more ({found}; {where}): lower optimizer.lr, or "
            f"add +trainer.gradient_clip_val=1."
        )
        self.facts = {"split": split, **facts, **terms}
        self.images, self.index = images, index

    def record(self, folder: Path) -> dict[str, Any]:
        """Writes the batch into a run's folder and returns what `result.json` says of it.

        Values that are no numbers are texts there, for JSON has none.
        """
        facts = {
            name: str(value) if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in self.facts.items()
        }
        if self.images is None or self.index is None:
            return facts
        with atomic(folder / FILE) as partial, partial.open("wb") as file:
            np.savez(file, images=self.images.cpu().numpy(), index=self.index.cpu().numpy())
        return facts | {"batch": FILE}


def gradient_norm(parameters: Iterable[nn.Parameter]) -> float | None:
    """Returns the Euclidean norm of all gradients together; None where there are none yet."""
    norms = [p.grad.detach().double().norm() for p in parameters if p.grad is not None]
    return float(torch.stack(norms).norm()) if norms else None
