"""How pictures are drawn: grids of images, charts, and their colours."""
