// A posterior on the plane: the ellipse of its covariance.

// Returns the covariance [uu, uv, vv] on the plane of a Gaussian in the latent space. On a line only
// the first number counts.
function covarianceOnPlane(gaussian, directions) {
  const [across, up] = [directions[0], directions[1] ?? directions[0]].map((direction) => gaussian.sharesOfNoise(direction));
  return [[across, across], [across, up], [up, up]].map(([a, b]) => a.reduce((sum, value, d) => sum + value * b[d], 0));
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
