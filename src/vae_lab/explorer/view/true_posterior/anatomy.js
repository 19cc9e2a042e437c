// The true posterior of an image from near, and the bound beside log p(x): what the family of the
// posterior loses, and what the encoder loses.

class Anatomy {
  constructor(run, lab) {
    this.run = run;
    this.canvas = element("canvas", { class: "close-up", role: "img" });
    this.scene = new Scene(this.canvas);
    this.progress = element("p", { class: "quiet progress" });
    this.rows = { logProb: anatomyRow("density", "log p(x), about"), best: anatomyRow("best", ""), encoder: anatomyRow("encoder", "Bound of the encoder’s q(z|x)") };
    this.caption = element("caption");
    const table = element("table", { class: "anatomy" }, this.caption,
      element("thead", { class: "unseen" }, element("tr", {}, ...["Quantity", "Nats", "Gap"].map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, ...Object.values(this.rows).map(({ row }) => row)));
    this.body = element("div", { class: "anatomy-body" }, this.canvas, element("div", {}, this.progress, table));
    this.element = element("div", { class: "anatomy-part" }, element("p", { class: "not-saved" }, truePosteriorCheck(lab)), this.body);
    this.table = table;
    this.show(null, null);
  }

  // Shows a PosteriorGrid of the image whose posterior is `posterior`; null of both: nothing.
  show(grid, posterior) {
    this.body.hidden = grid === null;
    if (!grid) return;
    const { result, isDone } = grid;
    this.progress.textContent = isDone ? "" : `Computing: point ${grid.at} of ${grid.indices.length}, grid ${grid.halvings + 1}`;
    this.progress.hidden = isDone;
    for (const part of [this.canvas, this.table]) part.hidden = !result;
    if (!result) return;
    this.showNumbers(result, posterior, isDone);
    this.draw(result, posterior);
  }

  showNumbers({ logProb, kl, best, values, spacing, change, isFine }, posterior, isDone) {
    const { rows } = this;
    rows.best.name.textContent = `Bound of the best ${posterior.isDiagonal ? "diagonal " : ""}Gaussian`;
    const least = isDone ? best.kl : NaN;
    rows.logProb.value.textContent = formatted(logProb);
    rows.best.value.textContent = formatted(logProb - least);
    rows.best.gap.textContent = gapInWords(least, "approximation gap");
    rows.encoder.value.textContent = formatted(logProb - kl);
    rows.encoder.gap.textContent = gapInWords(kl - least, "amortisation gap");
    const sum = `A sum over ${values.length.toLocaleString("en")} points of the latent plane, ${Number(spacing.toPrecision(2))} apart; halving the distance changed it by ${formatted(change, 3)} nats.`;
    const coarse = isDone && !isFine ? " The grid is too coarse for this image: the numbers can be wrong." : "";
    this.caption.textContent = `${sum}${coarse} Ellipses: one and two standard deviations.`;
  }

  draw(result, posterior) {
    const side = this.canvas.clientWidth;
    if (!side) return;
    const q = planarOf(posterior);
    const [left, top, width, height] = this.scene.resize(side, side);
    this.scene.readColours();
    const truth = truthOf(result, false, this.scene.colours.density);
    const plane = closeWindow(result, [q, ...(truth.best ? [truth.best] : [])]);
    plane.fit(left, top, width, height);
    this.scene.drawStill({ plane, map: null, band: 0, drawPrior: null, hasCodes: false, names: ["z[0]", "z[1]"] });
    this.scene.drawFrame(plane, 0, null, { place: q.mean, covariance: q.covariance }, truth);
    this.canvas.setAttribute("aria-label", `The true posterior of the image in ${this.run.name}, from near, with the encoder’s posterior and the best Gaussian`);
  }
}

function anatomyRow(kind, text) {
  const name = element("span", {}, text);
  const [value, gap] = [element("td", { class: "number" }), element("td", { class: "gap" })];
  const row = element("tr", {}, element("th", { scope: "row" }, element("span", { class: `mark-of ${kind}` }), name), value, gap);
  return { row, name, value, gap };
}

function gapInWords(gap, name) {
  return Number.isFinite(gap) ? `${formatted(Math.max(0, gap))} below: ${name}` : "";
}

// Returns a square window that holds the density down to e^-6 of its largest, and the ellipses.
function closeWindow({ us, vs, values }, gaussians) {
  const largest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const extent = [us, vs].map((places, axis) => {
    const shown = Array.from(places).filter((_, k) => values[k] > largest - 6);
    const ends = gaussians.flatMap(({ mean, covariance }) =>
      [-2.2, 2.2].map((deviations) => mean[axis] + deviations * Math.sqrt(covariance[2 * axis])));
    return [Math.min(...shown, ...ends), Math.max(...shown, ...ends)];
  });
  const half = Math.max(...extent.map(([low, high]) => (1.05 * (high - low)) / 2));
  return new PlaneWindow(extent.map(([low, high]) => (low + high) / 2), [half, half]);
}
