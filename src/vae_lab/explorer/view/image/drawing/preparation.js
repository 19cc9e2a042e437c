// From what was drawn to an image as the data were made. A raster is what a canvas holds:
// {width, height, data}, data being bytes in the order red, green, blue, alpha. Images have the
// shape [C, H, W] and values in [0, 1]; a raster's sides are whole multiples of W and H.

const DARK = 0.3; // a background below this counts as black

// What MNIST is: digits scaled into a box of 20 x 20 pixels, their centre of mass in the middle of
// 28 x 28. Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998.
const DIGIT = { side: 28, box: 20 };

// A dot must not grow into a disc while a drawing begins: ink becomes at most twice as large.
const LARGEST_GROWTH = 2;

const FAINT = 12; // bytes up to this do not count as ink

function isDark(set) {
  return set.background < DARK;
}

// Whether images of a set look like MNIST's: centring is offered for these only.
function isLikeDigits(set) {
  const [channels, height, width] = set.shape;
  return channels === 1 && height === DIGIT.side && width === DIGIT.side && isDark(set);
}

// Returns the image (C * H * W,) that the encoder gets from a raster.
function preparedImage(raster, set, isCentred) {
  const image = isCentred ? centredImage(raster, set.shape) : averagedImage(raster, set.shape);
  return set.isBinary ? thresholded(image) : image;
}

// Returns a raster averaged down to a shape: a pixel is the mean of the square that it covers.
function averagedImage({ width, height, data }, [channels, rows, columns]) {
  const image = new Float32Array(channels * rows * columns);
  const [wide, tall] = [width / columns, height / rows];
  const weight = 1 / (255 * wide * tall);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const row = (c * rows + Math.floor(y / tall)) * columns;
      for (let x = 0; x < width; x++) {
        image[row + Math.floor(x / wide)] += weight * data[4 * (y * width + x) + c];
      }
    }
  }
  return image;
}

// Returns 1 where a pixel is at least 0.5, else 0.
function thresholded(image) {
  return image.map((value) => (value >= 0.5 ? 1 : 0));
}

// Returns the box of the ink {left, top, right, bottom} and its centre of mass {x, y}, in pixels of
// the raster; null without ink. The ink is white on black.
function inkOf({ width, height, data }) {
  const ink = { left: width, top: height, right: 0, bottom: 0, x: 0, y: 0 };
  let mass = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = data[4 * (y * width + x)];
      if (value <= FAINT) continue;
      ink.left = Math.min(ink.left, x);
      ink.right = Math.max(ink.right, x + 1);
      ink.top = Math.min(ink.top, y);
      ink.bottom = y + 1;
      mass += value;
      ink.x += value * (x + 0.5);
      ink.y += value * (y + 0.5);
    }
  }
  return mass ? { ...ink, x: ink.x / mass, y: ink.y / mass } : null;
}

// Returns the image of a raster with its ink scaled and moved as in MNIST.
function centredImage(raster, shape) {
  const [, rows, columns] = shape;
  const image = new Float32Array(rows * columns);
  const ink = inkOf(raster);
  if (!ink) return image;
  const side = Math.max(ink.right - ink.left, ink.bottom - ink.top);
  const wanted = ((DIGIT.box / DIGIT.side) * columns) / side;
  const scale = Math.min(wanted, (LARGEST_GROWTH * columns) / raster.width);
  const across = overlaps(ink.left, ink.right, ink.x, scale, columns);
  const down = overlaps(ink.top, ink.bottom, ink.y, scale, rows);
  spread(raster, ink, across, down, image, columns);
  return image;
}

// Returns for each pixel of a raster from `first` to `end`: on which pixel of the image it begins,
// and its lengths on that pixel and on the next. `centre` comes to the middle of the image, unless
// the ink would leave the image.
function overlaps(first, end, centre, scale, size) {
  const room = size - scale * (end - first);
  const start = Math.max(0, Math.min(room, size / 2 - scale * (centre - first)));
  return Array.from({ length: end - first }, (_, step) => {
    const from = start + scale * step;
    const place = Math.min(size - 1, Math.floor(from));
    const onFirst = place === size - 1 ? scale : Math.min(scale, place + 1 - from);
    return { place, lengths: [onFirst, scale - onFirst] };
  });
}

// Adds each pixel of the raster's ink to the (at most four) pixels of the image that it covers,
// by the area on each.
function spread({ width, data }, ink, across, down, image, columns) {
  down.forEach((row, y) => {
    across.forEach((column, x) => {
      const value = data[4 * ((ink.top + y) * width + ink.left + x)] / 255;
      if (!value) return;
      const corner = row.place * columns + column.place;
      const [left, right] = column.lengths;
      const [above, below] = row.lengths;
      image[corner] += value * left * above;
      if (right > 0) image[corner + 1] += value * right * above;
      if (below > 0) image[corner + columns] += value * left * below;
      if (right > 0 && below > 0) image[corner + columns + 1] += value * right * below;
    });
  });
}
