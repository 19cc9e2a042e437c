// Paths between two points of the latent space, and the places on them that a strip shows.

const STRIP_LENGTH = 11;

// Returns the shares of a strip: from 0, the start, to 1, the end.
function sharesOfStrip() {
  return Array.from({ length: STRIP_LENGTH }, (_, k) => k / (STRIP_LENGTH - 1));
}

// Returns the point of a path at a share in [0, 1]; all points are (Z,).
function pointOnPath(path, start, end, share, centre) {
  return path === "sphere" ? onSphere(start, end, share, centre) : onLine(start, end, share);
}

function onLine(start, end, share) {
  return Float32Array.from(start, (value, d) => (1 - share) * value + share * end[d]);
}

// The direction from the centre turns evenly (slerp, Shoemake, 1985), and the distance to the
// centre changes evenly. If no direction is between the two, it is the straight line.
function onSphere(start, end, share, centre) {
  const [from, to] = [start, end].map((point) => Array.from(point, (value, d) => value - centre[d]));
  const [a, b] = [from, to].map((vector) => Math.hypot(...vector));
  if (a < 1e-9 || b < 1e-9) return onLine(start, end, share);
  const cosine = from.reduce((sum, value, d) => sum + (value / a) * (to[d] / b), 0);
  const angle = Math.acos(Math.max(-1, Math.min(1, cosine)));
  const sine = Math.sin(angle);
  if (sine < 1e-5) return onLine(start, end, share);
  const [p, q] = [Math.sin((1 - share) * angle) / sine, Math.sin(share * angle) / sine];
  const norm = (1 - share) * a + share * b;
  return Float32Array.from(centre, (value, d) => value + norm * (p * (from[d] / a) + q * (to[d] / b)));
}

// An end of a path is {points: [z of each run], image: null or the image whose code it is}.

function endOfImage(runs, points, image) {
  return { points: pointsOfImage(runs, points, image), image };
}

// Returns the cursor as an end.
function endAtCursor(runs, { points, image }) {
  return { points, image: isAtImage(runs, points, image) ? image : null };
}

// Two test images with different labels, if there are labels. `random` is a Random.
function randomEnds(runs, points, random) {
  const count = Math.min(...runs.map((run) => run.images.count));
  const draw = () => Math.min(count - 1, Math.floor(random.uniform() * count));
  const { images } = runs[0];
  const first = draw();
  let second = draw();
  for (let trial = 0; trial < 50 && isSame(images, first, second); trial++) second = draw();
  const [start, end] = [first, second].map((index) => endOfImage(runs, points, { kind: "test", index }));
  return { start, end };
}

function isSame(images, first, second) {
  return first === second || (images.label(first) !== null && images.label(first) === images.label(second));
}
