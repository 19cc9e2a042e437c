// The numbers and names beside a plane.

function drawAxes(context, plane, band, names, colours) {
  const bottom = plane.top + plane.height + band;
  context.fillStyle = colours.axis;
  context.strokeStyle = colours.axis;
  context.lineWidth = 1;
  context.font = `12px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const u of ticksBetween(plane.centre[0], plane.half[0])) {
    context.fillRect(plane.x(u) - 0.5, bottom, 1, 4);
    context.fillText(tickText(u), plane.x(u), bottom + 6);
  }
  context.fillText(names[0], plane.left + plane.width / 2, bottom + 20);
  if (names.length === 1) return;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const v of ticksBetween(plane.centre[1], plane.half[1])) {
    context.fillRect(plane.left - 4, plane.y(v) - 0.5, 4, 1);
    context.fillText(tickText(v), plane.left - 6, plane.y(v));
  }
  drawUpwards(context, names[1], 1, plane.top + plane.height / 2);
}

const FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", sans-serif';

function drawUpwards(context, text, x, y) {
  context.save();
  context.translate(x, y);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillText(text, 0, 0);
  context.restore();
}

// Returns about five round numbers of an axis.
function ticksBetween(centre, half) {
  const power = 10 ** Math.floor(Math.log10(half / 2));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= half / 2.5);
  const [first, last] = [Math.ceil((centre - half) / step), Math.floor((centre + half) / step)];
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * step);
}

function tickText(value) {
  return String(Number(value.toPrecision(6))).replace("-", "\u2212");
}
