"""How a run shows itself in a notebook: what is known of it, and pictures, as HTML. No torch.

Colours are the page's own, so that it can be read on light and on dark pages. What comes out of a
folder is escaped: it may be a stranger's.
"""

import html
import io
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from vae_lab.run_folder import RunResult

_PNG = b"\x89PNG\r\n\x1a\n"
_FRAME = (
    "border: 1px solid rgba(128, 128, 128, .45); border-radius: 6px; padding: .7em 1em; "
    "margin: .3em 0; display: inline-block; box-sizing: border-box; max-width: min(46em, 100%); "
    "font-size: 14px; line-height: 1.5; overflow-wrap: anywhere"
)
_FAINT = "opacity: .75"

# What a protocol says if every image has its class, and the choice of no condition.
_LABEL, _NONE = "label", "none"

# Classes of which a sample is shown, and characters of a class's name.
MOST_CLASSES, _LONGEST_NAME = 10, 16


class Thumbnails(NamedTuple):
    """A PNG file with what it shows. `width` is that of images that are enlarged, in CSS pixels.

    `heading` is a line above it and those that follow.
    """

    caption: str
    png: bytes
    width: int | None = None
    heading: str = ""


class ShownResult:
    """A result that shows itself in a notebook: its numbers."""

    def _repr_html_(self: Any) -> str:
        return result_html(self)


class ShownFolder:
    """A run's folder that shows itself in a notebook: its result, and its last pictures."""

    def _repr_html_(self: Any) -> str:
        if self.result is None:
            return f"<code>{html.escape(str(self.path))}</code> is not the folder of a run."
        pictures = []
        for name in ("reconstructions", "samples", "classes"):
            if files := self.figures(name):
                epoch = max(files)
                caption = f"{name}, after epoch {epoch}"
                pictures.append(Thumbnails(caption, self.read(files[epoch])))
        return result_html(self.result, self.path, pictures)


def result_html(
    result: "RunResult", folder: object = None, pictures: Iterable[Thumbnails] = ()
) -> str:
    """Returns what is known of a run as HTML, with its folder and pictures."""
    name = result.name if folder is None or result.name else str(folder)
    lines = [f"<strong>{html.escape(name)}</strong>", *_bound(result)]
    lines += [f'<span style="{_FAINT}">{html.escape(line)}</span>' for line in _facts(result)]
    lines += [html.escape(f"Warning: {warning}") for warning in result.warnings]
    if folder is not None:
        lines.append(f"<code>{html.escape(str(folder))}</code>")
    shown = "".join(_picture(picture) for picture in pictures if picture.png.startswith(_PNG))
    return f'<div style="{_FRAME}">{"<br>".join(lines)}<div>{shown}</div></div>'


def _bound(result: "RunResult") -> list[str]:
    """Returns the bound of the test images in large letters; for no such bound, the status."""
    value, error = result.metrics.get("elbo/test"), result.standard_errors.get("elbo/test")
    if value is None:
        why = f": {result.error}" if result.error else ""
        return [html.escape(f"{result.status}{why}")]
    number = f"{value:.2f}" if error is None else f"{value:.2f} ± {error:.2f}"
    large = f'<span style="font-size: 1.35em">{number.replace("-", "−")}</span>'
    given = ", given its class" if result.protocol.get("condition") == _LABEL else ""
    return [f"test ELBO {large} nats per image{given}"]


def _facts(result: "RunResult") -> list[str]:
    """Returns how the bound was measured, and what was trained for how long: two lines."""
    metrics, protocol, data = result.metrics, result.protocol, result.data
    measured = [
        f"{word} {metrics[f'{name}/test']:.2f}"
        for name, word in (("recon", "reconstruction"), ("kl", "KL"))
        if f"{name}/test" in metrics
    ]
    if protocol:
        samples, epoch = protocol.get("num_samples"), protocol.get("weights_epoch")
        measured += [
            f"{data.get('test', 0):,} test images of {data.get('name')}",
            f"{samples} sample{'' if samples == 1 else 's'} of z per image",
            f"{protocol.get('weights')} weights (epoch {epoch})",
        ]
    made = [", ".join(f"{key} {value}" for key, value in _parts(result).items())]
    if result.num_parameters is not None:
        made.append(f"{result.num_parameters:,} parameters")
    if (seconds := result.seconds.get("total")) is not None:
        place = f" on {result.machine}" if result.machine else ""
        made.append(f"{result.epochs} epochs in {_time(seconds)}{place}")
    return [line for line in ("; ".join(measured), "; ".join(filter(None, made))) if line]


def _parts(result: "RunResult") -> dict[str, object]:
    names = ("model", "objective", "likelihood", "prior", "posterior")
    choices = {name: result.choices[name] for name in names if name in result.choices}
    if (condition := result.choices.get("condition", _NONE)) != _NONE:
        choices["condition"] = condition
    return choices | ({} if result.latent_dim is None else {"Z": result.latent_dim})


def _time(seconds: float) -> str:
    """Returns a time such as "9.3 s", "4 min 10 s" or "2 h 5 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _picture(picture: Thumbnails) -> str:
    data, caption = b64encode(picture.png).decode(), html.escape(picture.caption)
    size = f"width: {picture.width}px; image-rendering: pixelated"
    style = "max-height: 220px" if picture.width is None else size
    heading = f'<div style="{_FAINT}; margin-top: .6em">{html.escape(picture.heading)}</div>'
    return (
        f"{heading if picture.heading else ''}"
        f'<div style="display: inline-block; vertical-align: top; margin: .6em .8em 0 0">'
        f'<div style="{_FAINT}">{caption}</div><img src="data:image/png;base64,{data}" '
        f'alt="{caption}" style="max-width: 100%; {style}"></div>'
    )


def row_of(images: "np.ndarray", caption: str) -> Thumbnails:
    """Returns images (N, C, H, W) in [0, 1] side by side, small ones enlarged."""
    import numpy as np
    from PIL import Image

    _, channels, height, _ = images.shape
    framed = np.pad(images, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=0.5)
    row = np.concatenate([*framed], axis=2)[..., :-1]  # C, H, W of all
    pixels = np.rint(np.clip(row, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    array = pixels[0] if channels == 1 else pixels.transpose(1, 2, 0)
    Image.fromarray(array).save(file, "PNG", optimize=True)
    return Thumbnails(caption, file.getvalue(), array.shape[1] * max(1, round(48 / height)))


def samples_of_classes(images: "np.ndarray", names: Sequence[str]) -> list[Thumbnails]:
    """Returns images (N, C, H, W) in [0, 1], each with the name of its class above."""
    shown = [
        row_of(images[k : k + 1], f"{name[:_LONGEST_NAME]}{'…' * (len(name) > _LONGEST_NAME)}")
        for k, name in enumerate(names)
    ]
    first = shown[0]._replace(heading="samples: one draw from the prior, decoded as each class")
    return [first, *shown[1:]]
