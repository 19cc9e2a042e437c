// The head of the page: which runs, what was measured of them, whose numbers are shown.

function mountHead(header, lab) {
  const { runs, store } = lab;
  const facts = element("dl", { class: "facts" });
  const title = header.querySelector("h1");
  const top = element("div", { class: "head-row" });
  title.replaceWith(top);
  top.append(title, ...(runs.length > 1 ? [chooser(lab)] : []), tools(lab));
  header.append(foldedIfNarrow(facts));
  store.subscribe(["run"], (state) => {
    const run = runs[state.run];
    const precision = precisionInWords(run);
    const all = [...run.facts, ...(precision ? [["precision", precision]] : [])];
    facts.replaceChildren(...all.map(([words, value]) =>
      element("div", {}, element("dt", {}, words), element("dd", {}, String(value).replace(/^-(?=\d)/, "\u2212")))));
  });
}

// On a phone the facts would take a sixth of the screen: there a press shows them.
function foldedIfNarrow(facts) {
  const details = element("details", { class: "about" }, element("summary", {}, "About the run"), facts);
  const narrow = matchMedia("(max-width: 40rem)");
  const fold = () => { details.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
  return details;
}

function tools(lab) {
  const copied = element("output", { class: "quiet copied" });
  const copy = button("Copy link", () => copyLink(lab, copied), {
    title: "The link holds the run, the plane, the cursor, the test image, whether the true posterior is shown, and the interpolation. A drawn image is not in it.",
  });
  return element("div", { class: "row head-tools" }, copied, copy, talkButton(null));
}

async function copyLink(lab, copied) {
  writeAddress(lab);
  const text = location.href;
  const isCopied = await copy(text);
  copied.textContent = isCopied ? `Copied: ${text}` : text;
}

// The clipboard of browsers works on secure pages only, so not everywhere.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", { class: "unseen", "aria-hidden": "true" }, text);
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    return isCopied;
  }
}

function chooser({ runs, store }) {
  const keys = Math.min(9, runs.length);
  const group = element("fieldset", { class: "runs" }, element("legend", {}, `Numbers of (keys 1 to ${keys})`));
  runs.forEach((run, index) => {
    const input = element("input", {
      type: "radio", name: "run", value: index, onchange: () => store.set({ run: index }),
    });
    store.subscribe(["run"], (state) => { input.checked = state.run === index; });
    group.append(element("label", {}, input, run.name));
  });
  document.addEventListener("keydown", (event) => {
    const isTyped = event.target.matches?.("input:not([type=radio], [type=checkbox], [type=range]), select, textarea");
    const index = Number(event.key) - 1;
    if (isTyped || event.ctrlKey || event.metaKey || event.altKey || !runs[index]) return;
    store.set({ run: index });
  });
  return group;
}

// Says how near the page's numbers are to those of the trained model.
function precisionInWords({ precision }) {
  if (!precision || precision.type === "float32") return "";
  const far = [];
  if (Number.isFinite(precision.pixels)) far.push(`pixels within ${roundedUp(precision.pixels)}`);
  if (Number.isFinite(precision.nats)) far.push(`bound within ${roundedUp(precision.nats)} nats`);
  return `weights in ${precision.bits} bits${far.length ? `: ${far.join(", ")} of the trained model` : ""}`;
}

// Returns a positive number with one digit, rounded up.
function roundedUp(value) {
  if (!(value > 0)) return "0";
  const decimals = Math.max(0, -Math.floor(Math.log10(value)));
  const scale = 10 ** decimals;
  return (Math.ceil(value * scale - 1e-9) / scale).toFixed(decimals);
}
