// The density of a mixture prior on the plane, and its contour lines.
//
// Shapes: M components, Z latent dimensions.

// What circles at 1 and 2 standard deviations hold of a normal distribution in two dimensions.
const MASSES = [1 - Math.exp(-0.5), 1 - Math.exp(-2)];

// Returns the components on the plane: of the other directions nothing is known (the marginal).
function componentsOnPlane({ logWeights, components }, { origin, directions }) {
  return components.map((gaussian, m) => ({
    weight: Math.exp(logWeights[m]),
    place: directions.map((direction) => along(gaussian.mean, origin, direction)),
    covariance: covarianceOnPlane(gaussian, directions),
  }));
}

// Returns the density at the nodes of a grid over a window, (nodes * nodes,): columns along u, the
// first row at the lowest v.
function densityOnGrid(components, { centre, half }, nodes) {
  const grid = new Float64Array(nodes * nodes);
  const step = half.map((each) => (2 * each) / (nodes - 1));
  for (const { weight, place, covariance: [uu, uv, vv] } of components) {
    const determinant = uu * vv - uv * uv;
    const factor = weight / (2 * Math.PI * Math.sqrt(determinant));
    for (let row = 0, k = 0; row < nodes; row++) {
      const v = centre[1] - half[1] + row * step[1] - place[1];
      for (let column = 0; column < nodes; column++, k++) {
        const u = centre[0] - half[0] + column * step[0] - place[0];
        const square = (vv * u * u - 2 * uv * u * v + uu * v * v) / determinant;
        if (square < 60) grid[k] += factor * Math.exp(-0.5 * square);
      }
    }
  }
  return grid;
}

// Returns the density on a line at the nodes of a window, (nodes,).
function densityOnLine(components, { centre, half }, nodes) {
  return Float64Array.from({ length: nodes }, (_, node) => {
    const u = centre[0] - half[0] + (2 * half[0] * node) / (nodes - 1);
    return components.reduce((sum, { weight, place, covariance: [variance] }) => {
      return sum + (weight / Math.sqrt(2 * Math.PI * variance)) * Math.exp(-0.5 * (u - place[0]) ** 2 / variance);
    }, 0);
  });
}

// Returns the level above which a density holds each mass, NaN if the grid holds less than it.
function levelsOf(grid, cellArea, masses) {
  const sorted = Float64Array.from(grid).sort().reverse();
  return masses.map((mass) => {
    let sum = 0;
    for (const density of sorted) {
      sum += density * cellArea;
      if (sum >= mass) return density;
    }
    return NaN;
  });
}

// Returns the line at a level as pieces [x0, y0, x1, y1, ...] in units of the grid: marching squares.
function contourOf(grid, nodes, level) {
  const pieces = [];
  for (let row = 0; row < nodes - 1; row++) {
    for (let column = 0; column < nodes - 1; column++) {
      const first = row * nodes + column;
      // The corners of the cell, counterclockwise from the lower left.
      const corners = [grid[first], grid[first + 1], grid[first + nodes + 1], grid[first + nodes]];
      addCell(pieces, corners.map((value) => value - level), column, row);
    }
  }
  return pieces;
}

const CORNERS = [[0, 0], [1, 0], [1, 1], [0, 1]];

// Adds the pieces of one cell, whose corners are `heights` above the level.
function addCell(pieces, heights, column, row) {
  const crossings = [];
  for (let edge = 0; edge < 4; edge++) {
    const [a, b] = [heights[edge], heights[(edge + 1) % 4]];
    if (a >= 0 === b >= 0) continue;
    const [from, to] = [CORNERS[edge], CORNERS[(edge + 1) % 4]];
    const share = a / (a - b);
    crossings.push([column + from[0] + share * (to[0] - from[0]), row + from[1] + share * (to[1] - from[1])]);
  }
  // A saddle has four crossings: the lines cut off the two corners that are not of the centre's side.
  const mean = heights.reduce((sum, height) => sum + height, 0) / 4;
  if (crossings.length === 4 && heights[0] >= 0 !== mean >= 0) crossings.push(crossings.shift());
  for (let k = 0; k < crossings.length; k += 2) pieces.push(...crossings[k], ...crossings[k + 1]);
}
