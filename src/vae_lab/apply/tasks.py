"""The tasks: what a trained model makes of pictures, written into files.

Shapes: N pictures, S images side by side, C, H, W of an image, Z latent dimensions. Nats.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae_lab.apply.classes import (
    PictureClass,
    classes_of_pictures,
    file_name,
    names,
    probable_classes,
)
from vae_lab.apply.pictures import PictureFile
from vae_lab.apply.request import ApplyRequest
from vae_lab.apply.sheets import Tile, with_checks, write_sheet
from vae_lab.apply.writing import Results
from vae_lab.callbacks.drawing.grids import to_uint8
from vae_lab.callbacks.drawing.pixels import enlarged, to_image, to_png
from vae_lab.generative_model import BATCH
from vae_lab.terminal import progress
from vae_lab.trained_vae import TrainedVAE, load

# Mean grey of a border: darker ones look black, lighter ones like paper.
_DARK, _LIGHT = 0.25, 0.6

# Samples of a class that the sheet shows.
_MOST_IN_ROW = 16


class TaskOnPictures(NamedTuple):
    """A task with all that it needs: the model, and the pictures as images (N, C, H, W)."""

    vae: TrainedVAE
    request: ApplyRequest
    pictures: Sequence[PictureFile]
    images: Tensor
    results: Results

    @property
    def labels(self) -> list[str] | None:
        """The class of each picture; None if the model has no condition."""
        return names([picture.label for picture in self.pictures])

    def save(self, images: Tensor, names: Sequence[str]) -> list[Path]:
        """Writes images (N, C, H, W) as separate files."""
        factor = self.request.enlarge

        def write(number: int, path: Path) -> None:
            to_png(to_image(enlarged(to_uint8(images[number]), factor)), path)

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
        if request.task != "complete":  # which knows the class of what is seen
            classes = classes_of_pictures(vae, images, request.label)
            for picture, label in zip(pictures, classes, strict=True):
                picture.label = label
    _TASKS[request.task](TaskOnPictures(vae, request, pictures, images, results))


def _reconstruct(work: TaskOnPictures) -> None:
    made = torch.cat([work.vae.reconstruct(*part) for part in _parts(work)])
    paths = work.save(made, [picture.name for picture in work.pictures])
    tiles = []
    for picture, image, reconstruction, path in zip(
        work.pictures, work.images, made, paths, strict=True
    ):
        picture.written.append(path)
        lines = (picture.name, *([picture.label.short] if picture.label else []))
        tiles.append(Tile(torch.stack([image, reconstruction]), lines))
    work.sheet(tiles, "Left the picture as the model sees it, right its reconstruction.")


def _encode(work: TaskOnPictures) -> None:
    rows = []
    posteriors = [work.vae.encode(*part) for part in _parts(work)]
    mean = torch.cat([posterior.mean for posterior in posteriors])
    deviation = torch.cat([posterior.variance for posterior in posteriors]).sqrt()
    for picture, of_mean, of_deviation in zip(
        work.pictures, mean.tolist(), deviation.tolist(), strict=True
    ):
        picture.values = {f"mean_{k}": value for k, value in enumerate(of_mean)}
        picture.values |= {f"std_{k}": value for k, value in enumerate(of_deviation)}
        rows.append(_row(picture))
    work.results.table(rows)


def _parts(work: TaskOnPictures) -> Iterator[tuple[Tensor, list[str] | None]]:
    """Yields images (N, C, H, W) with their classes, as many as are encoded at once."""
    labels = work.labels
    for start in range(0, len(work.images), BATCH):
        rows = slice(start, start + BATCH)
        yield work.images[rows], None if labels is None else labels[rows]


def _row(picture: PictureFile) -> dict[str, Any]:
    """Returns the row of a picture in a table."""
    label = picture.label.columns() if picture.label else {}
    return {"file": str(picture.path), **label, **picture.values}


def _score(work: TaskOnPictures) -> None:
    numbers = work.request.numbers
    scores = work.vae.score(
        work.images, work.labels, num_samples=numbers["num_samples"], seed=numbers["seed"]
    )
    ranks = [None] * len(scores.elbo) if scores.rank is None else scores.rank.tolist()
    tiles, rows = [], []
    for k, (picture, rank) in enumerate(zip(work.pictures, ranks, strict=True)):
        names = ("elbo", "elbo_error", "iw_bound", "iw_bound_error")
        picture.values = {name: getattr(scores, name)[k].item() for name in names} | {"rank": rank}
        bound = f"{scores.elbo[k]:.1f} ± {scores.elbo_error[k]:.1f} nats"
        picture.result = f"bound {bound}{'' if rank is None else f', {_words_of_rank(rank)}'}"
        rows.append(_row(picture))
        lines = [picture.name, f"{scores.elbo[k]:.1f} nats"]
        lines += [] if rank is None else [f"above {100 * rank:.0f} %"]
        lines += [picture.label.short] if picture.label else []
        tiles.append(Tile(work.images[k, None], tuple(lines)))
    work.results.table(rows)
    if not work.request.is_table:
        above = "" if scores.rank is None else ", and above how many of the test images"
        given = ", given its class" if work.vae.classes else ""
        work.sheet(tiles, f"The bound of each picture in nats{given}{above}.")


def _words_of_rank(rank: float) -> str:
    """Returns in words which share of the test images has a lower bound."""
    if rank in (0, 1):
        return f"{'higher' if rank else 'lower'} than that of every test image"
    share, word = (rank, "higher") if rank >= 0.5 else (1 - rank, "lower")
    digits = 0 if share < 0.99 else 1
    return f"{word} than that of {100 * share:.{digits}f} % of the test images"


def _complete(work: TaskOnPictures) -> None:
    tiles = []
    with progress() as bars:
        bar = bars.add_task("completing", total=len(work.pictures))
        for picture, image in zip(work.pictures, work.images, strict=True):
            tiles.append(_completed(work, picture, image))
            bars.advance(bar)
    work.sheet(tiles, "Left what is seen, then ways to complete it: draws of p(missing|seen).")


def _completed(work: TaskOnPictures, picture: PictureFile, image: Tensor) -> Tile:
    """Completes a picture, writes the results, and returns its tile."""
    numbers, missing = work.request.numbers, torch.from_numpy(picture.missing)
    label, classes = work.request.label, work.vae.classes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the completion has the words, too
        made = work.vae.complete(
            image, missing, label=label, num_images=numbers["num_images"], seed=numbers["seed"]
        )
    picture.written += work.save(
        made.images, [f"{picture.name}-{k + 1}" for k in range(len(made.images))]
    )
    picture.notes += [made.warning] if made.warning else []
    picture.values = {
        "log_likelihood_of_seen": made.log_likelihood,
        "effective_points": made.effective_points,
        "points": made.num_points,
    }
    trust = "exact draws"
    if made.effective_points is not None:
        trust = f"{made.effective_points:.0f} effective points of {made.num_points}"
    seen = "seen" if label is None else "seen given the class"
    picture.result = f"log p({seen}) {made.log_likelihood:.1f} nats, {trust}"
    picture.label = None if label is None else PictureClass(label, None)
    lines = [picture.name, picture.result]
    if made.class_probabilities is not None and made.labels is not None:
        shares = dict(zip(classes, made.class_probabilities.tolist(), strict=True))
        picture.values["class_probabilities"] = shares
        picture.values["labels"] = [classes[place] for place in made.labels]
        lines.append(f"classes by what is seen: {probable_classes(shares)}")
        picture.result = f"{picture.result}; {lines[-1]}"
    given = with_checks(image, missing)[None]
    return Tile(torch.cat([given, made.images]), tuple(lines), given=1)


def _interpolate(work: TaskOnPictures) -> None:
    steps, labels = work.request.numbers["steps"], work.labels
    numbers = [f"{k + 1:0{len(str(steps))}d}" for k in range(steps)]
    first, last = work.images[:1], work.images[1:]
    if len(set(labels or ())) > 1:
        _interpolate_as_each_class(work, numbers)
        return
    path = work.vae.interpolate(first, last, steps=steps, labels=labels[0] if labels else None)
    work.save(path[:, 0], numbers)
    ends = [
        Tile(image, (picture.name, *([picture.label.short] if picture.label else [])))
        for image, picture in zip((first, last), work.pictures, strict=True)
    ]
    middle = [Tile(image, (name,)) for image, name in zip(path, numbers, strict=True)]
    work.sheet(
        [ends[0], *middle, ends[1]],
        "From the first picture to the last, on the straight line between their codes.",
    )


def _interpolate_as_each_class(work: TaskOnPictures, numbers: Sequence[str]) -> None:
    """Writes the way between pictures of two classes, decoded as the one and as the other."""
    vae, tiles = work.vae, []
    parts = zip(work.images, work.labels or (), strict=True)
    first, last = (vae.encode(image[None], label).mean for image, label in parts)
    points = first + torch.linspace(0, 1, len(numbers))[:, None] * (last - first)
    for label in work.labels or ():
        path = vae.decode(points, label)
        work.save(path, [f"{file_name(vae.classes, label)}-{number}" for number in numbers])
        tiles.append(Tile(torch.cat([work.images, path]), (f"as class {label}",), given=2))
    work.sheet(
        tiles,
        "Left the two pictures, then the straight line between their codes, decoded as the class "
        "of the first and as that of the last.",
    )


def _sample(work: TaskOnPictures) -> None:
    numbers, label = work.request.numbers, work.request.label
    count, seed = numbers["num_images"], numbers["seed"]
    if work.vae.classes and label is None:
        _sample_each_class(work, count, seed)
        return
    images = work.vae.sample(count, label=label, seed=seed)
    width = len(str(len(images)))
    work.save(images, [f"{k + 1:0{width}d}" for k in range(len(images))])
    of_class = "" if label is None else f", as class {label}"
    tiles = [Tile(image[None]) for image in images]
    work.sheet(tiles, f"Mean images of draws of the prior{of_class}.")


def _sample_each_class(work: TaskOnPictures, count: int, seed: int) -> None:
    """Writes samples of each class, all classes of the same draws."""
    classes, width, tiles = work.vae.classes, len(str(count)), []
    for name in classes:
        images = work.vae.sample(count, label=name, seed=seed)
        place = file_name(classes, name)
        work.save(images, [f"{place}-{k + 1:0{width}d}" for k in range(count)])
        tiles.append(Tile(images[:_MOST_IN_ROW], (f"class {name}",)))
    first = "" if count <= _MOST_IN_ROW else f", the first {_MOST_IN_ROW} of {count}"
    work.sheet(tiles, f"A column is a draw of the prior{first}; a row decodes them as a class.")


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
