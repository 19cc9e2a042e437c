"""What a page says first: a headline, and three to six findings that are chosen, not enumerated.

In the order of their importance:

1. the main effect of each key on the test bound, the largest first, if it is significant: at most
   two; the interaction of two keys stands with the smaller effect. One setting has its quality,
   and two, whose difference is the headline, the terms of it;
2. a bound closer to the likelihood, if it was measured and names another setting as the best; and
   the parts of the distance from log p(x), if they were measured;
3. the trade-off: reconstruction against KL, sharpness against plausibility;
4. the most serious fault, with an override that may help;
5. what the latent plane shows;
6. further faults, and then further effects, as far as six findings allow: four in each part of
   a page in parts.

What does not differ significantly is one sentence below them. A difference is significant if
p < 5 % after Holm's correction over all comparisons of the page.
"""

from vae_lab.report.blocks import Answer, Finding
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.conditions import said
from vae_lab.report.findings import headline
from vae_lab.report.findings.anatomy import anatomy
from vae_lab.report.findings.effects import effects
from vae_lab.report.findings.faults import faults
from vae_lab.report.findings.likelihoods import likelihoods
from vae_lab.report.findings.plane import plane
from vae_lab.report.findings.tradeoffs import quality, terms_of_lead, tradeoffs
from vae_lab.report.picture_metrics import PictureMetrics

MOST, FEW = 6, 4  # findings of a page, and of each part of one in parts
MOST_OF_A_KIND = 2


def answer(metrics: PictureMetrics, comparisons: Comparisons, most: int = MOST) -> Answer:
    """Returns what the page on a group says first."""
    group = metrics.group
    text, numbers = headline.headline(group, comparisons)
    findings = _chosen(metrics, comparisons)[:most]
    return Answer(
        said(text, group.runs),
        headline.certainty(group),
        [
            it._replace(title=said(it.title, group.runs), text=said(it.text, group.runs))
            for it in findings
        ],
        headline.ties(group, comparisons),
        numbers,
    )


def _chosen(metrics: PictureMetrics, comparisons: Comparisons) -> list[Finding]:
    group = metrics.group
    first = _of_bound(metrics, comparisons)
    balance = tradeoffs(metrics, comparisons)
    wrong, shown = faults(metrics, comparisons), plane(metrics)
    best, _ = comparisons.best_and_ties(group)
    few = MOST_OF_A_KIND
    closer = [*likelihoods(group, best), *anatomy(group, comparisons)]
    ordered = [*first[:few], *closer, *balance, *wrong[:1], *shown, *wrong[1:few], *first[few:]]
    return ordered[:MOST]


def _of_bound(metrics: PictureMetrics, comparisons: Comparisons) -> list[Finding]:
    """Returns what is known of the bound beyond the headline."""
    group = metrics.group
    if len(group.settings) == 1:
        return quality(metrics)
    if len(group.settings) > 2:
        return effects(group, comparisons)
    best, _ = comparisons.best_and_ties(group)
    (other,) = [setting for setting in group.settings if setting is not best]
    return terms_of_lead(comparisons, best, other)
