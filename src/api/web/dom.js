// Elements are made by functions, never from HTML text: what a stream is called and what was
// said in it is always text.

// element("button", {class: "primary", onclick: run, "aria-label": "Play"}, "Play", icon)
//
// Properties: `class`; `on...` listeners; `data` (an object: data-* attributes); `style` (an
// object); true and false set and leave out an attribute, as do null and undefined; anything else
// is an attribute. Children: nodes, texts, numbers; null and false are left out; lists are taken
// apart.
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  append(node, children);
  return node;
}

export function append(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}

// Everything in the node is replaced.
export function fill(node, ...children) {
  node.replaceChildren();
  return append(node, children);
}

// Only what differs is written, so that a thousand calls that change nothing cost nothing.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, name, isOn) {
  if (node.classList.contains(name) !== isOn) node.classList.toggle(name, isOn);
}

export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

// A button that does something which takes time: it cannot be pressed twice meanwhile. It is not
// disabled, which would take the focus from whoever has it there.
export function actionButton(label, action, properties = {}) {
  const button = element("button", {type: "button", ...properties}, label);
  let isBusy = false;
  button.addEventListener("click", async () => {
    if (isBusy) return;
    isBusy = true;
    setAttribute(button, "aria-disabled", "true");
    try {
      await action(button);
    } finally {
      isBusy = false;
      setAttribute(button, "aria-disabled", null);
    }
  });
  return button;
}

// A labelled field of a form: a label around its text, the control, and a hint.
export function field(label, control, hint) {
  return element("label", {class: "field"}, element("span", {class: "label"}, label), control,
    hint ? element("span", {class: "hint"}, hint) : null);
}

// A dialog that is asked something and answers once: `build(close)` gives its content, and what
// close() was called with is what the promise becomes; undefined where it was dismissed.
export function ask(title, build) {
  return new Promise((resolve) => {
    let answer;
    const dialog = element("dialog", {"aria-label": title});
    const close = (value) => {
      answer = value;
      dialog.close();
    };
    append(dialog, element("h2", {}, title), build(close));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// Hands the browser a file, to be kept where it keeps what is downloaded.
export function saveFile(name, content) {
  const url = URL.createObjectURL(content);
  element("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // by when it has been taken
}
