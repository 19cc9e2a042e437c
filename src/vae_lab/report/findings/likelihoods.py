"""Whether a bound that is closer to the likelihood names another setting as the best."""

from vae_lab.report.blocks import Finding
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.likelihoods import Likelihoods
from vae_lab.report.statistics import difference
from vae_lab.report.wording import with_error

CLOSER = "iw_bound"


def likelihoods(group: Group, best: Setting) -> list[Finding]:
    """Returns the finding if all settings were evaluated and another has the highest iw_bound."""
    measured = Likelihoods(group)
    samples = {id(it): sample for it in group.settings if (sample := measured.sample(it, CLOSER))}
    if len(samples) < len(group.settings):
        return []
    highest = max(group.settings, key=lambda it: samples[id(it)].mean)
    own, other = (samples[id(it)] for it in (best, highest))
    gap = difference(other, own)
    if gap.value <= 0:
        return []
    # The errors are those of both means: for the same images, the difference is known better.
    known = "" if gap.differs else "; by their errors, that may be chance"
    text = (
        f"By {CLOSER}, which is closer to the likelihood than the test bound, {highest.label} is "
        f"best: {with_error(other.mean, other.error)} against {with_error(own.mean, own.error)} "
        f"nats for {best.label}{known}."
    )
    numbers = {"best": highest.label, CLOSER: other.numbers(), "of_best_bound": own.numbers()}
    numbers["lead"] = gap.numbers()
    return [Finding("likelihood", "Another bound", text, "likelihoods", numbers)]
