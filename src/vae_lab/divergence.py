"""A bound that is no number any more: what is known of that moment, and the batch it came from.

Shapes: B images, C, H, W of an image.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


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
        images: "Tensor | None" = None,
        index: "Tensor | None" = None,
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
