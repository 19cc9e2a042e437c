"""Whether a bound that is closer to the likelihood names another setting as the best."""

from vae_lab.report.blocks import Finding
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.likelihoods import Likelihoods
from vae_lab.report.wording import with_error

CLOSER = "iw_bound"


def likelihoods(group: Group, best: Setting) -> list[Finding]:
    """Returns the finding if all settings were evaluated and another has the highest iw_bound."""
    measured = Likelihoods(group)
    samples = {id(it): sample for it in group.settings if (sample := measured.sample(it, CLOSER))}
    if len(samples) < len(group.settings):
        return []
    highest = max(group.settings, key=lambda it: samples[id(it)].mean)
    if highest is best:
        return []
    own, other = (samples[id(it)] for it in (best, highest))
    text = (
        f"By {CLOSER}, which is closer to the likelihood than the test bound, {highest.label} is "
        f"best: {with_error(other.mean, other.error)} against {with_error(own.mean, own.error)} "
        f"nats for {best.label}."
    )
    numbers = {"best": highest.label, CLOSER: other.numbers(), "of_best_bound": own.numbers()}
    return [Finding("likelihood", "Another bound", text, "likelihoods", numbers)]
