// A part of the page as one picture: its canvases, texts and coloured bars, at their places.

// What is for use only, and not to be seen in a picture.
const NOT_IN_PICTURE = [
  "button:not(.tile, .legend button)", "input", "select", "label", "fieldset", "output", ".sources", ".explanations",
  ".not-saved", ".unseen", ".sliders", ".plane-choice", ".plane-controls > .row", ".plane-controls > .note", ".path-controls",
].join(", ");
const PICTURE_MARGIN = 24; // CSS pixels

// Returns what to paint of a node and of all below it: {rect, paint(context)}, the ground first.
function itemsOf(node) {
  if (node.nodeType === Node.TEXT_NODE) return wordsOf(node);
  if (!(node instanceof Element) || node.matches(NOT_IN_PICTURE) || isGone(node)) return [];
  if (node instanceof HTMLCanvasElement) return [canvasItem(node)];
  if (node instanceof SVGPathElement) return [pathItem(node)];
  return [...groundOf(node), ...[...node.childNodes].flatMap(itemsOf)];
}

// An element without a box is not shown, unless its children have boxes in its place.
function isGone(node) {
  return !node.getClientRects().length && getComputedStyle(node).display !== "contents";
}

function canvasItem(canvas) {
  const rect = canvas.getBoundingClientRect();
  const paint = (context) => {
    context.imageSmoothingEnabled = !canvas.classList.contains("pixels");
    context.drawImage(canvas, rect.left, rect.top, rect.width, rect.height);
  };
  return { rect, paint };
}

function pathItem(path) {
  const { a, d, e, f } = path.getScreenCTM();
  const paint = (context) => {
    const moved = new Path2D();
    moved.addPath(new Path2D(path.getAttribute("d")), new DOMMatrix([a, 0, 0, d, e, f]));
    context.fillStyle = getComputedStyle(path).fill;
    context.fill(moved);
  };
  return { rect: path.getBoundingClientRect(), paint };
}

// A box with a colour; of stripes it is the first colour.
function groundOf(node) {
  const style = getComputedStyle(node);
  const stripe = style.backgroundImage.match(/(?:rgba?|color)\([^)]*\)/)?.[0];
  const colour = stripe ?? style.backgroundColor;
  const isSeen = !/^rgba\(.*, 0\)$|^transparent$/.test(colour) && !node.matches(".tile, .legend button");
  if (!isSeen) return [];
  const rect = node.getBoundingClientRect();
  const paint = (context) => {
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(rect.left, rect.top, rect.width, rect.height, Math.min(parseFloat(style.borderRadius) || 0, rect.height / 2));
    context.fill();
  };
  return [{ rect, paint }];
}

// Each word at its place: the browser has broken the lines already.
function wordsOf(node) {
  return [...node.data.matchAll(/\S+/g)].map((match) => {
    const range = document.createRange();
    range.setStart(node, match.index);
    range.setEnd(node, match.index + match[0].length);
    const rect = range.getBoundingClientRect();
    const style = getComputedStyle(node.parentElement);
    const paint = (context) => paintWord(context, match[0], rect, style);
    return { rect, paint };
  }).filter(({ rect }) => rect.width > 0);
}

function paintWord(context, word, rect, style) {
  context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = context.measureText(word);
  context.fillText(word, rect.left, rect.top + (rect.height - up - down) / 2 + up);
}

// Returns the smallest box around all items.
function boxOf(items) {
  const rects = items.map(({ rect }) => rect);
  const [left, top] = [Math.min(...rects.map((r) => r.left)), Math.min(...rects.map((r) => r.top))];
  const [right, bottom] = [Math.max(...rects.map((r) => r.right)), Math.max(...rects.map((r) => r.bottom))];
  return { left, top, width: right - left, height: bottom - top };
}

// Returns a canvas with a part of the page, its title above and a quiet line below.
function pictureOf(panel, title, line) {
  const items = itemsOf(panel);
  const box = boxOf(items);
  const style = getComputedStyle(document.body);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const width = Math.max(box.width, 320);
  const font = (size, weight) => { context.font = `${weight} ${size}px ${style.fontFamily}`; };
  font(13, 400);
  const lines = brokenLines(context, line, width);
  const height = box.height + 44 + 10 + 19 * lines.length;
  const scale = Math.min(3, Math.max(2, 1400 / width));
  [canvas.width, canvas.height] = [width + 2 * PICTURE_MARGIN, height + 2 * PICTURE_MARGIN].map((side) => Math.ceil(scale * side));
  context.scale(scale, scale);
  context.fillStyle = style.backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.translate(PICTURE_MARGIN, PICTURE_MARGIN);
  context.fillStyle = style.color;
  font(19, 600);
  context.fillText(title, 0, 18, width);
  context.fillStyle = getComputedStyle(document.querySelector(".quiet")).color;
  font(13, 400);
  lines.forEach((text, k) => context.fillText(text, 0, 44 + box.height + 24 + 19 * k));
  context.translate(-box.left, 44 - box.top);
  for (const { paint } of items) paint(context);
  return canvas;
}

function brokenLines(context, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (context.measureText(longer).width <= width || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
