"""The pictures of a group: strips of all runs under one another, whole pictures side by side."""

from vae_lab.report.blocks import Block, Cards, Note, PagePicture, Strips
from vae_lab.report.grouping import Group, in_colour
from vae_lab.report.strips import interpolations, reconstructions, strip, whole

WHOLE = {
    "samples": ("Samples", "100 prior draws, the same noise in runs of one latent dimension"),
    "latent_map": ("Latent maps", "decoded points of the latent plane"),
    "latent_scatter": ("Latent scatters", "posterior means of validation images, by label"),
}

NO_PICTURES = Note("These runs drew none: train with callbacks=default.")


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
        if (strips := reconstructions(run)) is None:
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
        for name, pixels in interpolations(setting.runs[0]).items():
            rows = blocks.setdefault(name, [])
            number = f"{list(blocks).index(name) + 1}-{len(rows) + 1}"
            alt = f"interpolation from {name} by {setting.label}"
            rows.append(strip(pixels, setting.label, alt, f"{prefix}interpolation-{number}.png"))
    return Strips(list(blocks.items())) if blocks else NO_PICTURES
