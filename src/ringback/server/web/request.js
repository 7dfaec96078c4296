// One request: what happened to it, from accept to delivered, its words and its audio.

import { fetchRaw, get, ofProject, send } from "./api.js";
import { badge, confirmed, h, notify, seconds, when } from "./dom.js";
import { player, transcript } from "./player.js";
import { isText, stateOf } from "./requests.js";
import { understood } from "./understood.js";

export function requestPage(page, id) {
  const path = ofProject(`/requests/${encodeURIComponent(id)}`);
  const head = h("div", { class: "head" });
  const actions = h("div", { class: "actions" });
  const facts = h("dl", { class: "facts" });
  const timeline = h("ol", { class: "timeline" });
  const words = h("section", { class: "card", "aria-label": "Transcript" }, h("h2", {}, "Transcript"), h("p", { class: "dim" }, "Not there yet."));
  const raw = h("section", { class: "card", "aria-label": "JSON" });
  page.append(h("p", {}, h("a", { href: "#/requests" }, "← Requests")), head, actions, facts,
    h("div", { class: "columns" }, h("div", {}, words, raw), h("section", { class: "card", "aria-label": "Timeline" }, h("h2", {}, "Timeline"), timeline)));
  let before = "";
  let resultShown = false;

  async function act(method, suffix, said) {
    try {
      await send(method, path + suffix, method === "POST" && suffix === "/redeliver" ? {} : undefined);
      notify(said, "good");
      before = "";
      await update();
    } catch (error) {
      notify(error.message, "bad");
    }
  }

  async function erase() {
    if (!(await confirmed("Erase this request, its audio, its result and its callbacks?", "Erase"))) return;
    try {
      await send("DELETE", path);
      location.hash = "#/requests";
    } catch (error) {
      notify(error.message, "bad");
    }
  }

  async function update() {
    const { request: record } = await get(path);
    const seen = JSON.stringify(record);
    if (seen === before) return;
    before = seen;
    const [word, kind] = stateOf(record);
    const running = word === "running";
    const open = record.ringback.deliveries.some((each) => ["queued", "held", "leased"].includes(each.state));
    head.replaceChildren(h("h1", { class: "mono" }, record.request_id), badge(word, kind));
    actions.replaceChildren(
      h("button", { type: "button", disabled: running, onclick: () => act("POST", "/redeliver", "It is sent again.") }, "Redeliver"),
      h("button", { type: "button", disabled: !(running || open), onclick: () => act("POST", "/cancel", "Cancelled.") }, "Cancel"),
      h("button", { type: "button", class: "danger", onclick: erase }, "Erase"));
    facts.replaceChildren(...factsOf(record).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    timeline.replaceChildren(...events(record));
    if (!running && !resultShown) {
      resultShown = true;
      await showResult(record);
    }
  }

  async function showResult(record) {
    let result;
    try {
      const answer = await fetchRaw("GET", `${path}/result`);
      result = await answer.json();
    } catch (error) {
      words.replaceChildren(h("h2", {}, "Transcript"), h("p", { class: "dim" }, error.message));
      return;
    }
    raw.replaceChildren(h("details", {}, h("summary", {}, "JSON"), h("pre", { tabindex: "0" }, JSON.stringify(result, null, 2))));
    if (!result.results) {
      words.replaceChildren(h("h2", {}, "Transcript"), h("p", { class: result.err_msg ? "fault" : "dim" }, result.err_msg ?? whereWordsWent(result)));
      return;
    }
    const found = understood(result.results);
    if (found) words.before(h("section", { class: "card", "aria-label": "Understood" }, h("h2", {}, "Understood"), found));
    if (isText(record)) {
      words.remove();
      return;
    }
    let seek = () => {};
    const shown = transcript(result, (at) => seek(at));
    words.replaceChildren(h("h2", {}, "Transcript"), shown.element);
    try {
      const made = await player(await fetchRaw("GET", `${path}/audio`), shown.words);
      seek = made.seek;
      shown.element.before(made.element);
    } catch (error) {
      shown.element.before(h("p", { class: "dim" }, error.message));
    }
  }
  return update;
}

function whereWordsWent(stream) {
  const ended = stream.turns === undefined ? "" : ` ${stream.turns} ${stream.turns === 1 ? "turn" : "turns"} ended.`;
  return `A live stream's words went to its client and its callback.${ended}`;
}

function factsOf(record) {
  const details = record.response.details;
  const audio = isText(record) ? [["Text", "read"]] : [["Audio", seconds(details.duration)], ["Channels", String(details.channels)]];
  const facts = [...audio, ["How", record.method], ["Path", h("span", { class: "mono" }, record.path)], ["Key", h("span", { class: "mono" }, (record.api_key_id ?? "–").slice(0, 8))]];
  if (details.features.length) facts.push(["Features", details.features.join(", ")]);
  if (details.tags.length) facts.push(["Tags", details.tags.map((tag) => h("span", { class: "tag" }, tag))]);
  const progress = record.ringback.progress;
  if (progress) facts.push(["Progress", progress.duration ? h("progress", { max: progress.duration, value: progress.seconds, "aria-label": "Progress" }) : seconds(progress.seconds)]);
  return facts;
}

function events(record) {
  const list = [event("Accepted", record.created, "good", record.ringback.callback_origin ? `to be delivered to ${record.ringback.callback_origin}` : null)];
  const [word, kind] = stateOf(record);
  if (word === "running") list.push(event("In work", null, "busy", record.ringback.state === "queued" ? "waits for its turn" : null));
  else list.push(event(word === "succeeded" ? (isText(record) ? "Read" : "Transcribed") : word === "failed" ? `Failed (${record.code})` : "Cancelled", record.response.completed, kind, null));
  for (const delivery of record.ringback.deliveries) list.push(...deliveryEvents(delivery));
  return list;
}

function event(title, moment, kind, ...more) {
  return h("li", { class: kind }, h("div", {}, h("strong", {}, title), moment && h("span", { class: "dim" }, " ", when(moment))), more.filter(Boolean).map((each) => h("div", {}, each)));
}

function deliveryEvents(delivery) {
  const list = delivery.attempts.map((attempt, index) => {
    const ok = attempt.outcome === "delivered";
    const title = `Attempt ${index + 1}: ${attempt.outcome.replaceAll("_", " ")}${attempt.code ? ` (${attempt.code})` : ""}`;
    const { phases, answer, reason, address, thin } = attempt.detail;
    return event(title, attempt.started, ok ? "good" : "bad",
      h("span", { class: "dim" }, [delivery.destination, address && `(${address})`, thin && "a link was sent"].filter(Boolean).join(" ")),
      phases && phaseBar(phases), reason && h("span", { class: "fault" }, reason),
      answer && h("details", {}, h("summary", {}, "The receiver's answer"), h("pre", { tabindex: "0" }, answer)));
  });
  if (delivery.state === "parked") list.push(event("Parked", delivery.ended, "bad", "The result is kept: Redeliver sends it again."));
  if (delivery.state === "cancelled") list.push(event("Delivery cancelled", delivery.ended, "dim"));
  if (delivery.waiting) {
    const why = { schedule: "on its schedule", breaker: `its destination failed ${delivery.waiting.failures} times in a row`, order: "behind earlier messages of its stream", turn: "for a free place" };
    list.push(event("Waits", delivery.waiting.until, "wait", why[delivery.waiting.reason] ?? delivery.waiting.reason));
  }
  return list;
}

const phaseNames = [["dns", "DNS"], ["connect", "connect"], ["tls", "TLS"], ["first_byte", "answer"]];

function phaseBar(phases) {
  const known = phaseNames.filter(([name]) => phases[name]);
  const text = [...known.map(([name, label]) => `${label} ${seconds(phases[name])}`), `in all ${seconds(phases.total)}`].join(" · ");
  return h("div", {}, h("div", { class: "phases", "aria-hidden": "true" },
    known.map(([name]) => { const part = h("span", { class: name }); part.style.flexGrow = String(phases[name] / phases.total); return part; })),
    h("small", {}, text));
}
