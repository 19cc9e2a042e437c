"""The pages: what they hold, where they go, and that every value in them is text."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from drawn_runs import drawn_run
from fake_runs import PROTOCOL, make_former, number, picture_metrics, write_events, write_run
from html_elements import Elements
from page_words import Prose

from vae_lab.cli import sweep_summary
from vae_lab.config.identity import config_hash
from vae_lab.report import page
from vae_lab.report.__main__ import _main
from vae_lab.report.page import write_report
from vae_lab.report.summary import result_of, row

EVIL = "<script>alert(1)</script>"


def test_the_command_line_in_a_process_of_its_own_never_loads_torch(tmp_path: Path) -> None:
    write_run(
        tmp_path / "sweep" / "run",
        elbo=-150.0,
        picture_metrics=picture_metrics(sharpness=0.3, precision=1),
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
    page = Path("sweep/report.html")
    assert done.stdout == f"reading sweep\n1 run compared: {page}\nreading empty\n"
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
        *("report.html", "report.md", "report.json", "report_figures", "summary.csv")
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
    sweep_summary.close_sweep(tmp_path, [run], refused=(), again="", report=True)
    told = capsys.readouterr()
    assert told.err.count("vae-lab: warning:") == 1
    assert "the report could not be written (RuntimeError: no ink)" in told.err
    assert "The same table" in told.out and (tmp_path / "summary.csv").exists()


def test_the_page_holds_everything_and_asks_nobody(tmp_path: Path) -> None:
    found = picture_metrics(sharpness=0.3, precision=0.9)
    for seed in (0, 1):
        folder, _, _ = drawn_run(tmp_path / f"run{seed}", seed=seed)
        result = json.loads((folder / "result.json").read_text())
        (folder / "result.json").write_text(json.dumps(result | {"picture_metrics": found}))
        write_events(folder, {"elbo/train": [-9.0, -2.0], "elbo/val": [-8.0, -1.0]})
    written = write_report([tmp_path], tmp_path)
    html = Elements(written.page.read_text())
    assert html.names.count("svg") == 4 and html.names.count("img") == 2 + 3 + 3
    assert all(one.startswith(("data:", "#")) for one in html.addresses), html.addresses
    headings = ("Training and validation curves", "Samples", "Latent maps and scatters",
        "Reconstructions", "Interpolations", "Reconstruction term and KL", "KL per dimension",
        "Measured on the pictures", "How it was run")  # fmt: skip
    markdown = (tmp_path / "report.md").read_text()
    places = [markdown.index(f"\n## {heading}\n") for heading in headings]
    assert places == sorted(places)
    files = {path.name for path in (tmp_path / "report_figures").iterdir()}
    named = {part.split(")")[0] for part in markdown.split("](report_figures/")[1:]}
    assert files == named and len(files) == 4 + 2 + 3 + 3
    # Written again, nothing new is there.
    write_report([tmp_path], tmp_path)
    assert {path.name for path in (tmp_path / "report_figures").iterdir()} == files


@pytest.mark.parametrize(("count", "most"), [(4, 900), (40, 1500)])
def test_a_page_has_few_words_and_the_answer_comes_first(
    count: int, most: int, tmp_path: Path
) -> None:
    for place in range(count):
        z, beta = (2, 10)[place % 2], float(place // 2)
        folder, _, _ = drawn_run(tmp_path / f"run{place}", seed=0, elbo=-100 - place, latent_dim=z)
        result = json.loads((folder / "result.json").read_text())
        config = json.loads((folder / "config.yaml").read_text())
        config["objective"] = {"beta": beta}
        (folder / "config.yaml").write_text(json.dumps(config))
        hashed = {key: value for key, value in config.items() if key != "choices"}
        result |= {
            "picture_metrics": picture_metrics(sharpness=0.1 * (1 + place % 7), precision=0.9),
            "warnings": ["posterior collapse: every latent dimension has a KL below 0.01 nats."],
            "config_hash": config_hash(hashed),
        }
        (folder / "result.json").write_text(json.dumps(result))
        write_events(folder, {"elbo/train": [-9.0, -2.0], "elbo/val": [-80.0, -10.0 * place]})
    written = write_report([tmp_path], tmp_path)
    assert written.num_runs == count
    html, markdown = written.page.read_text(), (tmp_path / "report.md").read_text()
    words = Prose(html).words
    assert 200 < len(words) <= most, " ".join(words)
    assert words[: words.index("Best:")] == [f"{tmp_path.name}:", str(count), "runs"]
    # The answer, the pictures and the table of results come before all else.
    places = [html.index(text) for text in ('class="headline"', 'class="findings"',
        'class="overview"', "<th scope", "<details")]  # fmt: skip
    assert places == sorted(places)
    places = [markdown.index(text) for text in ("**Best:", "- **", "| test bound |", "## ")]
    assert places == sorted(places)
    # The evidence of a finding is there, in both pages.
    links = re.findall(r"\[evidence\]\(#([\w-]+)\)", markdown)
    assert links and links == re.findall(r'href="#([\w-]+)" aria-label="Evidence', html)
    assert all(f'id="{name}"' in page for page in (html, markdown) for name in links)


def test_names_and_values_are_text_whatever_they_are(tmp_path: Path) -> None:
    for place, value in enumerate((EVIL, "$\\frac{", "a|b", "</svg>", "\n\n<b>")):
        write_run(
            tmp_path / f"run{place}",
            elbo=-150.0 - place,
            config={"width": value},
            note=value,
            tags=[EVIL],
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
    (folder / "per_image.npz").unlink()
    for field in ("latent", "standard_errors", "picture_metrics"):
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


def test_a_page_in_three_parts_explains_once_and_has_few_words(tmp_path: Path) -> None:
    metrics = picture_metrics(sharpness=0.3, precision=0.9)
    for place in range(45):
        part, number = divmod(place, 15)
        folder = write_run(
            tmp_path / f"run{place}",
            elbo=-150.0 - number,
            latent_dim=2 + number // 3,
            choices={"model": ("linear", "conv", "resnet")[number % 3], "data": f"d{part}"},
            protocol=PROTOCOL | {"data": f"d{part}"},
            picture_metrics=metrics,
        )
        write_events(folder, {"elbo/train": [-200.0, -100.0], "elbo/val": [-200.0, -150.0]})
    write_report([tmp_path], tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert len(Prose(html).words) <= 1500
    assert html.count("Sharpness: root mean square step") == 1
    links, names = (set(re.findall(pattern, html)) for pattern in ('href="#(.+?)"', ' id="(.+?)"'))
    assert links <= names and {"part2-differences", "part3-pictures"} <= links


def test_long_names_leave_room_for_the_charts(tmp_path: Path) -> None:
    for place, name in enumerate(("a" * 150, "b c " * 40, "z" * 60 + " " + "y" * 60)):
        write_run(tmp_path / str(place), elbo=-150.0 - place, choices={"model": name})
    # A chart without room is a warning, and so an error.
    write_report([tmp_path], tmp_path)
    labels = [
        it["label"]
        for it in json.loads((tmp_path / "report.json").read_text())["parts"][0]["settings"]
    ]
    assert max(map(len, labels)) <= 49 and len(set(labels)) == 3


def test_a_new_metric_has_a_row_in_the_table_by_its_words_with_its_error(tmp_path: Path) -> None:
    for z, value in ((2, 0.25), (10, 0.5)):
        metrics = picture_metrics(sharpness=0.3, precision=0.9)
        metrics["sparsity_of_codes"] = number(value, 0.01, "the sparsity of the codes")
        write_run(tmp_path / f"z{z}", elbo=-150.0 + z, latent_dim=z, picture_metrics=metrics)
    write_report([tmp_path], tmp_path)
    markdown = (tmp_path / "report.md").read_text()
    assert "| picture metric | z2 | z10 |" in markdown
    assert "| sparsity of the codes | 0.250 ± 0.010 | 0.500 ± 0.010 |" in markdown


def test_a_metric_by_several_protocols_has_a_row_for_each(tmp_path: Path) -> None:
    for z, method in ((2, "moments"), (10, "draws")):
        metrics = picture_metrics(sharpness=0.3, precision=0.9)
        metrics["distance_from_prior"]["protocol"]["distance"] = method
        write_run(tmp_path / f"z{z}", elbo=-150.0, latent_dim=z, picture_metrics=metrics)
    write_report([tmp_path], tmp_path)
    markdown = (tmp_path / "report.md").read_text()
    assert "| distance (distance: moments) | 0.200 ± 0.010 | – |" in markdown
    assert "| distance (distance: draws) | – | 0.200 ± 0.010 |" in markdown


def test_the_runs_of_an_earlier_version_have_a_page(tmp_path: Path) -> None:
    metrics = picture_metrics(sharpness=0.3, precision=0.9)
    metrics["distance_from_prior"]["protocol"] = {"latent": "mean and covariance of q(z)"}
    for z in (2, 10):
        folder = tmp_path / f"z{z}"
        write_run(folder, elbo=-150.0 + z, latent_dim=z, picture_metrics=metrics)
        make_former(folder)
    assert not write_report([tmp_path], tmp_path).skipped
    markdown = (tmp_path / "report.md").read_text()
    assert "Distance by moments: of a Gaussian with the codes' mean and covariance" in markdown
    assert "| sharpness of samples | 0.300 ± 0.010 | 0.300 ± 0.010 |" in markdown


def test_an_epoch_that_is_less_than_a_pass_says_so(tmp_path: Path) -> None:
    limits = {"a": {}, "b": {"limit_train_batches": 60}, "c": {"limit_train_batches": 0.25}}
    for seed, (name, trainer) in enumerate(limits.items()):
        write_run(tmp_path / name, elbo=-9.0, seed=seed, config={"trainer": trainer}, epochs=20)
    html = write_report([tmp_path], tmp_path).page.read_text()
    text = "20 epochs, 20 epochs of 25% of the images and 20 epochs of 60 batches"
    assert text in " ".join(html.split())


def test_the_table_says_which_bounds_can_be_compared(tmp_path: Path) -> None:
    data = {"name": "npz:my.npz", "test": 400, "fingerprint": "0123456789abcdef"}
    weighted = PROTOCOL | {"bound": "importance-weighted", "num_samples": 5, "binarize": "none"}
    options = {"likelihood": "gaussian"}
    folder = write_run(tmp_path / "a", elbo=-9.0, data=data, protocol=weighted, choices=options)
    cells = row(result_of(folder))
    found = {name: cells[name] for name in ("images", "binarize", "likelihood", "bound", "samples")}
    assert list(found.values()) == ["01234567", "none", "gaussian", "importance-weighted", "5"]
