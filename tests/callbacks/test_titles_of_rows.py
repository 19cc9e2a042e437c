"""Rows of traversals are named by the known factor that their dimension tells most of."""

from typing import Any

import torch
from tiny_vae import snapshot_of

from vae_lab.callbacks.snapshot import EncodedImages, Snapshot
from vae_lab.callbacks.traversals import names_of_rows, titles_of
from vae_lab.data.factor_splits import SplitFactors


def encoded(mean: torch.Tensor) -> EncodedImages:
    return EncodedImages(mean[:, :1], None, mean, torch.ones_like(mean), torch.ones_like(mean))


def test_titles_are_of_the_split_that_is_shown() -> None:
    snapshot: Snapshot = snapshot_of()
    data: Any = snapshot.data
    sizes = torch.arange(200) % 4
    noise = torch.randn(200, generator=torch.Generator().manual_seed(0))
    mean = torch.stack([noise, sizes + 0.01 * noise], dim=1)
    assert titles_of(snapshot, encoded(mean)) == []
    values = (tuple("0123"), ("a", "b"))
    val = torch.stack([sizes, torch.arange(200) // 100], dim=1)
    data.factors = SplitFactors(("size", "side"), values, val.flip(0), val, val[:0])
    assert titles_of(snapshot, encoded(mean)) == ["none", "size"]
    kl = torch.tensor([0.5, 1.25])
    assert names_of_rows([1, 0], kl, ["none", "size"]) == ["z[1] size  1.25", "z[0] none  0.50"]
    assert names_of_rows([1, 0], kl) == ["z[1]  1.25", "z[0]  0.50"]
