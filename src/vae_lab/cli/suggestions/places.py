"""Folders and files that stand in a command line: runs, sweeps, a person's own images."""

from pathlib import Path

from vae_lab.run_folder import RunFolder, runs_in

_OUTPUTS = Path("outputs")


def newest_folder(kind: str = "*") -> str | None:
    """Returns the newest folder of a run or a sweep; `kind` is `runs`, `sweeps` or both."""
    found = [path for path in _OUTPUTS.glob(f"{kind}/*") if path.is_dir()]
    return str(max(found, key=lambda path: path.stat().st_mtime)) if found else None


def run_of(path: Path) -> Path:
    """Returns the folder of the run that a path is in, or the path."""
    return next((each for each in (path, *path.parents) if RunFolder(each).exists), path)


def is_path(text: str) -> bool:
    """Tells whether a text looks like a path, or is one."""
    is_place = "/" in text or "\\" in text or text.lower().endswith(".npz")
    return is_place or _is_image(text) or Path(text).is_dir()


def images_at(path: str) -> list[str]:
    """Returns the settings for images of one's own at a path."""
    return [f"data={option_for(path)}", f"data.path={folder_of_images(path)}"]


def may_hold_images(path: str) -> bool:
    """Tells whether a path can be that of images: a folder, an image, a file of arrays."""
    is_plain = Path(path).suffix.lower() in {"", ".npz"}
    return is_plain or "*" in path or _is_image(path) or Path(path).is_dir()


def folder_of_images(path: str) -> str:
    """Returns the folder of an image or of a pattern such as `photos/*.png`, else the path."""
    is_file = "*" in path or _is_image(path)
    return str(Path(path).parent) if is_file and not Path(path).is_dir() else path


def _is_image(path: str) -> bool:
    """Tells whether a path has the suffix of an image."""
    if not (suffix := Path(path).suffix.lower()):
        return False
    from vae_lab.data.image_files import SUFFIXES  # with numpy, and most lines name no file

    return suffix in SUFFIXES


def option_for(path: str) -> str:
    """Returns the option of `data` that reads what is at a path."""
    return "npz" if path.endswith(".npz") else "folder"


def is_run(path: Path) -> bool:
    """Tells whether a path belongs to a run, or looks like it."""
    return RunFolder(run_of(path)).exists or path.parts[:1] == _OUTPUTS.parts


def holds_runs(path: Path) -> bool:
    """Tells whether a folder holds finished or unfinished runs, as that of a sweep does."""
    return path.is_dir() and not RunFolder(path).exists and bool(runs_in(path))
