"""What the numbers of a semi-supervised model are of: its bound sums over the classes."""

from types import SimpleNamespace

import pytest

from vae_lab.evaluate.evaluation import Evaluation
from vae_lab.evaluate.printing import format_evaluation


def evaluation_of(*, is_conditional: bool, classifies: bool) -> Evaluation:
    condition = SimpleNamespace(classifies=classifies)
    evaluation = Evaluation.__new__(Evaluation)
    # A stand-in with what is asked of the model.
    evaluation.model = SimpleNamespace(is_conditional=is_conditional, condition=condition)  # type: ignore[assignment]
    return evaluation


@pytest.mark.parametrize(
    ("is_conditional", "classifies", "bound", "estimates"),
    [
        (False, False, "log p(x)", "log p(x)"),
        (True, False, "log p(x given y)", "log p(x given y)"),
        (True, True, "log p(x)", "log p(x given y, y found by the classifier)"),
    ],
)
def test_the_bound_of_a_model_with_a_classifier_is_on_log_p_of_x(
    is_conditional: bool, classifies: bool, bound: str, estimates: str
) -> None:
    evaluation = evaluation_of(is_conditional=is_conditional, classifies=classifies)
    assert (evaluation.bound_is_on, evaluation.log_p) == (bound, estimates)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("label", "condition: label. Log-likelihoods are log p(x given y); summed_bound is on"),
        ("label, 100 known", "condition: label, 100 known. elbo and summed_bound are on log p(x);"),
    ],
)
def test_what_is_printed_says_which_number_is_on_what(condition: str, words: str) -> None:
    content = {"protocol": {"condition": condition}, "settings": {}, "numbers": {}}
    assert words in format_evaluation("run", content)
