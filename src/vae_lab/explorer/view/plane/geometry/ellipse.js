// A posterior on the plane: the ellipse of its covariance.

// Returns the covariance [uu, uv, vv] on the plane of a normal distribution with log-variances (Z,).
// On a line only the first number counts.
function covarianceOnPlane(logVar, directions) {
  const [across, up] = [directions[0], directions[1] ?? directions[0]];
  const sums = [0, 0, 0];
  for (let d = 0; d < logVar.length; d++) {
    const variance = Math.exp(logVar[d]);
    sums[0] += variance * across[d] * across[d];
    sums[1] += variance * across[d] * up[d];
    sums[2] += variance * up[d] * up[d];
  }
  return sums;
}

// Returns the ellipse at one standard deviation of a covariance: its radii, and the angle of the
// larger one from the first axis, in radians.
function ellipseOf([uu, uv, vv]) {
  const middle = (uu + vv) / 2;
  const distance = Math.hypot((uu - vv) / 2, uv);
  return {
    major: Math.sqrt(middle + distance),
    minor: Math.sqrt(Math.max(0, middle - distance)),
    angle: 0.5 * Math.atan2(2 * uv, uu - vv),
  };
}
