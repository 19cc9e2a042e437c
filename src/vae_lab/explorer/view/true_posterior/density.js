// The true posterior on a plane: its density as a heat map, and the ellipses of the best Gaussian.

// Returns what is drawn of a PosteriorGrid's result: {density, best}. `isSwapped`: the plane has the
// second latent dimension across.
function truthOf(result, isSwapped, colour) {
  const { us, vs, values, spacing } = result;
  const density = heatMap(isSwapped ? vs : us, isSwapped ? us : vs, values, spacing, colour);
  const gaussian = result.best?.kl < Infinity ? result.best.gaussian : null;
  return { density, best: gaussian && (isSwapped ? swapped(gaussian) : gaussian) };
}

function swapped({ mean: [u, v], covariance: [uu, uv, vv] }) {
  return { mean: [v, u], covariance: [vv, uv, uu] };
}

// Returns an image with a pixel per point of a grid, and the places of its corners. The density is
// how strong the colour is: full at the largest.
function heatMap(us, vs, values, spacing, colour) {
  const [low, high] = [Math.min, Math.max].map((end) => [us, vs].map((all) => all.reduce((a, b) => end(a, b))));
  const [columns, rows] = low.map((value, axis) => Math.round((high[axis] - value) / spacing) + 1);
  const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
  const context = canvas.getContext("2d");
  context.fillStyle = colour;
  const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  values.forEach((value, k) => {
    context.globalAlpha = Math.exp(value - largest);
    const [column, row] = [us[k] - low[0], high[1] - vs[k]].map((distance) => Math.round(distance / spacing));
    context.fillRect(column, row, 1, 1);
  });
  const half = spacing / 2;
  return { canvas, left: low[0] - half, right: high[0] + half, bottom: low[1] - half, top: high[1] + half };
}

function drawDensity(context, plane, { canvas, left, right, bottom, top }) {
  const [x, y] = [plane.x(left), plane.y(top)];
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, x, y, plane.x(right) - x, plane.y(bottom) - y);
}

function drawBest(context, plane, gaussian, colours) {
  for (const deviations of [2, 1]) {
    traceEllipse(context, plane, gaussian, deviations);
    context.setLineDash([]);
    context.strokeStyle = colours.edge;
    context.lineWidth = 4;
    context.stroke();
    context.setLineDash([5, 4]);
    context.strokeStyle = colours.best;
    context.lineWidth = deviations === 1 ? 2.2 : 1.6;
    context.stroke();
  }
  context.setLineDash([]);
}
