"""The report from made-up runs: what is found, what varies, what the pages hold."""

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_runs import PROTOCOL, findings, write_events, write_run
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from vae_lab.callbacks.drawing import grids
from vae_lab.cli import sweep_summary
from vae_lab.errors import UserError
from vae_lab.loggers.event_files import read_curves
from vae_lab.report import charts as report_charts
from vae_lab.report import load_runs, page, strips
from vae_lab.report.__main__ import _main
from vae_lab.report.charts import Origins
from vae_lab.report.grouping import contrasts, parts_of, varying_keys
from vae_lab.report.page import write_report
from vae_lab.report.picture_metrics import Seen
from vae_lab.report.runs import Run, find_runs
from vae_lab.report.tables import as_sweep

EVIL = "<script>alert(1)</script>"


class Elements(HTMLParser):
    """Counts elements, and keeps the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self._within = tag
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within not in ("script", "style"):
            self.text += data


# What is found.


def test_runs_that_are_none_or_not_finished_are_listed_and_left_out(tmp_path: Path) -> None:
    good = write_run(tmp_path / "good", elbo=-150.0)
    write_run(tmp_path / "failed", elbo=-150.0, seed=1, status="failed", error="Boom: no")
    write_run(tmp_path / "going", elbo=-150.0, seed=2, status="running")
    write_run(tmp_path / "changed", elbo=-150.0, seed=3)
    (tmp_path / "changed" / "config.yaml").write_text("seed: 7\n")
    write_run(tmp_path / "blank", elbo=-150.0, seed=4, metrics={})
    (tmp_path / "foreign" / "deep").mkdir(parents=True)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "result.json").write_text("{")
    write_run(tmp_path / "again", elbo=-150.0)
    runs, skipped = find_runs([tmp_path])
    assert {run.folder.name for run in runs} in ({"good"}, {"again"})
    reasons = {one.folder.name: one.reason for one in skipped}
    assert reasons["failed"] == "failed: Boom: no"
    assert reasons["going"].startswith("unfinished")
    assert "is not the configuration of this run" in reasons["changed"]
    assert reasons["broken"] == "its result.json cannot be read"
    assert reasons["foreign"].startswith("holds no result.json")
    assert reasons["blank"] == "has no test bound"
    assert "the same configuration and seed" in (reasons.get("again") or reasons["good"])
    written = write_report([tmp_path], tmp_path)
    text = Elements(written.page.read_text()).text
    for one in skipped:
        assert one.reason in text and str(one.folder) in text
    assert good.is_dir()


def test_an_empty_folder_and_none_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished run in"):
        find_runs([tmp_path])
    with pytest.raises(UserError, match="is no folder"):
        find_runs([tmp_path / "nowhere"])


def test_the_command_line_in_a_process_of_its_own_never_loads_torch(tmp_path: Path) -> None:
    write_run(
        tmp_path / "sweep" / "run", elbo=-150.0, findings=findings(sharpness=0.3, precision=1)
    )
    (tmp_path / "empty").mkdir()
    code = (
        "import sys; from vae_lab.report.__main__ import main; sys.argv[1:] = ['sweep']; main();"
        "from vae_lab.report import load_runs; assert len(load_runs('sweep')) == 1;"
        "assert not {'torch', 'sklearn'} & set(sys.modules); sys.argv[1:] = ['empty']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert done.stdout == f"1 run compared: {Path('sweep/report.html')}\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith("vae-lab: error: no finished run in empty")


def test_the_report_goes_where_it_is_told_and_says_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "a", elbo=-150.0)
    write_run(tmp_path / "b", elbo=-150.0, seed=1)
    write_run(tmp_path / "c" / "failed", elbo=-150.0, seed=2, status="failed")
    _main([*(str(tmp_path / name) for name in "abc"), "--to", str(tmp_path / "there")])
    assert {path.name for path in (tmp_path / "there").iterdir()} == {
        *("report.html", "report.md", "report_figures", "summary.csv")
    }
    out = capsys.readouterr().out
    assert f"left out {tmp_path / 'c' / 'failed'}: failed" in out and "2 runs compared" in out
    assert "failed" in (tmp_path / "there" / "summary.csv").read_text()


def test_a_report_that_cannot_be_written_costs_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr(page, "write_report", broken)
    run = write_run(tmp_path / "run", elbo=-150.0)
    sweep_summary.close_sweep(tmp_path, [run], again="", report=True)
    told = capsys.readouterr()
    assert told.err.count("vae-lab: warning:") == 1
    assert "the report could not be written (RuntimeError: no ink)" in told.err
    assert "The same table" in told.out and (tmp_path / "summary.csv").exists()


# What varies.


def test_keys_that_follow_from_an_option_or_are_the_same_twice_are_left_out() -> None:
    runs = [
        {"model": model, "model.lr": lr, "optimizer.lr": lr, "model.deep": model == "conv",
         "latent_dim": z, "seed": seed, "threads": seed, "callbacks.samples.scale": z}
        for model, lr in (("linear", 0.01), ("conv", 0.005)) for z in (2, 10) for seed in (0, 1)
    ]  # fmt: skip
    assert varying_keys(runs) == ["model", "latent_dim"]


def test_a_swept_learning_rate_varies_although_the_model_is_one() -> None:
    runs = [{"model": "linear", "model.lr": 0.01, "optimizer.lr": lr} for lr in (1e-3, 1e-2)]
    assert varying_keys(runs) == ["optimizer.lr"]


def test_a_precision_varies_where_somebody_chose_it_and_not_where_the_model_settles_it() -> None:
    runs = [{"model": m, "trainer.precision": p} for m, p in (("conv", "bf16"), ("linear", "32"))]
    assert varying_keys(runs) == ["model"]
    assert varying_keys([*runs, {"model": "conv", "trainer.precision": "32"}]) == [
        *("model", "trainer.precision")
    ]


def test_seeds_are_one_setting_and_numbers_are_in_order(tmp_path: Path) -> None:
    for z in (10, 2):
        for seed in (0, 1):
            write_run(tmp_path / f"z{z}-{seed}", elbo=-150.0 + z, latent_dim=z, seed=seed)
    (part,), reasons = parts_of(find_runs([tmp_path])[0])
    assert [setting.label for setting in part.settings] == ["z2", "z10"]
    assert [len(setting.runs) for setting in part.settings] == [2, 2] and reasons == []
    (contrast,) = contrasts(part, "latent_dim")
    assert len(contrast.settings) == 2 and contrast.shared == ""


def test_other_data_and_other_protocols_are_apart_with_the_reason(tmp_path: Path) -> None:
    protocol = {"data": "other", "targets": "binary", "num_samples": 1}
    write_run(tmp_path / "a", elbo=-150.0)
    write_run(tmp_path / "b", elbo=-80.0, seed=1, protocol=protocol)
    parts, reasons = parts_of(find_runs([tmp_path])[0])
    assert len(parts) == 2 and reasons == ["data set", "targets"]
    write_report([tmp_path], tmp_path)
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert "2 parts, because figures can only be compared where" in text
        assert "data set: other, targets: binary" in text
    assert "highest test bound" not in text


@pytest.mark.parametrize(
    ("commands", "sweep"),
    [
        (
            ["a=1 b=x", "a=1 b=y", "a=2 b=x", "a=2 b=y"],
            ["python -m vae_lab -m a=1,2 b=x,y"],
        ),
        (["a=[1,2]", "a=[3]"], ["python -m vae_lab -m 'a=[1,2],[3]'"]),
        (["a=1 b=x", "a=2 b=y"], []),
        (["a=1", "b=2"], []),
        (["a=1"], []),
    ],
)
def test_the_command_that_makes_all_runs_again(commands: list[str], sweep: list[str]) -> None:
    assert as_sweep([f"python -m vae_lab {one}" for one in commands]) == sweep


# What is read.


def test_curves_are_those_of_tensorboards_own_reader(tmp_path: Path) -> None:
    path = write_events(tmp_path, {"elbo/val": [-200.0, -160.0], "elbo/train": [-300.0]})
    expected: dict[str, dict[int, float]] = {}
    for event in LegacyEventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.HasField("simple_value"):
                expected.setdefault(value.tag, {})[event.step] = value.simple_value
    assert read_curves(tmp_path) == expected and len(expected) == 2
    # What was being written when the machine stopped.
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        read_curves(tmp_path)


def test_a_data_frame_has_a_row_for_each_run(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-150.0, findings=findings(sharpness=0.3, precision=0.9))
    write_run(tmp_path / "b", elbo=-110.0, latent_dim=10)
    frame = load_runs(tmp_path).set_index("run")
    assert frame.loc["a", "elbo/test"] == -150.0 and frame.loc["b", "latent_dim"] == 10
    assert frame.loc["a", "sharpness_of_samples"] == 0.3 and frame.loc["a", "model"] == "linear"
    assert frame.loc["a", "digits_of_samples/8"] == 0.3
    assert bool(frame["sharpness_of_samples"].isna()["b"])


def test_an_evaluation_is_preferred_where_it_is_of_these_weights(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", elbo=-1.0, findings=findings(sharpness=0.3, precision=1))
    result = json.loads((folder / "result.json").read_text())
    finer = findings(sharpness=0.4, precision=1)
    for weights in ("best", "last"):
        evaluation = {
            "config_hash": result["config_hash"],
            "protocol": {"weights": weights},
            "findings": finer,
        }
        (folder / f"evaluation-test-{weights}-k1-0.json").write_text(json.dumps(evaluation))
    (folder / "evaluation-test-old.json").write_text('{"config_hash": 1}')
    (run,), _ = find_runs([tmp_path])
    assert [found["sharpness_of_samples"]["value"] for found in run.evaluations] == [0.4, 0.3]


# What is drawn.


def drawn_run(folder: Path, seed: int) -> tuple[Path, torch.Tensor, torch.Tensor]:
    """A run with pictures as the callbacks draw them; originals and their reconstructions."""
    shape = (25, 1, 6, 5)
    generator = torch.Generator().manual_seed(9)
    originals = torch.rand(shape, generator=generator)
    decoded = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    callbacks = {
        "reconstructions": {"num_images": 25, "columns": 10, "scale": 2},
        "interpolations": {"pairs": [[1, 7], [1, 7], [3, 8]], "steps": 4, "scale": 3},
    }
    run = write_run(
        folder, elbo=-1.0, seed=seed, config={"callbacks": callbacks}, image_shape=[1, 6, 5]
    )
    (run / "figures").mkdir()
    both = grids.above(originals, decoded, columns=10)
    paths = grids.paths(originals[:3], decoded[:12].view(3, 4, 1, 6, 5), originals[3:6])
    for name, picture, scale in (("reconstructions", both, 2), ("interpolations", paths, 3)):
        for step in (0, 3):
            pixels = grids.to_uint8(picture if step else picture * 0)[0]
            large = pixels.repeat_interleave(scale, 0).repeat_interleave(scale, 1).numpy()
            Image.fromarray(large).save(run / "figures" / f"{name}_{step:04d}.png")
    return run, grids.to_uint8(originals), grids.to_uint8(decoded)


def test_strips_are_the_images_pixel_by_pixel(tmp_path: Path) -> None:
    assert (strips.LINE, strips.BAND) == (grids.LINE, grids.BAND)
    _, originals, decoded = drawn_run(tmp_path / "a", seed=1)
    (run,), _ = find_runs([tmp_path])
    found = strips.reconstructions(run)
    assert found is not None
    for strip, expected in zip(found, (originals, decoded), strict=True):
        assert strip.shape == (6, 20 * 6 - 1)
        for place in range(20):
            cell = strip[:, 6 * place : 6 * place + 5]
            assert np.array_equal(cell, expected[place, 0].numpy())
    paths = strips.interpolations(run)
    assert list(paths) == ["1 to 7", "1 to 7, again 1", "3 to 8"]
    assert np.array_equal(paths["3 to 8"][:, :5], originals[2, 0].numpy())
    assert np.array_equal(paths["3 to 8"][:, -5:], originals[5, 0].numpy())
    assert np.array_equal(paths["3 to 8"][:, 10:15], decoded[8, 0].numpy())


def test_pictures_of_another_shape_are_left_out(tmp_path: Path) -> None:
    folder, _, _ = drawn_run(tmp_path / "a", seed=1)
    for name in ("reconstructions", "interpolations"):
        Image.new("L", (7, 7)).save(folder / "figures" / f"{name}_0004.png")
    (run,), _ = find_runs([tmp_path])
    assert strips.reconstructions(run) is None and strips.interpolations(run) == {}
    (folder / "figures" / "samples_0004.png").write_bytes(b"no picture")
    assert strips.whole(run, "samples", "", "") is None


def test_a_large_picture_is_made_smaller(tmp_path: Path) -> None:
    folder, _, _ = drawn_run(tmp_path / "a", seed=1)
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "figures" / "samples_0003.png")
    (run,), _ = find_runs([tmp_path])
    picture = strips.whole(run, "samples", "", "")
    assert picture is not None and len(picture.data) <= strips.MOST_BYTES
    assert (picture.width, picture.height) == (400, 400)


def test_the_page_holds_everything_and_asks_nobody(tmp_path: Path) -> None:
    found = findings(sharpness=0.3, precision=0.9)
    for seed in (0, 1):
        folder, _, _ = drawn_run(tmp_path / f"run{seed}", seed=seed)
        result = json.loads((folder / "result.json").read_text())
        (folder / "result.json").write_text(json.dumps(result | {"findings": found}))
        write_events(folder, {"elbo/train": [-9.0, -2.0], "elbo/val": [-8.0, -1.0]})
    written = write_report([tmp_path], tmp_path)
    html = Elements(written.page.read_text())
    assert html.names.count("svg") == 4 and html.names.count("img") == 1 + 3 + 3
    assert all(one.startswith(("data:", "#")) for one in html.addresses), html.addresses
    headings = ("What was run", "Results on the test images", "Training and validation curves",
        "The parts of the bound", "Reconstructions", "Samples", "Interpolations",
        "Latent maps and scatters", "KL per dimension", "What is to be seen")  # fmt: skip
    markdown = (tmp_path / "report.md").read_text()
    places = [markdown.index(f"\n## {heading}\n") for heading in headings]
    assert places == sorted(places)
    files = {path.name for path in (tmp_path / "report_figures").iterdir()}
    named = {part.split(")")[0] for part in markdown.split("](report_figures/")[1:]}
    assert files == named and len(files) == 4 + 3 + 3
    # Written again, nothing is left of the page before.
    (tmp_path / "report_figures" / "old.png").write_bytes(b"")
    write_report([tmp_path], tmp_path)
    assert {path.name for path in (tmp_path / "report_figures").iterdir()} == files


def test_names_and_values_are_text_whatever_they_are(tmp_path: Path) -> None:
    for place, value in enumerate((EVIL, "$\\frac{", "a|b", "</svg>", "\n\n<b>")):
        write_run(
            tmp_path / f"run{place}",
            elbo=-150.0 - place,
            config={"note": value},
            name=f"{value}-{EVIL}",
            machine=EVIL,
            command=f"python -m vae_lab\n\n{EVIL}",
            warnings=[EVIL],
        )
    write_run(tmp_path / EVIL.replace("/", "-"), elbo=-1.0, seed=1, status="failed", error=EVIL)
    written = write_report([tmp_path], tmp_path)
    html = Elements(written.page.read_text())
    assert html.names.count("script") == 1 and "b" not in html.names
    assert html.text.count(EVIL) > 10
    markdown = (tmp_path / "report.md").read_text()
    outside = [line for line in markdown.splitlines() if not line.startswith("    ")]
    assert not [line for line in outside if "<script" in line or "<b>" in line]
    assert "a\\|b" in markdown


def test_one_run_and_nothing_but_a_result_is_a_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "only", elbo=-150.0)
    (folder / "per_image.npz").write_bytes(b"no archive")
    for field in ("latent", "standard_errors", "findings"):
        result = json.loads((folder / "result.json").read_text())
        del result[field]
        (folder / "result.json").write_text(json.dumps(result))
    text = Elements(write_report([folder], folder).page.read_text()).text
    assert "These runs drew none" in text and "Not recorded in these runs" in text


def test_of_many_settings_some_are_shown_and_the_page_says_which(tmp_path: Path) -> None:
    for place in range(12):
        write_run(tmp_path / f"run{place}", elbo=-150.0 - place, config={"lr": place})
    text = Elements(write_report([tmp_path], tmp_path).page.read_text()).text
    assert "Shown of 8 of the 12 settings: the best four by the test bound, the worst" in text


def test_settings_of_a_run_leave_out_what_changes_no_figure(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-1.0, config={"report": {"seed": 1}, "sweep_name": "x"})
    (run,), _ = find_runs([tmp_path])
    assert isinstance(run, Run)
    assert not {"report.seed", "sweep_name"} & set(run.settings)


def test_bounds_of_two_kinds_stand_in_parts_of_their_own(tmp_path: Path) -> None:
    weighted = PROTOCOL | {"bound": "importance-weighted"}
    write_run(tmp_path / "a", elbo=-150.0)
    write_run(tmp_path / "b", elbo=-149.0, config={"objective": {"k": 5}}, protocol=weighted)
    runs, _ = find_runs([tmp_path])
    parts, reasons = parts_of(runs)
    assert len(parts) == 2 and reasons == ["bound"]
    assert [part.title for part in parts] == ["bound: elbo", "bound: importance-weighted"]


@pytest.mark.parametrize("betas", [(0.5, 1.0, 4.0), (0.5, 4.0), ("a", "b", "c")])
def test_the_values_of_a_single_number_are_joined_in_their_order(
    tmp_path: Path, betas: tuple[object, ...]
) -> None:
    for place, beta in enumerate(reversed(betas)):
        write_run(
            tmp_path / f"run{place}", elbo=-100.0 - place, config={"objective": {"beta": beta}}
        )
    runs, _ = find_runs([tmp_path])
    (part,) = parts_of(runs)[0]
    axis = Figure().subplots()
    report_charts._path_through(axis, part)
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
    (part,), _ = parts_of(find_runs([folder])[0])
    chart = report_charts.draw_all(part, Seen(part.runs))["kl"]
    texts = {line.strip() for line in Elements(chart.svg).text.splitlines()}
    return texts, (folder / "report.md").read_text()


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
    lines = Origins(list(runs.values()))
    assert (lines.line(runs["standard"]), lines.line(runs["vamp"])) == ("-", "--")
    assert Origins([runs["vamp"], runs["unknown"]]).line(runs["vamp"]) == "-"
