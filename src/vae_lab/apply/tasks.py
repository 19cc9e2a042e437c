"""The tasks: what a trained model makes of pictures, written into files.

Shapes: N pictures, S images side by side, C, H, W of an image, Z latent dimensions. Nats.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from vae_lab.apply.pictures import PictureFile
from vae_lab.apply.request import ApplyRequest
from vae_lab.apply.sheets import Tile, with_checks, write_sheet
from vae_lab.apply.writing import Results
from vae_lab.callbacks.drawing.grids import to_uint8
from vae_lab.callbacks.drawing.pixels import enlarged, to_png
from vae_lab.generative_model import BATCH
from vae_lab.terminal import progress
from vae_lab.trained_vae import TrainedVAE, load

# Mean grey of a border: darker ones look black, lighter ones like paper.
_DARK, _LIGHT = 0.25, 0.6


class TaskOnPictures(NamedTuple):
    """A task with all that it needs: the model, and the pictures as images (N, C, H, W)."""

    vae: TrainedVAE
    request: ApplyRequest
    pictures: Sequence[PictureFile]
    images: Tensor
    results: Results

    def save(self, images: Tensor, names: Sequence[str]) -> list[Path]:
        """Writes images (N, C, H, W) as separate files."""
        factor = self.request.enlarge

        def write(number: int, path: Path) -> None:
            to_png(enlarged(to_uint8(images[number]), factor), path)

        return list(self.results.pictures(names, write))

    def sheet(self, tiles: Sequence[Tile], title: str) -> None:
        """Writes the sheet of the task."""
        self.results.sheet(lambda path: write_sheet(path, tiles, title))


def perform(request: ApplyRequest, pictures: Sequence[PictureFile], results: Results) -> None:
    """Loads the model, does the task, and adds to each picture what became of it."""
    vae = load(request.model, weights=request.weights, trust=request.trust)
    pixels = [torch.from_numpy(it.fitted.pixels) for it in pictures if it.fitted is not None]
    images = torch.stack(pixels).float() / 255 if pixels else torch.empty(0, *vae.image_shape)
    if pictures:
        _compare_borders(vae, images, pictures)
    _TASKS[request.task](TaskOnPictures(vae, request, pictures, images, results))


def _reconstruct(work: TaskOnPictures) -> None:
    parts = [work.vae.reconstruct(part) for part in torch.split(work.images, BATCH)]
    made = torch.cat(parts)
    paths = work.save(made, [picture.name for picture in work.pictures])
    tiles = []
    for picture, image, reconstruction, path in zip(
        work.pictures, work.images, made, paths, strict=True
    ):
        picture.written.append(path)
        tiles.append(Tile(torch.stack([image, reconstruction]), (picture.name,)))
    work.sheet(tiles, "Left the picture as the model sees it, right its reconstruction.")


def _encode(work: TaskOnPictures) -> None:
    rows = []
    posteriors = [work.vae.encode(part) for part in torch.split(work.images, BATCH)]
    mean = torch.cat([posterior.mean for posterior in posteriors])
    deviation = torch.cat([posterior.variance for posterior in posteriors]).sqrt()
    for picture, of_mean, of_deviation in zip(
        work.pictures, mean.tolist(), deviation.tolist(), strict=True
    ):
        picture.values = {f"mean_{k}": value for k, value in enumerate(of_mean)}
        picture.values |= {f"std_{k}": value for k, value in enumerate(of_deviation)}
        rows.append({"file": str(picture.path), **picture.values})
    work.results.table(rows)


def _score(work: TaskOnPictures) -> None:
    numbers = work.request.numbers
    scores = work.vae.score(work.images, num_samples=numbers["num_samples"], seed=numbers["seed"])
    ranks = [None] * len(scores.elbo) if scores.rank is None else scores.rank.tolist()
    tiles, rows = [], []
    for k, (picture, rank) in enumerate(zip(work.pictures, ranks, strict=True)):
        names = ("elbo", "elbo_error", "iw_bound", "iw_bound_error")
        picture.values = {name: getattr(scores, name)[k].item() for name in names} | {"rank": rank}
        bound = f"{scores.elbo[k]:.1f} ± {scores.elbo_error[k]:.1f} nats"
        picture.result = f"bound {bound}{'' if rank is None else f', {_words_of_rank(rank)}'}"
        rows.append({"file": str(picture.path), **picture.values})
        lines = [picture.name, f"{scores.elbo[k]:.1f} nats"]
        lines += [] if rank is None else [f"above {100 * rank:.0f} %"]
        tiles.append(Tile(work.images[k, None], tuple(lines)))
    work.results.table(rows)
    if not work.request.is_table:
        above = "" if scores.rank is None else ", and above how many of the test images"
        work.sheet(tiles, f"The bound of each picture in nats{above}.")


def _words_of_rank(rank: float) -> str:
    """Returns in words which share of the test images has a lower bound."""
    if rank in (0, 1):
        return f"{'higher' if rank else 'lower'} than that of every test image"
    share, word = (rank, "higher") if rank >= 0.5 else (1 - rank, "lower")
    digits = 0 if share < 0.99 else 1
    return f"{word} than that of {100 * share:.{digits}f} % of the test images"


def _complete(work: TaskOnPictures) -> None:
    numbers, tiles = work.request.numbers, []
    with progress() as bars:
        bar = bars.add_task("completing", total=len(work.pictures))
        for picture, image in zip(work.pictures, work.images, strict=True):
            missing = torch.from_numpy(picture.missing)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the completion has the words, too
                made = work.vae.complete(
                    image, missing, num_images=numbers["num_images"], seed=numbers["seed"]
                )
            names = [f"{picture.name}-{k + 1}" for k in range(len(made.images))]
            picture.written += work.save(made.images, names)
            picture.notes += [made.warning] if made.warning else []
            picture.values = {
                "log_likelihood_of_seen": made.log_likelihood,
                "effective_points": made.effective_points,
                "points": made.num_points,
            }
            trust = "exact draws"
            if made.effective_points is not None:
                trust = f"{made.effective_points:.0f} effective points of {made.num_points}"
            picture.result = f"log p(seen) {made.log_likelihood:.1f} nats, {trust}"
            given = with_checks(image, missing)[None]
            lines = picture.name, picture.result
            tiles.append(Tile(torch.cat([given, made.images]), lines, given=1))
            bars.advance(bar)
    work.sheet(tiles, "Left what is seen, then ways to complete it: draws of p(missing|seen).")


def _interpolate(work: TaskOnPictures) -> None:
    first, last = work.images[:1], work.images[1:]
    path = work.vae.interpolate(first, last, steps=work.request.numbers["steps"])[:, 0]
    names = [f"{k + 1:0{len(str(len(path)))}d}" for k in range(len(path))]
    work.save(path, names)
    start, end = work.pictures
    middle = [Tile(image[None], (name,)) for image, name in zip(path, names, strict=True)]
    tiles = [Tile(first, (start.name,)), *middle, Tile(last, (end.name,))]
    work.sheet(
        tiles, "From the first picture to the last, on the straight line between their codes."
    )


def _sample(work: TaskOnPictures) -> None:
    numbers = work.request.numbers
    images = work.vae.sample(numbers["num_images"], seed=numbers["seed"])
    width = len(str(len(images)))
    work.save(images, [f"{k + 1:0{width}d}" for k in range(len(images))])
    work.sheet([Tile(image[None]) for image in images], "Mean images of draws of the prior.")


_TASKS: dict[str, Callable[[TaskOnPictures], None]] = {
    "reconstruct": _reconstruct,
    "encode": _encode,
    "score": _score,
    "complete": _complete,
    "interpolate": _interpolate,
    "sample": _sample,
}


def _compare_borders(vae: TrainedVAE, images: Tensor, pictures: Sequence[PictureFile]) -> None:
    """Notes which pictures look like a negative of the model's: light borders, or dark ones."""
    usual = _border(vae.sample(100, seed=0).clamp(0, 1)).mean().item()
    for picture, border in zip(pictures, _border(images).tolist(), strict=True):
        if usual < _DARK and border > _LIGHT:
            kinds = "light", "dark"
        elif usual > _LIGHT and border < _DARK:
            kinds = "dark", "light"
        else:
            continue
        picture.notes.append(
            f"its border is {kinds[0]}, and the model's images have {kinds[1]} ones: does "
            f"--invert suit it?"
        )


def _border(images: Tensor) -> Tensor:
    """Returns the mean of the outermost pixels of images (N, C, H, W), (N,)."""
    inside = torch.zeros(images.shape[2:], dtype=torch.bool)
    inside[1:-1, 1:-1] = True
    return images[..., ~inside].flatten(1).mean(dim=1)
