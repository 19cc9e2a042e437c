"""`--dry-run`: what a command line would do, told without doing any of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from command import QUICK, Command

from vae_lab.cli.checked_line import check_line
from vae_lab.cli.command_lines import SHELL
from vae_lab.cli.dry_run import WorkToDo, work_to_do
from vae_lab.cli.earlier_runs import EarlierRuns
from vae_lab.cli.launchers import jobs_at_a_time
from vae_lab.cli.model_size import num_parameters
from vae_lab.config.compose import Composer
from vae_lab.config.identity import config_hash
from vae_lab.environment import machine
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.vae import VAE

DRY = "--dry-run"


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAE_LAB_DATA", raising=False)


def work(*words: str) -> WorkToDo:
    return work_to_do(check_line([*words, DRY], SHELL))


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder with its time, and what it holds."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.rglob("*")]
    }


def finished(folder: Path, *words: str, seconds: float = 10.0, status: str = "success") -> None:
    """A run of a command line, as it lies in its folder after ten epochs."""
    (job,) = check_line(words, SHELL).jobs.jobs  # type: ignore[union-attr]  # here are jobs
    RunFolder(folder).write_result(
        RunResult(
            name=folder.name,
            status=status,
            config_hash=config_hash(job.values),
            choices=job.choices,
            threads=job.values["threads"],
            machine=machine(),
            data={"name": job.values["data"]["name"]},
            num_parameters=7,
            epochs=10,
            seconds={"total": seconds * 10 + 5, "fit": seconds * 10, "per_epoch": seconds},
        )
    )


def test_a_sweep_is_told_and_nothing_is_written_or_downloaded(
    tmp_path: Path, vae_lab: Command
) -> None:
    before = tree(tmp_path)
    done = vae_lab("-m", "model=linear,conv", "latent_dim=2,10", DRY)
    assert done.code == 0 and tree(tmp_path) == before
    lines = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line.split()}
    assert lines["linear-z2"][:3] == ["new", "101,652", "20"]
    assert lines["conv-z10"][:3] == ["new", "458,901", "20"]
    assert "mnist is not in data/MNIST/raw" in done.out
    assert "4 runs: 4 new. The time is not known" in done.out
    assert "nothing was done" in done.err


def test_what_is_there_is_told_with_the_time_of_the_rest(tmp_path: Path) -> None:
    words = ("data=digits", "trainer.max_epochs=10", "callbacks=none")
    sweep = tmp_path / "outputs" / "sweeps" / "s"
    finished(sweep / "linear-z2-digits", *words, seconds=2.0)
    finished(sweep / "linear-z3-digits", *words, "latent_dim=3", status="interrupted")
    finished(tmp_path / "outputs" / "runs" / "other", *words, "latent_dim=4", seconds=4.0)
    before = tree(tmp_path)
    told = work("-m", "latent_dim=2,3,5", "sweep_name=s", *words)
    assert tree(tmp_path) == before
    assert [(run.run, run.state, run.epochs) for run in told.runs] == [
        ("linear-z2-digits", "finished", 0),
        ("linear-z3-digits", "interrupted", 10),
        ("linear-z5-digits", "new", 10),
    ]
    # 10 epochs at the median of 2 and 4 seconds, and 5 seconds before and after them.
    assert [run.seconds for run in told.runs] == [0.0, 35.0, 35.0]
    assert [run.earlier_runs for run in told.runs] == [0, 2, 2]
    assert told.seconds == 70.0 and told.jobs_at_a_time == 1


@pytest.mark.parametrize(
    "words",
    [("model=conv",), ("threads=3",), ("objective=iwae",), ("data=mnist_5k",)],
)
def test_runs_of_other_options_threads_or_data_tell_nothing(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    finished(tmp_path / "outputs" / "runs" / "a", "data=digits", "threads=1")
    assert work("data=digits", "threads=1").seconds == 20 * 10.0 + 5
    assert work("data=digits", "threads=1", *words).seconds is None


def test_runs_of_another_machine_tell_nothing(tmp_path: Path) -> None:
    finished(tmp_path / "outputs" / "runs" / "a", "data=digits")
    path = tmp_path / "outputs" / "runs" / "a" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"machine": "another"}))
    assert work("data=digits").seconds is None


def test_runs_of_the_same_size_tell_more_than_others(tmp_path: Path) -> None:
    finished(tmp_path / "outputs" / "runs" / "a", "data=digits", seconds=3.0)
    finished(tmp_path / "outputs" / "runs" / "b", "data=digits", seconds=30.0)
    path = tmp_path / "outputs" / "runs" / "b" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_parameters": 8}))
    (job,) = check_line(["data=digits"], SHELL).jobs.jobs  # type: ignore[union-attr]  # here are jobs
    estimate = EarlierRuns().estimate(job, num_parameters=7, epochs=1)
    assert estimate is not None and (estimate.seconds, estimate.num_runs) == (8.0, 1)


def test_a_single_run_and_a_recipe_are_told(vae_lab: Command, tmp_path: Path) -> None:
    told = work("data=digits", "model=conv", "model.channels=[8]")
    assert [run.state for run in told.runs] == ["new"] and not told.is_sweep
    assert told.folder.startswith("outputs/runs/conv-z2-digits-channels8_")
    assert work("experiment=shortest_linear").runs[0].num_parameters
    done = vae_lab(*QUICK, DRY)
    assert done.code == 0 and "1 run: 1 new" in done.out
    assert not (tmp_path / "outputs").exists()


def test_a_search_is_told_by_its_trials(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs the extra optuna")
    told = work("-m", "experiment=search", "data=mnist_5k")
    assert told.runs == [] and told.num_trials == 20 and told.is_sweep


def test_own_images_are_looked_at_and_not_prepared(tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", images=rng.integers(0, 255, (40, 12, 12, 3), dtype=np.uint8))
    (tmp_path / "photos").mkdir()
    for number in range(3):
        pixels = rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    before = tree(tmp_path)
    small = ("model.hidden_dims=[4]", "data.batch_size=8")
    # 3 x 12 x 12 = 432 pixels: 432*4+4 + 4*4+4 to the posterior, 2*4+4 + 4*432+432 to the pixels.
    sizes = [work("data=npz", "data.path=a.npz", *small).runs[0].num_parameters]
    sizes += [work("data=folder", "data.path=photos", *small).runs[0].num_parameters]
    assert sizes[0] == 432 * 4 + 4 + 4 * 4 + 4 + 2 * 4 + 4 + 4 * 432 + 432
    assert sizes[1] == 3072 * 4 + 4 + 4 * 4 + 4 + 2 * 4 + 4 + 4 * 3072 + 3072
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("epochs=5",), "unknown key epochs. Type: "),
        (("latent_dim=0",), "latent_dim must be a whole number"),
        (("data=npz", "data.path=none.npz"), "none.npz cannot be read"),
        (("data=folder", "data.path=none"), "data.path=none is not a folder"),
        (("resume=x",), "--dry-run is about new runs: leave it or resume= out"),
        (("model=conv", "model.channels=[4,4,4,4]"), "halves the image 4 times"),
    ],
)
def test_wrong_input_is_answered_as_always(
    words: tuple[str, ...], message: str, vae_lab: Command, tmp_path: Path
) -> None:
    before = tree(tmp_path)
    done = vae_lab(*words, DRY)
    assert done.code == 2 and message in done.err and done.err.count("\n") == 1
    assert tree(tmp_path) == before
    assert "Type:" not in done.err or done.err.rstrip().endswith(DRY)


def test_a_folder_of_something_else_is_refused(vae_lab: Command, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "thesis.tex").touch()
    done = vae_lab(*QUICK, "hydra.run.dir=here", DRY)
    assert done.code == 2 and "holds other files than those of a run" in done.err


@pytest.mark.parametrize("model", Composer().options("model"))
@pytest.mark.parametrize("prior", ["standard", "vamp"])
def test_the_number_of_weights_is_that_of_the_model(model: str, prior: str) -> None:
    words = [f"model={model}", f"prior={prior}", "posterior=full", "latent_dim=3"]
    (job,) = check_line(words, SHELL).jobs.jobs  # type: ignore[union-attr]  # here are jobs
    made = VAE.from_config(job.values, (1, 28, 28), trust=True)
    expected = sum(weight.numel() for weight in made.parameters())
    assert num_parameters(job.values, (1, 28, 28)) == expected > 0


def test_a_model_that_needs_values_has_an_unknown_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("no values here")

    monkeypatch.setattr(VAE, "from_config", refuse)
    (job,) = check_line([], SHELL).jobs.jobs  # type: ignore[union-attr]  # here are jobs
    assert num_parameters(job.values, (1, 28, 28)) is None


def test_the_line_below_says_how_long_all_takes(tmp_path: Path, vae_lab: Command) -> None:
    words = ("data=digits", "sweep_name=s", "trainer.max_epochs=10")
    finished(tmp_path / "outputs" / "sweeps" / "s" / "linear-z2-digits", *words, seconds=6.0)
    sweep = ("-m", *words, DRY)
    assert "1 run: 1 finished. There is nothing left to do." in vae_lab(*sweep).out
    printed = vae_lab(*sweep, "latent_dim=2,3,4").out
    assert "3 runs: 1 finished, 2 new. About 2:10 on this machine, one after the other." in printed
    parallel = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "threads=null")
    told = work(*sweep[:-1], "latent_dim=2,3,4", *parallel)
    assert told.jobs_at_a_time == 2


def test_jobs_at_a_time() -> None:
    words = ["-m", "seed=0,1", "hydra/launcher=joblib"]

    def at_a_time(*more: str) -> int | None:
        jobs = check_line([*words, *more], SHELL).jobs
        assert jobs is not None
        return jobs_at_a_time(jobs.jobs[0])

    assert at_a_time("hydra.launcher.n_jobs=3") == 3
    assert (at_a_time() or 0) >= 1


def test_files_that_jobs_share_are_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []

    def is_there(root: str, folder: str, files: object) -> bool:
        verified.append(folder)
        return True

    monkeypatch.setattr("vae_lab.data.download.is_there", is_there)
    assert len(work("-m", "seed=range(5)").runs) == 5
    assert verified == ["MNIST/raw"]
