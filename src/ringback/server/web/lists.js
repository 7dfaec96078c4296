// Destinations, live streams, and the keys of a project.

import { get, ofProject, send, session } from "./api.js";
import { badge, confirmed, field, h, notify, seconds, select, table, when } from "./dom.js";

export function destinationsPage(page) {
  const list = h("div", {});
  page.append(h("h1", {}, "Destinations"), h("p", { class: "dim" }, "Where this project's callbacks go, and how each place does. Those that fail come first."), list);
  let before = "";
  return async function update() {
    const { destinations } = await get(ofProject("/destinations?limit=200"));
    const seen = JSON.stringify(destinations);
    if (seen === before) return;
    before = seen;
    const heads = ["Destination", "State", "Waiting", "Parked", "Last delivered", "Next attempt", ""];
    list.replaceChildren(table("Destinations", heads, destinations.map(row), "Nothing was called back yet."));
  };

  function row(each) {
    const kind = { healthy: "good", failing: "wait", open: "bad" }[each.state];
    const button = h("button", { type: "button", disabled: !each.parked, onclick: () => redeliver(each.destination, each.parked) }, "Redeliver parked");
    return h("tr", {}, h("th", { scope: "row", class: "mono" }, each.destination),
      h("td", {}, badge(each.state === "open" ? "left alone" : each.state, kind), each.failures ? ` ${each.failures} failed in a row` : ""),
      h("td", { class: "number" }, String(each.waiting + each.running)), h("td", { class: "number" }, String(each.parked)),
      h("td", {}, when(each.last_success)), h("td", {}, when(each.next_attempt_at)), h("td", {}, button));
  }

  async function redeliver(origin, count) {
    if (!(await confirmed(`Send ${count} parked ${count === 1 ? "callback" : "callbacks"} to ${origin} again?`, "Redeliver"))) return;
    try {
      const done = await send("POST", ofProject("/deliveries/redeliver"), { destination: origin });
      notify(`${done.redelivered} are sent again.`, "good");
      before = "";
    } catch (error) {
      notify(error.message, "bad");
    }
  }
}

const MOST_SHOWN = 6;

export function streamsPage(page) {
  const open = h("div", {});
  const list = h("div", {});
  const cards = new Map();
  page.append(h("h1", {}, "Live streams"), h("p", { class: "dim" }, "Those that are open now, with their words, and the latest that have ended."), open, list);
  return async function update() {
    const { requests } = await get(ofProject("/requests?method=streaming&limit=50"));
    const heads = ["Stream", "State", "Path", "Audio", "Model", "Tags", "Began", "For"];
    list.replaceChildren(table("Live streams", heads, requests.map(streamRow), "No live stream yet. “Try it” opens one from your microphone."));
    const running = requests.filter((each) => each.response.completed === undefined).slice(0, MOST_SHOWN).map((each) => each.request_id);
    for (const [id, card] of cards) if (!running.includes(id)) { card.remove(); cards.delete(id); }
    await Promise.all(running.map(showWords));
  };

  async function showWords(id) {
    let words;
    try {
      words = await get(ofProject(`/requests/${id}/live`));
    } catch (error) {
      if ([403, 409].includes(error.status)) return; // not for this key, or of another node: what was seen stays
      throw error;
    }
    if (!cards.has(id)) {
      cards.set(id, h("section", { class: "card", "aria-label": `Words of ${id.slice(0, 8)}` }));
      open.append(cards.get(id));
    }
    const spoken = words.lines.map((line) => h("p", { class: line.final ? "turn" : "turn dim" },
      line.speaker !== null && h("span", { class: `speaker s${line.speaker % 6}` }, `Speaker ${line.speaker}`),
      line.channel > 0 && h("span", { class: "dim" }, `Channel ${line.channel}: `), line.text));
    const card = cards.get(id);
    card.replaceChildren(h("h2", {}, h("a", { href: `#/requests/${id}`, class: "mono" }, id.slice(0, 8)), " ", badge("open", "busy")),
      spoken.length ? h("div", { class: "transcript live", tabindex: "0", role: "log", "aria-label": `What was said in ${id.slice(0, 8)}` }, spoken) : h("p", { class: "dim" }, "Nothing was said yet."));
    const log = card.querySelector(".live");
    if (log) log.scrollTop = log.scrollHeight;
  }
}

function streamRow(record) {
  const open = record.response.completed === undefined;
  const end = open ? Date.now() : new Date(record.response.completed).getTime();
  const details = record.response.details;
  return h("tr", {}, h("td", {}, h("a", { href: `#/requests/${record.request_id}`, class: "mono" }, record.request_id.slice(0, 8))),
    h("td", {}, open ? badge("open", "busy") : badge(record.code < 300 ? "ended" : "failed", record.code < 300 ? "good" : "bad")),
    h("td", { class: "mono" }, record.path),
    h("td", { class: "number" }, open ? "–" : seconds(details.duration)), h("td", { class: "mono" }, (details.models[0] ?? "–").slice(0, 8)),
    h("td", {}, details.tags.map((tag) => h("span", { class: "tag" }, tag))), h("td", {}, when(record.created)),
    h("td", { class: "number" }, seconds(Math.max(0, (end - new Date(record.created).getTime()) / 1000))));
}

export function keysPage(page) {
  const list = h("div", {});
  const secret = h("div", { role: "status" });
  const project = select("project", session.projects.map((each) => [each.project_id, each.name]), session.project);
  const comment = h("input", { name: "comment", maxlength: "100", required: true });
  const scope = select("scope", ["member", "admin", "owner", "requests:own", "usage:write", "keys:write"].map((each) => [each, each]));
  const form = h("form", { class: "filters card" }, field("Name", comment), field("Scope", scope), h("button", { class: "primary" }, "Make a key"));
  page.append(h("h1", {}, "Keys"), session.projects.length > 1 ? field("Project", project) : "", list, h("h2", {}, "A new key"), form, secret);
  project.addEventListener("change", () => update());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const made = await send("POST", `/v1/projects/${project.value}/keys`, { comment: comment.value, scopes: [scope.value] });
      secret.replaceChildren(h("p", { class: "card" }, "The key, shown this once: ", h("code", { class: "mono" }, made.key)));
      comment.value = "";
      await update();
    } catch (error) {
      notify(error.message, "bad");
    }
  });

  async function remove(key) {
    if (!(await confirmed(`Remove the key ${key.comment || key.api_key_id}? It stops working at once.`, "Remove"))) return;
    try {
      await send("DELETE", `/v1/projects/${project.value}/keys/${key.api_key_id}`);
      await update();
    } catch (error) {
      notify(error.message, "bad");
    }
  }

  let before = "";
  async function update() {
    const { api_keys: found } = await get(`/v1/projects/${project.value}/keys`);
    const seen = JSON.stringify(found);
    if (seen === before) return;
    before = seen;
    list.replaceChildren(table("Keys", ["Name", "Id", "Scopes", "Made", "Expires", ""], found.map(({ api_key: key }) => h("tr", {},
      h("th", { scope: "row" }, key.comment || "–", " ", key.api_key_id === session.key.api_key_id ? badge("yours", "good") : ""),
      h("td", { class: "mono" }, key.api_key_id), h("td", {}, key.scopes.map((each) => h("span", { class: "tag" }, each))),
      h("td", {}, when(key.created)), h("td", {}, when(key.expiration_date)),
      h("td", {}, h("button", { type: "button", class: "danger", "aria-label": `Remove the key ${key.comment || key.api_key_id}`, disabled: key.api_key_id === session.key.api_key_id, onclick: () => remove(key) }, "Remove")))), "No keys."));
  }
  return update;
}
