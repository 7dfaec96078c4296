// Try it: a file that is transcribed, or one's own voice, live.

import { fetchRaw, openSocket } from "./api.js";
import { field, h, notify } from "./dom.js";
import { transcript } from "./player.js";

export function tryPage(page) {
  const file = h("input", { type: "file", name: "file", accept: "audio/*,video/*", id: "file" });
  const drop = h("label", { class: "drop", for: "file" }, h("strong", {}, "Drop a recording here"), h("span", { class: "dim" }, "or choose one"), file);
  const options = ["smart_format", "diarize", "multichannel", "utterances"].map((name) => h("label", { class: "check" }, h("input", { type: "checkbox", name, checked: name === "smart_format" }), name));
  const callback = h("input", { name: "callback", type: "url", placeholder: "https://receiver.example/hook" });
  const shown = h("section", { class: "card", "aria-live": "polite", "aria-label": "Result" }, h("p", { class: "dim" }, "The transcript will stand here."));
  const speak = h("button", { type: "button", class: "primary" }, "Speak");
  page.append(h("h1", {}, "Try it"), h("div", { class: "columns" },
    h("div", { class: "card" }, drop, h("fieldset", {}, h("legend", {}, "Options"), options),
      field("Callback (optional)", callback, "The answer then comes at once, and the result goes to this URL."), h("hr"), h("p", {}, speak, h("span", { class: "dim" }, " The microphone, as a live stream."))), shown));

  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); if (event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]); });
  file.addEventListener("change", () => file.files[0] && upload(file.files[0]));

  async function upload(recording) {
    const query = new URLSearchParams();
    for (const box of page.querySelectorAll("fieldset input:checked")) query.set(box.name, "true");
    if (callback.value) query.set("callback", callback.value);
    query.set("tag", "dashboard");
    shown.replaceChildren(h("p", {}, `${recording.name} is being transcribed …`), h("progress", { "aria-label": "In work" }));
    try {
      const answer = await fetchRaw("POST", `/v1/listen?${query}`, { body: recording, headers: { "content-type": "application/octet-stream" } });
      const document = await answer.json();
      const id = document.request_id ?? document.metadata.request_id;
      const link = h("a", { href: `#/requests/${id}` }, "See the request");
      if (document.results) shown.replaceChildren(h("h2", {}, recording.name), transcript(document, () => {}).element, h("p", {}, link));
      else shown.replaceChildren(h("h2", {}, "Accepted"), h("p", {}, "The result will be called back. ", link));
    } catch (error) {
      shown.replaceChildren(h("p", { class: "fault" }, error.message));
    } finally {
      file.value = "";
    }
  }

  let stop = null;
  speak.addEventListener("click", async () => {
    if (stop) return stop();
    try {
      stop = await listen(shown, () => { stop = null; speak.replaceChildren("Speak"); });
      speak.replaceChildren("Stop");
    } catch (error) {
      notify(error.message, "bad");
    }
  });
}

async function listen(shown, ended) {
  if (!navigator.mediaDevices) throw new Error("The microphone needs https, or this machine's own address.");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const socket = openSocket("interim_results=true&smart_format=true&tag=dashboard");
  const said = h("p", { class: "turn" });
  const interim = h("span", { class: "dim" });
  shown.replaceChildren(h("h2", {}, "Live"), said);
  said.append(interim);
  const recorder = new MediaRecorder(stream);
  recorder.addEventListener("dataavailable", (event) => socket.readyState === WebSocket.OPEN && event.data.size && socket.send(event.data));
  socket.addEventListener("open", () => recorder.start(250));
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    if (message.type !== "Results") return;
    const text = message.channel.alternatives[0].transcript;
    if (message.is_final && text) interim.before(`${text} `);
    interim.replaceChildren(message.is_final ? "" : text);
  });
  socket.addEventListener("close", () => {
    if (recorder.state !== "inactive") recorder.stop();
    for (const track of stream.getTracks()) track.stop();
    ended();
  });
  return () => {
    recorder.addEventListener("stop", () => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ type: "CloseStream" })));
    recorder.stop();
  };
}
