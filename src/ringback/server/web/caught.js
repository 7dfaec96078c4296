// What the receiver inside this server got of a request: each attempt as it was sent.

import { fetchRaw, get, ofProject } from "./api.js";
import { badge, h, when } from "./dom.js";

export const CATCHER = "https://catcher.ringback.invalid/";
const EVERY = 500;
const ENDED = ["done", "parked", "cancelled"];

// Shows in `card` what arrives of request `id`, until all has, or the page is left. `show` gets the document of
// a recording; `messages` are those of a live stream, the n-th of which is the body of its n-th callback.
export async function watchCatcher(card, id, show, messages = null) {
  const path = ofProject(`/requests/${id}`);
  const list = h("ol", { class: "timeline" });
  card.hidden = false;
  card.replaceChildren(h("h2", {}, "Callback"), h("p", { class: "dim" }, "Waits for it …"), list);
  try {
    await showArrivals(card, list, path, show, messages);
  } catch (error) {
    if (list.isConnected) list.before(h("p", { class: "fault" }, error.message));
  }
}

async function showArrivals(card, list, path, show, messages) {
  const seen = new Set();
  let document = null;
  while (list.isConnected) {
    const { request: record } = await get(path);
    const deliveries = record.ringback.deliveries;
    for (const delivery of deliveries) {
      for (const [index, attempt] of delivery.attempts.entries()) {
        const key = `${delivery.id} ${index}`;
        if (seen.has(key) || !attempt.detail.caught) continue;
        if (!messages && !document) {
          document = await (await fetchRaw("GET", `${path}/result`)).json();
          show(document);
        }
        seen.add(key);
        const number = Number(attempt.detail.caught.headers["ringback-sequence"] ?? 0);
        list.append(arrival(attempt, messages ? messages[number - 1] : document));
      }
    }
    const ended = record.response.completed !== undefined && deliveries.every((each) => ENDED.includes(each.state));
    card.querySelector("p").replaceChildren(ended ? `${seen.size} arrived.` : "Waits for it …");
    if (ended) return;
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

function arrival(attempt, body) {
  const { caught } = attempt.detail;
  const head = Object.entries(caught.headers).map(([name, value]) => `${name}: ${value}`).join("\n");
  const number = caught.headers["ringback-sequence"];
  return h("li", { class: attempt.outcome === "delivered" ? "good" : "bad" },
    h("div", {}, h("strong", {}, `${caught.method} ${number ? `message ${number}` : "the result"}`), " ", badge(attempt.outcome), h("span", { class: "dim" }, " ", when(attempt.started))),
    h("details", {}, h("summary", {}, "Headers"), h("pre", { tabindex: "0" }, head)),
    h("details", {}, h("summary", {}, `Body, ${caught.bytes} bytes`), h("pre", { tabindex: "0" }, JSON.stringify(body, null, 2) ?? "")));
}
