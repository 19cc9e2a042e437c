// The prior on the plane: circles, contour lines, or on a line its density.

const NODES = 72;

// Returns the function that draws a run's prior in a window; null of a prior that is not known.
function priorOnPlane(run, axes, plane) {
  const components = priorComponents(run, axes);
  if (!components) return null;
  if (axes.directions.length === 1) return lineOfDensity(components, plane);
  return run.prior.kind === "standard" ? circles(components[0].place) : contours(components, plane);
}

function priorComponents(run, axes) {
  if (run.mixture) return componentsOnPlane(run.mixture, axes);
  if (run.prior.kind !== "standard") return null;
  const Z = run.latentDim;
  const standard = new Gaussian(new Float32Array(Z), new Float32Array(Z));
  return componentsOnPlane({ logWeights: [0], components: [standard] }, axes);
}

function circles([u, v]) {
  return (context, plane) => {
    for (const radius of [1, 2]) {
      context.beginPath();
      context.ellipse(plane.x(u), plane.y(v), radius * plane.scaleX, radius * plane.scaleY, 0, 0, 2 * Math.PI);
      context.stroke();
    }
  };
}

function contours(components, window) {
  const grid = densityOnGrid(components, window, NODES);
  const step = window.half.map((half) => (2 * half) / (NODES - 1));
  const levels = levelsOf(grid, step[0] * step[1], MASSES);
  const lines = levels.filter((level) => level > 0).map((level) => contourOf(grid, NODES, level));
  return (context, plane) => {
    const [width, height] = [plane.width / (NODES - 1), plane.height / (NODES - 1)];
    const bottom = plane.top + plane.height;
    context.beginPath();
    for (const line of lines) {
      for (let k = 0; k < line.length; k += 4) {
        context.moveTo(plane.left + line[k] * width, bottom - line[k + 1] * height);
        context.lineTo(plane.left + line[k + 2] * width, bottom - line[k + 3] * height);
      }
    }
    context.stroke();
  };
}

// The density takes the height of the plane.
function lineOfDensity(components, window) {
  const density = densityOnLine(components, window, 2 * NODES);
  const largest = density.reduce((a, b) => Math.max(a, b), 0);
  return (context, plane) => {
    context.beginPath();
    density.forEach((value, node) => {
      const x = plane.left + (plane.width * node) / (density.length - 1);
      context.lineTo(x, plane.top + plane.height * (1 - (0.94 * value) / largest));
    });
    context.stroke();
  };
}

function priorInWords({ kind }, isLine) {
  if (kind === "standard" && !isLine) return "Circles: one and two standard deviations of the prior.";
  if (isLine) return "Line: the density of the prior.";
  return `Lines: they enclose ${MASSES.map((mass) => Math.round(100 * mass)).join(" % and ")} % of the prior.`;
}
