"""The pictures of a group: strips of all runs under one another, whole pictures side by side."""

import numpy as np

from vae_lab.report.blocks import Block, Cards, Note, PagePicture, Strips
from vae_lab.report.colours import styles
from vae_lab.report.grouping import Group, best, in_colour
from vae_lab.report.overlays import labels_passed
from vae_lab.report.runs import Run
from vae_lab.report.strips import first, interpolations, reconstructions, samples, strip, whole

# On the first screen: images per row, and settings.
FEW_IMAGES, FEW_SETTINGS = 10, 4

DOUBLE_ROWS = 2  # of a picture of reconstructions, that become one strip

CLASSES_NOTE = Note(
    "All images of a row are decoded from the same draw of the prior, each given the class of its "
    "column: a row shares the style, a column the class."
)

NO_PICTURES = Note("These runs drew none: train with callbacks=default.")


def overview(group: Group, prefix: str) -> Block:
    """Returns the first images: originals, and each setting's reconstructions and samples.

    Of many settings the best are shown, of several seeds the first.
    """
    shown, of_setting = best(group, FEW_SETTINGS), styles(group)
    some = "" if len(shown) == len(group.settings) else f", the best {len(shown)} settings"
    decoded: list[PagePicture] = []
    drawn: list[PagePicture] = []
    originals = b""
    for number, setting in enumerate(shown, start=1):
        run, colours = setting.runs[0], of_setting[id(setting)].on_both
        if found := reconstructions(run, 1):
            if not decoded:
                originals = found[0].tobytes()
                name = f"{prefix}overview-originals"
                decoded.append(_few(run, found[0], "originals", "Original images", name))
            # Rows below one another are of the same images.
            if found[0].tobytes() == originals:
                name = f"{prefix}overview-reconstructions-{number}"
                alt = f"Reconstructions of these originals by {setting.label}"
                row = _few(run, found[1], setting.label, alt, name)
                decoded.append(row._replace(colours=colours))
        if (pixels := samples(run)) is not None:
            name, alt = f"{prefix}overview-samples-{number}", f"Samples of {setting.label}"
            row = _few(run, pixels, setting.label, alt, name)
            drawn.append(row._replace(colours=colours))
    rows = {f"Reconstructions{some}": decoded, f"Samples{some}": drawn}
    blocks = [(title, pictures) for title, pictures in rows.items() if pictures]
    return Strips(blocks) if blocks else NO_PICTURES


def _few(run: Run, pixels: np.ndarray, label: str, alt: str, name: str) -> PagePicture:
    """Returns the first images of a strip as a picture."""
    few = first(pixels, FEW_IMAGES, run.folder.image_shape[-1])
    return strip(few, label, alt, f"{name}.png")


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


def whole_samples(group: Group, prefix: str) -> Block:
    """Returns the last samples of each setting's first run."""
    alt = "Samples of {}: images decoded from draws of the prior"
    return _whole(group, prefix, "samples", alt, without_texts=True) or NO_PICTURES


def whole_classes(group: Group, prefix: str) -> list[Block]:
    """Returns the class pictures of the first runs of conditional settings, if there are any."""
    alt = "Images of {}: a draw of the prior a row, a class a column"
    cards = _whole(group, prefix, "classes", alt, without_texts=False)
    return [cards, CLASSES_NOTE] if cards else []


def _whole(group: Group, prefix: str, kind: str, alt: str, *, without_texts: bool) -> Cards | None:
    """Returns the last pictures of a kind; `alt` says what is seen, of a setting by its name."""
    of_setting, pictures = styles(group), list[PagePicture]()
    for number, setting in enumerate(in_colour(group), start=1):
        label, file = setting.label, f"{prefix}{kind}-{number}.png"
        run, colours = setting.runs[0], of_setting[id(setting)].on_both
        texts = alt.format(label)
        if picture := whole(run, kind, label, texts, file, without_texts=without_texts):
            pictures.append(picture._replace(colours=colours))
    return Cards(pictures) if pictures else None


def reconstruction_strips(group: Group, prefix: str) -> Block:
    """Returns the originals and every run's reconstructions, a block for each set of originals."""
    of_setting, blocks = styles(group), dict[bytes, list[PagePicture]]()
    for setting, run in [(it, run) for it in group.settings for run in it.runs]:
        if (strips := reconstructions(run, DOUBLE_ROWS)) is None:
            continue
        originals, decoded = strips
        key = originals.tobytes()
        if key not in blocks:
            file = f"{prefix}originals-{len(blocks) + 1}.png"
            blocks[key] = [strip(originals, "originals", "Original images", file)]
        label = setting.label if len(setting.runs) == 1 else f"{setting.label}, seed {run.seed}"
        file = f"{prefix}reconstructions-{sum(map(len, blocks.values()))}.png"
        row = strip(decoded, label, f"Reconstructions of these originals by {label}", file)
        blocks[key].append(row._replace(colours=of_setting[id(setting)].on_both))
    rows = [("", pictures) for pictures in blocks.values()]
    return Strips(rows, originals_first=True) if rows else NO_PICTURES


def interpolation_strips(group: Group, prefix: str) -> Block:
    """Returns for each pair of images the paths of each setting's first run."""
    of_setting, blocks = styles(group), dict[str, list[PagePicture]]()
    for setting in in_colour(group):
        for path in interpolations(setting.runs[0]):
            rows = blocks.setdefault(path.name, [])
            file = f"{prefix}interpolation-{list(blocks).index(path.name) + 1}-{len(rows) + 1}.png"
            passed = labels_passed(path)
            alt = f"Interpolation from {path.name} by {setting.label}"
            alt += f": it passes {passed}" if passed else ""
            label = f"{setting.label}: {passed}" if passed else setting.label
            row = strip(path.pixels, label, alt, file)
            rows.append(row._replace(colours=of_setting[id(setting)].on_both))
    return Strips(list(blocks.items())) if blocks else NO_PICTURES
