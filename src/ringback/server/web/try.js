// Try it: a file that is transcribed, or one's own voice, live; the callback of either, as its receiver gets it.

import { fetchRaw } from "./api.js";
import { CATCHER, watchCatcher } from "./caught.js";
import { field, h, notify, select } from "./dom.js";
import { transcript } from "./player.js";
import { listen } from "./speak.js";

const callbacks = [["", "none: the answer comes here"], [CATCHER, "built-in catcher"], ["url", "a URL"]];

export function tryPage(page) {
  const file = h("input", { type: "file", name: "file", accept: "audio/*,video/*", id: "file" });
  const drop = h("label", { class: "drop", for: "file" }, h("strong", {}, "Drop a recording here"), h("span", { class: "dim" }, "or choose one"), file);
  const options = ["smart_format", "diarize", "multichannel", "utterances"].map((name) => h("label", { class: "check" }, h("input", { type: "checkbox", name, checked: name === "smart_format" }), name));
  const callback = select("callback", callbacks);
  const url = h("input", { name: "url", type: "url", placeholder: "https://receiver.example/hook" });
  const other = h("div", { hidden: true }, field("URL of the callback", url));
  const shown = h("section", { class: "card", "aria-live": "polite", "aria-label": "Result" }, h("p", { class: "dim" }, "The transcript will stand here."));
  const caught = h("section", { class: "card", "aria-label": "Callback", hidden: true });
  const speak = h("button", { type: "button", class: "primary" }, "Speak");
  page.append(h("h1", {}, "Try it"), h("div", { class: "columns" },
    h("div", { class: "card" }, drop, h("fieldset", {}, h("legend", {}, "Options"), options),
      field("Callback", callback, "The catcher is a receiver inside this server: what it gets is shown here."), other,
      h("hr"), h("p", {}, speak, h("span", { class: "dim" }, " The microphone, as a live stream."))),
    h("div", {}, shown, caught)));

  callback.addEventListener("change", () => { other.hidden = callback.value !== "url"; });
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); if (event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]); });
  file.addEventListener("change", () => file.files[0] && upload(file.files[0]));

  function queryOf(names) {
    const query = new URLSearchParams({ tag: "dashboard" });
    for (const box of page.querySelectorAll("fieldset input:checked")) if (names.includes(box.name)) query.set(box.name, "true");
    const to = callback.value === "url" ? url.value : callback.value;
    if (to) query.set("callback", to);
    caught.hidden = true;
    return query;
  }

  async function upload(recording) {
    const query = queryOf(["smart_format", "diarize", "multichannel", "utterances"]);
    shown.replaceChildren(h("p", {}, `${recording.name} is being transcribed …`), h("progress", { "aria-label": "In work" }));
    try {
      const answer = await fetchRaw("POST", `/v1/listen?${query}`, { body: recording, headers: { "content-type": "application/octet-stream" } });
      const document = await answer.json();
      const id = document.request_id ?? document.metadata.request_id;
      if (document.results) showResult(recording.name, document, id);
      else showAccepted(recording.name, id);
    } catch (error) {
      shown.replaceChildren(h("p", { class: "fault" }, error.message));
    } finally {
      file.value = "";
    }
  }

  function showResult(name, document, id) {
    const warnings = (document.metadata?.warnings ?? []).map((each) => h("p", { class: "dim" }, each.message));
    shown.replaceChildren(h("h2", {}, name), document.results ? transcript(document, () => {}).element : h("p", { class: "fault" }, document.err_msg), warnings, linkTo(id));
  }

  function showAccepted(name, id) {
    shown.replaceChildren(h("h2", {}, "Accepted"), h("p", {}, "The result will be called back."), linkTo(id));
    if (callback.value === CATCHER) watchCatcher(caught, id, (document) => showResult(name, document, id));
  }

  const linkTo = (id) => h("p", {}, h("a", { href: `#/requests/${id}` }, "See the request"));

  let stop = null;
  speak.addEventListener("click", async () => {
    if (stop) return stop();
    try {
      const query = queryOf(["smart_format", "diarize"]);
      if (query.has("callback")) query.set("inspect_response", "true");
      const heard = callback.value === CATCHER ? (id, messages) => watchCatcher(caught, id, null, messages) : () => {};
      stop = await listen(shown, query, heard, () => { stop = null; speak.replaceChildren("Speak"); });
      speak.replaceChildren("Stop");
    } catch (error) {
      notify(error.message, "bad");
    }
  });
}
