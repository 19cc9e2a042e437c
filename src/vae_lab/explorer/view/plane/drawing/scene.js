// What a figure shows, layer by layer: the map, the prior, the codes, the axes; on top of them what
// moves. All lengths are in CSS pixels.

const EDGE = { left: 36, bottom: 36, right: 8, top: 8 };
const MAP_STRENGTH = 0.55;

class Scene {
  constructor(canvas, edge = EDGE) {
    Object.assign(this, { canvas, edge });
    this.layers = { codes: document.createElement("canvas"), still: document.createElement("canvas") };
  }

  // Sets the size on the screen. Returns the box that is left for the plane.
  resize(width, height) {
    this.density = Math.max(1, window.devicePixelRatio || 1);
    Object.assign(this, { width, height });
    for (const canvas of [this.canvas, this.layers.codes, this.layers.still]) {
      canvas.width = Math.round(width * this.density);
      canvas.height = Math.round(height * this.density);
    }
    const { left, top, right, bottom } = this.edge;
    return [left, top, width - left - right, height - top - bottom];
  }

  // The colours of the page's scheme, or of the map's ground.
  readColours() {
    const style = getComputedStyle(this.canvas);
    const names = ["ground", "line", "ink", "edge", "code", "axis", "density", "best"];
    this.colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--plane-${name}`).trim()]));
  }

  begin(canvas) {
    const context = canvas.getContext("2d");
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    return context;
  }

  drawCodes(places, plane, images, isShown) {
    const context = this.begin(this.layers.codes);
    drawCodes(context, places, plane, images, this.colours, isShown);
  }

  // Draws what only changes with the plane. `content` is {plane, map, drawPrior, hasCodes, names}.
  drawStill({ plane, map, band, drawPrior, hasCodes, names }) {
    const context = this.begin(this.layers.still);
    const box = [plane.left, plane.top, plane.width, plane.height + band];
    context.fillStyle = this.colours.ground;
    context.fillRect(...box);
    context.save();
    context.beginPath();
    context.rect(...box);
    context.clip();
    if (map) this.drawMap(context, plane, map, band);
    context.strokeStyle = this.colours.line;
    context.lineWidth = 1.5;
    if (hasCodes) this.drawLayer(context, this.layers.codes);
    if (drawPrior) drawPrior(context, plane);
    context.restore();
    drawAxes(context, plane, band, names, this.colours);
  }

  // On a line the images are a band below the codes.
  drawMap(context, plane, map, band) {
    context.imageSmoothingQuality = "high";
    if (band) {
      context.drawImage(map.canvas, plane.left, plane.top + plane.height, plane.width, band);
      return;
    }
    context.globalAlpha = MAP_STRENGTH;
    context.drawImage(map.canvas, plane.left, plane.top, plane.width, plane.height);
    context.globalAlpha = 1;
  }

  drawLayer(context, layer) {
    context.drawImage(layer, 0, 0, this.width, this.height);
  }

  // Draws a frame: the still layer, the true posterior, the encoder's, and the cursor if it has a place.
  // `truth` is {density, best}, see true_posterior/density.js, or null.
  drawFrame(plane, band, cursor, posterior, truth = null) {
    const context = this.begin(this.canvas);
    this.drawLayer(context, this.layers.still);
    context.save();
    context.beginPath();
    context.rect(plane.left, plane.top, plane.width, plane.height + band);
    context.clip();
    if (truth) drawDensity(context, plane, truth.density);
    if (posterior) drawPosterior(context, plane, posterior, this.colours);
    if (truth?.best) drawBest(context, plane, truth.best, this.colours);
    if (cursor) drawCursor(context, plane, band, cursor, this.colours);
    context.restore();
  }
}

// Strokes the path twice: a wide edge keeps the line visible on any image.
function strokeOnMap(context, colours, width) {
  context.strokeStyle = colours.edge;
  context.lineWidth = width + 2.5;
  context.stroke();
  context.strokeStyle = colours.ink;
  context.lineWidth = width;
  context.stroke();
}

// `posterior` is {place, covariance}: ellipses at one and two standard deviations.
function drawPosterior(context, plane, { place, covariance: [uu, uv, vv], isLine }, colours) {
  if (isLine) {
    const [x, y] = [plane.x(place[0]), plane.y(place[1])];
    for (const deviations of [1, 2]) {
      const half = deviations * Math.sqrt(uu) * plane.scaleX;
      context.beginPath();
      context.roundRect(x - half, y - 3 * (3 - deviations), 2 * half, 6 * (3 - deviations), 3);
      strokeOnMap(context, colours, 1.5);
    }
    return;
  }
  for (const deviations of [2, 1]) {
    traceEllipse(context, plane, { mean: place, covariance: [uu, uv, vv] }, deviations);
    strokeOnMap(context, colours, deviations === 1 ? 2 : 1.2);
  }
}

// Begins a path: the ellipse of a Gaussian of the plane at so many standard deviations.
function traceEllipse(context, plane, { mean, covariance: [uu, uv, vv] }, deviations) {
  const { scaleX, scaleY } = plane;
  // On the screen v points down.
  const { major, minor, angle } = ellipseOf([uu * scaleX ** 2, -uv * scaleX * scaleY, vv * scaleY ** 2]);
  context.beginPath();
  context.ellipse(plane.x(mean[0]), plane.y(mean[1]), deviations * major, deviations * minor, angle, 0, 2 * Math.PI);
}

function drawCursor(context, plane, band, [u, v], colours) {
  const [x, y] = [plane.x(u), plane.y(v)];
  context.beginPath();
  context.moveTo(x, plane.top);
  context.lineTo(x, plane.top + plane.height + band);
  context.moveTo(plane.left, y);
  context.lineTo(plane.left + plane.width, y);
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.stroke();
  context.beginPath();
  context.arc(x, y, 7, 0, 2 * Math.PI);
  strokeOnMap(context, colours, 2.2);
}
