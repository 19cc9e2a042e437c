// Full screen, for a talk: larger type, no head. Escape leaves it.

// Returns a button that shows the whole page (null) or one section on the full screen.
function talkButton(section) {
  return button("Full screen", () => startTalk(section), { class: "talk", title: "Escape leaves it" });
}

function startTalk(section) {
  document.body.dataset.talk = section ? section.id : "page";
  if (section) section.scrollIntoView();
  // Phones have no full screen for a page: the larger type is shown all the same.
  document.documentElement.requestFullscreen?.().catch(() => {});
}

function endTalk() {
  delete document.body.dataset.talk;
  if (document.fullscreenElement) document.exitFullscreen();
}

function mountTalk() {
  document.body.append(button("Leave full screen", endTalk, { class: "leave" }));
  document.addEventListener("keydown", (event) => event.key === "Escape" && endTalk());
  document.addEventListener("fullscreenchange", () => document.fullscreenElement || endTalk());
}
