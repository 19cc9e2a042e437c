"""How a model, a result and a run's folder show themselves in a notebook."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vae_lab
from vae_lab.notebook_html import result_html, row_of
from vae_lab.run_folder import RunFolder, RunResult

NAME = '<script>alert("x")</script>'


class Page(HTMLParser):
    """The tags and the text of a page; fails if a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.pictures: list[bytes] = []
        self.text, self._open = "", list[str]()
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "img":
            source = dict(attrs)["src"] or ""
            assert source.startswith("data:image/png;base64,")
            self.pictures.append(base64.b64decode(source.partition(",")[2]))
        elif tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_model_shows_its_numbers_and_ten_samples() -> None:
    vae = vae_lab.load("example:linear-z2")
    before = torch.get_rng_state()
    assert repr(vae) == (
        "TrainedVAE('linear-z2', latent_dim=2, image_shape=(1, 28, 28), test ELBO -152.61 nats)"
    )
    page = Page(vae._repr_html_())
    assert torch.equal(torch.get_rng_state(), before)
    metrics, errors = vae.result.metrics, vae.result.standard_errors
    bound = f"{metrics['elbo/test']:.2f} ± {errors['elbo/test']:.2f}".replace("-", "−")
    assert f"test ELBO {bound} nats per image" in page.text
    assert "1 sample of z per image; best weights" in page.text
    assert "20 epochs in" in page.text and str(vae.folder) in page.text
    (png,) = page.pictures
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    assert pixels.shape == (28, 10 * 29 - 1) and len(png) < 10_000
    wanted = np.rint(vae.sample(10, seed=0).numpy()[3, 0] * 255)
    assert np.array_equal(pixels[:, 3 * 29 : 3 * 29 + 28], wanted)


def test_a_folder_shows_its_last_pictures_and_a_result_its_numbers(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert "is not the folder of a run" in Page(run._repr_html_()).text
    result = RunResult(
        name="a", status="success", metrics={"elbo/test": -2.0}, seconds={"total": 75}
    )
    run.write_result(result)
    for name, epoch, grey in (("samples", 1, 9), ("samples", 12, 200), ("reconstructions", 2, 30)):
        run.figure(name, epoch).parent.mkdir(exist_ok=True)
        Image.new("L", (5, 5), grey).save(run.figure(name, epoch))
    page = Page(run._repr_html_())
    colours = [Image.open(io.BytesIO(png)).getpixel((0, 0)) for png in page.pictures]
    assert colours == [30, 200]
    assert "samples, after epoch 12" in page.text and "1 min 15 s" in page.text
    alone = Page(result._repr_html_())
    assert alone.pictures == [] and "test ELBO −2.00 nats per image" in alone.text


def test_what_comes_out_of_a_folder_is_text(tmp_path: Path) -> None:
    result = RunResult(
        name=NAME,
        status="failed",
        error=NAME,
        warnings=[NAME],
        machine=NAME,
        choices={"model": NAME},
        data={"name": NAME},
        protocol={"weights": NAME, "num_samples": NAME},
        seconds={"total": 1.0},
    )
    folder = tmp_path / "<b>'\""
    page = Page(result_html(result, folder, [row_of(np.zeros((2, 1, 8, 8)), NAME)]))
    assert {*page.tags} == {"div", "strong", "br", "span", "code", "img"}
    assert page.text.count(NAME) == 9 and str(folder) in page.text
    run = RunFolder(folder)
    run.write_result(result)
    run.figure("samples", 1).parent.mkdir()
    run.figure("samples", 1).write_bytes(b"<svg onload=alert(1)>")
    assert Page(run._repr_html_()).pictures == []


@pytest.mark.parametrize(
    ("seconds", "words"), [(9.26, "9.3 s"), (59.99, "1 min 0 s"), (7500, "2 h 5 min")]
)
def test_times(seconds: float, words: str) -> None:
    text = Page(RunResult(epochs=3, seconds={"total": seconds})._repr_html_()).text
    assert f"3 epochs in {words}" in text


def test_colour_images_are_enlarged_where_they_are_small() -> None:
    images = np.linspace(0, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
    picture = row_of(images, "two")
    assert Image.open(io.BytesIO(picture.png)).size == (17, 8)
    assert picture.width == 17 * 6
    assert row_of(np.zeros((1, 3, 64, 64)), "one").width == 64
    assert re.search(r"width: 102px", result_html(RunResult(), None, [picture]))
