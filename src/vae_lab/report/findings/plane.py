"""What the plane of two latent dimensions shows: which label fills it, and which its centre."""

from collections.abc import Iterator

from vae_lab.report.blocks import Finding
from vae_lab.report.findings.faults import is_collapsed
from vae_lab.report.grouping import Setting, ranked_settings
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.wording import counted, listed, percent, plural

# A label with a smaller share is called rare.
RARE = 0.01

# Other settings that are named beside the best.
MOST_NAMED = 3


def plane(metrics: PictureMetrics) -> list[Finding]:
    """Returns the finding on the plane of the best setting that has one."""
    planes = [it for it in ranked_settings(metrics.group) if _has_plane(metrics, it)]
    if not planes:
        return []
    setting, *others = planes
    numbers = {
        "setting": setting.label,
        "at_centre": {it.label: _at_centre(metrics, it) for it in planes},
        "shares_of_map": metrics.by_label(setting, "digits_of_map"),
        "median_distance": metrics.by_label(setting, "distance_of_digits"),
    }
    text = " ".join(_sentences(metrics, setting, others))
    return [Finding("plane", "Latent plane", text, "latent", numbers)]


def _has_plane(metrics: PictureMetrics, setting: Setting) -> bool:
    """Tells whether a setting has two dimensions, which say something, and was measured."""
    is_plane = {run.result.latent_dim for run in setting.runs} == {2}
    is_known = bool(metrics.by_label(setting, "distance_of_digits"))
    return is_plane and is_known and not is_collapsed(setting)


def _sentences(metrics: PictureMetrics, setting: Setting, others: list[Setting]) -> Iterator[str]:
    centre = _at_centre(metrics, setting)
    if centre:
        elsewhere = [
            f"{it.label}: {_named(labels)}" for it in others if (labels := _at_centre(metrics, it))
        ]
        beside = f" ({', '.join(elsewhere)})" if 0 < len(elsewhere) <= MOST_NAMED else ""
        is_alone = len(metrics.group.settings) == 1
        plane = "its plane" if is_alone else f"the plane of {setting.label}"
        yield f"At the centre of {plane} lies label {_named(centre)}{beside}."
    if shares := metrics.by_label(setting, "digits_of_map"):
        yield f"Its map shows {_most(shares)} most often{_rare(shares)}."
    distances = metrics.by_label(setting, "distance_of_digits") or {}
    near = min(distances, key=distances.__getitem__)
    reason = ""
    if [near] == list(centre):
        reason = ", perhaps because this label looks most like all others"
    distance = f"(median distance {distances[near]:.1f})"
    yield f"The codes of {near} lie nearest to the origin {distance}{reason}."


def _most(shares: dict[str, float]) -> str:
    ordered = sorted(shares, key=lambda label: -shares[label])
    frequent = [label for label in ordered[:2] if shares[label] >= RARE]
    return listed([f"{label} ({percent(shares[label])})" for label in frequent])


def _rare(shares: dict[str, float]) -> str:
    rare = [label for label, share in shares.items() if share < RARE]
    if not rare:
        return ""
    names = listed(rare) if len(rare) <= MOST_NAMED else counted(len(rare), "label")
    return f", and {names} in less than {percent(RARE)}"


def _at_centre(metrics: PictureMetrics, setting: Setting) -> dict[str, list[str]]:
    """Returns the labels that are decoded at the prior's mean, each with its seeds."""
    seeds: dict[str, list[str]] = {}
    for run, number in metrics.by_run(setting, "digit_at_centre"):
        seeds.setdefault(str(number.value), []).append(str(run.seed))
    return seeds


def _named(seeds: dict[str, list[str]]) -> str:
    """Returns a label, or those of the seeds such as `1 (seed 0) or 6 (seeds 1 and 2)`."""
    if len(seeds) == 1:
        return "".join(seeds)
    named = [f"{label} ({plural('seed', len(it))} {listed(it)})" for label, it in seeds.items()]
    return " or ".join(named)
