"""Draws docs/images/objectives/: what each objective, likelihood and prior does, in small.

    make variants

Each is the linear model with two latent dimensions, trained for 25 epochs on the 4,000 training
images of the embedded digits in batches of 100, by Adam at a constant rate of 3e-3; all else is at
its default. On the left the codes of test images over draws of the prior, or what a pixel's values
are worth; on the right how the bound's terms went, prior draws, or reconstructions.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vae_lab.callbacks.drawing.grids import grid
from vae_lab.callbacks.drawing.style import PALETTE
from vae_lab.cli.jobs import compose_jobs
from vae_lab.config import compose
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

EPOCHS, BATCH, SMOOTH = 25, 100, 10


def train(option: str) -> tuple[VAE, ImageDataModule, list[tuple[float, float]]]:
    """Returns the trained model, its data, and reconstruction term and KL of every step."""
    (job,) = compose_jobs([option, "data=mnist_5k", "optimizer.lr=3e-3"])
    config = resolved(job.config)
    data = ImageDataModule.from_config(config, trust=False)
    data.setup()
    model = VAE.from_config(config, data.image_shape, trust=False)
    optimizer = model.optimization.optimizer(params=model.named_parameters())
    images, course = data.fixed_train_images[:].float() / 255, []
    per_epoch = len(images) // BATCH
    for step in range(EPOCHS * per_epoch):
        if step % per_epoch == 0:
            order = torch.randperm(len(images), generator=stream("order", step))
        rows = order[step % per_epoch * BATCH :][:BATCH]
        noise = torch.randn(
            model.objective.num_samples, BATCH, model.latent_dim, generator=stream("noise", step)
        )
        objective = model.objective.at(step / (EPOCHS * per_epoch))
        loss, terms = model.score(images[rows], noise, objective)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        course.append((-terms.log_likelihood.mean().item(), terms.kl.mean().item()))
    return model.eval(), data, course


def draw_codes(axis: Axes, model: VAE, data: ImageDataModule) -> None:
    mean = model.encode(data.test_images[:].float() / 255).mean
    drawn = model.prior.sample(2000, stream("drawn"))
    assert data.test_labels is not None
    colours = [PALETTE[label] for label in data.test_labels]
    axis.scatter(drawn[:, 0], drawn[:, 1], s=1, color="#dddddd", linewidths=0)
    axis.scatter(mean[:, 0], mean[:, 1], s=2.5, c=colours, linewidths=0)
    reach = 1.05 * max(mean.abs().quantile(0.99).item(), drawn.abs().quantile(0.99).item())
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")


def draw_course(axis: Axes, course: list[tuple[float, float]]) -> None:
    for values, colour, name in zip(
        zip(*course, strict=True), PALETTE, ("recon", "KL"), strict=False
    ):
        smooth = torch.tensor(values).unfold(0, SMOOTH, SMOOTH).mean(dim=1)
        axis.plot(smooth, color=colour, lw=1, label=f"{name} {smooth[-10:].mean():.1f}")
    axis.set(yscale="symlog", ylim=(0, None), xlabel="training")
    axis.legend(fontsize=6, frameon=False)


def draw_pixel(axis: Axes, name: str, model: VAE) -> None:
    """Draws log p of a pixel's values, for three outputs of the decoder."""
    values = torch.linspace(0, 1, 256, dtype=torch.float64)
    of_logits = "bernoulli" in name
    for output, colour in zip(
        (-3.0, 0.0, 1.5) if of_logits else (0.1, 0.5, 0.9), PALETTE, strict=False
    ):
        outputs = torch.full((1, 256, 1, 1, 1), output, dtype=torch.float64)
        log_p = model.likelihood.log_prob(outputs, values.view(-1, 1, 1, 1))[0]
        mean = model.likelihood.mean(torch.tensor(output)).item()
        axis.plot(values, log_p, color=colour, lw=1, label=f"mean {mean:.2f}")
    axis.set(xlabel="pixel", ylabel="log p")
    axis.legend(fontsize=6, frameon=False)


def show(axis: Axes, images: Tensor, *, columns: int) -> None:
    axis.imshow(grid(images.clamp(0, 1), columns=columns)[0], cmap="gray", vmin=0, vmax=1)
    axis.axis("off")


@torch.no_grad()
def draw(group: str, option: str, trained: Any) -> Figure:
    model, data, course = trained
    figure = Figure(figsize=(3.4, 1.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    if group == "likelihood":
        images = data.test_images[::45][:8].float() / 255
        draw_pixel(left, option, model)
        shown = torch.stack(
            [images[:4], model.reconstruct(images[:4]), images[4:], model.reconstruct(images[4:])]
        )
        show(right, shown.flatten(0, 1), columns=4)
    else:
        draw_codes(left, model, data)
        if group == "prior":
            show(right, model.sample(25, stream("samples")), columns=5)
        else:
            draw_course(right, course)
    for axis in (left, right):
        axis.tick_params(labelsize=6, length=2, width=0.5)
        axis.xaxis.label.set_size(6)
        axis.yaxis.label.set_size(6)
    return figure


def main() -> None:
    folder = Path(sys.argv[1])
    for group in ("objective", "likelihood", "prior"):
        for path in sorted((compose.conf_folder() / group).glob("*.yaml")):
            trained = train(f"{group}={path.stem}")
            figure = draw(group, path.stem, trained)
            figure.savefig(folder / f"{group}_{path.stem}.png", dpi=110, facecolor="white")
            recon, kl = (sum(part) / 100 for part in zip(*trained[2][-100:], strict=True))
            print(f"{group}={path.stem}: recon {recon:.1f} kl {kl:.2f}", flush=True)


if __name__ == "__main__":
    main()
