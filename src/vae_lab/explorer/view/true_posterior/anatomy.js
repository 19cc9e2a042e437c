// The bound of an image beside log p(x): what the family of the posterior loses, and what the encoder
// loses.

class Anatomy {
  constructor(run, lab) {
    this.closeUp = new CloseUp(run);
    this.condition = conditionOf(run);
    const { behind, inWords } = this.condition;
    this.progress = element("p", { class: "quiet progress" });
    this.rows = {
      truth: anatomyRow("density", `log p(x${inWords})`),
      best: anatomyRow("best", "Bound of the best Gaussian"),
      encoder: anatomyRow("encoder", `Bound of the encoder’s q(z|x${behind})`),
    };
    this.caption = element("caption");
    this.table = element("table", { class: "anatomy" }, this.caption,
      element("thead", { class: "unseen" }, element("tr", {}, ...["Quantity", "Nats"].map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, ...Object.values(this.rows).map(({ row }) => row)));
    this.body = element("div", { class: "anatomy-body" },
      this.closeUp.canvas, element("div", {}, this.progress, this.table));
    this.element = element("div", { class: "anatomy-part" }, truePosteriorCheck(lab), this.body);
    this.show(null, null);
  }

  // Shows a PosteriorGrid of the image whose posterior is `posterior`; null of both: nothing.
  show(grid, posterior) {
    this.body.hidden = grid === null;
    if (!grid) return;
    const { result, isDone } = grid;
    this.progress.textContent = `Computing: point ${grid.at} of ${grid.indices.length} of grid ${grid.halvings + 1}`;
    this.progress.hidden = isDone;
    this.table.hidden = !result;
    if (this.result !== result) this.closeUp.show(result, posterior);
    this.result = result;
    if (!result) return;
    this.showNumbers(result, posterior, isDone);
    this.caption.textContent = sumOfGridInWords(result, isDone, this.condition);
  }

  showNumbers({ logProb, kl, best }, { isDiagonal }, isDone) {
    const { truth, best: ofBest, encoder } = this.rows;
    // NaN until the last grid is done: it has the best Gaussian.
    const least = isDone ? best.kl : NaN;
    truth.value.textContent = `about ${formatted(logProb)}`;
    ofBest.name.textContent = `Bound of the best ${isDiagonal ? "diagonal " : ""}Gaussian`;
    ofBest.value.textContent = formatted(logProb - least);
    ofBest.gap.textContent = gapInWords("approximation gap", least);
    encoder.value.textContent = formatted(logProb - kl);
    encoder.gap.textContent = gapInWords("amortisation gap", kl - least);
  }
}

function anatomyRow(kind, text) {
  const [name, gap] = [element("span", {}, text), element("span", { class: "quiet gap" })];
  const value = element("td", { class: "number" });
  const mark = element("span", { class: `mark-of ${kind}` });
  return { row: element("tr", {}, element("th", { scope: "row" }, mark, name, gap), value), name, value, gap };
}

function gapInWords(name, gap) {
  return Number.isFinite(gap) ? `${name}: ${formatted(Math.max(0, gap))} nats` : "";
}

// Says how log p(x) was computed.
function sumOfGridInWords({ values, spacing, change, isFine }, isDone, { behind, inWords }) {
  const moved = change < 0.001 ? "less than 0.001" : formatted(change, 3);
  const texts = [
    `log p(x${inWords}) is a sum over ${values.length.toLocaleString("en")} points of the latent plane, ${Number(spacing.toPrecision(2))} apart. Halving the distance changed it by ${moved} nats.`,
  ];
  if (isDone && !isFine) texts.push("The grid is still too coarse for this image: the numbers can be wrong.");
  texts.push(`Orange: the true posterior p(z|x${behind}). Ellipses: one and two standard deviations.`);
  return texts.join(" ");
}
