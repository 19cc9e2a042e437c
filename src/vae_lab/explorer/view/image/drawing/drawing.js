// Drawing an image: the pad, its tools, and beside it what the encoder gets.

// Fills `panel` with a pad for the images of a set. Returns {start(pixels)}, which puts an image on it.
function mountDrawing(panel, lab, setIndex, shownImage) {
  const set = lab.sets[setIndex];
  const [channels, height, width] = set.shape;
  const tools = { size: brushOf(set).size, colour: inkColour(set), isEraser: false };
  const seen = picture("What the encoder gets", { class: "pixels seen" });
  const centring = isLikeDigits(set) ? element("input", { type: "checkbox", checked: true, id: `centre-${setIndex}` }) : null;
  const show = () => {
    const pixels = preparedImage(pad.raster(), set, centring?.checked ?? false);
    drawPixels(seen, pixels, set.shape);
    return pixels;
  };
  const changed = oncePerFrame(() => showImage(lab, { kind: "drawn", pixels: show(), set: setIndex }));
  const pad = new Pad({ shape: set.shape, tools, paper: paperColour(set), changed });
  centring?.addEventListener("change", changed);
  const start = () => {
    // A test image is centred already.
    if (centring) centring.checked = false;
    pad.putImage(shownImage());
  };
  const clear = () => {
    if (centring) centring.checked = true;
    pad.clear();
  };
  const frame = element("div", { class: "pad-frame", style: `aspect-ratio: ${width} / ${height}` }, pad.canvas, pad.mark);
  panel.append(
    frame,
    element("div", { class: "tools" },
      penChoice(tools),
      brush(tools, set, setIndex),
      channels === 3 ? colourChoice(tools, setIndex) : "",
      element("div", { class: "row" },
        button("Undo", () => pad.undo()), button("Clear", clear), button("Start from this image", start)),
      centring ? element("label", { class: "check" }, centring, "Centre and scale as MNIST does") : "",
      element("figure", { class: "row" }, seen, element("figcaption", {}, seenInWords(set)))),
  );
  show();
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
