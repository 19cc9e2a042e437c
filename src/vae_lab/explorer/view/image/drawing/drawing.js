// Drawing an image: the pad, its tools, and beside it what the encoder gets.

class Drawing {
  // Fills `panel` with a pad for the images of a set. `testPixels()` is the test image that the page
  // shows; `glances` are small reconstructions, one per run, which a phone shows below the pad.
  constructor(panel, lab, setIndex, testPixels, glances) {
    this.set = lab.sets[setIndex];
    this.testPixels = testPixels;
    this.tools = { size: brushOf(this.set).size, colour: inkColour(this.set), isEraser: false };
    this.classOf = classChoiceOf(lab, setIndex);
    const changed = oncePerFrame(() => showImage(lab, {
      kind: "drawn", pixels: this.prepare(), set: setIndex, label: this.classOf ? this.classOf.label : null,
    }));
    this.pad = new Pad({ shape: this.set.shape, tools: this.tools, paper: paperColour(this.set), changed });
    this.centring = element("input", { type: "checkbox", id: `centre-${setIndex}`, onchange: changed });
    this.centring.checked = this.isLikeDigits = isLikeDigits(this.set);
    this.starter = button("Start from this image", () => this.start());
    this.seen = picture("What the encoder gets", { class: "pixels seen" });
    const [, height, width] = this.set.shape;
    const style = `aspect-ratio: ${width} / ${height}`;
    this.frame = element("div", { class: "pad-frame", style }, this.pad.canvas, this.pad.mark);
    const caption = element("figcaption", {}, seenInWords(this.set));
    panel.append(this.frame, this.toolbar(setIndex),
      element("div", { class: "glances" }, element("figure", { class: "seen-part" }, this.seen, caption), ...glances));
    this.prepare();
  }

  toolbar(setIndex) {
    const { tools, set, pad } = this;
    const parts = [penChoice(tools), brush(tools, set, setIndex)];
    if (set.shape[0] === 3) parts.push(colourChoice(tools, setIndex));
    if (this.classOf) parts.push(this.classOf.element);
    parts.push(element("div", { class: "row" },
      button("Undo", () => pad.undo()), button("Clear", () => this.clear()), this.starter));
    if (this.isLikeDigits) {
      parts.push(element("label", { class: "check" }, this.centring, "Centre and scale as MNIST does"));
    }
    return element("div", { class: "tools" }, ...parts);
  }

  // Returns the image that the encoder gets, and shows it.
  prepare() {
    const pixels = preparedImage(this.pad.raster(), this.set, this.centring.checked);
    drawPixels(this.seen, pixels, this.set.shape);
    this.frame.classList.toggle("empty", this.pad.steps.isEmpty);
    return pixels;
  }

  // Puts the test image on the pad. It is centred already.
  start() {
    this.centring.checked = false;
    this.pad.putImage(this.testPixels());
  }

  clear() {
    this.centring.checked = this.isLikeDigits;
    this.pad.clear();
  }

  // Follows a change of the image: only a test image can be put on the pad.
  follow(isTestImage) {
    this.starter.disabled = !isTestImage;
  }
}

// Returns a function that calls `action` once in the next frame, however often it is called itself.
function oncePerFrame(action) {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      action();
    });
  };
}

// The paper is the background of the data; black and white are exact.
function paperColour(set) {
  const level = set.background < DARK / 2 ? 0 : set.background > 1 - DARK / 2 ? 1 : set.background;
  const byte = Math.round(255 * level);
  return `rgb(${byte}, ${byte}, ${byte})`;
}

// A form's colour input takes this notation only.
function inkColour(set) {
  if (set.shape[0] === 3) return "#d43d2a";
  return set.background < 0.5 ? "#ffffff" : "#000000";
}

// Sizes of the brush in pixels of the image. The strokes of MNIST are about 2.5 of 28 wide.
function brushOf(set) {
  const [, height, width] = set.shape;
  const side = Math.min(height, width);
  return { size: Math.max(1, Math.round((2 * 2.5 * side) / 28) / 2), most: Math.max(2, Math.round(side / 4)) };
}

function seenInWords(set) {
  const [channels, height, width] = set.shape;
  const size = `${width} × ${height} pixels${channels === 3 ? " in colour" : ""}`;
  const binary = set.isBinary ? ", white where the drawing is at least half white, as these data are binary" : "";
  return `What the encoder gets: ${size}${binary}`;
}

function penChoice(tools) {
  const make = (text, isEraser) => button(text, () => {
    tools.isEraser = isEraser;
    for (const each of [pen, eraser]) each.setAttribute("aria-pressed", each === (isEraser ? eraser : pen));
  }, { "aria-pressed": String(!isEraser) });
  const pen = make("Pen", false);
  const eraser = make("Eraser", true);
  return element("div", { class: "row", role: "group", "aria-label": "Tool" }, pen, eraser);
}

function brush(tools, set, setIndex) {
  const input = element("input", {
    type: "range", id: `brush-${setIndex}`, min: 0.5, max: brushOf(set).most, step: 0.5, value: tools.size,
    "aria-valuetext": `${tools.size} pixels`,
    oninput: () => {
      tools.size = Number(input.value);
      input.setAttribute("aria-valuetext", `${tools.size} pixels`);
    },
  });
  return element("label", { class: "row", for: input.id }, "Brush", input);
}

function colourChoice(tools, setIndex) {
  const input = element("input", {
    type: "color", id: `ink-${setIndex}`, value: tools.colour, oninput: () => { tools.colour = input.value; },
  });
  return element("label", { class: "row", for: input.id }, "Colour", input);
}
