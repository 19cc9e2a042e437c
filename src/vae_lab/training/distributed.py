"""One run on several devices: a process for each, of which the first plans and the others join.

Lightning starts the others with the command line of the first. They plan no run of their own: they
join the training of the folder that they are told, and write nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vae_lab.errors import JobFailed, Stopped


def join_run(folder: Path) -> None:
    """Takes part in the training of a folder's run.

    What goes wrong once all processes are connected is told by the first of them: it sees that this
    one is gone. Lightning kills the first if another ends with an exit code that is not 0.

    Raises:
        JobFailed: where something goes wrong before.
    """
    from torch import distributed

    from vae_lab.run_folder import RunFolder
    from vae_lab.training.resume_state import find_resume_point
    from vae_lab.training.trainer import assemble

    try:
        run = RunFolder(folder)
        point = find_resume_point(run, run.require_result())
        parts = assemble(run.config, run, point, trust=os.environ[TRUST] == "1")
        parts.trainer.fit(parts.model, datamodule=parts.data, ckpt_path=point.checkpoint)
    except Stopped:
        return
    except Exception as error:
        if not distributed.is_initialized():
            process = f"process {os.environ[RANK]} of the run in {folder}"
            raise JobFailed(f"{process}: {error}") from error


# Said in the environment; the rank is Lightning's.
FOLDER, TRUST, RANK = "VAE_LAB_FOLLOW", "VAE_LAB_FOLLOW_TRUST", "LOCAL_RANK"


def joined_run() -> Path | None:
    """Returns the folder of the run that this process was started for; None if it leads."""
    if os.environ.get(RANK, "0") == "0" or FOLDER not in os.environ:
        return None
    return Path(os.environ[FOLDER])


# What Lightning leaves in the environment, where it would keep the next run of a sweep from
# starting processes of its own.
_LEFT = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "WORLD_SIZE", RANK, FOLDER, TRUST)


@contextmanager
def rank_zero(folder: Path, *, trust: bool) -> Iterator[None]:
    """Tells processes that are started meanwhile which run they take part in."""
    from torch import distributed

    before = {name: os.environ.get(name) for name in _LEFT}
    os.environ[FOLDER], os.environ[TRUST] = str(folder.absolute()), str(int(trust))
    try:
        yield
    finally:
        if distributed.is_available() and distributed.is_initialized():
            # Those who wait for this process see that it is gone.
            distributed.destroy_process_group()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
