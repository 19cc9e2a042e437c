"""Latent maps and scatters, with the interpolations drawn on them."""

from collections.abc import Sequence

from vae_lab.report.blocks import Block, Cards, Note, PagePicture, Subheading
from vae_lab.report.colours import styles
from vae_lab.report.grouping import Group, Setting, best, in_colour
from vae_lab.report.overlays import labels_passed, overlay
from vae_lab.report.run_pictures import last_picture
from vae_lab.report.strips import Interpolation, interpolations, whole

MAP, SCATTER = "latent_map", "latent_scatter"

# What a picture can show whole.
PLANE = 2

LEFT_OUT = Note(
    "Older runs drew maps over two of more dimensions. They cannot be compared with maps of a "
    "whole latent plane, and are left out."
)


def blocks(group: Group, prefix: str) -> list[Block]:
    """Returns the maps and scatters of a group with their headings; nothing if there are none.

    `prefix` begins the names of their files.
    """
    shown: list[Block] = []
    if maps := _maps(group, prefix):
        shown += [Subheading("Maps"), *maps]
    scatters = [_picture(group, setting, SCATTER, prefix) for setting in in_colour(group)]
    if drawn := [picture for picture in scatters if picture]:
        shown += [Subheading("Scatters"), Cards(drawn)]
    return shown


def _maps(group: Group, prefix: str) -> list[Block]:
    """Returns the maps of whole planes, of which the best of each model is large, and the others.

    A map of more dimensions has to be one of a plane through codes.
    """
    leading = {id(setting) for setting in _leading(group)}
    large: list[PagePicture] = []
    small: list[PagePicture] = []
    num_left_out = 0
    for setting in group.settings if len(leading) > 1 else in_colour(group):
        picture = last_picture(setting.runs[0], MAP)
        if picture and not is_whole(setting) and picture.about.get("plane") is not True:
            num_left_out += 1
        elif drawn := _picture(group, setting, MAP, prefix):
            (large if id(setting) in leading else small).append(drawn)
    cards: list[Block] = [Cards(some, some is large) for some in (large, small) if some]
    return [*cards, LEFT_OUT] if num_left_out else cards


def is_whole(setting: Setting) -> bool:
    """Tells whether a picture can show the whole latent space of a setting."""
    return (setting.runs[0].result.latent_dim or 0) <= PLANE


def _leading(group: Group) -> list[Setting]:
    """Returns the best setting of each model among those whose latent space is a plane."""
    by_model: dict[str, list[Setting]] = {}
    for setting in filter(is_whole, group.settings):
        # A number as the first key is not a kind of model.
        first = next(iter(setting.values.values()), None)
        by_model.setdefault(first if isinstance(first, str) else "", []).append(setting)
    return [it for some in by_model.values() for it in best(group._replace(settings=some), 1)]


def _picture(group: Group, setting: Setting, kind: str, prefix: str) -> PagePicture | None:
    """Returns the last map or scatter of a setting's first run, with its interpolations."""
    run, number = setting.runs[0], group.settings.index(setting) + 1
    alt = (
        f"Images that {setting.label} decodes across its latent space"
        if kind == MAP
        else f"Codes of validation images by {setting.label}, coloured by label"
    )
    picture = whole(run, kind, setting.label, alt, f"{prefix}{kind}-{number}.png")
    found = last_picture(run, kind)
    if picture is None or found is None:
        return None
    paths = interpolations(run) if is_whole(setting) else []
    above, shown = overlay(found, paths)
    label = f"{setting.label}. {_ways(shown)}" if shown else setting.label
    colours = styles(group)[id(setting)].on_both
    return picture._replace(label=label, colours=colours, overlay=above)


def _ways(paths: Sequence[Interpolation]) -> str:
    """Returns the labels that the interpolations pass, for people."""
    ways = "; ".join(passed for path in paths if (passed := labels_passed(path)))
    return f"Lines: interpolations{', ' if ways else ''}{ways}."
