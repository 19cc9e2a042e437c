// What is looked at: one state for the whole page. Panels change it here and listen to it.

class Store {
  constructor(state) {
    this.state = state;
    this.listeners = [];
    this.changed = new Set();
  }

  // Calls `listener(state)` once in the next frame after any of these keys changed.
  subscribe(keys, listener) {
    this.listeners.push({ keys, listener });
  }

  // Changes some keys. All changes of a frame are shown together.
  set(change) {
    Object.assign(this.state, change);
    if (!this.changed.size) requestAnimationFrame(() => this.tell());
    for (const key of Object.keys(change)) this.changed.add(key);
  }

  tell() {
    const changed = this.changed;
    this.changed = new Set();
    for (const { keys, listener } of this.listeners) {
      if (keys.some((key) => changed.has(key))) listener(this.state);
    }
  }
}

// Returns the image that a page shows first: of a conditional model one, whose style it shows in every
// class, and else none.
function firstImage(runs) {
  return isConditional(runs) ? { kind: "test", index: 0 } : null;
}

// Returns the point of each run when the page opens.
function firstPoints(runs, image) {
  const means = runs.map((run) => Float32Array.from(run.priorMean));
  return image ? pointsOfImage(runs, means, image) : means;
}

// Returns the state of a page that was just opened.
function startOf(runs) {
  const image = firstImage(runs);
  return {
    run: 0, // whose sliders and numbers are shown
    plane: startingPlane(runs),
    points: firstPoints(runs, image), // z of each run
    image, // null, or {kind: "test", index}, or {kind: "drawn", pixels, label}
    label: 0, // the class that conditional models decode with
    ...labelChange(runs, image),
    classes: null, // the probabilities of the classes for the image, see classes/bayes.js
    truePosterior: false, // whether it is shown
    grids: runs.map(() => null), // the PosteriorGrid of the image in each run, if it is shown
    ends: null, // of the interpolation: {start, end}, see strips/paths.js
    share: 0.5, // how far between the ends, in [0, 1]
    path: "straight", // or "sphere"
    samples: 1, // the seed of the draws
  };
}

// Two dimensions: those that say most of an image.
function startingPlane(runs) {
  const [across, up] = runs[0].latentDim > 2 ? runs[0].order : [0, 1];
  return { kind: "dimensions", across, up: up ?? null };
}

// Returns the axes of the plane in a run: a point `origin` (Z,) and directions, one or two of (Z,).
// A place (u, v) is the point origin + u * directions[0] + v * directions[1].
function axesOf(run, plane) {
  if (plane.kind === "principal" && run.principal) {
    return { origin: run.priorMean, directions: run.principal.directions };
  }
  const wanted = [plane.across ?? 0, plane.up ?? 1];
  const own = wanted.every((dimension) => dimension < run.latentDim) ? wanted : [0, 1];
  const dimensions = own.filter((dimension) => dimension < run.latentDim);
  const directions = dimensions.map((dimension) => unit(run.latentDim, dimension));
  return { origin: new Float32Array(run.latentDim), directions };
}

function unit(size, place) {
  const vector = new Float32Array(size);
  vector[place] = 1;
  return vector;
}

// Returns the place (u, v) of a point on the plane: its projection.
function placeOf(run, plane, z) {
  const { origin, directions } = axesOf(run, plane);
  const [u, v] = directions.map((direction) => {
    let sum = 0;
    for (let d = 0; d < z.length; d++) sum += (z[d] - origin[d]) * direction[d];
    return sum;
  });
  return [u, v ?? 0];
}

// Returns the point nearest to z that lies at the place (u, v): only the two axes of it change.
function movedTo(run, plane, z, [u, v]) {
  const { directions } = axesOf(run, plane);
  const old = placeOf(run, plane, z);
  const moved = Float32Array.from(z);
  directions.forEach((direction, axis) => {
    const step = (axis === 0 ? u : v) - old[axis];
    for (let d = 0; d < moved.length; d++) moved[d] += step * direction[d];
  });
  return moved;
}

// What panels do. Each changes all runs, so that they stand under the same cursor.

function moveTo(lab, place) {
  const { plane, points } = lab.store.state;
  lab.store.set({ points: lab.runs.map((run, k) => movedTo(run, plane, points[k], place)) });
}

function setDimension(lab, run, dimension, value) {
  const points = [...lab.store.state.points];
  points[run] = Float32Array.from(points[run]);
  points[run][dimension] = value;
  lab.store.set({ points });
}

function resetPoints(lab) {
  lab.store.set({ points: lab.runs.map((run) => Float32Array.from(run.priorMean)), image: null });
}

// A draw from each run's prior, from the same random numbers.
function drawPoints(lab) {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const points = lab.runs.map((run) => run.prior.sample(new Random(seed)));
  lab.store.set({ points, image: null });
}

// Returns q(z|x) of what is looked at in a run; null if the run cannot say it.
function posteriorOf(run, image) {
  if (!image) return null;
  if (image.kind === "test" && !(image.index < run.images.count)) return null;
  if (!run.model.knowsEncoder) return image.kind === "test" ? run.posterior(image.index) : null;
  const pixels = image.kind === "test" ? run.images.pixels(image.index) : image.pixels;
  if (pixels.length !== run.images.size) return null;
  // Several panels ask for the posterior of an image in each frame.
  if (!posteriors.has(image)) posteriors.set(image, new Map());
  const known = posteriors.get(image);
  if (!known.has(run)) known.set(run, run.model.encode(pixels, labelOfImage(run, image)));
  return known.get(run);
}

const posteriors = new WeakMap();

// Looks at an image: the cursor of each run goes to its posterior mean, and its class is the chosen one.
function showImage(lab, image) {
  const { runs, store } = lab;
  const points = pointsOfImage(runs, store.state.points, image);
  store.set({ image, points, ...labelChange(runs, image) });
}

// Returns the posterior mean of each run; a run that does not know the image keeps its point.
function pointsOfImage(runs, points, image) {
  return runs.map((run, k) => {
    const posterior = posteriorOf(run, image);
    return posterior ? Float32Array.from(posterior.mean) : points[k];
  });
}

// Whether the points are the posterior means of an image.
function isAtImage(runs, points, image) {
  if (!image) return false;
  return pointsOfImage(runs, points, image).every((mean, k) => mean.every((value, d) => value === points[k][d]));
}
