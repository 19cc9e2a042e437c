"""The table for a paper: LaTeX that is whole, with every number, and only ours is replaced."""

import re
from pathlib import Path

import pytest
from fake_runs import number, write_evaluation, write_run

from vae_lab.errors import UserError
from vae_lab.report.__main__ import _main
from vae_lab.report.latex import escaped
from vae_lab.report.page import write_report


def written(folder: Path, *words: str) -> str:
    _main([str(folder), "--latex", *words])
    return (folder / "results.tex").read_text()


def tabulars(text: str) -> list[tuple[str, list[list[str]]]]:
    """Returns the columns of each tabular, and the cells of its rows, the heading first."""
    pattern = r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}"
    found = []
    for columns, body in re.findall(pattern, text, flags=re.DOTALL):
        lines = [line.strip() for line in body.splitlines() if line.strip().endswith(r"\\")]
        cells = [re.split(r"(?<!\\)&", line.removesuffix(r"\\")) for line in lines]
        found.append((columns, [[cell.strip() for cell in row] for row in cells]))
    return found


def check_whole(text: str) -> None:
    """Fails where LaTeX would: on a brace, an environment, a dollar or a letter that is special."""
    code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert not re.search(r"(?<!\\)[%#~^]", code)
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", code):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    opened: list[str] = []
    for which, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", code):
        if which == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    outside = re.split(r"(?<!\\)\$", code)
    assert len(outside) % 2 == 1, "every formula ends"
    assert not any(re.search(r"(?<!\\)_|\\pm|\\mathbf", part) for part in outside[::2])
    for columns, rows in tabulars(code):
        assert all(len(row) == len(columns) for row in rows)
        assert all(rule in code for rule in (r"\toprule", r"\midrule", r"\bottomrule"))


def column(text: str, heading: str) -> list[str]:
    """Returns the cells below a heading, which one of the tabulars has."""
    (cells,) = (
        [row[index] for row in rows[1:]]
        for _, rows in tabulars(text)
        for index, title in enumerate(rows[0])
        if title.startswith(heading)
    )
    return cells


def evaluated(folder: Path, iw_bound: float, **recall: float) -> None:
    numbers = {
        "iw_bound": number(iw_bound, 1.25),
        "bits_per_dimension": number(0.25, 0.01),
        "precision": number(0.5, 0.025),
        **{name: number(value, 0.02) for name, value in recall.items()},
    }
    write_evaluation(folder, numbers)


def test_the_table_has_every_setting_with_its_error_and_the_best_in_bold(tmp_path: Path) -> None:
    choices = {"data": "50%_of #1 & more"}
    for name, z, elbo in (("a", 2, -150.0), ("b", 10, -110.0)):
        config = {"objective": {"beta": 0.5 * z}}
        run = write_run(tmp_path / name, elbo=elbo, latent_dim=z, choices=choices, config=config)
        evaluated(run, elbo + 5)
    text = written(tmp_path)
    check_whole(text)
    assert column(text, "latent dimensions") == ["2", "10"]
    low, high = column(text, "bound")
    assert (low, high) == (r"$-150.0 \pm 1.0$", r"$\mathbf{-110.0} \pm 1.0$")
    assert column(text, "IW bound") == [r"$-145.0 \pm 1.2$", r"$\mathbf{-105.0} \pm 1.2$"]
    first, second = column(text, "reconstruction")
    assert second == r"$\mathbf{104.00}$" and first == "$144.00$", "the lowest is the best"
    # Equal values are all the best; nothing is best of the KL.
    assert all(r"\mathbf{50.0}" in cell for cell in column(text, "precision"))
    assert not any("mathbf" in cell for cell in column(text, "KL"))
    assert "500 samples per image, of 100 images" in text
    assert "the standard error over 400 images, of one seed each" in text
    assert "recall" not in text, "what nothing measured has no column"
    assert max(len(columns) for columns, _ in tabulars(text)) <= 8


def test_several_seeds_have_their_standard_deviation(tmp_path: Path) -> None:
    for seed, elbo in enumerate((-150.0, -148.0)):
        write_run(tmp_path / f"a-seed{seed}", elbo=elbo, seed=seed)
    write_run(tmp_path / "b", elbo=-110.0, latent_dim=10)
    text = written(tmp_path)
    check_whole(text)
    assert column(text, "seeds") == ["2", "1"]
    assert column(text, "bound")[0] == r"$-149.0 \pm 1.4$"
    assert "standard deviation over 2 seeds; of one seed, the standard error" in text
    assert "IW" not in text


def test_runs_that_do_not_compare_get_tables_of_their_own(tmp_path: Path) -> None:
    for place, name in enumerate(("one_set", "other_set")):
        data = {"name": "made-up", "test": 400, "fingerprint": name}
        write_run(tmp_path / name, elbo=-150.0, seed=place, data=data)
    text = written(tmp_path)
    check_whole(text)
    assert len(tabulars(text)) == 2 and r"one\_set" in text and r"other\_se" in text


def test_the_comments_say_what_made_it_and_are_comments(tmp_path: Path) -> None:
    command = "python -m vae_lab model=a\n\\input{secret}"
    versions = {"torch": "9.9"}
    write_run(tmp_path / "a", elbo=-1.0, command=command, versions=versions, git_commit="abc-dirty")
    text = written(tmp_path)
    check_whole(text)
    comments = [line for line in text.splitlines() if line.startswith("%")]
    assert "Written by VAE Lab" in comments[0] and "booktabs" in comments[0]
    assert "torch 9.9; commit abc-dirty" in comments[1]
    assert comments[2] == r"% python -m vae_lab model=a \input{secret}"
    assert text.count(r"\input") == 1


def test_only_a_table_of_ours_is_replaced_and_only_when_asked(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-1.0)
    (tmp_path / "results.tex").write_text("my paper")
    write_report([tmp_path], tmp_path)
    with pytest.raises(UserError, match=r"results.tex was not written by VAE Lab"):
        written(tmp_path)
    assert (tmp_path / "results.tex").read_text() == "my paper"
    (tmp_path / "results.tex").unlink()
    write_report([tmp_path], tmp_path)
    assert not (tmp_path / "results.tex").exists()
    assert written(tmp_path).splitlines()[1:] == written(tmp_path).splitlines()[1:]


def test_letters_that_mean_something_to_latex_are_printed() -> None:
    assert escaped(r"a_b 5% & #1 $x$ {y}") == r"a\_b 5\% \& \#1 \$x\$ \{y\}"
    assert escaped("\\~^\n x") == r"\textbackslash{}\textasciitilde{}\textasciicircum{} x"
