// Moving the cursor of a plane: mouse, touch, keys.

// A press that moves less than this is a click; so near to a code it chooses its image.
const CLICK = 4;
const REACH = { mouse: 6, pen: 8, touch: 12 };

// The cursor follows from the press on. A click on a code looks at its image; a drag never does.
function followPointer(figure) {
  const { canvas, lab } = figure;
  let press = null;
  const pixel = (event) => [event.offsetX, event.offsetY];
  const follow = (event) => moveTo(lab, figure.plane.place(...pixel(event)));
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    press = { start: pixel(event), isDrag: false };
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!press) return;
    const [x, y] = pixel(event);
    press.isDrag ||= Math.hypot(x - press.start[0], y - press.start[1]) >= CLICK;
    if (press.isDrag) follow(event);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (press && !press.isDrag) chooseCode(figure, press.start, REACH[event.pointerType] ?? REACH.mouse);
    press = null;
  });
  canvas.addEventListener("pointercancel", () => { press = null; });
}

function chooseCode(figure, pixel, reach) {
  const { layers, places, plane, lab, run: { images } } = figure;
  if (!layers.codes) return;
  const index = nearestCode(places, plane, pixel, reach, (n) => n < images.count && figure.isShown(n));
  if (index !== null) showImage(lab, { kind: "test", index });
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

// A step is one eightieth of the plane, with Shift one tenth.
function followKeys(figure) {
  const { canvas, lab } = figure;
  canvas.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(step || event.key === "Home")) return;
    event.preventDefault();
    if (!step) return resetPoints(lab);
    const share = event.shiftKey ? 1 / 5 : 1 / 40;
    const place = figure.placeOf(figure.z).map((value, axis) => value + step[axis] * share * figure.plane.half[axis]);
    moveTo(lab, figure.plane.nearest(figure.isLine ? [place[0], 0] : place));
  });
}
