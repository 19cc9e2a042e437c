"""Copies real pictures of runs and of a sweep into docs/images/gallery/, as small files.

    make sweep
    make gallery ARGS=SWEEP_FOLDER

The runs conv-z2 and conv-z10 of the sweep, its report and its run `comparison` are shown.
histograms.png and embedding.png are screenshots of TensorBoard, taken by hand.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

FOLDER = Path(__file__).parents[1] / "docs" / "images" / "gallery"
COLOURS, WIDEST = 64, 1472

# What shows more with two latent dimensions, and what with more.
OF_THE_PLANE = ("latent_map", "quantile_map", "latent_scatter")
OF_MORE = ("reconstructions", "samples", "interpolations", "traversals", "kl_per_dim")
# Of pictures that both have, the second kind.
OF_BOTH = ("latent_map", "latent_scatter")
OF_THE_REPORT = ("curves", "bound", "differences-1", "kl", "paths")
OF_THE_COMPARISON = ("reconstructions", "latent_map")


def of_runs(plane: Path, more: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yields the last picture of each kind, by the name of its file in the gallery."""
    for run, names, end in (
        (plane, OF_THE_PLANE, ""),
        (more, OF_MORE, ""),
        (more, OF_BOTH, "_z10"),
    ):
        for name in names:
            last = max((run / "figures").glob(f"{name}_[0-9]*.png"))
            yield f"{name}{end}", Image.open(last)


def of_sweep(sweep: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yields charts of the report, and pictures of all runs from TensorBoard's files."""
    for name in OF_THE_REPORT:
        (path,) = (sweep / "report_figures").glob(f"{name}-*.png")
        yield f"report_{name.removesuffix('-1')}", Image.open(path)
    events = EventAccumulator(str(sweep / "comparison"), size_guidance={"images": 0})
    events.Reload()
    for name in OF_THE_COMPARISON:
        (tag,) = (tag for tag in events.Tags()["images"] if name in tag)
        encoded = events.Images(tag)[-1].encoded_image_string
        yield f"comparison_{name}", Image.open(io.BytesIO(encoded))


def save(name: str, picture: Image.Image) -> None:
    """Writes the picture with few colours, on white, at most as wide as a sharp page."""
    opaque = Image.new("RGB", picture.size, "white")
    opaque.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
    if opaque.width > WIDEST:
        opaque = opaque.resize((WIDEST, opaque.height * WIDEST // opaque.width))
    few = opaque.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    path = FOLDER / f"{name}.png"
    few.save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {few.width} x {few.height}")


def main() -> None:
    sweep = Path(sys.argv[1])
    # On the embedded digits their names end in -5k.
    plane, more = (next(sweep.glob(f"conv-{dimensions}*")) for dimensions in ("z2", "z10"))
    FOLDER.mkdir(exist_ok=True)
    for name, picture in [*of_runs(plane, more), *of_sweep(sweep)]:
        save(name, picture)


if __name__ == "__main__":
    main()
