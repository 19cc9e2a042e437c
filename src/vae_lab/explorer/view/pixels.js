// Images on a canvas: one pixel of the image is one pixel of the canvas, CSS makes it larger.

// Paints an image (C * H * W,) of a shape [C, H, W]; values are cut to [0, 1].
function drawPixels(canvas, pixels, shape) {
  const [channels, height, width] = shape;
  paint(canvas, height, width, (place, rgb) => {
    for (let c = 0; c < 3; c++) rgb[c] = 255 * pixels[(channels === 3 ? c : 0) * height * width + place];
  });
}

// Colours of a difference, red, green, blue: 0, and a difference of 1 and of -1.
const ERROR_COLOURS = {
  light: { none: [247, 247, 247], brighter: [178, 24, 43], darker: [33, 102, 172] },
  dark: { none: [27, 30, 34], brighter: [255, 105, 97], darker: [92, 170, 255] },
};

// Paints a difference (C * H * W,), reconstruction minus image: red where the reconstruction is
// brighter, blue where it is darker, the ground where both agree. Of a colour: the mean size over the channels, which may have both signs,
// with the sign of their sum.
function drawError(canvas, difference, shape) {
  const [channels, height, width] = shape;
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const { none, brighter, darker } = ERROR_COLOURS[isDark ? "dark" : "light"];
  paint(canvas, height, width, (place, rgb) => {
    let [sum, size] = [0, 0];
    for (let c = 0; c < channels; c++) {
      sum += difference[c * height * width + place];
      size += Math.abs(difference[c * height * width + place]);
    }
    const error = Math.min(1, size / channels);
    const end = sum > 0 ? brighter : darker;
    for (let c = 0; c < 3; c++) rgb[c] = none[c] + error * (end[c] - none[c]);
  });
}

function paint(canvas, height, width, colourOf) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const rgb = [0, 0, 0];
  for (let place = 0; place < height * width; place++) {
    colourOf(place, rgb);
    // The array clamps to [0, 255] and rounds.
    for (let c = 0; c < 3; c++) image.data[4 * place + c] = rgb[c];
    image.data[4 * place + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
