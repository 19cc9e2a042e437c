"""What people type who come from other programs, and the line that each is told to type."""

import shlex
import sys
from datetime import datetime
from pathlib import Path

import pytest

from vae_lab.cli import launchers, main
from vae_lab.cli.command_lines import parse_words
from vae_lab.cli.jobs import jobs_of
from vae_lab.config.compose import Composer, conf_folder
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.terminal import in_this_shell

COMPOSER = Composer()


def choice(group: str, option: str) -> str:
    options = sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))
    return f"{group}={option} does not exist: choose from {', '.join(options)}"


ONE_WORD = "a setting is one word, key=value, without blanks"
WHOLE = "must be a whole number of at least"
NO_DEVICE = "needs a device that this machine does not show"
ADAM_W = "optimizer=adam optimizer._target_=torch.optim.AdamW"
SGD = (
    "optimizer=adam optimizer._target_=torch.optim.SGD '~optimizer.betas' '~optimizer.eps' "
    "'~optimizer.amsgrad' optimizer.momentum=0.9"
)

# What is typed behind `python -m vae_lab` -> what is wrong, and what to type there.
FIRST_TRIES = {
    # Keys.
    "epochs=5": ("unknown key epochs", "trainer.max_epochs=5"),
    "trainer.epochs=5": ("unknown key trainer.epochs", "trainer.max_epochs=5"),
    "max_epochs=5": ("unknown key max_epochs", "trainer.max_epochs=5"),
    "weight_decay=1e-4": (
        "unknown key weight_decay; optimizer.weight_decay belongs to optimizer=adam",
        "optimizer=adam optimizer.weight_decay=1e-4",
    ),
    "model=burda weight_decay=1e-4": (
        "unknown key weight_decay",
        "model=burda optimizer.weight_decay=1e-4",
    ),
    "likelihood=laplace weight_decay=1e-4": (
        "unknown key weight_decay",
        "likelihood=laplace optimizer.weight_decay=1e-4",
    ),
    "experiment=search weight_decay=1e-4": (
        "unknown key weight_decay",
        "experiment=search optimizer.weight_decay=1e-4",
    ),
    "lr=1e-3": ("unknown key lr", "optimizer.lr=1e-3"),
    "optimizer.learning_rate=1e-3": (
        "unknown key optimizer.learning_rate",
        "optimizer.lr=1e-3",
    ),
    "beta=4": ("unknown key beta", "objective.beta=4"),
    "batch_size=64": ("unknown key batch_size", "data.batch_size=64"),
    "z_dim=10": ("unknown key z_dim", "latent_dim=10"),
    "latent-dim=10": ("unknown key latent-dim", "latent_dim=10"),
    "latnet_dim=10": ("unknown key latnet_dim", "latent_dim=10"),
    "clip=1": ("unknown key clip", "trainer.gradient_clip_val=1"),
    "name=first": ("unknown key name", "run_name=first"),
    "output_dir=here": ("unknown key output_dir", "hydra.run.dir=here"),
    "data_dir=here": ("unknown key data_dir", "data.root=here"),
    "+lr=1e-3 epochs=5": ("unknown key epochs, lr", "optimizer.lr=1e-3 trainer.max_epochs=5"),
    "data.path=photos": (
        "data.path belongs to data=factors or folder or npz",
        "data=folder data.path=photos",
    ),
    "data.path=my.npz": (
        "data.path belongs to data=factors or folder or npz",
        "data=npz data.path=my.npz",
    ),
    "sigma=0.1": (
        "unknown key sigma; likelihood.scale belongs to likelihood=discretized_logistic or "
        "gaussian or laplace",
        "likelihood=gaussian likelihood.scale=0.1",
    ),
    "num_workers=4": (
        "unknown key num_workers (the images are in memory, so no worker processes load them)",
        "",
    ),
    "verbose=true": (
        "unknown key verbose (run.log in the run's folder has the details)",
        "",
    ),
    "epohcs=5": ("unknown key epohcs", "trainer.max_epochs=5"),
    "trainer.epohcs=5": ("unknown key trainer.epohcs", "trainer.max_epochs=5"),
    "épochs=5": ("unknown key épochs", "trainer.max_epochs=5"),
    "epochs=5 epochs=10": ("unknown key epochs", "trainer.max_epochs=10"),
    "lr=1e-3 optimizer.lr=2e-3": ("unknown key lr", "optimizer.lr=2e-3"),
    "epochs=5,lr=1e-3": (
        "'epochs=5,lr=1e-3' is several settings: write a word for each; unknown key lr, epochs",
        "trainer.max_epochs=5 optimizer.lr=1e-3",
    ),
    "patience=5": (
        "unknown key patience; callbacks.early_stopping.patience belongs to "
        "callbacks=early_stopping",
        "'callbacks=[default,early_stopping]' callbacks.early_stopping.patience=5",
    ),
    # Options.
    "model.name=conv": ("unknown key model.name", "model=conv"),
    "dataset.name=digits": ("unknown key dataset.name", "data=digits"),
    "optimizer.type=adamw": ("unknown key optimizer.type", ADAM_W),
    "gpu=0": ("unknown key gpu", "trainer=auto"),
    "use_gpu=0": ("unknown key use_gpu", "trainer=default"),
    "gpus=0": ("unknown key gpus", "trainer=default"),
    "--no-cuda": ("there is no flag --no-cuda", "trainer=default"),
    "--dryrun": ("there is no flag --dryrun", "--dry-run"),
    "early_stopping=true": (
        "unknown key early_stopping",
        "'callbacks=[default,early_stopping]'",
    ),
    "callbacks+=samples": ("unknown key callbacks+", "'callbacks=[default,samples]'"),
    "callbacks=samples,latent_map": (
        "callbacks=samples,latent_map names several values, a list has brackets",
        "'callbacks=[samples,latent_map]'",
    ),
    "dataset=mnist_5k": ("unknown key dataset", "data=mnist_5k"),
    "loss=mse": ("unknown key loss", "likelihood=gaussian"),
    "gpu=true": ("unknown key gpu", "trainer=auto"),
    "device=cuda": ("unknown key device", "trainer=auto"),
    "wandb=true": ("unknown key wandb", "logger=wandb"),
    "model=cnn": (choice("model", "cnn"), "model=conv"),
    "model=vae": (choice("model", "vae"), "model=conv"),
    "model=mlp": (choice("model", "mlp"), "model=linear"),
    "model=Linear": (choice("model", "Linear"), "model=linear"),
    "model=convv": (choice("model", "convv"), "model=conv"),
    "objective=beta_vae": (
        choice("objective", "beta_vae"),
        "objective=elbo objective.beta=4",
    ),
    "objective=betavae objective.beta=10": (
        choice("objective", "betavae"),
        "objective=elbo objective.beta=10",
    ),
    "data=MNIST": (choice("data", "MNIST"), "data=mnist"),
    "data=mnist5k": (choice("data", "mnist5k"), "data=mnist_5k"),
    "data=my.npz": (choice("data", "my.npz"), "data=npz data.path=my.npz"),
    "data=photos/": (choice("data", "photos/"), "data=folder data.path=photos/"),
    "likelihood=bce": (choice("likelihood", "bce"), "likelihood=bernoulli"),
    "likelihood=mse": (choice("likelihood", "mse"), "likelihood=gaussian"),
    "optimizer=adamw": (choice("optimizer", "adamw"), ADAM_W),
    "optimizer=sgd": (choice("optimizer", "sgd"), SGD),
    "callbacks=[samples,map]": (
        choice("callbacks", "map"),
        "'callbacks=[samples,latent_map]'",
    ),
    "trainer=cuda": (choice("trainer", "cuda"), "trainer=auto"),
    "trainer.accelerator=mps": (f"trainer.accelerator=mps {NO_DEVICE}", "trainer=auto"),
    # Values.
    "trainer.precision=bf17": (
        "trainer.precision must be auto, 32-true, bf16-mixed or 16-mixed: the terms of the bound "
        "need single precision, got 'bf17'",
        "trainer.precision=bf16-mixed",
    ),
    "trainer.max_epochs=1e2": (
        f"trainer.max_epochs {WHOLE} 1, got 100.0",
        "trainer.max_epochs=100",
    ),
    "model.hidden_dims=400": (
        "model.hidden_dims must be a list of sizes of at least 1, such as [512,256], got 400",
        "'model.hidden_dims=[400]'",
    ),
    "model.hidden_dims=512,256": (
        "model.hidden_dims=512,256 names several values, a list has brackets",
        "'model.hidden_dims=[512,256]'",
    ),
    "model.hidden_dims=[512 256]": (ONE_WORD, "'model.hidden_dims=[512,256]'"),
    "model.hidden_dims=(512,256)": (
        "model.hidden_dims must be a list of sizes of at least 1, such as [512,256], got "
        "'(512,256)'",
        "'model.hidden_dims=[512,256]'",
    ),
    "lr=0,001": (
        "unknown key lr; optimizer.lr=0,001 names several values, a number has a point",
        "optimizer.lr=0.001",
    ),
    "lr=1e\N{MINUS SIGN}3": (
        "unknown key lr; optimizer.lr must be a number above 0, got '1e\N{MINUS SIGN}3'",
        "optimizer.lr=1e-3",
    ),
    "latent_dim='10'": (f"latent_dim {WHOLE} 1, got '10'", "latent_dim=10"),
    "note=my run": (ONE_WORD, "'note=my run'"),
    "run_name=my run": (
        f"{ONE_WORD}; run_name must be a name of letters, digits and . _ + -, not beginning with "
        "a dot, got 'my run'",
        "run_name=my-run",
    ),
    "data.path=photos/*.png": (
        "photos/*.png is not a folder; data.path belongs to data=factors or folder or npz",
        "data=folder data.path=photos",
    ),
    "data.path=my photos": (
        f"{ONE_WORD}; data.path belongs to data=factors or folder or npz",
        "data=folder 'data.path=my photos'",
    ),
    # Sweeps.
    "model=linear,mlp,conv": (
        f"{choice('model', 'mlp')}; model=linear,conv names several values: add -m for a run of "
        "each",
        "-m model=linear,conv",
    ),
    "seeds=3": (
        "unknown key seeds; seed=range(3) names several values: add -m for a run of each",
        "-m 'seed=range(3)'",
    ),
    "model=linear conv": (
        f"{ONE_WORD}; model=linear,conv names several values: add -m for a run of each",
        "-m model=linear,conv",
    ),
    "lr=1e-3 1e-2": (
        f"{ONE_WORD}; unknown key lr; optimizer.lr=1e-3,1e-2 names several values: add -m for a "
        "run of each",
        "-m optimizer.lr=1e-3,1e-2",
    ),
    "latent_dim=[2,10]": (f"latent_dim {WHOLE} 1, got [2,10]", "-m latent_dim=2,10"),
    "latent_dim=2,10": (
        "latent_dim=2,10 names several values: add -m for a run of each",
        "-m latent_dim=2,10",
    ),
    "model=[linear,conv]": (
        "model=[linear,conv] is not one option",
        "-m model=linear,conv",
    ),
    "sweep latent_dim=2,10": ("'sweep' is not key=value", "-m latent_dim=2,10"),
    "multirun=true latent_dim=2,10": ("unknown key multirun", "-m latent_dim=2,10"),
    "--multirun=latent_dim=2,10": (
        "there is no flag --multirun=latent_dim=2,10",
        "-m latent_dim=2,10",
    ),
    # Flags and words.
    "--model conv": ("there is no flag --model", "model=conv"),
    "--model=conv": ("there is no flag --model=conv", "model=conv"),
    "--epochs 5": ("there is no flag --epochs", "trainer.max_epochs=5"),
    "--hidden-dims 512 256": (
        "there is no flag --hidden-dims",
        "'model.hidden_dims=[512,256]'",
    ),
    "--lr 1e-3 --gpu": ("there is no flag --lr, --gpu", "optimizer.lr=1e-3 trainer=auto"),
    "model conv": ("'model conv' is not key=value", "model=conv"),
    "conv": ("'conv' is not key=value", "model=conv"),
    "seed:1": ("seed:1 is not key=value", "seed=1"),
    "latent_dim==2": ("latent_dim==2 is not key=value", "latent_dim=2"),
    "latent_dim = 10": (ONE_WORD, "latent_dim=10"),
    "model=conv, latent_dim=10": (ONE_WORD, "model=conv latent_dim=10"),
    "model.hidden_dims=[512, 256]": (ONE_WORD, "'model.hidden_dims=[512,256]'"),
    "my.npz": ("'my.npz' is not key=value", "data=npz data.path=my.npz"),
    "train": ("python -m vae_lab trains without the word train", ""),
    "train model=conv": ("python -m vae_lab trains without the word train", "model=conv"),
    "train conv": (
        "python -m vae_lab trains without the word train; 'conv' is not key=value",
        "model=conv",
    ),
    "python -m vae_lab seed:1": (
        "seed:1 is not key=value; python -m vae_lab trains without the word python, vae_lab",
        "seed=1",
    ),
    "--set latent_dim=3 lr=1": (
        "there is no flag --set; unknown key lr",
        "latent_dim=3 optimizer.lr=1",
    ),
    "a.png b.png c.png": (
        "'a.png' is not key=value; 'b.png' is not key=value; 'c.png' is not key=value",
        "data=folder data.path=.",
    ),
    "help": ("'help' is not key=value", "--help"),
}

# Words that are commands of their own -> the line.
COMMANDS = {
    "--evaluate RUN": "python -m vae_lab.evaluate RUN",
    "tensorboard": "python -m vae_lab.board",
}


def answer(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Returns the line that a command line is answered with; nothing else happened."""
    monkeypatch.setattr(sys, "argv", ["vae-lab", *words])
    before = sorted(Path().rglob("*"))
    with pytest.raises(SystemExit) as stop:
        main.main()
    captured = capsys.readouterr()
    assert (stop.value.code, captured.out) == (2, "")
    assert sorted(Path().rglob("*")) == before
    (line,) = captured.err.splitlines()
    assert line.startswith("vae-lab: error: ")
    return line.removeprefix("vae-lab: error: ")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launchers, "find_spec", lambda _: True)  # an extra may be missing here


def pasted(words: str) -> str:
    return in_this_shell(f"python -m vae_lab {words}".strip())


@pytest.mark.parametrize("typed", FIRST_TRIES)
def test_a_first_try_is_answered_with_the_line_to_type(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, right = FIRST_TRIES[typed]
    assert answer(typed.split(), monkeypatch, capsys) == f"{wrong}. Type: {pasted(right)}"
    if not right.startswith("--"):
        assert jobs_of(COMPOSER, parse_words(shlex.split(right)), datetime(2026, 1, 2)).jobs


@pytest.mark.parametrize("typed", COMMANDS)
def test_a_command_of_its_own_is_named(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = answer(typed.split(), monkeypatch, capsys)
    word = typed.split()[0]
    flag = f"there is no flag {word}; " if word.startswith("-") else ""
    assert told == (
        f"{flag}'{word.lstrip('-')}' is a command of its own. "
        f"Type: {in_this_shell(COMMANDS[typed])}"
    )


def test_a_value_of_another_type_is_answered_with_the_default_as_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(["model=conv", "trainer.max_epochs=five"], monkeypatch, capsys) == (
        f"trainer.max_epochs {WHOLE} 1, got 'five'. "
        f"For example: {pasted('model=conv trainer.max_epochs=20')}"
    )


def test_a_line_that_is_still_wrong_is_not_proposed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(["epochs=-1"], monkeypatch, capsys) == (
        "unknown key epochs. With trainer.max_epochs=-1: trainer.max_epochs must be a whole number "
        "of at least 1, got -1."
    )
    assert answer(["nothing=1"], monkeypatch, capsys).startswith("unknown key nothing: the keys")


@pytest.mark.parametrize(
    ("typed", "rest"),
    [
        ("dataset=none", "With data=none: data=none does not exist"),
        ("loss=true", "With objective=true: objective=true is not an option"),
        ("gpus=2", "With trainer=ddp trainer.accelerator=gpu trainer.devices=2: "),
        ("größe=3", "unknown key größe: a key has letters from a to z"),
        ("~callbacks=true", "~callbacks is written without a value: write ~callbacks."),
        ("run.sh", "'run.sh' is not a setting"),
        (f"lr={'9' * 400}", "With optimizer.lr=999"),
        ("optimizer.foo=1", "unknown key optimizer.foo: optimizer=muon has "),
    ],
)
def test_no_line_is_proposed_that_means_something_else(
    typed: str, rest: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = answer(typed.split(), monkeypatch, capsys)
    assert rest in told and "Type: " not in told


def test_what_is_right_stays_in_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["--config-dir", "conf", "-m", "seed=0,1", "data=my_own", "lr=1e-3"]
    typed.append("hydra.sweep.dir=a b")
    (Path("conf") / "data").mkdir(parents=True)
    (Path("conf") / "data" / "my_own.yaml").write_text("defaults: [digits]\nmy_key: 1\n")
    told = answer([*typed, "data.my_key=2"], monkeypatch, capsys)
    assert told == (
        "unknown key lr. Type: "
        + pasted(
            "--config-dir conf -m seed=0,1 data=my_own optimizer.lr=1e-3 'hydra.sweep.dir=a b' "
            "data.my_key=2"
        )
    )


@pytest.mark.parametrize(
    "typed", ["{run}", "resume=true", "resume={run}/checkpoints/last.ckpt", "--resume {run}"]
)
def test_a_run_is_named_by_its_folder(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(Path("outputs/runs/linear-z2"))
    run.write_result(RunResult(name="linear-z2", status="interrupted"))
    told = answer(typed.format(run=run.path).split(), monkeypatch, capsys)
    # It is not a whole run, so that it cannot go on; the folder is told.
    assert f"resume={run.path}: " in told
