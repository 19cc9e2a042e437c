"""The film of a training, and the Projector's files."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from pytorch_lightning.callbacks import ModelCheckpoint
from tensorboard.plugins.projector import projector_plugin
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tiny_vae import WHEN, TinyData, drawn, train

from vae_lab.callbacks.drawing.grids import to_uint8
from vae_lab.callbacks.drawing.pixels import enlarged, to_image, to_png
from vae_lab.callbacks.drawing.style import PALETTE
from vae_lab.callbacks.embedding import Embedding, tinted, write_projection
from vae_lab.callbacks.evolution import Evolution, equally_spaced, header_height, reduced
from vae_lab.callbacks.latent_map import LatentMap
from vae_lab.callbacks.samples import Samples
from vae_lab.loggers.tensorboard import TensorBoardRunLogger
from vae_lab.run_folder import RunFolder

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


def film(pictures: Sequence[str] = ("latent_map", "samples"), **changes: Any) -> Evolution:
    settings = {"max_frames": 9, "max_width": 700, "max_megabytes": 1.5}
    settings |= {"seconds_per_frame": 0.5, "seconds_at_end": 2}
    return Evolution(pictures=list(pictures), **{**settings, **changes})


def end(folder: Path, evolution: Evolution, *, epochs: int) -> Path:
    snapshot: Any = SimpleNamespace(epochs_done=epochs)  # it uses neither model nor data
    evolution.publish(snapshot, RunFolder(folder), [])
    return folder / "figures" / "evolution.gif"


def draw_files(folder: Path, name: str, epochs: Sequence[int], *, channels: int = 1) -> None:
    for epoch in epochs:
        picture = torch.full((channels, 40, 120), epoch / 40)
        to_png(
            to_image(enlarged(to_uint8(picture), 2)), folder / "figures" / f"{name}_{epoch:04d}.png"
        )


# The film.


@pytest.mark.parametrize("channels", [1, 3])
def test_a_frame_for_each_picture_and_the_last_one_stays(tmp_path: Path, channels: int) -> None:
    draw_files(tmp_path, "latent_map", [0, 5, 10, 12], channels=channels)
    draw_files(tmp_path, "samples", [0, 12])
    with GifImageFile(end(tmp_path, film(), epochs=12)) as gif:
        # Pillow has n_frames in the classes of animated formats alone; so below.
        assert (gif.n_frames, gif.size) == (4, (240, 80 + header_height(240)))
        durations, greys = [], []
        for k in range(4):
            gif.seek(k)
            durations.append(gif.info["duration"])
            greys.append(np.asarray(gif.convert("L"))[header_height(240) + 40, 120])
        assert gif.info["loop"] == 0
    assert durations == [500, 500, 500, 2000]
    assert np.abs(np.array(greys) - 255 / 40 * np.array([0, 5, 10, 12])).max() <= 255 / 31 / 2 + 1
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert len(names) == 7, "nothing unfinished is left"


def test_without_the_first_picture_the_next_is_taken(tmp_path: Path) -> None:
    draw_files(tmp_path, "samples", [0, 3])
    with GifImageFile(end(tmp_path, film(), epochs=3)) as gif:
        assert gif.n_frames == 2


def test_without_pictures_there_is_no_film(tmp_path: Path) -> None:
    assert not end(tmp_path, film(), epochs=3).exists()


def test_pictures_of_an_earlier_run_are_left_out(tmp_path: Path) -> None:
    draw_files(tmp_path, "samples", [0, 5, 10])
    draw_files(tmp_path, "samples_of_others", [1])
    with GifImageFile(end(tmp_path, film(), epochs=7)) as gif:
        assert gif.n_frames == 2  # epochs 0, 5


def test_few_frames_are_equally_spaced_with_both_ends() -> None:
    files = [(epoch, Path(str(epoch))) for epoch in range(0, 101, 5)]
    assert [epoch for epoch, _ in equally_spaced(files, 5)] == [0, 25, 50, 75, 100]
    assert equally_spaced(files[:2], 5) == files[:2]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("megabytes", "frames"), [(1.0, 9), (0.03, 8), (0.001, 2)])
def test_a_film_that_is_too_large_gets_fewer_frames(
    tmp_path: Path, channels: int, megabytes: float, frames: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    for epoch in range(9):  # noise takes more room than any map
        picture = torch.rand(channels, 60, 120, generator=generator)
        to_png(to_image(to_uint8(picture)), tmp_path / "figures" / f"samples_{epoch:04d}.png")
    path = end(tmp_path, film(max_megabytes=megabytes), epochs=8)
    with GifImageFile(path) as gif:
        # Of animated formats only; see above.
        count = gif.n_frames
        assert 2 <= count <= frames and (count == 9) == (frames == 9)
        assert path.stat().st_size <= 1e6 * megabytes or count == 2
        gif.seek(count - 1)
        assert gif.info["duration"] == 2000


def test_a_film_of_maps_has_the_first_epochs_and_goes_on_after_a_resume(tmp_path: Path) -> None:
    def callbacks() -> list[Any]:
        when = {**WHEN, "every_n_epochs": 5}
        maps = LatentMap(steps=3, extent=1.5, corners=[0, 1, 7], first_epochs=3, **when)
        return [film(), maps, ModelCheckpoint(dirpath=tmp_path / "checkpoints", save_last=True)]

    train(tmp_path, callbacks(), max_epochs=2)
    with GifImageFile(tmp_path / "figures" / "evolution.gif") as gif:
        assert gif.n_frames == 3  # epochs 0, 1, 2
    train(tmp_path, callbacks(), max_epochs=6, resume=tmp_path / "checkpoints" / "last.ckpt")
    assert drawn(tmp_path, "latent_map") == [0, 1, 2, 3, 5, 6]
    with GifImageFile(tmp_path / "figures" / "evolution.gif") as gif:
        assert gif.n_frames == 6


def test_reducing_gives_back_the_pixels_that_were_enlarged(tmp_path: Path) -> None:
    picture = torch.rand(1, 20, 30)
    to_png(to_image(enlarged(to_uint8(picture), 4)), tmp_path / "a.png")
    small = np.asarray(reduced(tmp_path / "a.png", max_width=59))  # 120 is reduced by 3, 120 / 3
    assert small.shape == (27, 40)
    small = np.asarray(reduced(tmp_path / "a.png", max_width=30))
    assert np.array_equal(small, picture[0].mul(255).round().byte().numpy())


def test_a_run_ends_with_a_film_whatever_the_order_of_callbacks(tmp_path: Path) -> None:
    samples = Samples(num_images=9, columns=3, **{**WHEN, "scale": 20})
    train(tmp_path, [film(), samples], max_epochs=3)
    with GifImageFile(tmp_path / "figures" / "evolution.gif") as gif:
        assert gif.n_frames == 3  # epochs 0, 2, 3


# The Projector.


def read_table(path: Path) -> list[list[float]]:
    return [[float(cell) for cell in line.split("\t")] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("latent_dim", [1, 2, 3, 5])
def test_points_have_at_least_three_columns(tmp_path: Path, latent_dim: int) -> None:
    points = torch.rand(7, latent_dim)
    write_projection(tmp_path, points=points, labels=None, images=torch.rand(7, 1, 2, 3))
    table = torch.tensor(read_table(tmp_path / "projector" / "points.tsv"))
    assert table.shape == (7, max(3, latent_dim))
    torch.testing.assert_close(table[:, :latent_dim], points, rtol=1e-5, atol=1e-6)
    assert (table[:, latent_dim:] == 0).all()
    assert not (tmp_path / "projector" / "labels.tsv").exists()
    assert "metadata_path" not in (tmp_path / "projector_config.pbtxt").read_text()


def test_labels_are_told_by_the_colours_of_images() -> None:
    images = torch.rand(4, 1, 3, 3)
    images[:, :, 0, 0], images[:, :, 0, 1] = 0, 1
    coloured = tinted(images, torch.tensor([7, 2, 7, 4])).mul(255).round()
    # Black is the colour of the label, the third, the first, the third, the second; white stays.
    expected = [[int(PALETTE[k][n : n + 2], 16) for n in (1, 3, 5)] for k in (2, 0, 2, 1)]
    assert coloured[:, :, 0, 0].tolist() == expected
    assert (coloured[:, :, 0, 1] == 255).all()
    photo = torch.rand(4, 3, 20, 20)
    framed = tinted(photo, torch.tensor([7, 2, 7, 4]))
    assert torch.equal(framed[..., 2:-2, 2:-2], photo[..., 2:-2, 2:-2])
    for edge in (framed[..., :2, :], framed[..., -2:, :], framed[..., :2], framed[..., -2:]):
        found = edge.flatten(2).mul(255).round()
        assert (found == torch.tensor(expected)[:, :, None]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_sprites_lie_row_by_row_in_a_square(tmp_path: Path, channels: int) -> None:
    images = torch.rand(7, channels, 2, 3)
    write_projection(tmp_path, points=torch.rand(7, 2), labels=list("0123456"), images=images)
    with Image.open(tmp_path / "projector" / "sprites.png") as file:
        sheet = torch.from_numpy(np.array(file)).view(6, 9, channels)
    for k, image in enumerate(images):
        top, left = k // 3 * 2, k % 3 * 3
        expected = image.mul(255).round().byte().permute(1, 2, 0)
        assert torch.equal(sheet[top : top + 2, left : left + 3], expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "projector",
        "projector_config.pbtxt",
    ]
    assert len(list((tmp_path / "projector").iterdir())) == 3


def test_too_many_images_for_the_page_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at most 4 images of this size: lower num_images"):
        write_projection(
            tmp_path,
            points=torch.rand(5, 2),
            labels=None,
            images=torch.zeros(1, 1, 1, 1).expand(5, 1, 4096, 4096),
        )


def test_a_run_leaves_what_the_projector_reads(tmp_path: Path) -> None:
    logger = TensorBoardRunLogger(save_dir=tmp_path, columns=[], metrics=[])
    train(tmp_path, [Embedding(num_images=5)], loggers=[logger], max_epochs=1)
    text = (tmp_path / "projector_config.pbtxt").read_text()
    (embedding,) = projector_plugin.text_format.Parse(text, ProjectorConfig()).embeddings
    assert list(embedding.sprite.single_image_dim) == [2, 2]
    table = torch.tensor(read_table(tmp_path / embedding.tensor_path))
    torch.testing.assert_close(
        table[:, :2], TinyData().images.flatten(1)[:5, :2], rtol=1e-5, atol=1e-6
    )
    assert (tmp_path / embedding.metadata_path).read_text() == "0\n1\n2\n3\n4\n"
    assert (tmp_path / embedding.sprite.image_path).exists()


def test_without_tensorboard_there_is_no_projector(tmp_path: Path) -> None:
    train(tmp_path, [Embedding(num_images=5)], max_epochs=1)
    assert list(tmp_path.iterdir()) == []
