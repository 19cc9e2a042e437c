"""What a wrong command line is answered: the exact line, exit code 2, before torch is imported."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import pytorch_lightning as pl
from hypothesis import HealthCheck, given, settings
from random_overrides import is_answered, override_lists

from vae_lab import environment
from vae_lab.cli import main
from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.identity import config_hash, run_name
from vae_lab.config.resolve import resolved
from vae_lab.config.trainer_rules import (
    REFUSED_CALLBACKS,
    REFUSED_TRAINER_ARGUMENTS,
    TRAINER_ARGUMENTS,
)
from vae_lab.environment import available_cores, lacks_accelerator
from vae_lab.errors import UserError
from vae_lab.terminal import in_this_shell

WHOLE = "must be a whole number of at least"

# Command line -> the line on stderr, behind "vae-lab: error: ".
MISTAKES = {
    "latent_dim=abc": (
        f"latent_dim {WHOLE} 1, got 'abc'. For example: python -m vae_lab latent_dim=2"
    ),
    "latent_dim=0": f"latent_dim {WHOLE} 1, got 0.",
    "latent_dim=[2,0]": f"latent_dim {WHOLE} 1, got [2,0].",
    "latent_dim=2.5": f"latent_dim {WHOLE} 1, got 2.5.",
    "latent_dim=true": f"latent_dim {WHOLE} 1, got true.",
    "latent_dim=2,0 -m": f"job 2 of 2 (latent_dim=0): latent_dim {WHOLE} 1, got 0.",
    "-m model=linear,conv model.channels=[32]": (
        "job 1 of 2 (model=linear): unknown key model.channels: model=linear has none. Add "
        "model=conv or model=resnet."
    ),
    "model=foo": "model=foo does not exist: choose from burda, conv, linear, resnet.",
    "model=null": (
        "model=null is not an option: choose from burda, conv, linear, resnet, or leave it out."
    ),
    "report=5": "report must be null, or changed key by key, as in report.seed=1, got 5.",
    "+latnet_dim=3": "unknown key latnet_dim. Type: python -m vae_lab latent_dim=3",
    "++latnet_dim=3": "unknown key latnet_dim. Type: python -m vae_lab latent_dim=3",
    "++model.foo=3": (
        "unknown key model.foo: model=linear has decoder, encoder, gains_from_bf16, hidden_dims, "
        "lr, muon_lr, threads."
    ),
    "trainer.max_epochs=-1": f"trainer.max_epochs {WHOLE} 1, got -1.",
    "prior.num_components=3": (
        "prior.num_components belongs to prior=gaussian_mixture or vamp. Type: python -m vae_lab "
        "prior=gaussian_mixture prior.num_components=3"
    ),
    "model.hidden_dims.1=32": ("model.hidden_dims.1=32 cannot be set: write the whole list."),
    "+trainer.max_epoch=3": (
        "unknown key trainer.max_epoch. Type: python -m vae_lab trainer.max_epochs=3"
    ),
    "trainer.enable_progress_bar=3": "trainer.enable_progress_bar must be true or false, got 3.",
    "data.batch_size=0": f"data.batch_size {WHOLE} 1, got 0.",
    "data.num_val=60000": (
        "data.num_val=60000 must be between 0 and 59999, or a share of 1 image or more: training "
        "and validation share 60000 images."
    ),
    "model=conv model.channels=[32,64,128]": (
        "model.channels=[32,64,128] halves the image 3 times, but 28 x 28 is not a multiple of 8: "
        "use fewer channels."
    ),
    "model.hidden_dims=[64,0]": (
        "model.hidden_dims must be a list of sizes of at least 1, such as [512,256], got [64,0]."
    ),
    "optimizer.lr=-1": "optimizer.lr must be a number above 0, got -1.",
    "optimizer.lr=nan": "optimizer.lr must be a number above 0, got NaN.",
    "optimizer.schedule=cosine": (
        "optimizer.schedule must be one_cycle, constant or tripling, got 'cosine'. Type: "
        "python -m vae_lab optimizer.schedule=one_cycle"
    ),
    "objective=beta_tc prior=vamp": (
        "objective=beta_tc with prior=vamp is not supported: the total correlation is a part of "
        "the KL only if the prior's dimensions are independent; use prior=standard or another "
        "objective."
    ),
    "objective._target_=[1]": "objective._target_ must be text, got [1].",
    "objective=elbo_free_bits objective.free_bits=-1": (
        "objective.free_bits must be a number of at least 0, got -1."
    ),
    "objective=elbo_warmup objective.warmup=0": (
        "objective.warmup must be a number above 0 and at most 1, got 0."
    ),
    "likelihood=gaussian likelihood.scale=1e-30": (
        "likelihood.scale must be a number of at least 1e-6, in units of the pixel range [0, 1], "
        "got 1e-30."
    ),
    "likelihood=discretized_logistic likelihood.scale=0": (
        "likelihood.scale must be a number of at least 1e-6, in units of the pixel range [0, 1], "
        "got 0."
    ),
    "objective=mmd objective.alpha=2": "objective.alpha must be a number from 0 to 1, got 2.",
    "objective=mmd objective.alpha=0.5 objective.mmd_weight=0": (
        "objective.alpha + objective.mmd_weight must be at least 1, got 0.5 + 0: below, codes are "
        "driven away from the prior. Raise objective.mmd_weight to 0.5, which leaves the "
        "discrepancy out, or more."
    ),
    "prior=vamp prior.num_components=0": f"prior.num_components {WHOLE} 1, got 0.",
    "model.batch_size=1": (
        "unknown key model.batch_size. Type: python -m vae_lab data.batch_size=1"
    ),
    "callbacks.samples=5": (
        "callbacks.samples holds keys of its own: change one of them, as in "
        "callbacks.samples.seed=..., or leave all of it out with ~callbacks.samples."
    ),
    "optimizer.betas=[0.5]": (
        "optimizer.betas must be two numbers of at least 0, below 1, such as [0.9,0.999], got "
        "[0.5]."
    ),
    "data.batch_size=4096 trainer.devices=4096": (
        f"trainer.devices=4096 is more than the {available_cores()} cores of this machine: "
        f"trainer.devices={max(2, available_cores())} or less."
    ),
    "trainer.accelerator=mps": (
        "trainer.accelerator=mps needs a device that this machine does not show. Type: "
        "python -m vae_lab trainer=auto"
    ),
    "seed=99999999999999999999": (
        "seed is out of the range of numbers here, got 99999999999999999999."
    ),
    "optimizer=adam optimizer._target_=torch.optim.SGD": (
        "optimizer.amsgrad is not a setting of torch.optim.SGD: remove it with ~optimizer.amsgrad."
    ),
    "optimizer._target_=nothing.Here": (
        "optimizer._target_=nothing.Here cannot be found: No module named 'nothing'."
    ),
    "+callbacks.stop._target_=pytorch_lightning.callbacks.EarlyStopping callbacks.stop.monitr=x": (
        "callbacks.stop.monitr is not a setting of pytorch_lightning.callbacks.EarlyStopping: did "
        "you mean callbacks.stop.monitor?"
    ),
    "+callbacks.stop._target_=pytorch_lightning.callbacks.EarlyStopping": (
        "callbacks.stop.monitor is missing: pytorch_lightning.callbacks.EarlyStopping needs it."
    ),
    "callbacks=[progress,early_stopping] callbacks.early_stopping.mode=min": (
        "callbacks.early_stopping.mode=min would end the run while elbo/val gets better, for "
        "higher is better: add callbacks.early_stopping.mode=max."
    ),
    "callbacks=early_stopping callbacks.early_stopping.monitor=val_loss": (
        "callbacks.early_stopping.monitor must be elbo/val, loss/val, recon/val, kl/val, "
        "elbo/train, loss/train, recon/train or kl/train, got 'val_loss'. For example: "
        "python -m vae_lab callbacks=early_stopping callbacks.early_stopping.monitor=elbo/val"
    ),
    "callbacks=early_stopping data.num_val=0": (
        "callbacks.early_stopping.monitor=elbo/val needs validation, which is switched off: add "
        "callbacks.early_stopping.monitor=elbo/train, or validate."
    ),
    "callbacks=ema callbacks.weight_averaging.decay=2": (
        "callbacks.weight_averaging.decay must be a number from 0 to 1, got 2."
    ),
    "optimizer=adam optimizer.amsgrad=1": "optimizer.amsgrad must be true or false, got 1.",
    "seed=-1": f"seed {WHOLE} 0, got -1.",
    "threads=0": (
        "threads must be a whole number from 1 to 1024, or null for all cores, got 0. Type: "
        "python -m vae_lab threads=null"
    ),
    "callbacks.samples.every_n_epochs=0": f"callbacks.samples.every_n_epochs {WHOLE} 1, got 0.",
    "callbacks.samples.scale=0": f"callbacks.samples.scale {WHOLE} 1, got 0.",
    "callbacks.embedding.num_images=0": f"callbacks.embedding.num_images {WHOLE} 1, got 0.",
    "callbacks.reconstructions.columns=0": f"callbacks.reconstructions.columns {WHOLE} 1, got 0.",
    "callbacks.quantile_map.steps=1": f"callbacks.quantile_map.steps {WHOLE} 2, got 1.",
    "callbacks.latent_map.extent=0": "callbacks.latent_map.extent must be a number above 0, got 0.",
    "callbacks.kl_per_dim.threshold=0": (
        "callbacks.kl_per_dim.threshold must be a number above 0, got 0."
    ),
    "callbacks.traversals.max_rows=0": f"callbacks.traversals.max_rows {WHOLE} 1, got 0.",
    "callbacks.traversals.start=[]": (
        "callbacks.traversals.start must be a label, a list of labels such as [0,1,4], or null for "
        "the prior's mean, got []."
    ),
    "callbacks.latent_map.corners=[0,1]": (
        "callbacks.latent_map.corners must be a list of three labels, such as [0,1,7], got [0,1]."
    ),
    "callbacks.latent_map.first_epochs=-1": f"callbacks.latent_map.first_epochs {WHOLE} 0, got -1.",
    "callbacks.latent_scatter.projection=umap": (
        "callbacks.latent_scatter.projection must be pca or tsne, got 'umap'. For example: "
        "python -m vae_lab callbacks.latent_scatter.projection=pca"
    ),
    "callbacks.evolution.max_megabytes=0": (
        "callbacks.evolution.max_megabytes must be a number above 0, got 0."
    ),
    "callbacks.interpolations.pairs=[[1]]": (
        "callbacks.interpolations.pairs must be a list of two labels each, such as [[1,7],[0,6]], "
        "got [[1]]."
    ),
    "callbacks.evolution.pictures=[../a]": (
        "callbacks.evolution.pictures must be a list of names of pictures, such as [samples], got "
        "['../a']."
    ),
    "callbacks.evolution.max_frames=1": f"callbacks.evolution.max_frames {WHOLE} 2, got 1.",
    "callbacks.evolution.max_width=0": f"callbacks.evolution.max_width {WHOLE} 1, got 0.",
    "callbacks.evolution.seconds_at_end=0": (
        "callbacks.evolution.seconds_at_end must be a number from 0.02 to 600, since no film is "
        "shown faster or slower, got 0."
    ),
    "callbacks.progress.refreshes_per_second=0": (
        "callbacks.progress.refreshes_per_second must be a number above 0, at most 100, got 0."
    ),
    "optimizer=adam trainer.precision=bf16-mixed +trainer.gradient_clip_val=1": (
        "trainer.gradient_clip_val cannot be used with a fused optimizer in mixed precision: add "
        "optimizer.fused=false."
    ),
    "~latent_dim": "latent_dim is missing: it cannot be removed, only changed.",
    "latent_dim=${nothing}": (
        "latent_dim takes its value from nothing, which does not exist: set latent_dim=VALUE."
    ),
    "seed=${oc.env:NOTHING_OF_THE_KIND}": (
        "seed needs the environment variable NOTHING_OF_THE_KIND: set it, or set seed=VALUE."
    ),
    "-m seed=interval(0,1)": (
        "seed=interval(0,1) names no values to try one by one: list them, as in seed=0,1, or add "
        "hydra/sweeper=optuna."
    ),
    "--config-name nothing": (
        "--config-name nothing does not exist: leave it out, or name a file of --config-dir."
    ),
    "latent_dim": (
        "'latent_dim' is not a setting: write key=value, or see python -m vae_lab --help."
    ),
    "hydra.output_subdir=checkpoints": (
        "hydra.output_subdir cannot be changed: Hydra's files of a run belong into the run's "
        "folder. Leave it out."
    ),
    "hydra.job_logging.handlers.file.filename=notes.txt": (
        "hydra.job_logging.handlers.file.filename cannot be changed: Hydra's files of a run belong "
        "into the run's folder. Leave it out."
    ),
    "callbacks.samples.num_images=1000000000": (
        "callbacks.samples.num_images must be at most 100,000, for they are in memory together, "
        "got 1000000000."
    ),
    "callbacks.latent_map.steps=1001": (
        "callbacks.latent_map.steps must be at most 1,000, for a map has the square of it, got "
        "1001."
    ),
    "hydra.launcher.n_jobs=2": (
        "hydra.launcher.n_jobs does not exist: leave it out, or choose the hydra/launcher=OPTION "
        "that has it."
    ),
    "hydra.run.nothing=2": "hydra.run.nothing does not exist: leave it out.",
    "-m hydra/sweeper=optuna hydra.sweeper.n_trials=0": (
        "hydra.sweeper.n_trials=0 is not allowed: give a whole number of at least 1."
    ),
    "--nothing": "unrecognized arguments: --nothing: see python -m vae_lab --help.",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_answered_with_one_line(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["vae-lab", *line.split()])
    with pytest.raises(SystemExit) as stop:
        main.main()
    captured = capsys.readouterr()
    python = in_this_shell("python -m vae_lab ")
    told = re.sub(": python -m vae_lab ", lambda _: f": {python}", MISTAKES[line])
    assert captured.err == f"vae-lab: error: {told}\n"
    assert captured.out == ""
    assert stop.value.code == 2
    assert not list(tmp_path.iterdir()), "nothing is written for a wrong command line"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at the drivers that Linux shows")
def test_a_gpu_is_looked_for_where_linux_shows_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(environment, "versions", lambda: {"torch": "2.15.0"})
    monkeypatch.setattr(environment, "_GPU_DRIVERS", (tmp_path / "none",))
    assert lacks_accelerator("gpu") and lacks_accelerator("cuda") and lacks_accelerator("mps")
    assert not lacks_accelerator("cpu") and not lacks_accelerator("auto")
    monkeypatch.setattr(environment, "_GPU_DRIVERS", (tmp_path / "none", tmp_path))
    assert not lacks_accelerator("gpu") and not lacks_accelerator("cuda")
    monkeypatch.setattr(environment, "versions", lambda: {"torch": "2.15.0+cpu"})
    assert lacks_accelerator("gpu")
    monkeypatch.setattr(environment, "versions", lambda: {"torch": "2.15.0"})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert lacks_accelerator("gpu")


def test_a_data_root_that_is_no_folder_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["vae-lab", "data.root=file"])
    with pytest.raises(SystemExit) as stop:
        main.main()
    assert capsys.readouterr().err == (
        "vae-lab: error: data.root=file is not a folder that can be read: name one with "
        "data.root=FOLDER or VAE_LAB_DATA=FOLDER, or use data=mnist_5k.\n"
    )
    assert stop.value.code == 2


@pytest.mark.parametrize("flags", ["hydra.run.dir=file/run", "-m hydra.sweep.dir=file/sweep"])
def test_an_output_folder_that_cannot_be_written_is_named(
    flags: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["vae-lab", "data=mnist_5k", *flags.split()])
    with pytest.raises(SystemExit) as stop:
        main.main()
    folder = flags.partition("=")[2]
    assert capsys.readouterr().err == (
        f"vae-lab: error: the output folder {folder} cannot be written (Not a directory at "
        f"{tmp_path / 'file'}): choose another with hydra.run.dir=FOLDER, or "
        "hydra.sweep.dir=FOLDER for a sweep.\n"
    )
    assert stop.value.code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "--help -m latent_dim=2,3 trainer.gradient_clip_val=1",
        "--cfg job trainer.gradient_clip_val=1",
        "latent_dim=abc",
        "-m latent_dim=2,3 seed=0,1 latnt_dim=3",
        "-sc query=bash",
        "--info defaults",
    ],
)
def test_help_config_completion_and_errors_answer_without_heavy_libraries(
    arguments: str, tmp_path: Path
) -> None:
    code = (
        "import sys, atexit\n"
        "heavy = {'torch', 'pytorch_lightning', 'torchvision', 'numpy', 'pandas', 'PIL', 'rich', "
        "'scipy', 'tensorboard'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & {*sys.modules}), file=sys.stderr))\n"
        "from vae_lab.cli.main import main\n"
        "sys.argv = ['vae-lab', *sys.argv[1:]]\n"
        "main()"
    )
    completion = {"COMP_LINE": "vae-lab model=", "COMP_POINT": "14", "_": "bash"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments.split()],
        cwd=tmp_path,
        env={**os.environ, **completion},
        capture_output=True,
        text=True,
    )
    assert "HEAVY []" in done.stderr
    expected = {
        "--help": "latent_dim",
        "--help -m latent_dim=2,3 trainer.gradient_clip_val=1": "The limit of the gradient.",
        "--cfg job trainer.gradient_clip_val=1": "gradient_clip_val: 1",
        "-sc query=bash": "model=conv",
    }
    assert expected.get(arguments, "") in done.stdout
    assert done.returncode == (2 if arguments.endswith(("=abc", "=3")) else 0)


def test_a_traceback_is_shown_to_those_who_asked_for_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setattr(sys, "argv", ["vae-lab", "latent_dim=0"])
    with pytest.raises(SystemExit) as stop:
        main.main()
    assert "Traceback (most recent call last)" in capsys.readouterr().err
    assert stop.value.code == 2


def test_the_trainers_arguments_are_those_of_its_signature() -> None:
    ours = {"self", "callbacks", "logger", "default_root_dir"}
    theirs = set(inspect.signature(pl.Trainer.__init__).parameters) - ours
    assert theirs == TRAINER_ARGUMENTS | REFUSED_TRAINER_ARGUMENTS.keys()
    assert not TRAINER_ARGUMENTS & REFUSED_TRAINER_ARGUMENTS.keys()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        *((f"trainer.{name}=1", why) for name, why in REFUSED_TRAINER_ARGUMENTS.items()),
        ("trainer.log_every_n_steps=5", "must be 0, since nothing is logged per step"),
        ("trainer.precision=64-true", "must be auto, 32-true, bf16-mixed or 16-mixed"),
        ("trainer.precision=bf16-true", "must be auto, 32-true, bf16-mixed or 16-mixed"),
        ("trainer.plugins.a=1", "they are objects"),
    ],
)
def test_an_argument_without_effect_is_refused_with_the_reason(override: str, words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        compose_jobs([override])


@pytest.mark.parametrize(
    "line",
    [
        "trainer.gradient_clip_val=1",
        "+trainer.gradient_clip_val=1",
        "trainer.devices=auto trainer.precision=16",
        "~callbacks.samples",
        "~logger.tensorboard",
        "optimizer=adam optimizer._target_=torch.optim.SGD ~optimizer.betas ~optimizer.eps "
        "~optimizer.amsgrad optimizer.momentum=0.9 optimizer.nesterov=true",
        "logger=[tensorboard,csv]",
        "threads=1",
        "data.fallback=null",
        "optimizer.betas=[0.5,0.9]",
        "-m seed=range(3) model=linear,conv",
    ],
)
def test_what_is_right_passes(line: str) -> None:
    assert compose_jobs(line.split())


def test_a_plus_is_optional_for_trainer_arguments() -> None:
    (job,) = compose_jobs(["trainer.gradient_clip_val=1"])
    assert job.config.trainer.gradient_clip_val == 1


def test_a_sweep_is_every_combination_in_order() -> None:
    jobs = compose_jobs("-m model=linear,conv latent_dim=2,10".split())
    found = [(job.choices["model"], job.config.latent_dim) for job in jobs]
    assert found == [("linear", 2), ("linear", 10), ("conv", 2), ("conv", 10)]


def test_a_typo_in_a_persons_own_recipe_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "mine.yaml").write_text("# @package _global_\nlatnet_dim: 3\n")
    with pytest.raises(UserError, match="unknown key latnet_dim: did you mean latent_dim"):
        compose_jobs(["--config-dir", str(tmp_path), "experiment=mine"])
    (folder / "mine.yaml").write_text("# @package _global_\nlatent_dim: 3\n")
    (job,) = compose_jobs(["--config-dir", str(tmp_path), "experiment=mine"])
    assert job.config.latent_dim == 3


def test_what_a_persons_own_option_leaves_out_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "optimizer"
    folder.mkdir()
    (folder / "sgd.yaml").write_text("_target_: torch.optim.SGD\nlr: 0.1\nwarmup: 0.3\n")
    with pytest.raises(UserError) as error:
        compose_jobs(["--config-dir", str(tmp_path), "optimizer=sgd"])
    assert str(error.value) == "optimizer.schedule is missing: optimizer=sgd must set it."


def test_the_keys_of_a_persons_own_callback_have_no_rules(tmp_path: Path) -> None:
    (tmp_path / "callbacks").mkdir()
    text = "mine: {_target_: mine.Mine, steps: some, every_n_epochs: 0}"
    (tmp_path / "callbacks" / "mine.yaml").write_text(text)
    assert compose_jobs(["--config-dir", str(tmp_path), "callbacks=mine", "data=digits"])


def hash_of(*overrides: str) -> str:
    (job,) = compose_jobs(overrides)
    return config_hash(resolved(job.config))


def test_the_hash_tells_what_a_run_computes() -> None:
    same = [("data.root=elsewhere",), ("sweep_name=a", "run_name=b"), ("data.timeout=3",)]
    assert {hash_of(*overrides) for overrides in same} == {hash_of()}
    other = [
        ("seed=1",),
        ("threads=7",),
        ("trainer.precision=bf16-mixed",),
        ("latent_dim=3",),
        ("model=conv",),
        ("trainer.max_epochs=5",),
        ("data.num_val=0",),
    ]
    assert len({hash_of(), *(hash_of(*overrides) for overrides in other)}) == len(other) + 1


@pytest.mark.parametrize(
    ("data", "others", "name"),
    [
        ("mnist", {}, "conv-z10"),
        ("mnist", {"objective.beta": "4"}, "conv-z10-beta4"),
        ("mnist_5k", {}, "conv-z10-5k"),
        ("mnist", {"optimizer.lr": "1e-3", "seed": "0"}, "conv-z10-lr1e-3-seed0"),
        ("mnist", {"trainer.max_epochs": "5"}, "conv-z10-epochs5"),
        ("mnist", {"model.channels": "[32,64]"}, "conv-z10-channels32-64"),
    ],
)
def test_run_names_are_short_and_say_what_differs(
    data: str, others: dict[str, str], name: str
) -> None:
    assert run_name({"model": "conv", "data": data}, 10, others) == name


def test_values_that_look_alike_in_a_folder_name_stay_apart() -> None:
    choices = {"model": "conv", "data": "mnist"}
    names = [run_name(choices, 2, {"key": value}) for value in ("a/b", "a b", "a-b", "x" * 60)]
    assert len(set(names)) == 4
    assert all(len(name) < 45 and "/" not in name for name in names)


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(override_lists(garbage=15))
def test_any_override_list_is_valid_or_answered_in_one_line(lines: list[str]) -> None:
    # `make torture` tries ten times as many, and fewer that are nonsense at first sight.
    is_answered(lines)


@pytest.mark.parametrize(
    "name", [*REFUSED_CALLBACKS, "stochastic_weight_avg.StochasticWeightAveraging"]
)
def test_a_callback_that_changes_a_run_behind_its_record_is_refused(name: str) -> None:
    target = f"+callbacks.mine._target_=pytorch_lightning.callbacks.{name}"
    with pytest.raises(UserError, match="must be a callback that leaves"):
        compose_jobs([target])
