"""Made-up runs with pictures, as the callbacks draw them."""

from pathlib import Path

import torch
from fake_runs import write_run
from PIL import Image

from vae_lab.callbacks.drawing import grids


def drawn_run(
    folder: Path, seed: int, *, elbo: float = -1.0, latent_dim: int = 2, **choices: str
) -> tuple[Path, torch.Tensor, torch.Tensor]:
    """A run with pictures as the callbacks draw them; originals and their reconstructions."""
    shape = (25, 1, 6, 5)
    generator = torch.Generator().manual_seed(9)
    originals = torch.rand(shape, generator=generator)
    decoded = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    callbacks = {
        "reconstructions": {"num_images": 25, "columns": 10, "scale": 2},
        "interpolations": {"pairs": [[1, 7], [1, 7], [3, 8]], "steps": 4, "scale": 3},
        "samples": {"num_images": 36, "columns": 12, "scale": 2},
    }
    run = write_run(
        folder,
        elbo=elbo,
        seed=seed,
        latent_dim=latent_dim,
        choices=choices,
        config={"callbacks": callbacks},
        image_shape=[1, 6, 5],
    )
    (run / "figures").mkdir()
    both = grids.above(originals, decoded, columns=10)
    paths = grids.paths(originals[:3], decoded[:12].view(3, 4, 1, 6, 5), originals[3:6])
    for name, picture, scale in (("reconstructions", both, 2), ("interpolations", paths, 3)):
        for step in (0, 3):
            pixels = grids.to_uint8(picture if step else picture * 0)[0]
            large = pixels.repeat_interleave(scale, 0).repeat_interleave(scale, 1).numpy()
            Image.fromarray(large).save(run / "figures" / f"{name}_{step:04d}.png")
    return run, grids.to_uint8(originals), grids.to_uint8(decoded)
