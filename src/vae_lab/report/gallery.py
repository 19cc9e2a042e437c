"""The pictures of a part: strips of every run under one another, whole pictures side by side."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vae_lab.report.grouping import Part, Setting, in_colour
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


class StripBlock(NamedTuple):
    """Strips under one another that show the same images."""

    title: str
    rows: list[LabelledPicture]


class Gallery(NamedTuple):
    """All pictures of a part, and in words which runs' are left out."""

    reconstructions: list[StripBlock]
    interpolations: list[StripBlock]
    whole: dict[str, list[LabelledPicture]]
    note: str

    def pictures(self) -> Iterator[PagePicture]:
        """Yields every picture."""
        for rows in (*self.reconstructions, *self.interpolations):
            yield from (one.picture for one in rows.rows)
        for group in self.whole.values():
            yield from (one.picture for one in group)


def gallery_of(part: Part, prefix: str) -> Gallery:
    """Returns the pictures of a part; `prefix` begins the names of their files."""
    chosen = in_colour(part)
    note = ""
    if len(chosen) < len(part.settings):
        note = (
            f"Shown of {len(chosen)} of the {len(part.settings)} settings: the best four by the "
            f"test bound, the worst, and others between. Reconstructions are those of every run."
        )
    firsts = [(setting, setting.runs[0]) for setting in chosen]
    if any(len(setting.runs) > 1 for setting in chosen):
        note = f"{note} Of several seeds, the first is shown.".strip()
    return Gallery(
        reconstructions=_reconstructions(part, prefix),
        interpolations=_interpolations(firsts, prefix),
        whole={
            kind: [
                LabelledPicture(setting.label, picture)
                for place, (setting, run) in enumerate(firsts)
                if (picture := _whole(run, setting, kind, f"{prefix}{kind}-{place + 1}.png"))
            ]
            for kind in WHOLE
        },
        note=note,
    )


def _whole(run: Run, setting: Setting, kind: str, file: str) -> PagePicture | None:
    title, words = WHOLE[kind]
    return whole(run, kind, f"{title} of {setting.label}: {words}", file)


def _reconstructions(part: Part, prefix: str) -> list[StripBlock]:
    """Returns the originals and every run's reconstructions; by originals, where they differ."""
    blocks: dict[bytes, StripBlock] = {}
    for setting in part.settings:
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
            place = sum(len(one.rows) for one in blocks.values())
            file = f"{prefix}reconstructions-{place}.png"
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
            place = f"{list(blocks).index(name) + 1}-{len(block.rows) + 1}"
            words = f"interpolation from {name} by {setting.label}"
            picture = strip(pixels, words, f"{prefix}interpolation-{place}.png")
            block.rows.append(LabelledPicture(setting.label, picture))
    return list(blocks.values())
