// The microphone as a live stream: words as they come, with who says them.

import { openSocket } from "./api.js";
import { h } from "./dom.js";

// Shows the words in `shown`; `began` gets the request's id and the messages, which go on growing; `ended` is
// called at the end. Returns what ends the stream.
export async function listen(shown, query, began, ended) {
  if (!navigator.mediaDevices) throw new Error("The microphone needs https, or this machine's own address.");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  query.set("interim_results", "true");
  const socket = openSocket(query);
  const words = heardWords();
  const messages = [];
  shown.replaceChildren(h("h2", {}, "Live"), words.element);
  const recorder = new MediaRecorder(stream);
  recorder.addEventListener("dataavailable", (event) => socket.readyState === WebSocket.OPEN && event.data.size && socket.send(event.data));
  socket.addEventListener("open", () => recorder.start(250));
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    messages.push(message);
    if (messages.length === 1) began(message.metadata?.request_id ?? message.request_id, messages);
    if (message.type === "Results") words.hear(message);
  });
  socket.addEventListener("close", ({ code, reason }) => {
    if (recorder.state !== "inactive") recorder.stop();
    for (const track of stream.getTracks()) track.stop();
    const fault = code === 1000 ? null : h("p", { class: "fault" }, reason || `The stream has ended (${code}).`);
    const id = messages[0]?.metadata?.request_id ?? messages[0]?.request_id;
    shown.append(h("p", {}, "Ended. ", id && h("a", { href: `#/requests/${id}` }, "See the request")));
    if (fault) shown.append(fault);
    ended();
  });
  return () => {
    recorder.addEventListener("stop", () => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ type: "CloseStream" })));
    if (recorder.state === "inactive") socket.close();
    else recorder.stop();
  };
}

// Words by speaker: finals stay, the interim behind them changes.
export function heardWords() {
  const interim = h("span", { class: "dim" });
  const element = h("div", { class: "transcript" }, h("p", { class: "turn" }, interim));
  let last = null;

  function say(speaker, text) {
    if (!last || last.speaker !== speaker) {
      const label = speaker !== undefined && speaker !== null && h("span", { class: `speaker s${speaker % 6}` }, `Speaker ${speaker}`);
      last = { speaker, turn: h("p", { class: "turn" }, label) };
      interim.parentElement.before(last.turn);
    }
    last.turn.append(`${text} `);
  }

  return {
    element,
    hear(message) {
      const best = message.channel.alternatives[0];
      interim.replaceChildren(message.is_final ? "" : best.transcript);
      if (!message.is_final) return;
      for (const word of best.words) say(word.speaker, word.punctuated_word ?? word.word);
    },
  };
}
