"""The table of results links the explorer of each run, wherever the report lies."""

import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
from fake_runs import write_run
from html_elements import Elements

from vae_lab.ownership import WRITTEN_BY
from vae_lab.report.page import write_report

PAGE = "report.html"
NAMES = ("a run #1", "50 % größer", "x'y\"z", "a:b", "(c)", "d?e&f", "<b>")


def explorer(run: Path, text: str = WRITTEN_BY) -> Path:
    path = run / "explorer.html"
    path.write_text(text)
    return path


def links(folder: Path) -> list[str]:
    """Returns the addresses of both pages, which are the same."""
    html = Elements((folder / "report.html").read_text()).addresses
    markdown = (folder / "report.md").read_text()
    found = [address for address in html if not address.startswith(("data:", "#"))]
    assert re.findall(r"\[(?:open|\d+)\]\((.*?)\)", markdown) == found
    return found


@pytest.mark.parametrize("place", ["sweep", "else where/report"])
def test_each_link_leads_to_its_run_also_after_all_was_moved(place: str, tmp_path: Path) -> None:
    before = tmp_path / "before"
    for number, name in enumerate(NAMES):
        run = write_run(before / "sweep" / name, elbo=-9.0 - number, config={"width": name})
        explorer(run, f"{WRITTEN_BY}: {name}")
    write_report([before / "sweep"], before / place)
    after = before.rename(tmp_path / "after")
    addresses = links(after / place)
    assert not [address for address in addresses if re.search(r"[^\w./%~-]", address)]
    pages = [(after / place / unquote(address)).read_text() for address in addresses]
    assert sorted(pages) == sorted(f"{WRITTEN_BY}: {name}" for name in NAMES)
    labels = re.findall(r'aria-label="(open: .*?)">open</a>', (after / place / PAGE).read_text())
    assert len(labels) == len(NAMES) and "open: explorer of a run #1" in labels


def test_only_an_explorer_that_is_there_and_ours_is_linked(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, elbo=-9.0, config={"width": name})
        for name in ("ours", "none", "theirs", "linked", "folder")
    ]
    write_report([tmp_path], tmp_path)
    headings = re.findall(r"<th [^>]*>(.*?)</th>", (tmp_path / PAGE).read_text())
    assert links(tmp_path) == [] and "explorer" not in headings
    ours = explorer(runs[0])
    explorer(runs[2], "<title>mine</title>")
    (runs[3] / ours.name).symlink_to(ours)
    (runs[4] / ours.name).mkdir()
    write_report([tmp_path], tmp_path)
    assert links(tmp_path) == ["ours/explorer.html"]
    headings = re.findall(r"<th [^>]*>(.*?)</th>", (tmp_path / PAGE).read_text())
    assert headings[:3] == ["width", "explorer", "test bound"]


def test_a_setting_of_several_seeds_has_a_link_for_each(tmp_path: Path) -> None:
    for seed in (0, 1, 10):
        explorer(write_run(tmp_path / f"run{seed}", elbo=-9.0 - seed, seed=seed))
    shutil.rmtree(tmp_path / "run1")
    write_run(tmp_path / "run1", elbo=-9.0, seed=1)
    write_report([tmp_path], tmp_path)
    found = re.findall(
        r'<a href="([^"]*)" aria-label="([^"]*)">(.*?)</a>', (tmp_path / PAGE).read_text()
    )
    assert [it for it in found if "explorer.html" in it[0]] == [
        (f"run{seed}/explorer.html", f"{seed}: explorer of run{seed}", str(seed))
        for seed in (0, 10)
    ]
    assert "| explorer by seed |" in (tmp_path / "report.md").read_text()
