// Which places (u, v) of a plane a figure shows, and on which pixels.
//
// Shapes: N images, Z latent dimensions. `axes` is {origin (Z,), directions: one or two of (Z,)}.

// Units per direction may differ by this factor; beyond it one of them would be a thin line.
const LARGEST_RATIO = 4;
const MARGIN = 1.06;

class PlaneWindow {
  // Shows the places within `half` of `centre`, both [u, v].
  constructor(centre, half) {
    this.centre = centre;
    this.half = half;
    this.fit(0, 0, 1, 1);
  }

  // Sets the box on the screen, in CSS pixels.
  fit(left, top, width, height) {
    Object.assign(this, { left, top, width, height });
  }

  // Returns pixels per unit of u, of v.
  get scaleX() {
    return this.width / (2 * this.half[0]);
  }

  get scaleY() {
    return this.height / (2 * this.half[1]);
  }

  x(u) {
    return this.left + this.width / 2 + (u - this.centre[0]) * this.scaleX;
  }

  y(v) {
    return this.top + this.height / 2 - (v - this.centre[1]) * this.scaleY;
  }

  // Returns the place of a pixel, the nearest one that is shown.
  place(x, y) {
    const u = this.centre[0] + (x - this.left - this.width / 2) / this.scaleX;
    const v = this.centre[1] - (y - this.top - this.height / 2) / this.scaleY;
    return this.nearest([u, v]);
  }

  nearest(place) {
    return place.map((value, axis) => {
      const [centre, half] = [this.centre[axis], this.half[axis]];
      return Math.max(centre - half, Math.min(centre + half, value));
    });
  }
}

// Returns the product of (z - origin) with a direction.
function along(z, origin, direction) {
  let sum = 0;
  for (let d = 0; d < z.length; d++) sum += (z[d] - origin[d]) * direction[d];
  return sum;
}

// Returns the codes' places, u and v of image n at 2 n and 2 n + 1; v is 0 on a line.
function placesOfCodes(means, { origin, directions }) {
  const places = new Float32Array(2 * means.length);
  directions.forEach((direction, axis) => {
    means.forEach((mean, n) => { places[2 * n + axis] = along(mean, origin, direction); });
  });
  return places;
}

// Returns per axis [low, high] of the codes and of two standard deviations of the prior.
function extentOf(run, axes) {
  const places = placesOfCodes(run.means, axes);
  return axes.directions.map((direction, axis) => {
    const centre = along(run.priorMean, axes.origin, direction);
    const variance = direction.reduce((sum, share, d) => sum + (share * run.priorScale[d]) ** 2, 0);
    let [low, high] = [centre - 2 * Math.sqrt(variance), centre + 2 * Math.sqrt(variance)];
    for (let n = axis; n < places.length; n += 2) {
      low = Math.min(low, places[n]);
      high = Math.max(high, places[n]);
    }
    return [low, high];
  });
}

// Returns the window of an extent. A circle stays a circle, unless the axes differ too much. The
// second axis of a line has no unit: it goes from -1 to 1.
function windowOf(extent) {
  const centre = extent.map(([low, high]) => (low + high) / 2);
  const half = extent.map(([low, high]) => (MARGIN * (high - low)) / 2);
  if (extent.length === 1) return new PlaneWindow([centre[0], 0], [half[0], 1]);
  const largest = Math.max(...half);
  const isEqual = largest <= LARGEST_RATIO * Math.min(...half);
  return new PlaneWindow(centre, isEqual ? [largest, largest] : half);
}

// Returns a window per run. Runs of about the same extent get the same one, so that a cursor stands
// at the same pixel in each of them.
function windowsOf(extents) {
  const sizes = extents.map((extent) => Math.max(...extent.map(([low, high]) => high - low)));
  const isLike = extents.every((extent) => extent.length === extents[0].length)
    && Math.max(...sizes) <= 2 * Math.min(...sizes);
  if (!isLike) return extents.map(windowOf);
  const union = extents[0].map((_, axis) => [
    Math.min(...extents.map((extent) => extent[axis][0])),
    Math.max(...extents.map((extent) => extent[axis][1])),
  ]);
  return extents.map(() => windowOf(union));
}

// Returns the index of the code nearest to a pixel, null if none is within `reach` pixels.
function nearestCode(places, plane, [x, y], reach, isShown) {
  let [nearest, least] = [null, reach * reach];
  for (let n = 0; n < places.length / 2; n++) {
    const distance = (plane.x(places[2 * n]) - x) ** 2 + (plane.y(places[2 * n + 1]) - y) ** 2;
    if (distance <= least && isShown(n)) [nearest, least] = [n, distance];
  }
  return nearest;
}
