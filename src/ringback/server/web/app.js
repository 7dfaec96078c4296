// The shell: signing in, navigation, and which page is shown. A page is a function that fills an element and
// returns how it is brought up to date, every few seconds, while it is seen.

import { session, signIn, signOut, signedIn, whenSessionEnds } from "./api.js";
import { h, notify } from "./dom.js";
import { requestPage } from "./request.js";
import { requestsPage } from "./requests.js";
import { destinationsPage, keysPage, streamsPage } from "./lists.js";
import { tryPage } from "./try.js";
import { usagePage } from "./usage.js";

const pages = [
  ["requests", "Requests", requestsPage],
  ["destinations", "Destinations", destinationsPage],
  ["streams", "Live streams", streamsPage],
  ["usage", "Usage", usagePage],
  ["keys", "Keys", keysPage],
  ["try", "Try it", tryPage],
];
const app = document.getElementById("app");
const EVERY = 2000;
let current = 0;

function showSignIn(why = "") {
  current += 1;
  document.title = "Sign in · Ringback";
  const key = h("input", { type: "password", name: "key", required: true, autocomplete: "off", spellcheck: "false", id: "key" });
  const fault = h("p", { class: "fault", role: "alert" }, why);
  const button = h("button", { class: "primary" }, "Sign in");
  const form = h("form", { class: "card" },
    h("img", { src: "/assets/icon.svg", alt: "", width: "44", height: "44" }),
    h("h1", {}, "Ringback"),
    h("p", { class: "dim" }, "Sign in with an API key. It stays in this page's memory, for an hour at most."),
    h("label", { class: "field", for: "key" }, h("span", {}, "API key"), key),
    fault, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await signIn(key.value.trim());
      showShell();
    } catch (error) {
      fault.replaceChildren(error.status === 401 ? "That is not a key of this server." : error.message);
    } finally {
      button.disabled = false;
    }
  });
  app.replaceChildren(h("main", { class: "signin", id: "main" }, form));
  key.focus();
}

function showShell() {
  const project = session.projects.find((each) => each.project_id === session.project);
  const links = pages.map(([name, label]) => h("a", { href: `#/${name}`, "data-page": name }, label));
  app.replaceChildren(
    h("header", { class: "top" },
      h("a", { class: "brand", href: "#/requests" }, h("img", { src: "/assets/icon.svg", alt: "", width: "26", height: "26" }), "Ringback"),
      h("span", { class: "project" }, project?.name ?? ""),
      h("span", { class: "spacer" }),
      h("a", { class: "quiet", href: "/docs" }, "API"),
      h("button", { type: "button", class: "quiet", onclick: switchTheme }, "Light or dark"),
      h("button", { type: "button", class: "quiet", onclick: () => signOut() }, "Sign out")),
    h("nav", { "aria-label": "Pages" }, links),
    h("main", { id: "main", tabindex: "-1" }));
  showPage();
}

function switchTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
}

async function showPage() {
  if (!signedIn()) return;
  const [name = "requests", ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const [shown, label, page] = pages.find(([known]) => known === name) ?? pages[0];
  const mine = (current += 1);
  for (const link of app.querySelectorAll("nav a")) {
    if (link.dataset.page === shown) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const inside = h("div", { class: "page" });
  const main = document.getElementById("main");
  main.replaceChildren(inside);
  main.focus({ preventScroll: true });
  document.title = `${label} · Ringback`;
  const update = shown === "requests" && rest[0] ? requestPage(inside, rest[0]) : page(inside);
  let failed = false;
  while (mine === current && signedIn()) {
    if (document.visibilityState === "visible") {
      try {
        await update?.();
        failed = false;
      } catch (error) {
        if (!failed && mine === current && signedIn()) notify(error.message, "bad");
        failed = true;
      }
    }
    main.setAttribute("data-ready", shown);
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

whenSessionEnds(showSignIn);
addEventListener("hashchange", showPage);
showSignIn();
