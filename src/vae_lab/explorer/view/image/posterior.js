// The posterior of an image: one row per latent dimension, the one that says most on average first.

const ROWS = 12; // rows that are shown at once

class PosteriorTable {
  constructor(run) {
    this.run = run;
    this.axis = axisOfPosterior(run);
    this.rows = run.order.map((dimension) => this.row(dimension));
    const [low, high] = this.axis;
    const ends = element("div", { class: "ends" }, element("span", {}, formatted(low, 1)), element("span", {}, formatted(high, 1)));
    this.body = element("tbody", {}, ...this.rows.map(({ row }) => row));
    const table = element("table", { class: "posterior" },
      element("caption", {}, `Posterior q(z|x${conditionOf(run).behind}): the dot is its mean, the line one standard deviation to each side. Grey: the prior, one and two standard deviations. The dimension with the largest KL over the test set comes first.`),
      element("thead", {}, element("tr", {}, ...["Dimension", "Posterior", "Mean ± SD", "KL"].map((text) => element("th", { scope: "col" }, text)))),
      this.body,
      element("tfoot", { "aria-hidden": "true" }, element("tr", {}, element("td"), element("td", {}, ends), element("td", { colspan: 2 }))));
    this.element = element("div", { class: "posterior-part" }, table);
    if (this.rows.length > ROWS) this.element.append(this.opener());
  }

  opener() {
    const others = this.rows.slice(ROWS).map(({ row }) => row);
    const show = (isOpen) => {
      for (const row of others) row.hidden = !isOpen;
      made.setAttribute("aria-expanded", isOpen);
      made.textContent = isOpen ? `Show ${ROWS} dimensions` : `Show all ${this.rows.length} dimensions`;
    };
    const made = button("", () => show(made.getAttribute("aria-expanded") !== "true"));
    show(false);
    return made;
  }

  row(dimension) {
    const mark = (name) => element("span", { class: name });
    const marks = { wide: mark("prior wide"), narrow: mark("prior narrow"), deviation: mark("deviation"), mean: mark("mean") };
    const [centre, scale] = [this.run.priorMean[dimension], this.run.priorScale[dimension]];
    this.place(marks.wide, centre - 2 * scale, centre + 2 * scale);
    this.place(marks.narrow, centre - scale, centre + scale);
    const [text, kl] = [element("td", { class: "number" }), element("td", { class: "number" })];
    const row = element("tr", {},
      element("th", { scope: "row" }, `z[${dimension}]`),
      element("td", {}, element("div", { class: "track", "aria-hidden": "true" }, ...Object.values(marks))), text, kl);
    return { dimension, row, marks, text, kl };
  }

  // Puts a mark from a value to another.
  place(mark, from, to) {
    const [low, high] = this.axis;
    const percent = (value) => Math.max(0, Math.min(100, (100 * (value - low)) / (high - low)));
    mark.style.left = `${percent(from)}%`;
    mark.style.width = `${percent(to) - percent(from)}%`;
  }

  // Shows a posterior, a Gaussian, and its KL per dimension (Z,) in nats, or null.
  show(posterior, klPerDimension) {
    const [mean, deviations] = [posterior.mean, posterior.deviations()];
    for (const { dimension, marks, text, kl } of this.rows) {
      const deviation = deviations[dimension];
      this.place(marks.deviation, mean[dimension] - deviation, mean[dimension] + deviation);
      this.place(marks.mean, mean[dimension], mean[dimension]);
      text.textContent = `${formatted(mean[dimension])} ± ${formatted(deviation)}`;
      kl.textContent = klPerDimension ? formatted(klPerDimension[dimension]) : "\u2013";
    }
  }
}

// Returns one axis for all dimensions: the codes of the test images, and the prior.
function axisOfPosterior(run) {
  const ranges = run.order.map((dimension) => run.range(dimension));
  const [low, high] = [Math.min(...ranges.map(([from]) => from)), Math.max(...ranges.map(([, to]) => to))];
  const margin = 0.04 * (high - low);
  return [low - margin, high + margin];
}
