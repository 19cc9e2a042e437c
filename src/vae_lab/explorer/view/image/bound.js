// The bound of an image: recon + KL as a bar, and below it, on the same axis, the test images.

const BINS = 90;

class BoundView {
  // `axis` [low, high] of recon + KL, in nats.
  constructor(run, axis) {
    this.run = run;
    this.axis = axis;
    this.terms = element("p", { class: "terms" });
    this.value = element("strong", { class: "bound-value" });
    this.draws = element("span", { class: "quiet" });
    this.place = element("p", { class: "place" });
    this.recorded = element("p", { class: "quiet recorded" });
    this.bars = { recon: element("span", { class: "recon" }), kl: element("span", { class: "kl" }) };
    this.mark = element("span", { class: "mark" });
    const chart = element("div", { class: "bound-chart", "aria-hidden": "true" },
      element("div", { class: "lane" }, this.bars.recon, this.bars.kl),
      histogramOf(run.bound.elbos, axis), this.mark, this.ticks());
    this.element = element("div", { class: "bound" },
      element("p", { class: "sum" }, this.value, " ", this.draws), this.terms, chart, this.place, this.recorded);
  }

  ticks() {
    const values = ticksOf(this.axis);
    const labels = values.map((value) => element("span", { style: `left: ${this.percent(value)}%` }, formatted(value, 0)));
    return element("div", { class: "ticks" }, ...labels);
  }

  percent(value) {
    const [low, high] = this.axis;
    return Math.max(0, Math.min(100, (100 * (value - low)) / (high - low)));
  }

  // Shows an estimate of the bound (see BoundEstimate).
  show(estimate) {
    const { run } = this;
    if (!estimate.count) {
      this.value.textContent = "computing the bound";
      this.draws.textContent = `${estimate.draws} of ${estimate.groupSize} draws`;
      return;
    }
    const { recon, kl, elbo } = estimate.values;
    const texts = sumInWords({ recon: recon.mean, kl: kl.mean });
    const error = elbo.error === null ? "" : ` ± ${formatted(elbo.error)}`;
    this.value.textContent = `bound ${texts.bound}${error} nats`;
    this.draws.textContent = `${drawsInWords(estimate)}${run.classes ? ", on log p(x given y)" : ""}`;
    this.showTerms(texts);
    this.showBars(recon.mean, kl.mean);
    this.place.textContent = placeInWords(shareAbove(run.bound.elbos, elbo.mean));
  }

  showTerms(texts) {
    // An element for the colour: a saved picture has no generated content of CSS.
    const name = (kind, text) =>
      element("span", { class: `key ${kind}` }, element("span", { class: "swatch" }), text);
    this.terms.replaceChildren(name("recon", "recon"), ` ${texts.recon} + `, name("kl", "KL"), ` ${texts.kl} = ${texts.sum}`);
  }

  showBars(recon, kl) {
    this.bar(this.bars.recon, 0, recon);
    this.bar(this.bars.kl, recon, recon + kl);
    this.mark.style.left = `${this.percent(recon + kl)}%`;
    this.mark.classList.toggle("beyond", recon + kl > this.axis[1] || recon + kl < this.axis[0]);
  }

  bar(bar, from, to) {
    const [left, right] = [from, to].map((value) => this.percent(value)).sort((a, b) => a - b);
    bar.style.left = `${left}%`;
    bar.style.width = `${right - left}%`;
  }

  // Shows what the run recorded of a test image; nothing of a drawing (null).
  showRecorded(index) {
    const { recorded, bound } = this.run;
    const elbo = index === null ? undefined : recorded?.elbo[index];
    this.recorded.hidden = elbo === undefined;
    if (elbo === undefined) return;
    const draws = bound.num_samples === 1 ? "one draw" : `${bound.num_samples} draws`;
    this.recorded.textContent = `Recorded at the end of the run, with ${draws}: ${formatted(elbo)} nats`;
  }

  // Shows the recorded terms in place of computed ones.
  showRecordedOnly(index) {
    const { recorded, bound } = this.run;
    const isRecorded = index !== null && recorded && index < recorded.elbo.length;
    this.element.hidden = !isRecorded;
    if (!isRecorded) return;
    const [recon, kl] = [recorded.recon[index], recorded.kl[index]];
    const texts = sumInWords({ recon, kl });
    this.value.textContent = `bound ${texts.bound} nats`;
    this.draws.textContent = "recorded at the end of the run";
    this.showTerms(texts);
    this.showBars(recon, kl);
    this.place.textContent = placeInWords(shareAbove(bound.elbos, recorded.elbo[index]));
    this.recorded.hidden = true;
  }
}

function drawsInWords({ count, groupSize }) {
  if (groupSize > 1) return `importance-weighted, ${count} × ${groupSize} draws`;
  return count === 1 ? "1 draw" : `${count} draws`;
}

// Returns about five round numbers of an axis.
function ticksOf([low, high]) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
}

// Returns the histogram of the test images' recon + KL as one shape.
function histogramOf(elbos, axis) {
  const heights = boundHistogram(elbos, axis, BINS);
  const outline = heights.map((height, bin) => `V${(1 - height).toFixed(3)}H${bin + 1}`).join("");
  const space = "http://www.w3.org/2000/svg";
  const [drawing, path] = ["svg", "path"].map((tag) => document.createElementNS(space, tag));
  drawing.setAttribute("viewBox", `0 0 ${BINS} 1`);
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("class", "histogram");
  path.setAttribute("d", `M0 1${outline}V1Z`);
  drawing.append(path);
  return drawing;
}
