// Images that were decoded before, for a decoder that the page does not know: at the points of a
// lattice over two of the latent dimensions.

// Returns {shape, run}: the mean image at a latent point, between the four nearest images, from the
// two dimensions of the lattice only. Beyond its edge, the image at the edge. A conditional model has
// a lattice for each class.
function makeLattice({ axes, low, high, steps, pixels }, arrays) {
  const { data, shape } = arrays.get(pixels);
  const imageShape = shape.slice(-3);
  const output = new Float32Array(sizeOf(imageShape));
  const size = output.length;
  // Returns the step before the point along an axis of the lattice, and how far it is to the next.
  const place = (z, axis) => {
    const share = (z[axes[axis]] - low[axis]) / (high[axis] - low[axis]);
    const step = Math.min(1, Math.max(0, share)) * (steps - 1);
    const before = Math.min(Math.floor(step), steps - 2);
    return [before, step - before];
  };
  const run = (z, label = 0) => {
    const [column, right] = place(z, 0);
    const [row, up] = place(z, 1);
    const first = ((label * steps + row) * steps + column) * size;
    const above = first + steps * size;
    for (let i = 0; i < size; i++) {
      const lower = data[first + i] * (1 - right) + data[first + size + i] * right;
      const upper = data[above + i] * (1 - right) + data[above + size + i] * right;
      output[i] = (lower * (1 - up) + upper * up) / 255;
    }
    return output;
  };
  return { shape: imageShape, run };
}
