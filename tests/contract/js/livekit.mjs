// A stream through LiveKit Agents for Node and its Deepgram plug-in; prints as JSON the final texts.
import { initializeLogger, stt as speech } from "@livekit/agents";
import { STT } from "@livekit/agents-plugin-deepgram";
import { AudioFrame } from "@livekit/rtc-node";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

initializeLogger({ pretty: false, level: "error" });
const given = JSON.parse(process.argv[2]);
const samples = new Int16Array(new Uint8Array(readFileSync(given.raw)).buffer);
const stt = new STT({
  apiKey: given.key,
  baseUrl: given.url.replace("http", "ws"),
  model: "nova-3",
  language: "en",
  sampleRate: 16000,
});
const stream = stt.stream();
const heard = [];
const listening = (async () => {
  for await (const event of stream) {
    if (event.type === speech.SpeechEventType.FINAL_TRANSCRIPT) heard.push(event.alternatives[0].text);
  }
})();
for (let start = 0; start < samples.length; start += 1600) {
  const piece = samples.slice(start, start + 1600);
  stream.pushFrame(new AudioFrame(piece, 16000, 1, piece.length));
  await sleep(50); // as a room gives it, at twice its pace: the plug-in connects only while more may come
}
stream.flush();
stream.endInput();
await listening;
// A pipe takes a long text piece by piece: the end is only then.
process.stdout.write(JSON.stringify({ heard }), () => process.exit(0));
