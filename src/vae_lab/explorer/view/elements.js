// Parts of the page. Text is always text: names may hold anything.

// Returns an element with attributes and children (elements, or texts).
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// Returns a button with a text.
function button(text, action, attributes = {}) {
  return element("button", { type: "button", onclick: action, ...attributes }, text);
}

// Returns a canvas that screen readers name.
function picture(name, attributes = {}) {
  return element("canvas", { role: "img", "aria-label": name, class: "pixels", ...attributes });
}

// Returns a number as people read it: a minus sign, and a fixed number of decimals.
function formatted(value, decimals = 2) {
  return Number.isFinite(value) ? value.toFixed(decimals).replace("-", "\u2212") : "\u2013";
}
