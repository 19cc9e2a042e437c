"""A data set's files: found in a folder or downloaded from mirrors, and never trusted without MD5.

The packages that download are imported only when they are needed: the entry point calls `ensure`
before every run.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from vae_lab.data.transfer import MirrorFailed, Transfer
from vae_lab.errors import UserError
from vae_lab.files import partial_folder, wait_for_lock, write_text
from vae_lab.terminal import progress

# For each file, by the name it is downloaded under: the MD5 of it (gz) and of it unzipped (raw);
# without the latter an unzipped file is not looked for.
Checksums = Mapping[str, str | None]

Files = Mapping[str, Checksums]

_REMEDIES = (
    "Put the files into FOLDER/{folder} and set data.root=FOLDER or VAE_LAB_DATA=FOLDER, "
    "or train on the built-in digits with data=mnist_5k."
)

# In a data set's folder: the names of the files that were downloaded into it, one per line.
DOWNLOAD_LIST = ".fetched-by-vae-lab"


class BrokenFile(UserError):
    """Files that are there with another MD5; `paths` says where."""

    def __init__(self, message: str, paths: Sequence[Path]) -> None:
        super().__init__(message)
        self.paths = list(paths)


class DataUnavailable(UserError):
    """The files are missing, and no mirror delivered them within the time limit.

    `reasons` are those of the mirrors, if any was asked.
    """

    def __init__(self, message: str, reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.reasons = list(reasons)


def find(root: str | Path, folder: str, files: Files) -> dict[str, Path]:
    """Returns where each of `files` lies under `root`, unzipped or not; absent ones are left out.

    Raises BrokenFile if a file has another MD5; it is left as it is.
    """
    directory = _directory(root, folder)
    paths = {name: _intact(directory, name, sums) for name, sums in files.items()}
    return {name: path for name, path in paths.items() if path is not None}


def is_there(root: str | Path, folder: str, files: Files) -> bool:
    """Tells whether each of `files` lies under `root`, intact."""
    with suppress(BrokenFile):
        return len(find(root, folder, files)) == len(files)
    return False


def locate(root: str | Path, folder: str, files: Files) -> dict[str, Path]:
    """As `find`, but raises DataUnavailable if a file is absent."""
    paths = find(root, folder, files)
    if absent := [name for name in files if name not in paths]:
        raise DataUnavailable(
            f"{', '.join(absent)} not found in {_directory(root, folder)}. "
            f"{_REMEDIES.format(folder=folder)}"
        )
    return paths


def ensure(
    root: str | Path,
    folder: str,
    files: Files | None,
    mirrors: Sequence[str] | None,
    timeout: float,
) -> dict[str, Path]:
    """Returns where each of `files` lies under `root`, after downloading those that are absent.

    A file that was downloaded here and is broken by now is downloaded again, once; a file from
    anywhere else is left as it is. Of several processes one downloads, and the others wait for it.

    Args:
        files: None or empty if a data set needs no files.
        mirrors: addresses that a file's name is appended to, asked in this order.
        timeout: seconds to wait for data, over all mirrors together; a download may take longer.

    Raises:
        DataUnavailable: No mirror delivered.
        UserError: A file that is there is broken, or the folder cannot be written.
    """
    if not files:
        return {}
    with suppress(BrokenFile):
        paths = find(root, folder, files)
        if len(paths) == len(files):
            return paths
    directory = _directory(root, folder)
    with wait_for_lock(directory):
        # Another process may have been faster.
        intact = _find_intact(directory, files)
        absent = {name: str(sums["gz"]) for name, sums in files.items() if name not in intact}
        if absent:
            _download(directory, folder, absent, mirrors or (), timeout)
        return find(root, folder, files)


def _find_intact(directory: Path, files: Files) -> set[str]:
    """Returns which files are there, after removing those that were downloaded and broke."""
    intact = set()
    for name, sums in files.items():
        try:
            if _intact(directory, name, sums) is not None:
                intact.add(name)
        except BrokenFile as broken:
            if not {path.name for path in broken.paths} <= _downloaded(directory):
                raise
            print(f"vae-lab: downloading again: {broken}", file=sys.stderr, flush=True)
            for path in broken.paths:
                path.unlink()
    return intact


def _downloaded(directory: Path) -> set[str]:
    """Returns the names of the files that were downloaded into a directory."""
    try:
        return set((directory / DOWNLOAD_LIST).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        return set()


def _directory(root: str | Path, folder: str) -> Path:
    return Path(root).expanduser() / folder


def _intact(directory: Path, name: str, sums: Checksums) -> Path | None:
    """Returns the form of the file that has the right MD5, None if both forms are missing."""
    wrong: dict[Path, str] = {}
    # Unzipped first: reading it is faster.
    forms = (name.removesuffix(".gz"), sums.get("raw")), (name, sums["gz"])
    for path, expected in ((directory / form, md5) for form, md5 in forms if md5):
        try:
            actual = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            text = f"cannot read {path}: {error.strerror}. Set data.root=FOLDER."
            raise UserError(text) from error
        if actual == expected:
            return path
        wrong[path] = f"{path} is broken: MD5 {actual}, expected {expected}"
    if wrong:
        raise BrokenFile(
            f"{'; '.join(wrong.values())}. Delete it, and it is downloaded again, or set "
            f"data.root=FOLDER.",
            list(wrong),
        )
    return None


def _download(
    directory: Path, folder: str, absent: Mapping[str, str], mirrors: Sequence[str], timeout: float
) -> None:
    """Fills `directory`, one mirror after another; a mirror that failed is not asked again."""
    failures, seconds_left = [], timeout
    files = "1 file" if len(absent) == 1 else f"{len(absent)} files"
    print(f"vae-lab: downloading {files} to {directory}", file=sys.stderr, flush=True)
    with _unfinished_files(directory) as partial, progress(in_bytes=True) as bars:
        for position, mirror in enumerate(mirrors):
            # The time left is shared, so that a silent mirror leaves some for those after it.
            patience = seconds_left / (len(mirrors) - position)
            try:
                for name, md5 in absent.items():
                    if not (directory / name).exists():
                        transfer = Transfer(mirror.rstrip("/") + f"/{name}", md5, partial / name)
                        transfer.wait(patience, bars)
                        _publish(partial / name, directory / name)
                return
            except MirrorFailed as failure:
                failures.append(f"{mirror} {failure}")
                seconds_left -= failure.waited
    raise DataUnavailable(
        f"cannot download to {directory}: {'; '.join(failures) or 'data.mirrors is empty'} "
        f"(data.timeout={timeout:g}). {_REMEDIES.format(folder=folder)}",
        failures,
    )


@contextmanager
def _unfinished_files(directory: Path) -> Iterator[Path]:
    """Makes `directory`, and in it a folder for unfinished files that is gone afterwards."""
    new = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with partial_folder(directory) as partial:
            yield partial
    except OSError as error:
        raise UserError(
            f"cannot write to {directory}: {error.strerror or error}. "
            "Set data.root=FOLDER or VAE_LAB_DATA=FOLDER to a folder that can be written."
        ) from error
    finally:
        # If nothing arrived, no empty folders stay. Those with files refuse to go.
        for folder in new:
            with suppress(OSError):
                folder.rmdir()


def _publish(partial: Path, final: Path) -> None:
    # pooch leaves a temporary file's mode, which shuts out the others who share the folder.
    partial.chmod(0o644)
    partial.replace(final)
    names = sorted({*_downloaded(final.parent), final.name})
    write_text(final.with_name(DOWNLOAD_LIST), "".join(f"{name}\n" for name in names))
