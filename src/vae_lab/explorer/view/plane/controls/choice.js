// Which plane is shown: two dimensions, or two principal directions.

class PlaneChoice {
  constructor(lab) {
    this.lab = lab;
    const { store } = lab;
    this.kind = element("select", { id: "plane-kind", onchange: () => this.change() });
    const axis = (id) => element("select", { id, onchange: (event) => this.changeAxis(event.target) });
    [this.across, this.up] = [axis("plane-across"), axis("plane-up")];
    this.axes = [labelled("Across", this.across), labelled("Up", this.up)];
    this.element = element("div", { class: "row plane-choice" }, labelled("Plane", this.kind), ...this.axes);
    store.subscribe(["run", "plane"], (state) => this.show(state));
  }

  // The plane is the same in all runs; KL and variance are those of the run in focus.
  show({ run: index, plane }) {
    const run = this.lab.runs[index];
    this.element.hidden = run.latentDim < 3 || run.lattice !== null;
    if (this.element.hidden) return;
    const kinds = [["dimensions", "two dimensions"]];
    if (run.principal) {
      const share = Math.round(100 * run.principal.share);
      kinds.push(["principal", `two principal directions (${share} % of the variance)`]);
    }
    setOptions(this.kind, kinds, run.principal ? plane.kind : "dimensions");
    const options = run.order.map((d) => [d, `z[${d}], KL ${formatted(run.kl[d])} nats`]);
    const shown = this.dimensions(run, plane);
    [this.across, this.up].forEach((select, axis) => setOptions(select, options, shown[axis]));
    for (const label of this.axes) label.hidden = this.kind.value !== "dimensions";
  }

  // Returns the two dimensions to offer; of principal directions those with the largest KL.
  dimensions(run, plane) {
    if (plane.kind === "principal") return run.order.slice(0, 2);
    return axesOf(run, plane).directions.map((direction) => direction.indexOf(1));
  }

  change() {
    const [across, up] = [Number(this.across.value), Number(this.up.value)];
    const isPrincipal = this.kind.value === "principal";
    this.lab.store.set({ plane: isPrincipal ? { kind: "principal" } : { kind: "dimensions", across, up } });
  }

  // Two axes of the same dimension would be a line: the other one takes what this one had.
  changeAxis(changed) {
    const other = changed === this.across ? this.up : this.across;
    if (changed.value === other.value) {
      const { plane } = this.lab.store.state;
      other.value = changed === this.across ? plane.across : plane.up;
    }
    this.change();
  }
}

function labelled(text, control) {
  return element("label", { class: "row" }, text, control);
}

function setOptions(select, options, value) {
  const texts = options.map(([key, text]) => `${key} ${text}`).join("\n");
  if (select.dataset.texts !== texts) {
    select.dataset.texts = texts;
    select.replaceChildren(...options.map(([key, text]) => element("option", { value: key }, text)));
  }
  select.value = value;
}
