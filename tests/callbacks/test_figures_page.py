"""The page of a run's pictures shows all of them, the last ones first, and replaces no other's."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from tiny_vae import WHEN, train

from vae_lab.callbacks.figures_page import Kind, link_explorer, write_page
from vae_lab.callbacks.kl_per_dim import KLPerDim
from vae_lab.callbacks.samples import Samples
from vae_lab.run_folder import RunFolder

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")

VOID = ("meta", "img", "input", "!doctype")


class Page(HTMLParser):
    """What a page holds: attributes by tag, and its text; a tag that is left open is an error."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open = "", [""]
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open in ([""], ["", "html"]), "html may stay open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def each(self, tag: str, name: str) -> list[str | None]:
        return [attributes[name] for found, attributes in self.tags if found == tag]


def drawn(folder: Path, *names: str) -> RunFolder:
    (folder / "figures").mkdir(exist_ok=True)
    for name in names:
        (folder / "figures" / name).touch()
    return RunFolder(folder)


def test_the_page_shows_every_epoch_and_chooses_the_last(tmp_path: Path) -> None:
    folder = drawn(tmp_path, "a_0000.png", "a_0005.png", "a_0010.png", "b_0005.png", "b.svg")
    kinds = [Kind("a", r"<KL\|x>"), Kind("b", ""), Kind("none", "")]
    write_page(folder, kinds, title="A & B", epochs_done=5)
    page = Page(tmp_path / "figures" / "index.html")
    assert page.each("img", "src") == ["a_0000.png", "a_0005.png", "b_0005.png"]
    assert page.each("section", "id") == ["a", "b"]
    assert "A & B" in page.text and "<KL|x>" in page.text
    chosen = [about["id"] for tag, about in page.tags if tag == "input" and "checked" in about]
    assert chosen == ["a-5", "b-5"]
    links = page.each("a", "href")
    assert "b.svg" in links and {"#a", "#b"} <= set(links)
    inside = [link for link in links if link and not link.startswith("#")]
    assert all((tmp_path / "figures" / link).is_file() for link in inside), "links are relative"


def test_the_film_is_shown_if_there_is_one(tmp_path: Path) -> None:
    folder = drawn(tmp_path, "a_0001.png", "evolution.gif")
    write_page(folder, [Kind("a", "")], title="run", epochs_done=1)
    page = Page(tmp_path / "figures" / "index.html")
    assert page.each("img", "src") == ["a_0001.png", "evolution.gif"]


def test_a_page_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    folder = drawn(tmp_path, "a_0001.png", "index.html")
    path = tmp_path / "figures" / "index.html"
    path.write_text("mine")
    write_page(folder, [Kind("a", "")], title="run", epochs_done=1)
    assert path.read_text() == "mine"
    path.unlink()
    write_page(folder, [Kind("a", "")], title="run", epochs_done=1)
    drawn(tmp_path, "a_0002.png")
    write_page(RunFolder(tmp_path), [Kind("a", "")], title="run", epochs_done=2)
    assert "a_0002.png" in path.read_text(encoding="utf-8"), "ours is written anew"


def test_the_explorer_is_linked_once_it_is_written(tmp_path: Path) -> None:
    folder = drawn(tmp_path, "a_0001.png")
    link_explorer(tmp_path / "explorer.html")
    assert not (tmp_path / "figures" / "index.html").exists(), "no page of its own"
    write_page(folder, [Kind("a", "")], title="</header>", epochs_done=1)
    page = Page(tmp_path / "figures" / "index.html")
    assert "../explorer.html" not in page.each("a", "href")
    for name in ("other.html", "explorer.html", "explorer.html"):
        (tmp_path / name).touch()
        link_explorer(tmp_path / name)
    page = Page(tmp_path / "figures" / "index.html")
    assert page.each("a", "href").count("../explorer.html") == 1
    assert page.each("img", "src") == ["a_0001.png"]


def test_no_page_outside_of_the_run_gets_a_link(tmp_path: Path) -> None:
    drawn(tmp_path, "a_0001.png")
    write_page(RunFolder(tmp_path), [Kind("a", "")], title="run", epochs_done=1)
    outside = tmp_path / "figures" / "index.html"
    before = outside.read_text(encoding="utf-8")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "figures").symlink_to(tmp_path / "figures")
    link_explorer(tmp_path / "run" / "explorer.html")
    assert outside.read_text(encoding="utf-8") == before
    outside.write_text("<header></header> mine")
    link_explorer(tmp_path / "explorer.html")
    assert outside.read_text(encoding="utf-8") == "<header></header> mine"


def test_a_training_leaves_its_page(tmp_path: Path) -> None:
    pictures = [
        Samples(num_images=9, columns=3, **WHEN),
        KLPerDim(threshold=0.01, num_images=12, **WHEN),
    ]
    train(tmp_path, pictures, max_epochs=3)
    page = Page(tmp_path / "figures" / "index.html")
    shown = [f"{name}_000{n}.png" for name in ("samples", "kl_per_dim") for n in (0, 2, 3)]
    assert page.each("img", "src") == shown
    assert tmp_path.name in page.text
    assert sorted(RunFolder(tmp_path).figures("index")) == []
