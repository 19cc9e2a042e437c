"""What the charts of a page show and say."""

from pathlib import Path

import pytest
from fake_runs import picture_metrics, write_run
from html_elements import Elements
from matplotlib.figure import Figure

from vae_lab.report import charts
from vae_lab.report.grouping import group_runs
from vae_lab.report.page import write_report
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs


@pytest.mark.parametrize("betas", [(0.5, 1.0, 4.0), (0.5, 4.0), ("a", "b", "c")])
def test_the_values_of_a_single_number_are_joined_in_their_order(
    tmp_path: Path, betas: tuple[object, ...]
) -> None:
    for place, beta in enumerate(reversed(betas)):
        write_run(
            tmp_path / f"run{place}", elbo=-100.0 - place, config={"objective": {"beta": beta}}
        )
    runs, _ = find_runs([tmp_path])
    (group,) = group_runs(runs)[0]
    axis = Figure().subplots()
    charts._path_through(axis, group)
    if betas != (0.5, 1.0, 4.0):
        assert not axis.lines
        return
    (line,) = axis.lines
    assert line.get_ydata() == pytest.approx([96.0, 95.0, 94.0]), "by beta, not by folder"
    assert line.get_xdata() == pytest.approx([6.0] * 3)


def drawn_kl(folder: Path, **kl_from: str | None) -> tuple[set[str], str]:
    """The chart of the KL per dimension of one run for each name: its texts, and report.md."""
    for name, origin in kl_from.items():
        latent = {"kl_per_dimension": [3.0, 1.0]} | ({"kl_from": origin} if origin else {})
        write_run(folder / name, elbo=-150.0, choices={"prior": name}, latent=latent)
    write_report([folder], folder)
    (group,), _ = group_runs(find_runs([folder])[0])
    chart = charts.draw_all(PictureMetrics(group), "")["kl"]
    texts = {line.strip() for line in Elements(chart.svg).text.splitlines()}
    return texts, (folder / "report.md").read_text()


def test_a_chart_in_which_all_is_the_same_is_words(tmp_path: Path) -> None:
    def drawn(**shares: list[float]) -> tuple[int, str]:
        for place in (0, 1):
            found = picture_metrics(sharpness=0.3, precision=1.0)
            for name, steps in shares.items():
                found[f"{name}_of_interpolations"]["by_step"] = steps
            folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
            write_run(folder, elbo=-1.0, latent_dim=2 + place, picture_metrics=found)
        (group,), _ = group_runs(
            find_runs([folder, folder.with_name(str(int(folder.name) - 1))])[0]
        )
        chart = charts.draw_all(PictureMetrics(group), "").get("paths")
        return (chart.svg.count('id="paths-axes_'), chart.caption) if chart else (0, "")

    both = drawn(precision=[1.0, 0.5, 1.0], unanimity=[1.0, 0.5, 1.0])
    assert both == (2, charts.PATHS_CAPTION)
    one, caption = drawn(precision=[1.0, 1.0, 1.0], unanimity=[1.0, 0.5, 1.0])
    assert one == 1 and "At every step, 100 % are near real images (precision)." in caption
    assert drawn(precision=[1.0, 1.0, 1.0], unanimity=[0.5, 0.5, 0.5]) == (0, "")


PRIOR, CODES = "the prior", "the aggregate posterior"


@pytest.mark.parametrize(
    ("kl_from", "axis", "said"),
    [
        ({"standard": None}, "KL, nats per image", "from the prior, test"),  # an older run
        ({"standard": PRIOR, "own": PRIOR}, "KL, nats per image", "from the prior, test"),
        (
            {"vamp": CODES, "gaussian_mixture": CODES},
            "KL from the aggregate posterior, nats per image",
            "from the aggregate posterior, test",
        ),
    ],
)
def test_the_chart_of_the_kl_says_from_what_it_is_where_all_runs_share_it(
    tmp_path: Path, kl_from: dict[str, str], axis: str, said: str
) -> None:
    texts, markdown = drawn_kl(tmp_path, **kl_from)
    assert {axis, *(kl_from if len(kl_from) > 1 else ())} <= texts
    caption = f"KL of each latent dimension {said} images, largest first."
    html = (tmp_path / "report.html").read_text()
    # As the picture's description, and for all to read.
    assert markdown.count(caption) == html.count(caption) == 2


def test_the_chart_of_the_kl_says_of_each_run_from_what_it_is(tmp_path: Path) -> None:
    texts, markdown = drawn_kl(tmp_path, standard=PRIOR, vamp=CODES)
    assert {
        "KL, nats per image",
        "standard (from the prior)",
        "vamp (from the aggregate posterior)",
    } <= texts
    assert "from the prior and from the aggregate posterior (dashed), which are two" in markdown


def test_a_line_without_a_label_shows_from_what_its_kl_is(tmp_path: Path) -> None:
    for name, origin in (("standard", PRIOR), ("vamp", CODES), ("unknown", None)):
        reference = {"kl_reference": origin.removeprefix("the ")} if origin else {}
        latent = {"kl_per_dimension": [3.0], **reference} if origin else {}
        write_run(tmp_path / name, elbo=-150.0, choices={"prior": name}, latent=latent)
    runs = {run.name: run for run in find_runs([tmp_path])[0]}
    references = charts.kl_references([*runs.values()])
    lines = [charts.line_style(runs[name], references) for name in ("standard", "vamp")]
    assert lines == ["-", "--"]
    references = charts.kl_references([runs["vamp"], runs["unknown"]])
    assert charts.line_style(runs["vamp"], references) == "-"
