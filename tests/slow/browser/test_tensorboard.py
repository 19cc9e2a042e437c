"""TensorBoard on a real sweep: what it answers over HTTP, and what a person sees in Chromium.

The sweep is four jobs of two epochs: linear and conv8, 2 and 10 dimensions, on 5,000 digits. It,
the server and the browser are made once.
"""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from boards import Board, board, eventually
from chromium import Visit
from real_sweep import train

pytestmark = pytest.mark.browser

RUNS = ["conv8-z10-5k", "conv8-z2-5k", "linear-z10-5k", "linear-z2-5k"]
QUANTITIES = ("loss", "elbo", "recon", "kl")
PICTURES = {"interpolations/latent", "reconstructions/val", "samples/prior"}


@pytest.fixture(scope="session")
def sweep(four_runs: Path) -> Path:
    """The folder of a finished sweep of four jobs."""
    return four_runs


@pytest.fixture(scope="session")
def served(sweep: Path) -> Iterator[Board]:
    """TensorBoard on the sweep, as the command finds it by itself."""
    with board(cwd=sweep.parents[2]) as running:
        yield running


@pytest.fixture
def visit(chromium: Any, screenshots: Path, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A page of a person who has never been there. A screenshot is kept, and it had no trouble."""
    one = Visit(chromium)
    yield one
    name = request.node.name.removeprefix("test_").translate(str.maketrans("[]/", "   "))
    one.page.screenshot(path=screenshots / f"{'-'.join(name.split())}.png")
    one.page.context.close()
    assert one.errors == []
    assert one.left_loopback == []


def result(sweep: Path, run: str) -> Any:
    return json.loads((sweep / run / "result.json").read_text(encoding="utf-8"))


def is_z2(run: str) -> bool:
    return "-z2-" in run


# Over HTTP.


def test_four_runs_by_their_short_names_and_no_ghosts(served: Board) -> None:
    assert sorted(served.ask("data/runs")) == ["comparison", *RUNS]


def test_every_epoch_has_its_scalars(served: Board, sweep: Path) -> None:
    tags = served.ask("data/plugin/scalars/tags")
    expected = {f"{name}/{split}" for name in QUANTITIES for split in ("train", "val")}
    for run in RUNS:
        assert expected <= set(tags[run]) and "hp_metric" not in tags[run]
        # A chart of one point is none; the table has the value.
        assert not [tag for tag in tags[run] if tag.endswith("/test")]
        points = served.ask(f"data/plugin/scalars/scalars?run={run}&tag=loss/train")
        assert [step for _, step, _ in points] == [1, 2]
        ((_, _, elbo),) = served.ask(f"data/plugin/scalars/scalars?run={run}&tag=elbo/test")
        assert elbo == pytest.approx(result(sweep, run)["metrics"]["elbo/test"], rel=1e-5)


def test_every_picture_of_every_run_is_kept(served: Board, sweep: Path) -> None:
    shown = served.ask("data/plugin/images/tags")
    for run in RUNS:
        assert set(shown[run]) >= PICTURES
        drawn = {
            (match[1], int(match[2]))
            for path in (sweep / run / "figures").iterdir()
            if (match := re.fullmatch(r"(\w+)_(\d{4})\.png", path.name))
        }
        steps = {
            (tag, image["step"])
            for tag in shown[run]
            for image in served.ask(f"data/plugin/images/images?run={run}&tag={tag}&sample=0")
        }
        assert len(steps) == len(drawn)
        assert {step for _, step in steps} == {step for _, step in drawn} == {0, 1, 2}
        assert {step for tag, step in steps if tag == "samples/prior"} == {0, 1, 2}
        assert {step for tag, step in steps if tag == "reconstructions/val"} == {0, 2}


def test_the_table_has_one_row_per_run_with_its_values(served: Board, sweep: Path) -> None:
    rows = served.rows()
    assert sorted(rows) == RUNS
    for run, row in rows.items():
        linear = run.startswith("linear")
        expected = {"model": "linear" if linear else "conv8", "seed": 0.0}
        expected |= {"latent_dim": 2.0 if is_z2(run) else 10.0, "lr": 0.05 if linear else 0.01}
        if linear:  # the other model has no such key: its cell is empty
            expected["model.hidden_dims"] = "[64]"
        assert {key: value for key, value in row["hparams"].items() if value} == {
            key: value for key, value in expected.items() if value
        }
        (session,) = row["sessions"]
        assert session["status"] == "STATUS_SUCCESS"
        metrics = {one["name"]["tag"]: one["value"] for one in row["metricValues"]}
        assert set(metrics) == {"elbo/test", "recon/test", "kl/test", "loss/test", "elbo/val"}
        for tag in ("elbo/test", "recon/test", "kl/test"):
            assert metrics[tag] == pytest.approx(result(sweep, run)["metrics"][tag], rel=1e-5)


def test_texts_are_the_command_and_the_whole_config(served: Board) -> None:
    tags = served.ask("data/plugin/text/tags")
    for run in RUNS:
        assert sorted(tags[run]) == ["command", "config"]
        ((command,), (config,)) = (
            [one["text"] for one in served.ask(f"data/plugin/text/text?run={run}&tag={tag}")]
            for tag in ("command", "config")
        )
        assert f"python -m vae_lab \\\n  model={run.partition('-')[0]} \\\n" in command
        assert f"latent_dim: {2 if is_z2(run) else 10}\n" in config
        assert "max_epochs: 2\n" in config and config.startswith("<pre><code")


def test_custom_scalars_have_one_chart_per_quantity(served: Board) -> None:
    (category,) = served.ask("data/plugin/custom_scalars/layout")["category"]
    charts = {chart["title"]: chart["margin"]["series"] for chart in category["chart"]}
    assert charts == {
        name: [{"value": f"{name}/val", "lower": f"{name}/train", "upper": f"{name}/val"}]
        for name in QUANTITIES
    }


def test_a_link_is_printed_for_each_thing_there_is_to_see(served: Board) -> None:
    groups = {tag.split("/")[0] for tag in served.ask("data/plugin/images/tags")[RUNS[0]]}
    groups |= {"latent_map"}
    assert set(served.links) >= {
        "side by side",
        "report",
        "epoch by epoch",
        "losses, then all charts",
        "table of the runs",
        "train and validation",
        "configurations",
        *(f"pictures: {group}" for group in groups),
    }


def test_a_killed_sweep_keeps_the_row_of_its_second_job_which_is_no_success(
    tmp_path: Path,
) -> None:
    command = train(
        "-m", "trainer.max_epochs=1,5000", "data=mnist_5k", "threads=1", "callbacks=none",
        "sweep_name=killed", folder=tmp_path,
    )  # fmt: skip
    runs = {epochs: f"linear-z2-5k-epochs{epochs}" for epochs in (1, 5000)}
    weights = tmp_path / "outputs" / "sweeps" / "killed" / runs[5000] / "checkpoints" / "best.ckpt"
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as sweep:
        try:
            eventually(weights.exists, 300)  # an epoch of the second job is over
        finally:
            sweep.kill()
    with board("outputs/sweeps/killed", cwd=tmp_path) as served:
        assert sorted(served.ask("data/runs")) == sorted(runs.values())
        rows = served.rows()
        status = {run: row["sessions"][0]["status"] for run, row in rows.items()}
        assert status == {runs[1]: "STATUS_SUCCESS", runs[5000]: "STATUS_UNKNOWN"}
        assert rows[runs[5000]]["hparams"]["model"] == "linear"
        points = served.ask(f"data/plugin/scalars/scalars?run={runs[5000]}&tag=loss/train")
        assert points[0][1] == 1


# In the browser.


def names_in_cards(page: Any, card: str) -> list[tuple[str, str]]:
    """Returns tag and run of the picture cards on the page, sorted; a tag takes two lines."""
    texts = [text.split("\n") for text in page.locator(card).all_inner_texts()]
    return sorted((lines[0] + lines[1], lines[2]) for lines in texts)


def test_the_plain_address_has_the_links_also_after_a_reload(visit: Visit, served: Board) -> None:
    page = visit.go(served.url)
    titles = page.locator("li a").all_inner_texts()
    assert titles == list(served.links)
    page.reload()
    assert page.locator("li a").all_inner_texts() == titles
    # A place in TensorBoard, as an older bookmark has it, or a reload of one.
    for _ in range(2):
        page.goto(f"{served.url}#text")
        page.locator("tf-text-dashboard").wait_for()
        page.reload()
        page.locator("tf-text-dashboard").wait_for()
        page.goto("about:blank")


def test_the_report_opens_as_it_does_from_its_file(visit: Visit, served: Board) -> None:
    page = visit.go(served.url)
    page.get_by_role("link", name="report", exact=True).click()
    page.locator("main img").first.wait_for()
    drawn = page.evaluate("[...document.images].every(it => it.complete && it.naturalWidth > 0)")
    assert drawn and page.locator("h1").count() == 1


def test_all_runs_are_side_by_side_in_pictures_as_wide_as_their_cards(
    visit: Visit, served: Board
) -> None:
    page = visit.go(served.links["side by side"])
    cards = page.locator("image-card")
    cards.locator("img").nth(4).wait_for()  # TensorBoard adds the last ones when they are seen
    names = [text.split("\n") for text in cards.all_inner_texts()]
    kinds = ["curves", "reconstructions", "samples", "kl_per_dim", "interpolations"]
    kinds += ["latent_map", "latent_scatter", "traversals", "quantile_map"]
    expected = [f"comparison/{number} {kind}" for number, kind in enumerate(kinds, start=1)]
    assert len(names) >= 5
    assert [lines[0] + lines[1] for lines in names] == expected[: len(names)]
    page.get_by_text("11 cards").wait_for()  # both losses too, which are drawn when they are seen
    for image in cards.locator("img").all():
        box = image.bounding_box()
        natural = image.evaluate("it => it.naturalHeight / it.naturalWidth")
        assert box["width"] > 450
        assert box["height"] == pytest.approx(natural * box["width"], abs=2)


def test_losses_and_pictures_are_on_one_page_linked_by_epoch(visit: Visit, served: Board) -> None:
    page = visit.go(served.links["epoch by epoch"])
    page.locator("image-card img").nth(7).wait_for()
    assert page.locator("scalar-card").count() == 2
    assert names_in_cards(page, "image-card") == [
        (tag, run) for tag in ("reconstructions/val", "samples/prior") for run in RUNS
    ]
    samples = page.locator("image-card", has_text="samples/prior")
    assert samples.get_by_text("Step 2").count() == 4
    marker = page.locator("scalar-card card-fob").first.bounding_box()
    x, y = marker["x"] + marker["width"] / 2, marker["y"] + marker["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 400, y, steps=10)  # to the left of the first epoch
    page.mouse.up()
    eventually(lambda: samples.get_by_text("Step 1").count() == 4)
    assert page.locator("scalar-card").get_by_text(RUNS[0]).count() == 2


def test_losses_are_pinned_and_not_smoothed(visit: Visit, served: Board) -> None:
    page = visit.go(served.links["losses, then all charts"])
    pinned = page.locator("metrics-pinned-view scalar-card")
    pinned.nth(1).wait_for()
    texts = [text.split("\n") for text in pinned.all_inner_texts()]
    assert [lines[0] + lines[1] for lines in texts] == ["loss/train", "loss/val"]
    page.get_by_role("button", name="Settings").click()
    settings = page.locator("metrics-dashboard-settings")
    assert settings.locator(".scalars-smoothing input[type=number]").input_value() == "0"
    for words in ("Ignore outliers in chart scaling", "Link by step"):
        box = settings.locator("mat-checkbox", has_text=words).locator("input")
        assert box.is_checked() == (words == "Link by step")
    for run in RUNS:
        page.locator("runs-data-table").get_by_text(run, exact=True).wait_for()


def test_every_group_of_pictures_has_a_page_with_all_its_runs(
    visit: Visit, served: Board, screenshots: Path
) -> None:
    shown = served.ask("data/plugin/images/tags")
    links = {
        words.removeprefix("pictures: "): link
        for words, link in served.links.items()
        if words.startswith("pictures: ")
    }
    assert set(links) == {tag.split("/")[0] for run in RUNS for tag in shown[run]}
    for group, link in links.items():
        cards = sorted((tag, run) for run in RUNS for tag in shown[run] if tag.startswith(group))
        assert {run for _, run in cards} == set(RUNS)
        page = visit.go(link)
        page.locator("image-card img").nth(len(cards) - 1).wait_for()
        assert names_in_cards(page, "image-card") == cards
        assert page.locator("scalar-card").count() == 0
        page.screenshot(path=screenshots / f"pictures-{group}.png")


def test_the_table_of_the_runs(visit: Visit, served: Board) -> None:
    page = visit.go(served.links["table of the runs"])
    cells = page.locator("tf-hparams-table-view vaadin-grid-cell-content")
    cells.get_by_text(RUNS[-1], exact=True).wait_for()
    texts = [text.strip() for text in cells.all_inner_texts()]
    assert sorted(text for text in texts if text in RUNS) == RUNS
    assert len([text for text in texts if re.fullmatch(r"\w+-z\d+-5k.*", text)]) == 4
    assert texts.count("linear") == texts.count("conv8") == 2
    assert {"model", "latent_dim", "lr", "elbo/test", "[64]"} <= set(texts)
    assert texts.index("model") < texts.index("latent_dim") < texts.index("lr")
    # Whole numbers are whole, and what is the same in all runs is left out.
    assert texts.count("10") == texts.count("2") == 2
    assert not {"beta", "data", "seed"} & set(texts)


def test_train_and_validation_in_one_chart(visit: Visit, served: Board) -> None:
    page = visit.go(served.links["train and validation"])
    charts = page.locator("tf-custom-scalar-margin-chart-card")
    charts.nth(3).wait_for()
    eventually(lambda: charts.get_by_text("Matches (4)").count() == 4)
    assert page.locator("#smoothing-input, tf-smoothing-input paper-input").first.is_visible()
    assert not page.locator("paper-checkbox", has_text="Ignore outliers").get_attribute("checked")


def test_configurations_and_commands(visit: Visit, served: Board) -> None:
    page = visit.go(served.links["configurations"])
    texts = page.locator("tf-text-loader pre")
    texts.nth(7).wait_for()
    shown = texts.all_inner_texts()
    assert len([text for text in shown if text.startswith("python -m vae_lab \\\n")]) == 4
    assert len([text for text in shown if "\nlatent_dim: 2\n" in f"\n{text}"]) == 2


@pytest.mark.parametrize("tab", ["scalars", "images", "histograms", "distributions"])
def test_a_tab_of_its_own(tab: str, visit: Visit, served: Board) -> None:
    if not served.ask("data/plugins_listing")[tab]["enabled"]:
        pytest.skip(f"this sweep has nothing for the tab {tab}")
    page = visit.go(f"{served.url}#{tab}")
    page.locator(f"tf-{tab.rstrip('s')}-dashboard").wait_for()
    page.wait_for_load_state("networkidle")


def test_the_latent_space_in_three_dimensions(visit: Visit, served: Board) -> None:
    if "latent space in 3-D" not in served.links:
        pytest.skip("this sweep has no embedding")
    page = visit.go(served.links["latent space in 3-D"])
    frame = page.frame_locator("iframe").frame_locator("iframe")
    frame.get_by_text(re.compile(r"Points: [1-9]")).first.wait_for()


def test_a_page_that_breaks_a_rule_is_noticed(chromium: Any) -> None:
    one = Visit(chromium)
    page = one.go("about:blank")
    page.evaluate("console.error('broken')")
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://192.0.2.1/'}))")
    eventually(lambda: page.wait_for_timeout(100) or (one.errors and one.left_loopback))
    assert one.errors[0] == "broken" and one.left_loopback == ["http://192.0.2.1/"]
    page.context.close()


def test_a_run_has_its_row_from_the_start(tmp_path: Path) -> None:
    command = train(
        "run_name=live", "hydra.run.dir=live", "trainer.max_epochs=5000", "data=mnist_5k",
        "threads=1", "callbacks=none", folder=tmp_path,
    )  # fmt: skip
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        try:
            eventually(lambda: list(tmp_path.glob("live/events.*")), 300)
            time.sleep(1)
            with board("live", cwd=tmp_path) as served:
                ((name, row),) = served.rows().items()
                assert (name, row["sessions"][0]["status"]) == ("live", "STATUS_UNKNOWN")
        finally:
            run.kill()
