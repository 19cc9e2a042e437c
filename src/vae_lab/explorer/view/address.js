// The state of the page in its address, after the #: a view that can be sent.

// Coordinates of a point are written with three decimals.
const LARGEST_NUMBER = 1e4;

// Returns the address of a state, only what differs from a page that was just opened.
function formatAddress(state, runs) {
  const isAtShown = isAtImage(runs, state.points, state.image);
  const isTest = isAtShown && state.image.kind === "test";
  const start = firstPoints(runs, firstImage(runs));
  const isMoved = runs.some((_, k) => textOfPoint(state.points[k]) !== textOfPoint(start[k]));
  const { ends } = state;
  const parts = {
    run: runs.length > 1 ? state.run : null,
    plane: textOfPlane(state.plane),
    image: isTest ? state.image.index : null,
    class: isConditional(runs) ? state.label : null,
    posterior: state.truePosterior ? "true" : null,
    z: isMoved && !isTest ? textOfPoints(state.points) : null,
    ends: ends && !ends.isFirst ? `${textOfEnd(ends.start)}/${textOfEnd(ends.end)}` : null,
    share: state.share === 0.5 ? null : state.share,
    path: state.path === "straight" ? null : state.path,
    samples: state.samples === 1 ? null : state.samples,
  };
  const known = Object.entries(parts).filter(([, value]) => value !== null);
  return `#${known.map(([key, value]) => `${key}=${value}`).join("&")}`;
}

function textOfPlane(plane) {
  if (plane.kind === "principal") return "principal";
  return plane.up === null ? String(plane.across) : `${plane.across},${plane.up}`;
}

function textOfPoint(z) {
  return Array.from(z, (value) => String(Number(value.toFixed(3)))).join(",");
}

function textOfPoints(points) {
  return points.map(textOfPoint).join(";");
}

function textOfEnd({ image, points }) {
  return image?.kind === "test" ? `image${image.index}` : textOfPoints(points);
}

// Returns what an address changes of the state. Parts that are wrong are left out, one by one.
function parsedAddress(hash, runs) {
  const found = {};
  for (const part of decoded(hash).replace(/^#/, "").split("&")) {
    const [key, text] = [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)];
    if (!Object.hasOwn(ADDRESS_READERS, key)) continue;
    const value = ADDRESS_READERS[key](text, runs);
    if (value !== null) found[key] = value;
  }
  const { z, image, posterior, class: label, ...change } = found;
  if (posterior) change.truePosterior = true;
  if (image) Object.assign(change, { image, points: pointsOfImage(runs, runs.map((run) => run.priorMean), image), ...labelChange(runs, image) });
  if (z) Object.assign(change, { points: z, image: image ?? null });
  if (label !== undefined) change.label = label;
  return change;
}

// Programs that send messages write some signs as %2C.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const ADDRESS_READERS = {
  run: (text, runs) => wholeNumber(text, 0, runs.length - 1),
  plane: planeOf,
  z: pointsOf,
  image: imageOf,
  class: (text, runs) => wholeNumber(text, 0, Math.max(...runs.map((run) => run.classes?.length ?? 0)) - 1),
  posterior: (text) => (text === "true" ? true : null),
  ends: endsOf,
  share: (text) => numberOf(text, 0, 1),
  path: (text) => (["straight", "sphere"].includes(text) ? text : null),
  samples: (text) => wholeNumber(text, 1, 1e9),
};

function numberOf(text, low, high) {
  const value = /^-?\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : NaN;
  return value >= low && value <= high ? value : null;
}

function wholeNumber(text, low, high) {
  return /^\d+$/.test(text) ? numberOf(text, low, high) : null;
}

function planeOf(text, runs) {
  if (text === "principal") return runs.some((run) => run.principal) ? { kind: "principal" } : null;
  const last = Math.max(...runs.map((run) => run.latentDim)) - 1;
  const axes = text.split(",").map((each) => wholeNumber(each, 0, last));
  const isPlane = axes.length === Math.min(2, last + 1) && !axes.includes(null) && axes[0] !== axes[1];
  return isPlane ? { kind: "dimensions", across: axes[0], up: axes[1] ?? null } : null;
}

// Returns a point (Z,) of each run.
function pointsOf(text, runs) {
  const points = text.split(";").map((point) =>
    point.split(",").map((value) => numberOf(value, -LARGEST_NUMBER, LARGEST_NUMBER)));
  const fits = points.length === runs.length
    && points.every((point, k) => point.length === runs[k].latentDim && !point.includes(null));
  return fits ? points.map((point) => Float32Array.from(point)) : null;
}

function imageOf(text, runs) {
  const index = wholeNumber(text, 0, Math.max(...runs.map((run) => run.images.count)) - 1);
  return index === null ? null : { kind: "test", index };
}

function endsOf(text, runs) {
  const ends = text.split("/").map((end) => endOf(end, runs));
  return ends.length === 2 && !ends.includes(null) ? { start: ends[0], end: ends[1], isFirst: false } : null;
}

function endOf(text, runs) {
  if (!text.startsWith("image")) {
    const points = pointsOf(text, runs);
    return points && { points, image: null };
  }
  const image = imageOf(text.slice("image".length), runs);
  return image && endOfImage(runs, runs.map((run) => run.priorMean), image);
}

const ADDRESS_PAUSE = 400; // milliseconds: browsers allow few changes of the address per second

// Opens the address of the page, and keeps it up to date.
function mountAddress({ runs, store }) {
  const open = () => store.set(parsedAddress(location.hash, runs));
  open();
  addEventListener("hashchange", open);
  let timer = 0;
  let isOpening = true;
  store.subscribe(["run", "plane", "points", "image", "label", "truePosterior", "ends", "share", "path", "samples"], () => {
    // An untouched page keeps the address that it was opened with.
    if (isOpening) return void (isOpening = false);
    timer ||= setTimeout(() => {
      timer = 0;
      writeAddress({ runs, store });
    }, ADDRESS_PAUSE);
  });
}

function writeAddress({ runs, store }) {
  try {
    history.replaceState(null, "", formatAddress(store.state, runs));
  } catch {
    // Some browsers forbid it on pages that were opened from a file. The page works without it.
  }
}
