"""The chart of the bound by epoch, and the colours of all charts."""

from pathlib import Path

from fake_runs import PROTOCOL, write_events, write_run
from html_elements import Elements

from vae_lab.report.blocks import Chart
from vae_lab.report.charts import draw_all
from vae_lab.report.colours import styles
from vae_lab.report.grouping import Group, group_runs
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs


def drawn(folder: Path, *, num_settings: int) -> tuple[Group, Chart]:
    """A group of settings with curves of four epochs, and the chart of them."""
    for place in range(num_settings):
        run = write_run(
            folder / f"run{place}",
            elbo=-100.0 - place,
            config={"objective": {"beta": float(place + 1)}},
            protocol={**PROTOCOL, "weights_epoch": 3},
        )
        bounds = [-900.0, -150.0, -101.5 - place, -101.0 - place]
        write_events(run, {"elbo/train": bounds, "elbo/val": bounds})
    (group,), _ = group_runs(find_runs([folder])[0])
    return group, draw_all(PictureMetrics(group), "")["curves"]


def test_lines_have_their_labels_at_their_ends_and_the_first_epoch_is_outside(
    tmp_path: Path,
) -> None:
    _, chart = drawn(tmp_path, num_settings=4)
    texts = [line.strip() for line in Elements(chart.svg).text.splitlines()]
    assert all(texts.count(f"beta={beta}.0") == 1 for beta in (1, 2, 3, 4))
    assert "legend" not in chart.svg and "−900" not in texts
    assert "Validation: at the end -101.0 nats for beta=1.0, the highest" in chart.alt
    assert "-104.0 for beta=4.0, the lowest" in chart.alt


def test_each_colour_has_one_for_the_dark_page(tmp_path: Path) -> None:
    group, chart = drawn(tmp_path, num_settings=3)
    for style in styles(group).values():
        light = f"stroke: {style.colour}"
        both = f"{light}; stroke: light-dark({style.colour}, {style.on_dark})"
        assert chart.svg.count(both) == chart.svg.count(light) > 0


def test_of_many_settings_those_without_a_label_are_thin_in_their_colour(tmp_path: Path) -> None:
    group, chart = drawn(tmp_path, num_settings=10)
    assert len({style.colour for style in styles(group).values()}) == 10
    assert all(style.colour in chart.svg for style in styles(group).values())
    assert chart.svg.count("stroke-width: 0.8") >= 2 * 2
