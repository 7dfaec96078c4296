// The request history, with filters, brought up to date as it changes.

import { get, ofProject } from "./api.js";
import { badge, field, h, seconds, select, table, when } from "./dom.js";

const PER_PAGE = 25;
const kept = { endpoint: "", method: "", status: "", tag: "", request_id: "", start: "", page: 0 };

export function stateOf(record) {
  if (record.response.completed === undefined) return ["running", "busy"];
  if (record.code === null || record.code === undefined) return ["cancelled", "dim"];
  return record.code < 300 ? ["succeeded", "good"] : ["failed", "bad"];
}

export function isText(record) {
  return record.path === "/v1/read";
}

export function requestsPage(page) {
  const list = h("div", {});
  const inputs = {
    endpoint: select("endpoint", [["", "any"], ["listen", "audio"], ["read", "text"]], kept.endpoint),
    method: select("method", [["", "any"], ["sync", "waiting"], ["async", "callback"], ["streaming", "live"]], kept.method),
    status: select("status", [["", "any"], ["succeeded", "succeeded"], ["failed", "failed"]], kept.status),
    tag: h("input", { name: "tag", value: kept.tag, size: "12" }),
    start: h("input", { name: "start", type: "date", value: kept.start }),
    request_id: h("input", { name: "request_id", value: kept.request_id, size: "20", spellcheck: "false" }),
  };
  const number = h("span", { class: "dim" });
  let before = "";
  const filters = h("form", { class: "filters", role: "search", "aria-label": "Filter requests" },
    field("What", inputs.endpoint), field("How", inputs.method), field("Outcome", inputs.status), field("Tag", inputs.tag),
    field("Since", inputs.start), field("Request id", inputs.request_id));
  const older = h("button", { type: "button", onclick: () => turn(1) }, "Older");
  const newer = h("button", { type: "button", onclick: () => turn(-1) }, "Newer");

  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("input", () => {
    for (const [name, input] of Object.entries(inputs)) kept[name] = input.value.trim();
    kept.page = 0;
    update();
  });

  function turn(by) {
    kept.page = Math.max(0, kept.page + by);
    update();
  }

  async function update() {
    const query = new URLSearchParams({ limit: PER_PAGE, page: kept.page });
    for (const name of Object.keys(inputs)) if (kept[name]) query.set(name, kept[name]);
    const answer = await get(ofProject(`/requests?${query}`));
    const seen = JSON.stringify(answer.requests);
    newer.disabled = kept.page === 0;
    older.disabled = answer.requests.length < PER_PAGE;
    number.replaceChildren(`Page ${kept.page + 1}`);
    if (seen === before) return;
    before = seen;
    const focused = document.activeElement?.getAttribute?.("href");
    const heads = ["Request", "State", "How", "Audio", "Callback", "Tags", "Created"];
    list.replaceChildren(table("Requests", heads, answer.requests.map(row), "No request fits. The page “Try it” makes one."));
    if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }

  page.append(h("h1", {}, "Requests"), filters, list, h("div", { class: "actions pager" }, newer, number, older));
  return update;
}

const how = { sync: "waiting", async: "callback", streaming: "live" };

function row(record) {
  const [word, kind] = stateOf(record);
  const details = record.response.details;
  const callback = record.callback && typeof record.callback === "object" ? record.callback : null;
  return h("tr", {},
    h("td", {}, h("a", { href: `#/requests/${record.request_id}`, class: "mono" }, record.request_id.slice(0, 8), h("span", { class: "hidden" }, ` ${record.request_id}`))),
    h("td", {}, badge(word, kind), record.code && record.code >= 300 ? ` ${record.code}` : ""),
    h("td", {}, how[record.method] ?? record.method),
    h("td", { class: "number" }, isText(record) ? "text" : details.duration ? seconds(details.duration) : "–"),
    h("td", {}, callback ? callbackWord(callback) : "–"),
    h("td", {}, (details.tags ?? []).map((tag) => h("span", { class: "tag" }, tag))),
    h("td", {}, when(record.created)));
}

function callbackWord(callback) {
  if (callback.completed) return badge("delivered");
  if (!callback.attempts) return badge("waiting", "wait");
  return [badge(`${callback.attempts} ${callback.attempts === 1 ? "attempt" : "attempts"}`, "bad"), callback.code ? ` ${callback.code}` : ""];
}
