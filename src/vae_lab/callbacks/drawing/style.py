"""What readers of pictures share with what draws them: colours, lines, a key. No torch.

One pixel of an image is one pixel of its grid.
"""

LINE = 1  # pixels between the cells of a grid

BAND = 5  # pixels between parts that do not belong together

SHADE = 0.25  # grey of lines and bands: visible beside black, quieter than a digit

# Ten colours by M. Petroff, Accessible Color Sequences for Data Visualization (arXiv:2107.02270).
# Any two are at least 12 apart (CIEDE2000) to normal, protanopic, deuteranopic and tritanopic eyes;
# of the usual ten-colour palettes the next best has two that are 6 apart.
PALETTE = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)

# The key of a PNG file's text that says in JSON what the picture shows and where in the file.
METADATA = "vae_lab"
