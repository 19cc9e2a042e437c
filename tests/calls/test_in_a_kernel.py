"""`vae_lab.train` in the kernel of a notebook: its progress, an interrupt, and the next cell."""

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from repository import ROOT

jupyter_client = pytest.importorskip("jupyter_client", reason="needs the extra docs")
pytest.importorskip("ipykernel", reason="needs the extra docs")

QUICK = '"data=digits", "callbacks=[progress]", "logger=none", "report=null", "explorer=null"'
LONG = f'vae_lab.train({QUICK}, "trainer.max_epochs=30", "trainer.limit_train_batches=3", {{}})'
STATE = """
import logging, signal, threading, torch, warnings
(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), logging.root.handlers,
 torch.get_num_threads(), torch.initial_seed(), len(warnings.filters), len(threading.enumerate()))
"""


NOTEBOOK = ROOT / "docs/notebooks/use_it.py"


class Kernel:
    """A kernel, and what a cell printed and displayed last."""

    def __init__(self, manager: Any) -> None:
        self.manager, self.client = manager, manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def run(self, code: str, *, interrupts: int = 0) -> list[dict[str, Any]]:
        """Runs a cell and returns its outputs; interrupts it when its bar has moved."""
        sent = self.client.execute(code)
        outputs: list[dict[str, Any]] = []
        while True:
            message = self.client.get_iopub_msg(timeout=180)
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return outputs
            if kind in ("stream", "display_data", "update_display_data", "execute_result", "error"):
                outputs.append({"kind": kind, **content})
            text = content.get("data", {}).get("text/plain", "")
            if interrupts and re.search(r"epoch +([3-9]|1\d)/", text):
                for _ in range(interrupts):
                    self.manager.interrupt_kernel()
                    time.sleep(0.02)
                interrupts = 0

    def value(self, code: str) -> str:
        """Returns the value of a cell's last line as text."""
        (output,) = [out for out in self.run(code) if out["kind"] == "execute_result"]
        text: str = output["data"]["text/plain"]
        return text


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("kernel")
    source = str(ROOT / "src")
    path = os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])
    manager = jupyter_client.KernelManager(kernel_name="python3")
    # As a notebook has it: pictures go to the page.
    others = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    manager.start_kernel(cwd=str(folder), env={**others, "PYTHONPATH": path})
    try:
        started = Kernel(manager)
        started.run("import vae_lab, torch; vae_lab.load('example:linear-z2')")
        yield started
        started.client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)


def test_progress_is_one_line_that_moves_and_stays(kernel: Kernel) -> None:
    outputs = kernel.run(f'vae = vae_lab.train({QUICK}, "trainer.max_epochs=3")')
    assert [out for out in outputs if out["kind"] == "error"] == []
    (shown,) = [out for out in outputs if out["kind"] == "display_data"]
    updates = [out for out in outputs if out["kind"] == "update_display_data"]
    assert "<progress" in shown["data"]["text/html"] and updates
    identities = {out["transient"]["display_id"] for out in (shown, *updates)}
    assert len(identities) == 1
    last = updates[-1]["data"]
    assert re.fullmatch(
        r"epoch 3/3  loss [\d.]+  elbo/val -[\d.]+  [\d,]+ images/s", last["text/plain"]
    )
    assert last["text/plain"] in last["text/html"] and "<progress" not in last["text/html"]
    printed = "".join(out["text"] for out in outputs if out["kind"] == "stream")
    assert "test elbo" in printed and "epoch 1/3" not in printed
    (card,) = [out for out in kernel.run("vae") if out["kind"] == "execute_result"]
    assert "test ELBO" in card["data"]["text/html"]


@pytest.mark.parametrize("interrupts", [1, 3])
def test_an_interrupt_keeps_the_kernel_and_the_run_can_be_resumed(
    interrupts: int, kernel: Kernel
) -> None:
    before = kernel.value(STATE)
    outputs = kernel.run(LONG.format(f'"run_name=i{interrupts}"'), interrupts=interrupts)
    errors = [out for out in outputs if out["kind"] == "error"]
    assert {error["ename"] for error in errors} <= {"KeyboardInterrupt"}
    assert kernel.value(STATE) == before
    assert kernel.manager.is_alive()
    words = [error["evalue"] for error in errors]
    calls = [re.fullmatch(r"interrupted\. To resume: (vae_lab\.train\(.*\))", it) for it in words]
    call = calls[0] if calls else None
    # A later one reaches Python's own handler, perhaps while IPython shows the first.
    assert call or interrupts > 1
    folder = kernel.value(f"[*__import__('pathlib').Path('outputs/runs').glob('i{interrupts}_*')]")
    name = re.search(r"outputs/runs/\w+-\d+", folder)
    assert name
    line = call[1] if call else f"vae_lab.train('resume={name[0]}')"
    assert kernel.value(f"vae = {line}; vae.result.epochs, vae.result.resumed_after != []") == (
        "(30, True)"
    )


def test_a_wrong_setting_shows_the_line_to_type_and_one_frame_of_ours(kernel: Kernel) -> None:
    (error,) = [out for out in kernel.run('vae_lab.train("epochs=3")') if out["kind"] == "error"]
    assert error["evalue"] == 'unknown key epochs. Type: vae_lab.train("trainer.max_epochs=3")'
    assert sum("vae_lab/" in part for part in error["traceback"]) == 1


def test_a_sweep_shows_a_line_for_each_run_and_its_table(kernel: Kernel) -> None:
    words = f'{QUICK}, "trainer.max_epochs=1", "latent_dim=2,3", "sweep_name=s"'
    outputs = kernel.run(f"frame = vae_lab.sweep({words}); len(frame)")
    shown = [out["data"] for out in outputs if out["kind"] == "display_data"]
    assert ["<progress" in data["text/html"] for data in shown] == [True, True, False]
    assert "Test set, nats per image" in shown[2]["text/plain"]
    assert outputs[-1]["data"]["text/plain"] == "2"


def test_the_notebook_trains_draws_scores_completes_and_exports(kernel: Kernel) -> None:
    jupytext = pytest.importorskip("jupytext", reason="needs the extra docs")
    cells = [cell.source for cell in jupytext.read(NOTEBOOK).cells if cell.cell_type == "code"]
    directory = kernel.value("import os; os.getcwd()")
    shown: list[str] = []
    for cell in cells:
        outputs = kernel.run(cell)
        errors = [f"{out['ename']}: {out['evalue']}" for out in outputs if out["kind"] == "error"]
        assert errors == [], cell
        shown += [*{kind: None for out in outputs for kind in out.get("data", {})}]
        shown += [out["text"] for out in outputs if out["kind"] == "stream"]
    kernel.run(f"os.chdir({directory})")
    assert shown.count("image/png") == 3  # samples, images to score, completions
    text = "\n".join(shown)
    for word in (
        "upside down",
        "standard deviation: seen 0.00",
        "Exported best weights",
        "hf upload",
    ):
        assert word in text
