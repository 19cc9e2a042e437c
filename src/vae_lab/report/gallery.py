"""The pictures of a group: strips of all runs under one another, whole pictures side by side."""

import numpy as np

from vae_lab.report.blocks import Block, Cards, Note, PagePicture, Strips
from vae_lab.report.grouping import Group, best, in_colour
from vae_lab.report.runs import Run
from vae_lab.report.strips import first, interpolations, reconstructions, samples, strip, whole

WHOLE = {
    "samples": ("Samples", "100 prior draws, the same noise in runs of one latent dimension"),
    "latent_map": ("Latent maps", "decoded points of the latent plane"),
    "latent_scatter": ("Latent scatters", "posterior means of validation images, by label"),
}

# On the first screen: images per row, and settings.
FEW_IMAGES, FEW_SETTINGS = 10, 4

DOUBLE_ROWS = 2  # of a picture of reconstructions, that become one strip

NO_PICTURES = Note("These runs drew none: train with callbacks=default.")


def overview(group: Group, prefix: str) -> Block:
    """Returns the first images: originals, and each setting's reconstructions and samples.

    Of many settings the best are shown, of several seeds the first.
    """
    shown = best(group, FEW_SETTINGS)
    some = "" if len(shown) == len(group.settings) else f", the best {len(shown)} settings"
    decoded: list[PagePicture] = []
    drawn: list[PagePicture] = []
    originals = b""
    for number, setting in enumerate(shown, start=1):
        run = setting.runs[0]
        if found := reconstructions(run, 1):
            if not decoded:
                originals = found[0].tobytes()
                decoded.append(_few(run, found[0], "originals", f"{prefix}overview-originals"))
            # Rows below one another are of the same images.
            if found[0].tobytes() == originals:
                name = f"{prefix}overview-reconstructions-{number}"
                decoded.append(_few(run, found[1], setting.label, name, "reconstructions by "))
        if (pixels := samples(run)) is not None:
            name = f"{prefix}overview-samples-{number}"
            drawn.append(_few(run, pixels, setting.label, name, "samples of "))
    rows = {f"Reconstructions{some}": decoded, f"Samples{some}": drawn}
    blocks = [(title, pictures) for title, pictures in rows.items() if pictures]
    return Strips(blocks) if blocks else NO_PICTURES


def _few(run: Run, pixels: np.ndarray, label: str, name: str, what: str = "") -> PagePicture:
    """Returns the first images of a strip as a picture; `what` begins its description."""
    few = first(pixels, FEW_IMAGES, run.folder.image_shape[-1])
    return strip(few, label, f"First {what}{label}", f"{name}.png")


def selection_notes(group: Group) -> list[Block]:
    """Returns of which runs the pictures are, if not of all."""
    chosen, sentences = in_colour(group), []
    if len(chosen) < len(group.settings):
        sentences.append(
            f"Shown of {len(chosen)} of the {len(group.settings)} settings: the best four by the "
            f"test bound, the worst, and others between. Reconstructions are those of every run."
        )
    if any(len(setting.runs) > 1 for setting in chosen):
        sentences.append("Of several seeds, the first is shown.")
    return [Note(" ".join(sentences))] if sentences else []


def whole_pictures(group: Group, kind: str, prefix: str) -> Block:
    """Returns the last picture of a kind by each setting's first run."""
    title, description = WHOLE[kind]
    pictures = []
    for number, setting in enumerate(in_colour(group), start=1):
        alt = f"{title} of {setting.label}: {description}"
        file = f"{prefix}{kind}-{number}.png"
        pictures.append(whole(setting.runs[0], kind, setting.label, alt, file))
    drawn = [picture for picture in pictures if picture]
    return Cards(drawn) if drawn else NO_PICTURES


def reconstruction_strips(group: Group, prefix: str) -> Block:
    """Returns the originals and every run's reconstructions, a block for each set of originals."""
    blocks: dict[bytes, list[PagePicture]] = {}
    for setting, run in [(it, run) for it in group.settings for run in it.runs]:
        if (strips := reconstructions(run, DOUBLE_ROWS)) is None:
            continue
        originals, decoded = strips
        key = originals.tobytes()
        if key not in blocks:
            file = f"{prefix}originals-{len(blocks) + 1}.png"
            blocks[key] = [strip(originals, "originals", "originals", file)]
        label = setting.label if len(setting.runs) == 1 else f"{setting.label}, seed {run.seed}"
        file = f"{prefix}reconstructions-{sum(map(len, blocks.values()))}.png"
        blocks[key].append(strip(decoded, label, f"reconstructions by {label}", file))
    rows = [("", pictures) for pictures in blocks.values()]
    return Strips(rows, originals_first=True) if rows else NO_PICTURES


def interpolation_strips(group: Group, prefix: str) -> Block:
    """Returns for each pair of images the paths of each setting's first run."""
    blocks: dict[str, list[PagePicture]] = {}
    for setting in in_colour(group):
        for path in interpolations(setting.runs[0]):
            rows = blocks.setdefault(path.name, [])
            file = f"{prefix}interpolation-{list(blocks).index(path.name) + 1}-{len(rows) + 1}.png"
            alt = f"interpolation from {path.name} by {setting.label}"
            rows.append(strip(path.pixels, setting.label, alt, file))
    return Strips(list(blocks.items())) if blocks else NO_PICTURES
