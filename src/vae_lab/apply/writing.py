"""Where the results of a command go: pictures, a sheet, a table, and a record of them. No torch.

In the folder that was named, `TASK.png` is the sheet, `TASK.csv` the table, `TASK/` holds separate
pictures, and `TASK.json` the outcome. A second call of a task replaces what the first wrote.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_lab.apply.request import ApplyRequest
from vae_lab.errors import UserError, describe_os_error, refusing
from vae_lab.files import atomic, check_writable, write_text
from vae_lab.outcome import as_json
from vae_lab.ownership import WRITTEN_BY, is_ours
from vae_lab.reading import MOST_TEXT, parse_json, read_inside

if TYPE_CHECKING:
    from vae_lab.apply.pictures import PictureFile

_REMEDY = "name another place with --to"


def check_place(request: ApplyRequest) -> None:
    """Raises UserError if the results cannot go where they were sent to, or something is there."""
    to = request.to
    check_writable(to.parent if request.is_table else to, _REMEDY)
    if request.is_table:
        if to.exists() and not _is_table(to):
            raise _in_the_way(to)
        return
    if to.exists() and not to.is_dir():
        raise UserError(f"{to} is a file: {_REMEDY} FOLDER.")
    record = _record(request)
    if is_ours(record) and record.exists():
        return
    for path in (record, *_places(request)):
        if path.exists() or path.is_symlink():
            raise _in_the_way(path)


def _record(request: ApplyRequest) -> Path:
    return request.to / f"{request.task}.json"


def _places(request: ApplyRequest) -> list[Path]:
    return [request.to / f"{request.task}{end}" for end in (".png", ".csv", "")]


def _in_the_way(path: Path) -> UserError:
    return UserError(f"{path} was not written by this command and would be replaced: {_REMEDY}.")


def _is_table(path: Path) -> bool:
    """Tells whether a file is a table of pictures: its first column is called file."""
    with refusing(f"{path} cannot be read"):
        if path.suffix.lower() == ".csv":
            with path.open("rb") as file:
                return file.read(5) == b"file,"
        import pyarrow.parquet

        names: list[str] = pyarrow.parquet.read_schema(path).names
        return names[:1] == ["file"]


class Results:
    """What a command has written; `shown` are the files and folders that people are told of."""

    def __init__(self, request: ApplyRequest) -> None:
        self._request = request
        self.shown: list[Path] = []
        self._paths: list[Path] = []
        self._is_clean = request.is_table

    def pictures(self, names: Iterable[str], write: Callable[[int, Path], None]) -> Iterator[Path]:
        """Yields the separate files of pictures; `write` takes the number of each and its place."""
        folder = self._request.to / self._request.task
        self._clean()
        self._show(folder)
        for number, name in enumerate(names):
            path = folder / f"{name}.png"
            if path.exists() or path.is_symlink():
                raise _in_the_way(path)
            self._write(path, partial(write, number))
            yield path

    def sheet(self, write: Callable[[Path], None]) -> None:
        """Writes the picture of all pictures."""
        path = self._request.to / f"{self._request.task}.png"
        self._clean()
        self._write(path, write)
        self._show(path)

    def table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes a table of pictures, as CSV or Parquet by the suffix of its file."""
        import pandas

        request, frame = self._request, pandas.DataFrame(rows)
        path = request.to if request.is_table else request.to / f"{request.task}.csv"
        self._clean()
        is_csv = path.suffix.lower() == ".csv"
        self._write(path, partial(frame.to_csv, index=False) if is_csv else frame.to_parquet)
        self._show(path)

    def close(self, pictures: Sequence["PictureFile"]) -> dict[str, Any]:
        """Writes the record beside the results; returns the outcome."""
        request = self._request
        outcome = {
            "task": request.task,
            "model": str(request.model),
            "to": str(request.to),
            "pictures": [picture.to_json() for picture in pictures],
            "written": [str(path) for path in self._paths],
        }
        if not request.is_table and self._paths:
            names = [path.relative_to(request.to).as_posix() for path in self._paths]
            record = {"written_by": WRITTEN_BY, "files": names, **outcome}
            write_text(_record(request), as_json(record))
        return outcome

    def _show(self, path: Path) -> None:
        if path not in self.shown:
            self.shown.append(path)

    def _write(self, path: Path, write: Callable[[Path], None]) -> None:
        self._paths.append(path)
        try:
            with atomic(path) as unfinished:
                write(unfinished)
        except OSError as error:
            raise UserError(describe_os_error(error, path.parent)) from error

    def _clean(self) -> None:
        """Removes, once, what an earlier call of the task wrote, and the record says so."""
        if self._is_clean:
            return
        self._is_clean = True
        request, record = self._request, _record(self._request)
        if not record.exists():
            return
        with refusing(f"{record} cannot be read"):
            files = parse_json(read_inside(record, request.to, most=MOST_TEXT)).get("files", [])
        ours = {*_places(request)[:2]}
        for path in (request.to / str(name) for name in files):
            is_separate = path.parent == _places(request)[2] and path.suffix == ".png"
            if (is_separate or path in ours) and path.is_file() and not path.is_symlink():
                path.unlink()
