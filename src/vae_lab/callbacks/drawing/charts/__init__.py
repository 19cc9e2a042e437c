"""Charts: a heading, axes, and points, bars or a picture between them."""
