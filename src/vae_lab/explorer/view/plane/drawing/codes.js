// The codes of the test images, drawn once on a layer of their own.

// Labels beyond this number have one colour: nobody reads a legend of them.
const MOST_LABELS = 10;

function hasLegend(images) {
  return images.labels.length > 1 && images.labels.length <= MOST_LABELS;
}

// Sets the second coordinate of codes on a line: a row per label, within it a little up and down.
function spreadInRows(places, images) {
  const rows = hasLegend(images) ? images.labels.length : 1;
  for (let n = 0; n < places.length / 2; n++) {
    const row = rows > 1 ? images.labels.indexOf(images.label(n)) : 0;
    // The fractional parts of multiples of the golden ratio fill [0, 1) evenly.
    const share = 0.15 + 0.7 * ((n * 0.618034) % 1);
    places[2 * n + 1] = 1 - (2 * (row + share)) / rows;
  }
}

// Draws codes as dots with a thin edge. `isShown(n)` says which.
function drawCodes(context, places, plane, images, colours, isShown) {
  const radius = Math.max(1.8, Math.min(2.7, plane.width / 200));
  const isColoured = hasLegend(images);
  context.lineWidth = 0.8;
  context.strokeStyle = colours.edge;
  for (let n = 0; n < places.length / 2; n++) {
    if (!isShown(n)) continue;
    context.beginPath();
    context.arc(plane.x(places[2 * n]), plane.y(places[2 * n + 1]), radius, 0, 2 * Math.PI);
    context.fillStyle = isColoured ? images.colour(images.label(n)) : colours.code;
    context.fill();
    context.stroke();
  }
}
