// The drawing pad: strokes of mouse, finger, pen or keys on a canvas with more pixels than the image.

const PAD_SIDE = 560; // pixels of the longer side, about
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Pad {
  // `tools` = {size (pixels of the image), colour, isEraser}, `paper` a CSS colour. `changed` is
  // called after each change of the drawing.
  constructor({ shape, tools, paper, changed }) {
    const [, height, width] = shape;
    Object.assign(this, { shape, tools, paper, changed });
    this.scale = Math.max(1, Math.round(PAD_SIDE / Math.max(height, width)));
    this.steps = new Steps();
    this.canvas = element("canvas", {
      class: "pad", tabindex: 0, role: "application", width: width * this.scale, height: height * this.scale,
      "aria-label": "Drawing pad. The arrow keys move the pen, Space puts it down and lifts it, Ctrl+Z undoes.",
    });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.mark = element("div", { class: "pen", hidden: true });
    this.pen = { x: this.canvas.width / 2, y: this.canvas.height / 2 };
    this.stroke = null; // the one that is being drawn
    this.listen();
    this.redraw();
  }

  // What is on the pad, {width, height, data}.
  raster() {
    return this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.pointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.pointerMove(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(kind, (event) => event.pointerId === this.pointer && this.lift());
    }
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.mark.hidden = true; this.lift(); });
  }

  pointerDown(event) {
    if (event.button !== 0 || this.stroke) return;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.mark.hidden = true;
    this.putDown(this.placeOf(event));
  }

  pointerMove(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    // A browser reports a fast pen several times per frame: without these, curves have corners.
    const all = event.getCoalescedEvents?.() ?? [];
    for (const each of all.length ? all : [event]) this.extend(this.placeOf(each));
    this.changed();
  }

  placeOf(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * this.canvas.width,
      y: ((event.clientY - box.top) / box.height) * this.canvas.height,
    };
  }

  putDown(place) {
    const { size, colour, isEraser } = this.tools;
    this.stroke = { kind: "stroke", width: size * this.scale, colour: isEraser ? this.paper : colour, places: [] };
    this.steps.add(this.stroke);
    this.extend(place);
    this.changed();
  }

  extend(place) {
    this.pen = place;
    this.stroke.places.push(place);
    this.drawLine(this.stroke, this.stroke.places.slice(-2));
  }

  lift() {
    this.stroke = null;
    this.pointer = null;
    this.mark.classList.remove("down");
  }

  key(event) {
    const step = ARROWS[event.key];
    if (step) this.movePen(step, event.shiftKey ? 3 : 1);
    else if (event.key === " ") this.stroke ? this.lift() : this.putDown(this.pen);
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
    this.showPen();
  }

  movePen([right, down], pixels) {
    const { width, height } = this.canvas;
    const cut = (value, most) => Math.max(0, Math.min(most, value));
    this.pen = {
      x: cut(this.pen.x + right * pixels * this.scale, width),
      y: cut(this.pen.y + down * pixels * this.scale, height),
    };
    if (!this.stroke) return;
    this.extend(this.pen);
    this.changed();
  }

  showPen() {
    this.mark.hidden = false;
    this.mark.classList.toggle("down", this.stroke !== null);
    this.mark.style.left = `${(100 * this.pen.x) / this.canvas.width}%`;
    this.mark.style.top = `${(100 * this.pen.y) / this.canvas.height}%`;
  }

  clear() {
    this.lift();
    if (this.steps.isEmpty) return;
    this.steps.add({ kind: "clear" });
    this.redraw();
    this.changed();
  }

  undo() {
    this.lift();
    if (!this.steps.undo()) return;
    this.redraw();
    this.changed();
  }

  // Puts an image (C * H * W,) on the pad, to be changed.
  putImage(pixels) {
    this.lift();
    this.steps.add({ kind: "image", pixels });
    this.redraw();
    this.changed();
  }

  redraw() {
    const { context, canvas } = this;
    context.fillStyle = this.paper;
    context.fillRect(0, 0, canvas.width, canvas.height);
    for (const step of this.steps.visible()) {
      if (step.kind === "image") this.drawImage(step.pixels);
      else this.drawLine(step, step.places);
    }
  }

  drawImage(pixels) {
    const small = element("canvas");
    drawPixels(small, pixels, this.shape);
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(small, 0, 0, this.canvas.width, this.canvas.height);
  }

  drawLine({ width, colour }, places) {
    const { context } = this;
    Object.assign(context, { strokeStyle: colour, lineWidth: width, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(places[0].x, places[0].y);
    // A line of length 0 with round ends is a dot.
    for (const { x, y } of places) context.lineTo(x, y);
    context.stroke();
  }
}
