"""Which training images have a label: balanced, the same for the same seed, nested."""

import pytest
import torch

from vae_lab.data.known_labels import KnownLabels, balanced_rows
from vae_lab.errors import UserError

LABELS = torch.randint(0, 4, (400,), generator=torch.Generator().manual_seed(0))


def counts(rows: torch.Tensor, labels: torch.Tensor = LABELS) -> list[int]:
    return torch.bincount(labels[rows], minlength=4).tolist()


def test_each_class_has_as_many_labels() -> None:
    rows = balanced_rows(LABELS, 4, 40, seed=0)
    assert counts(rows) == [10, 10, 10, 10]
    assert rows.tolist() == sorted(set(rows.tolist()))


def test_what_is_left_over_goes_to_classes_by_chance() -> None:
    each = [counts(balanced_rows(LABELS, 4, 42, seed=seed)) for seed in range(8)]
    assert all(sorted(numbers) == [10, 10, 11, 11] for numbers in each)
    assert len({tuple(numbers) for numbers in each}) > 1


def test_a_class_with_few_images_gives_all_and_the_others_more() -> None:
    labels = torch.tensor([0] * 3 + [1] * 50 + [2] * 50 + [3] * 50)
    numbers = counts(balanced_rows(labels, 4, 30, seed=0), labels)
    assert numbers == [3, 9, 9, 9]


def test_all_images_can_have_a_label() -> None:
    assert balanced_rows(LABELS, 4, 400, seed=3).tolist() == list(range(400))


def test_the_seed_decides_which_and_fewer_are_among_more() -> None:
    few, many = (set(balanced_rows(LABELS, 4, size, seed=5).tolist()) for size in (18, 90))
    assert few < many
    assert set(balanced_rows(LABELS, 4, 18, seed=6).tolist()) != few


def test_other_labels_are_minus_one() -> None:
    known = KnownLabels.balanced(LABELS, 4, 12, 0)
    given = known.given(400, with_known=True)
    assert (given >= 0).sum() == 12
    assert torch.equal(given[known.rows], LABELS[known.rows])
    assert set(given.tolist()) == {-1, 0, 1, 2, 3}
    assert known.given(7, with_known=False).tolist() == [-1] * 7


def test_the_fingerprint_tells_images_and_labels_apart() -> None:
    known = KnownLabels.balanced(LABELS, 4, 12, 0)
    others = (
        KnownLabels.balanced(LABELS, 4, 12, 1),
        known._replace(labels=(known.labels + 1) % 4),
        KnownLabels.balanced(LABELS, 4, 13, 0),
    )
    assert known.facts()["images"] == 12
    assert known.facts() == KnownLabels.balanced(LABELS, 4, 12, 0).facts()
    assert known.facts()["fingerprint"] not in [it.facts()["fingerprint"] for it in others]


@pytest.mark.parametrize(
    ("labelled", "message"),
    [
        (3, "condition.labelled=3 leaves a class without a label: each of the 4 needs one."),
        (401, "condition.labelled=401 is more than the 400 training images"),
    ],
)
def test_too_few_and_too_many_are_one_line(labelled: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        balanced_rows(LABELS, 4, labelled, seed=0)
