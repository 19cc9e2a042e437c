"""Large imports: without a search for garbage, and without what nobody asks for."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

SCRIPT = """
import gc
from vae_lab.imports import begin_command, large_imports

class Cycle:
    def __init__(self, name):
        self.name, self.own = name, self

    def __del__(self, show=print):
        show(self.name)

with large_imports("csv"):
    assert gc.isenabled()
assert not gc.get_freeze_count()  # nobody said that the process is ours
begin_command()
with large_imports("csv"):
    assert not gc.isenabled()
    import csv
    Cycle("frozen")
assert gc.isenabled() and gc.get_freeze_count()
frozen = gc.get_freeze_count()
with large_imports("csv"):
    assert gc.isenabled()
    Cycle("later")
assert gc.get_freeze_count() == frozen
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_only_in_a_process_of_ours_and_once_and_all_objects_are_finished() -> None:
    done = run(SCRIPT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "later\nfrozen\n", "")


def test_an_import_that_fails_leaves_the_search_on() -> None:
    done = run(
        "import gc\nfrom vae_lab.imports import begin_command, large_imports\nbegin_command()\n"
        "try:\n    with large_imports('csv'):\n        import vae_lab.no_such_module\n"
        "except ImportError:\n    print(gc.isenabled())\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


METRICS = """
import sys
from vae_lab.imports import begin_command, large_imports
begin_command()
with large_imports("pytorch_lightning"):
    import pytorch_lightning, torch
assert not {"scipy", "torchvision", "torchmetrics.image", "matplotlib"} & {*sys.modules}
# What somebody asks for is there, a part or all.
from torchmetrics.functional import accuracy
from torchmetrics import functional, MeanMetric
assert functional.accuracy is accuracy
import torchmetrics
from torchmetrics import *
metric = Accuracy(task="binary")
assert isinstance(metric, torchmetrics.Metric) and isinstance(MeanMetric(), Metric)
assert torchmetrics.Metric is sys.modules["torchmetrics.metric"].Metric
assert not hasattr(torchmetrics, "nothing")
metric.update(torch.tensor([0.8]), torch.tensor([1]))
figure, axes = metric.plot()
assert type(figure).__name__ == "Figure" and axes.get_ylabel() == "BinaryAccuracy"
assert torchmetrics.__spec__.loader is torchmetrics.__loader__
assert torchmetrics.__loader__.get_filename() == torchmetrics.__file__
print(torchmetrics.__version__)
"""

OTHERWISE = """
import sys
from vae_lab import imports, partial_imports

def refused(name):
    raise ImportError(name)

partial_imports.import_module = refused
imports.begin_command()
with imports.large_imports("pytorch_lightning"):
    import pytorch_lightning
import torchmetrics
assert "torchmetrics.image" in sys.modules and "__getattr__" not in vars(torchmetrics)
print(torchmetrics.__version__)
"""


@pytest.mark.parametrize("script", [METRICS, OTHERWISE])
def test_metrics_are_imported_when_somebody_asks_for_them_or_all_at_once(script: str) -> None:
    done = run(script)
    assert (done.returncode, done.stdout) == (0, f"{version('torchmetrics')}\n"), done.stderr


# The process of a command that trained a step.
A_STEP = """
import sys
from vae_lab.imports import begin_command, large_imports
begin_command()
with large_imports("pytorch_lightning"):
    import pytorch_lightning as pl
import torch
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.Adam(model.parameters())
model(torch.ones(1, 2)).sum().backward()
optimizer.step()
optimizer.zero_grad()
assert not {"sympy", "triton", "torch._dynamo.eval_frame"} & {*sys.modules}
"""

COMPILED = """
from lightning_fabric.wrappers import OptimizedModule as known, _unwrap_compiled
from pytorch_lightning.utilities.compile import to_uncompiled
seen = []

@torch._dynamo.disable
def disabled(values):
    seen.append(torch.compiler.is_compiling())
    return values + 1

def step(values):
    if torch.compiler.is_compiling():
        values = values * 2
    values = disabled(values)
    optimizer.zero_grad()
    optimizer.step()
    return values

assert disabled(1) == 2 and not isinstance(model, known)
assert _unwrap_compiled(model) == (model, None)
compiled = torch.compile(model, backend="eager")
assert isinstance(compiled, known) and not isinstance(model, known)
assert issubclass(type(compiled), torch._dynamo.OptimizedModule)
assert _unwrap_compiled(compiled)[0] is model
assert torch.compile(step, backend="eager")(torch.ones(1)).item() == 3
assert seen == [False, False]
module = pl.LightningModule()
assert to_uncompiled(torch.compile(module, backend="eager")) is module
"""

# Who asks for what.
ASKED = {
    "a module": "import torch._dynamo.config\nassert torch._dynamo.config is sys.modules["
    "'torch._dynamo.config']",
    "a name": "from torch._dynamo import explain\nassert explain is torch._dynamo.explain",
    "a class": "from torch._dynamo import OptimizedModule\nclass Mine(OptimizedModule): pass\n"
    "assert Mine.__mro__[1] is torch._dynamo.eval_frame.OptimizedModule",
    "a decorator": "assert isinstance(torch._dynamo.disable(), "
    "torch._dynamo.eval_frame.DisableContext)",
    "no name": "assert not hasattr(torch._dynamo, 'nothing')",
    "threads": "from concurrent.futures import ThreadPoolExecutor as Pool\n"
    "with Pool(4) as pool:\n"
    "    found = [*pool.map(lambda _: torch._dynamo.explain, range(4))]\n"
    "assert len({*found}) == 1",
}

COUNTED = """
from pytorch_lightning.utilities.model_summary import model_summary

class Counted(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer, self.example_input_array = model, torch.ones(3, 2)

    def forward(self, x):
        return self.layer(x)

assert model_summary.ModelSummary(Counted()).total_flops == 2 * 3 * 2 * 2
from torch.utils.flop_counter import FlopCounterMode
assert isinstance(FlopCounterMode(), model_summary.FlopCounterMode)
"""


@pytest.mark.parametrize("script", [COMPILED, COUNTED, *ASKED.values()])
def test_the_compiler_is_imported_when_somebody_asks_for_it(script: str) -> None:
    is_whole = "\nprint('eval_frame' in vars(torch._dynamo))"
    done = run(A_STEP + script + is_whole)
    assert (done.returncode, done.stdout) == (0, f"{script != COUNTED}\n"), done.stderr


PLANNED = """
import sys
from vae_lab.cli.main import main
sys.argv = ["vae_lab", "data=digits", "hydra.run.dir=run", "--dry-run"]
try:
    main()
except SystemExit as end:
    assert not end.code
parts = {"torchmetrics.image", "torch._dynamo.eval_frame"} & {*sys.modules}
print("imported", "torch" in sys.modules, parts)
"""


def test_a_plan_counts_weights_without_what_nobody_asks_for() -> None:
    done = run(PLANNED)
    assert done.stdout.endswith("imported True set()\n"), done.stderr


SEEN = """
import gc
import sys
from pytorch_lightning import Callback

class Seen(Callback):
    def on_train_end(self, *_):
        kept = gc.get_freeze_count() > 100_000
        print("seen", gc.isenabled(), kept, "torch._dynamo.eval_frame" in sys.modules)
"""


@pytest.mark.parametrize(
    "words", [["hydra.run.dir=run"], ["-m", "hydra/launcher=joblib", "hydra.sweep.dir=sweep"]]
)
def test_a_run_trains_with_the_search_on_and_its_imports_left_out(
    words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "seen.py").write_text(SEEN, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "vae_lab", "data=digits", "trainer.max_steps=1", "explorer=null",
         "+callbacks.seen._target_=seen.Seen", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "seen True True False" in done.stdout
    # Libraries of C++ tell at the end what was never finished.
    assert "leak" not in done.stderr
