// A recording as a waveform that plays, with its words below: a click on either goes there.

import { h, seconds } from "./dom.js";

const LARGEST = 64 << 20;

export async function player(answer, words) {
  const size = Number(answer.headers.get("content-length") ?? 0);
  if (size > LARGEST) {
    await answer.body?.cancel();
    return { element: h("p", { class: "dim" }, "The recording is too large to draw."), seek() {} };
  }
  const bytes = await answer.arrayBuffer();
  const audio = h("audio", { controls: true, preload: "auto", "aria-label": "Recording" });
  audio.src = URL.createObjectURL(new Blob([bytes]));
  const canvas = h("canvas", { class: "waveform", height: "96", role: "img", "aria-label": "Waveform of the recording; a click plays from there" });
  const element = h("div", { class: "player" }, canvas, audio);
  let peaks = [];
  let duration = 0;
  try {
    const context = new OfflineAudioContext(1, 1, 16000);
    const decoded = await context.decodeAudioData(bytes.slice(0));
    duration = decoded.duration;
    peaks = peaksOf(decoded.getChannelData(0), 600);
  } catch {
    canvas.replaceWith(h("p", { class: "dim" }, "This browser cannot draw this kind of audio."));
  }
  const draw = () => paint(canvas, peaks, duration ? audio.currentTime / duration : 0);
  const seek = (at) => { audio.currentTime = at; audio.play().catch(() => {}); };
  canvas.addEventListener("click", (event) => seek((event.offsetX / canvas.clientWidth) * duration));
  audio.addEventListener("timeupdate", () => {
    draw();
    for (const { element: word, start, end } of words) word.classList.toggle("now", start <= audio.currentTime && audio.currentTime < end);
  });
  new ResizeObserver(draw).observe(canvas);
  return { element, seek };
}

function peaksOf(samples, columns) {
  const step = Math.max(1, Math.floor(samples.length / columns));
  const peaks = [];
  for (let start = 0; start < samples.length; start += step) {
    let peak = 0;
    for (let at = start; at < Math.min(start + step, samples.length); at += 1) peak = Math.max(peak, Math.abs(samples[at]));
    peaks.push(peak);
  }
  const loudest = Math.max(...peaks, 0.01);
  return peaks.map((peak) => peak / loudest);
}

function paint(canvas, peaks, share) {
  const style = getComputedStyle(canvas);
  const scale = devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * scale;
  canvas.height = canvas.clientHeight * scale;
  const pen = canvas.getContext("2d");
  const width = canvas.width / Math.max(1, peaks.length);
  peaks.forEach((peak, column) => {
    pen.fillStyle = style.getPropertyValue(column / peaks.length < share ? "--accent" : "--wave");
    const height = Math.max(2 * scale, peak * canvas.height * 0.92);
    pen.fillRect(column * width, (canvas.height - height) / 2, Math.max(1, width * 0.7), height);
  });
}

export function transcript(result, seek) {
  const words = [];
  const channels = result.results.channels.map((channel, index) => {
    const best = channel.alternatives[0];
    const turns = [];
    for (const word of best.words) {
      if (!turns.length || turns[turns.length - 1].speaker !== word.speaker) turns.push({ speaker: word.speaker, words: [] });
      turns[turns.length - 1].words.push(word);
    }
    const shown = turns.map((turn) => h("p", { class: "turn" },
      turn.speaker !== undefined && h("span", { class: `speaker s${turn.speaker % 6}` }, `Speaker ${turn.speaker}`),
      turn.words.map((word) => {
        const label = word.punctuated_word ?? word.word;
        const title = `${seconds(word.start)}, confidence ${Math.round(word.confidence * 100)} %`;
        const kind = word.confidence < 0.5 ? "word unsure" : "word";
        const element = h("button", { type: "button", class: kind, title, onclick: () => seek(word.start) }, label);
        words.push({ element, start: word.start, end: word.end });
        return [element, " "];
      })));
    const heading = result.results.channels.length > 1 && h("h3", {}, `Channel ${index}`);
    return h("div", {}, heading, shown.length ? shown : h("p", { class: "empty" }, "Nothing was said."));
  });
  return { element: h("div", { class: "transcript" }, channels), words };
}
