"""Images of shapes with known factors (data=shapes): `Renderer.draw` draws any combination."""
