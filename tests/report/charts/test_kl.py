"""The chart of the KL per dimension."""

from pathlib import Path

import pytest
from fake_runs import write_run
from html_elements import Elements

from vae_lab.report.charts import draw_all, kl
from vae_lab.report.grouping import group_runs
from vae_lab.report.page import write_report
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs

PRIOR, CODES = "the prior", "the aggregate posterior"


def drawn_kl(folder: Path, **kl_from: str | None) -> tuple[set[str], str]:
    """The chart of the KL per dimension of one run for each name: its texts, and report.md."""
    for name, origin in kl_from.items():
        latent = {"kl_per_dimension": [3.0, 1.0]} | ({"kl_from": origin} if origin else {})
        write_run(folder / name, elbo=-150.0, choices={"prior": name}, latent=latent)
    write_report([folder], folder)
    (group,), _ = group_runs(find_runs([folder])[0])
    chart = draw_all(PictureMetrics(group), "")["kl"]
    texts = {line.strip() for line in Elements(chart.svg).text.splitlines()}
    return texts, (folder / "report.md").read_text()


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
    references = kl.kl_references([*runs.values()])
    lines = [kl.line_style(runs[name], references) for name in ("standard", "vamp")]
    assert lines == ["-", "--"]
    references = kl.kl_references([runs["vamp"], runs["unknown"]])
    assert kl.line_style(runs["vamp"], references) == "-"
