"""The pictures of a group: strips of all runs under one another, whole pictures side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vae_lab.report.blocks import Block
from vae_lab.report.grouping import Group, Setting, in_colour
from vae_lab.report.runs import Run
from vae_lab.report.strips import PagePicture, interpolations, reconstructions, strip, whole

# Interpolations of more runs would make the page long; the same few are shown throughout.
WHOLE = {
    "samples": ("Samples", "100 prior draws, the same noise in runs of one latent dimension"),
    "latent_map": ("Latent maps", "decoded points of the latent plane"),
    "latent_scatter": ("Latent scatters", "posterior means of validation images, by label"),
}


class LabelledPicture(NamedTuple):
    """A picture and whose it is."""

    label: str
    picture: PagePicture


@dataclass(frozen=True)
class Cards(Block):
    """Whole pictures side by side."""

    pictures: list[LabelledPicture]

    @property
    def files(self) -> dict[str, bytes]:
        return _files(self.pictures)


class StripBlock(NamedTuple):
    """Strips under one another that show the same images."""

    title: str
    rows: list[LabelledPicture]


@dataclass(frozen=True)
class Strips(Block):
    """Blocks of strips; the first strip of each can be the originals of the others."""

    blocks: list[StripBlock]
    originals_first: bool = False

    @property
    def files(self) -> dict[str, bytes]:
        return _files([row for block in self.blocks for row in block.rows])


def _files(pictures: Sequence[LabelledPicture]) -> dict[str, bytes]:
    return {it.picture.file: it.picture.data for it in pictures}


class Gallery(NamedTuple):
    """All pictures of a group, and in words of which runs they are."""

    reconstructions: Strips
    interpolations: Strips
    whole: dict[str, Cards]
    note: str


def gallery_of(group: Group, prefix: str) -> Gallery:
    """Returns the pictures of a group; `prefix` begins the names of their files."""
    chosen = in_colour(group)
    note = ""
    if len(chosen) < len(group.settings):
        note = (
            f"Shown of {len(chosen)} of the {len(group.settings)} settings: the best four by the "
            f"test bound, the worst, and others between. Reconstructions are those of every run."
        )
    firsts = [(setting, setting.runs[0]) for setting in chosen]
    if any(len(setting.runs) > 1 for setting in chosen):
        note = f"{note} Of several seeds, the first is shown.".strip()
    return Gallery(
        reconstructions=Strips(_reconstructions(group, prefix), originals_first=True),
        interpolations=Strips(_interpolations(firsts, prefix)),
        whole={kind: Cards(_whole(firsts, kind, prefix)) for kind in WHOLE},
        note=note,
    )


def _whole(firsts: Sequence[tuple[Setting, Run]], kind: str, prefix: str) -> list[LabelledPicture]:
    title, description = WHOLE[kind]
    pictures = []
    for number, (setting, run) in enumerate(firsts, start=1):
        alt = f"{title} of {setting.label}: {description}"
        if picture := whole(run, kind, alt, f"{prefix}{kind}-{number}.png"):
            pictures.append(LabelledPicture(setting.label, picture))
    return pictures


def _reconstructions(group: Group, prefix: str) -> list[StripBlock]:
    """Returns the originals and every run's reconstructions, a block for each set of originals."""
    blocks: dict[bytes, StripBlock] = {}
    for setting in group.settings:
        for run in setting.runs:
            strips = reconstructions(run)
            if strips is None:
                continue
            originals, decoded = strips
            block = blocks.get(originals.tobytes())
            if block is None:
                first = strip(originals, "originals", f"{prefix}originals-{len(blocks) + 1}.png")
                block = blocks[originals.tobytes()] = StripBlock(
                    "", [LabelledPicture("originals", first)]
                )
            label = setting.label if len(setting.runs) == 1 else f"{setting.label}, seed {run.seed}"
            number = sum(len(it.rows) for it in blocks.values())
            file = f"{prefix}reconstructions-{number}.png"
            block.rows.append(
                LabelledPicture(label, strip(decoded, f"reconstructions by {label}", file))
            )
    return list(blocks.values())


def _interpolations(firsts: Sequence[tuple[Setting, Run]], prefix: str) -> list[StripBlock]:
    """Returns for each pair of images the paths of the runs."""
    blocks: dict[str, StripBlock] = {}
    for setting, run in firsts:
        for name, pixels in interpolations(run).items():
            block = blocks.setdefault(name, StripBlock(name, []))
            number = f"{list(blocks).index(name) + 1}-{len(block.rows) + 1}"
            alt = f"interpolation from {name} by {setting.label}"
            picture = strip(pixels, alt, f"{prefix}interpolation-{number}.png")
            block.rows.append(LabelledPicture(setting.label, picture))
    return list(blocks.values())
