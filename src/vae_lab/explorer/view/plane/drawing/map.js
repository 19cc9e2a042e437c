// The decoded map: images that the decoder draws at places of the plane, in a lattice.

// Milliseconds of decoding that a map may take, and from which on a coarse one comes first.
const MAP_TIME = 2000;
const SHORT_TIME = 300;
// CSS pixels of a cell, at least; pixels of its image, at most.
const SMALLEST_CELL = 26;
const LARGEST_IMAGE = 40;

// Returns how many cells a map has across and up, both multiples of four. `side` of the plane is in
// CSS pixels, `ratio` the width of an image by its height.
function cellsOfMap(milliseconds, side, ratio) {
  const most = Math.min(Math.sqrt(MAP_TIME / milliseconds), side / SMALLEST_CELL, 24);
  const columns = Math.max(8, 4 * Math.floor(most / 4));
  return [columns, Math.max(4, 4 * Math.round((columns * ratio) / 4))];
}

// Returns the blocks of a lattice that are `size` cells wide and high, from the centre outwards.
function blocksOf(columns, rows, size) {
  const blocks = [];
  const height = Math.min(size, rows);
  for (let row = 0; row < rows; row += height) {
    for (let column = 0; column < columns; column += size) blocks.push({ column, row, width: size, height });
  }
  const distance = ({ column, row, width, height: h }) =>
    Math.hypot((column + width / 2) / columns - 0.5, (row + h / 2) / rows - 0.5);
  return blocks.sort((a, b) => distance(a) - distance(b));
}

class DecodedMap {
  constructor(model, slices, shown) {
    this.model = model;
    this.slices = slices;
    this.shown = shown;
    this.canvas = document.createElement("canvas");
    this.cell = document.createElement("canvas");
    this.z = new Float32Array(model.latentDim);
    this.milliseconds = null;
    this.resize(0, 0, 0);
  }

  // Sets the lattice for a plane of `side` CSS pixels; a line has one row.
  resize(side, isLine, start) {
    this.isLine = isLine;
    if (!side) return;
    const [, height, width] = this.model.imageShape;
    this.milliseconds ??= this.measured(start);
    const [columns, rows] = cellsOfMap(this.milliseconds, side, isLine ? 0 : width / height);
    this.columns = columns;
    this.rows = isLine ? 1 : rows;
    const scale = Math.min(1, LARGEST_IMAGE / width);
    this.canvas.width = columns * Math.max(1, Math.round(width * scale));
    this.canvas.height = this.rows * Math.max(1, Math.round(height * scale));
    const isShort = this.milliseconds * columns * this.rows <= SHORT_TIME;
    this.levels = (isLine || isShort ? [1] : [4, 2, 1]).map((size) => blocksOf(columns, this.rows, size));
    this.key = null;
  }

  // The first calls are slower: the browser compiles them.
  measured(z) {
    const start = performance.now();
    let least = Infinity;
    for (let call = 0; call < 8 && performance.now() - start < 60; call++) {
      const before = performance.now();
      this.model.decode(z, 0);
      least = Math.min(least, performance.now() - before);
    }
    return Math.max(least, 0.02);
  }

  // Shows the plane through a point z (Z,), of a conditional model as the class of a label. A move within
  // the plane changes nothing.
  show(z, axes, plane, label) {
    const { origin, directions } = axes;
    const base = Float32Array.from(z);
    for (const direction of directions) {
      const step = along(z, origin, direction);
      for (let d = 0; d < base.length; d++) base[d] -= step * direction[d];
    }
    const isSame = this.key?.plane === plane && this.key.directions === directions && this.key.label === label
      && base.every((value, d) => Math.abs(value - this.key.base[d]) < 1e-4);
    if (isSame || !this.columns) return;
    this.key = { plane, directions, base, label };
    // The first pass continues where it is, so that all of it changes while a slider moves.
    if (this.level !== 0) this.at = 0;
    this.level = 0;
    this.left = this.levels[0].length;
    this.slices.add(this);
  }

  // Decodes one block. Returns whether there are more.
  step() {
    const blocks = this.levels[this.level];
    this.at %= blocks.length;
    this.draw(blocks[this.at]);
    this.at += 1;
    this.left -= 1;
    if (this.left > 0) return true;
    this.level += 1;
    this.at = 0;
    this.left = this.levels[this.level]?.length ?? 0;
    return this.left > 0;
  }

  draw({ column, row, width, height }) {
    const { base, directions, label, plane: { centre, half } } = this.key;
    const u = centre[0] + half[0] * ((2 * column + width) / this.columns - 1);
    const v = centre[1] + half[1] * (1 - (2 * row + height) / this.rows);
    const [across, up] = directions;
    for (let d = 0; d < base.length; d++) this.z[d] = base[d] + u * across[d] + (up ? v * up[d] : 0);
    drawPixels(this.cell, this.model.decode(this.z, label), this.model.imageShape);
    const context = this.canvas.getContext("2d");
    const [w, h] = [this.canvas.width / this.columns, this.canvas.height / this.rows];
    context.imageSmoothingEnabled = this.cell.width > w;
    context.drawImage(this.cell, column * w, row * h, width * w, height * h);
  }
}
