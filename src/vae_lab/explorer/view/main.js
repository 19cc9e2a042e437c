// Puts the page together: opens the arrays, makes the lab, fills each section.

async function inflated(base64) {
  if (!globalThis.DecompressionStream) {
    throw new Error("this browser is too old. Chrome 80, Firefox 113, Safari 16.4 and later can show it.");
  }
  try {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return await new Response(stream).arrayBuffer();
  } catch {
    throw new Error("the file is not whole. Copy it again, or make it again.");
  }
}

const PANELS = {
  plane: mountPlane,
  image: mountImage,
  interpolation: mountInterpolation,
  samples: mountSamples,
};

async function openPage() {
  const payload = JSON.parse(document.getElementById("payload").textContent);
  const lab = makeLab(payload, await inflated(document.getElementById("arrays").textContent.trim()));
  mountTruePosterior(lab);
  mountClasses(lab);
  mountHead(document.querySelector("header"), lab);
  for (const [name, mount] of Object.entries(PANELS)) {
    const section = document.getElementById(name);
    mount(section.querySelector(".panel"), lab);
    section.querySelector(".part-tools").append(saveButtonOf(section, lab), talkButton(section));
  }
  mountTalk();
  mountAddress(lab);
  // Everything is drawn once.
  lab.store.set({ ...lab.store.state });
  document.body.dataset.ready = "true";
  return lab;
}

const opened = openPage().catch((error) => {
  document.getElementById("problem").textContent = `This page cannot be shown: ${error.message}`;
  document.getElementById("problem").hidden = false;
  throw error;
});
