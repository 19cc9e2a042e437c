// The choice of a test image: pages of small images, a label, a number, chance.

class Choice {
  // `number` of a set that is not the page's first is part of its ids.
  constructor(panel, lab, setIndex) {
    this.lab = lab;
    this.set = lab.sets[setIndex];
    this.perPage = matchMedia("(max-width: 40rem)").matches ? 21 : 48;
    this.page = 0;
    this.shown = this.all();
    this.chosen = null;
    const suffix = setIndex ? `-${setIndex}` : "";
    this.grid = element("div", {
      class: "thumbnails", role: "group", "aria-label": "Test images", onkeydown: (event) => this.key(event),
    });
    this.position = element("span", { class: "quiet" });
    panel.append(this.controls(suffix), this.grid, this.pager());
    this.turnTo(0);
  }

  all() {
    return Array.from({ length: this.set.count }, (_, index) => index);
  }

  controls(suffix) {
    const { count } = this.set;
    const rows = this.set.rows.subarray(0, count); // of the images that the page holds, in order
    const [first, last] = [rows[0], rows[count - 1]];
    const isPart = last - first >= count;
    this.number = element("input", {
      type: "number", id: `test-image${suffix}`, min: first, max: last, step: 1, inputmode: "numeric",
      title: isPart ? `This page holds ${count} test images, spread evenly: the nearest is shown.` : null,
      oninput: () => this.number.validity.valid && this.number.value !== "" && this.choose(nearestIndex(rows, Number(this.number.value))),
      onchange: () => { this.number.value = this.chosen === null ? "" : rows[this.chosen]; },
    });
    const row = element("div", { class: "row" },
      element("label", { class: "row" }, `Test image ${first} to ${last}`, this.number),
      button("Random image", () => this.choose(this.shown[Math.floor(Math.random() * this.shown.length)])));
    if (this.set.labels.length) row.append(this.labelChoice(suffix));
    return row;
  }

  labelChoice(suffix) {
    const { set } = this;
    const select = element("select", {
      id: `label${suffix}`,
      onchange: () => {
        this.shown = select.value === "" ? this.all() : this.all().filter((index) => String(set.label(index)) === select.value);
        this.turnTo(0);
      },
    }, element("option", { value: "" }, "all"));
    const shown = new Set(this.all().map((index) => set.label(index)));
    for (const label of set.labels.filter((each) => shown.has(each))) select.append(element("option", { value: label }, set.name(label)));
    return element("label", { class: "row" }, "Label", select);
  }

  pager() {
    this.previous = button("Previous", () => this.turnTo(this.page - 1));
    this.next = button("Next", () => this.turnTo(this.page + 1));
    return element("div", { class: "row pager" }, this.previous, this.position, this.next);
  }

  get pages() {
    return Math.max(1, Math.ceil(this.shown.length / this.perPage));
  }

  turnTo(page) {
    this.page = Math.max(0, Math.min(this.pages - 1, page));
    const start = this.page * this.perPage;
    const indices = this.shown.slice(start, start + this.perPage);
    this.grid.replaceChildren(...indices.map((index) => this.thumbnail(index)));
    this.previous.disabled = this.page === 0;
    this.next.disabled = this.page === this.pages - 1;
    this.position.textContent = `page ${this.page + 1} of ${this.pages}`;
    this.mark();
  }

  thumbnail(index) {
    const canvas = element("canvas", { class: "pixels", "aria-hidden": "true" });
    drawPixels(canvas, this.set.pixels(index), this.set.shape);
    const name = imageName(this.set, index);
    const made = element("button", {
      type: "button", class: "thumbnail", "data-index": index, "aria-label": name, title: name,
      onclick: () => this.choose(index),
    }, canvas);
    const label = this.set.label(index);
    if (label !== null) made.style.borderBottomColor = this.set.colour(label);
    return made;
  }

  choose(index) {
    showImage(this.lab, { kind: "test", index });
  }

  // Shows which image was chosen, here or in another part of the page.
  show(index) {
    this.chosen = index;
    const place = index === null ? -1 : this.shown.indexOf(index);
    if (document.activeElement !== this.number) this.number.value = index === null ? "" : this.set.rows[index];
    const page = Math.floor(place / this.perPage);
    if (place >= 0 && page !== this.page) this.turnTo(page);
    else this.mark();
  }

  // One thumbnail is reached by the Tab key, the others by the arrow keys.
  mark() {
    const thumbnails = [...this.grid.children];
    const chosen = thumbnails.find((each) => Number(each.dataset.index) === this.chosen);
    for (const each of thumbnails) {
      each.setAttribute("aria-pressed", each === chosen);
      each.tabIndex = each === (chosen ?? thumbnails[0]) ? 0 : -1;
    }
  }

  key(event) {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    const thumbnails = [...this.grid.children];
    const columns = thumbnails.filter((each) => each.offsetTop === thumbnails[0].offsetTop).length;
    const here = this.page * this.perPage + thumbnails.indexOf(document.activeElement);
    const place = Math.max(0, Math.min(this.shown.length - 1, here + step[0] + step[1] * columns));
    this.turnTo(Math.floor(place / this.perPage));
    this.grid.children[place % this.perPage].focus();
    this.choose(this.shown[place]);
  }
}

// Returns the index of the image whose place in the test set is nearest. `rows` are those places, in order.
function nearestIndex(rows, row) {
  let nearest = 0;
  for (let index = 1; index < rows.length; index++) {
    if (Math.abs(rows[index] - row) < Math.abs(rows[nearest] - row)) nearest = index;
  }
  return nearest;
}

// Returns "test image 17, label 4".
function imageName(set, index) {
  const label = set.label(index);
  return `test image ${set.rows[index]}${label === null ? "" : `, label ${set.name(label)}`}`;
}
