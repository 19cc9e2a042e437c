"""Writes the tables of layers into docs/explanation/networks.md, from the real networks.

    make layers

A table stands between two comments of the page; what is between them is replaced. The page also
says how the convolutional networks grow with the images.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.channels import chosen_channels
from vae_lab.config.resolve import resolved
from vae_lab.networks.conv import bottleneck
from vae_lab.networks.resnet import Residual
from vae_lab.posteriors import Family
from vae_lab.vae import VAE

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "networks.md"
MODELS = ("linear", "conv", "resnet", "burda")
SHAPE, LATENT_DIM = (1, 28, 28), 10
SHAPES = ((1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64))

HEAD = "| layer | output | parameters |\n| --- | --- | ---: |"
SIZES_HEAD = (
    "| image | `channels` | smallest feature map | `linear` | `conv` | `resnet` |\n"
    "| --- | --- | --- | ---: | ---: | ---: |"
)


def model_of(name: str, shape: tuple[int, ...]) -> VAE:
    """Returns an untrained model of an option of `model`, for images (C, H, W)."""
    (job,) = compose_jobs([f"model={name}", f"latent_dim={LATENT_DIM}", "data=mnist_5k"])
    return VAE.from_config(resolved(job.config), shape, trust=False)


def count(module: nn.Module) -> int:
    """Returns the number of weights and biases."""
    return sum(parameter.numel() for parameter in module.parameters())


def units(module: nn.Module) -> Iterator[nn.Module]:
    """Yields the layers of a network, those of a Sequential one by one."""
    for layer in module.children():
        if isinstance(layer, nn.Sequential):
            yield from units(layer)
        else:
            yield layer


def name_of(layer: nn.Module) -> str:
    """Returns the layer's kind, and its kernel if it is a convolution."""
    if isinstance(layer, Residual):
        return "residual block: two `Conv2d` 3 × 3"
    if isinstance(layer, nn.ConvTranspose2d):
        return "`ConvTranspose2d` 4 × 4, stride 2"
    if isinstance(layer, nn.Conv2d):
        return "`Conv2d` 4 × 4, stride 2"
    return f"`{type(layer).__name__}`"


@torch.no_grad()
def rows(network: nn.Module, x: Tensor) -> list[tuple[str, str, int]]:
    """Returns layer, output shape and parameters; an activation joins the row before it."""
    found: list[tuple[str, str, int]] = []
    for layer in units(network):
        if isinstance(layer, Family):  # it gives the outputs a meaning
            continue
        x = layer(x)
        if isinstance(layer, nn.ReLU | nn.Tanh):
            before, shape, parameters = found.pop()
            found.append((f"{before}, {name_of(layer)}", shape, parameters))
        else:
            found.append((name_of(layer), " × ".join(map(str, x.shape[1:])), count(layer)))
    return found


def layers(name: str) -> str:
    """Returns the table of a model's encoder and decoder."""
    model = model_of(name, SHAPE)
    lines = [
        HEAD,
        f"| **encoder** | {' × '.join(map(str, SHAPE))} | **{count(model.encoder):,}** |",
    ]
    lines += map(row, rows(model.encoder, torch.zeros(1, *SHAPE)))
    lines.append(f"| **decoder** | {LATENT_DIM} | **{count(model.decoder):,}** |")
    lines += map(row, rows(model.decoder, torch.zeros(1, LATENT_DIM)))
    return "\n".join([*lines, f"| **all** | | **{count(model):,}** |"])


def row(cells: tuple[str, str, int]) -> str:
    layer, shape, parameters = cells
    return f"| {layer} | {shape} | {f'{parameters:,}' if parameters else ''} |"


def sizes() -> str:
    """Returns the table of image sizes: channels, smallest feature map, parameters."""
    lines = [SIZES_HEAD]
    for shape in SHAPES:
        channels = chosen_channels(shape, None)
        smallest = " × ".join(map(str, bottleneck(shape, channels)))
        parameters = (f"{count(model_of(name, shape)):,}" for name in ("linear", "conv", "resnet"))
        image = " × ".join(map(str, shape))
        lines.append(f"| {image} | {list(channels)} | {smallest} | {' | '.join(parameters)} |")
    return "\n".join(lines)


def filled(page: str) -> str:
    """Returns the page with fresh tables between its comments."""
    tables = {name: layers(name) for name in MODELS} | {"sizes": sizes()}
    for name, table in tables.items():
        begin, end = f"<!-- table: {name} (make layers) -->", "<!-- end of table -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        page, replaced = pattern.subn(f"{begin}\n\n{table}\n\n{end}", page)
        if replaced != 1:
            raise ValueError(f"{PAGE.name} needs one place for the table {name}: {begin} {end}")
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
