// Elements from data. Text is only ever set as text: nothing that a caller or a receiver wrote becomes markup.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function notify(text, kind = "info") {
  const notice = h("p", { class: `notice ${kind}` }, text);
  document.getElementById("notices").append(notice);
  setTimeout(() => notice.remove(), 6000);
}

const badges = {
  done: "good", delivered: "good", streamed: "good", succeeded: "good",
  queued: "wait", held: "wait", leased: "busy", running: "busy",
  parked: "bad", failed: "bad", cancelled: "dim",
};

export function badge(word, kind = badges[word] ?? "dim") {
  return h("span", { class: `badge ${kind}` }, word);
}

export function when(text) {
  if (!text) return "–";
  const moment = new Date(text);
  const shown = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
  return h("time", { datetime: text, title: text }, shown);
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${value.toFixed(1)} s`;
  const minutes = Math.floor(value / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(value % 60)} s` : `${(value / 3600).toFixed(1)} h`;
}

export function table(caption, heads, rows, empty) {
  if (!rows.length) return h("p", { class: "empty" }, empty);
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head || h("span", { class: "hidden" }, "Actions"))))),
      h("tbody", {}, rows)));
}

export function field(label, control, hint) {
  return h("label", { class: "field" }, h("span", {}, label), control, hint && h("small", {}, hint));
}

export function select(name, options, value = "") {
  const made = h("select", { name }, options.map(([option, text]) => h("option", { value: option }, text)));
  if (value) made.value = value;
  return made;
}

export function confirmed(question, action) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-label": question },
      h("p", {}, question),
      h("div", { class: "actions" },
        h("button", { type: "button", onclick: () => dialog.close("") }, "Back"),
        h("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, action)));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
