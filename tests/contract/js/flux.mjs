// A call of ten turns through the official JavaScript SDK's `listen.v2`; prints as JSON what came back.
// Argument: a JSON object with url, key and raw (a file of 16 kHz linear16 samples).
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DeepgramClient } from "@deepgram/sdk";

const PIECE = 2560; // Bytes of 80 ms.
const given = JSON.parse(process.argv[2]);
const client = new DeepgramClient({ apiKey: given.key, baseUrl: given.url });
const sound = readFileSync(given.raw);
const messages = [];
const errors = [];
const opens = [];
const closes = [];

const connection = await client.listen.v2.connect({
  model: "flux-general-en",
  encoding: "linear16",
  sample_rate: 16000,
  eager_eot_threshold: 0.4,
  eot_threshold: 0.6,
  keyterm: ["conference", "amiable"],
  tag: "ten",
});
const closed = new Promise((resolve) => {
  connection.on("message", (message) => messages.push(message));
  connection.on("error", (error) => errors.push(String(error.message ?? error)));
  connection.on("open", () => opens.push(1));
  connection.on("close", (event) => {
    closes.push(event.code);
    resolve();
  });
});
connection.connect();
await connection.waitForOpen();
for (let start = 0; start < sound.length; start += PIECE) {
  connection.sendMedia(sound.subarray(start, start + PIECE));
  await sleep(10);
}
connection.sendForceEndTurn?.({ type: "ForceEndTurn" });
connection.sendCloseStream({ type: "CloseStream" });
await closed;
await sleep(1500); // An SDK that takes the close for a fault dials again by then.
// A pipe takes a long text piece by piece: the end is only then.
process.stdout.write(JSON.stringify({ messages, errors, closes, opens: opens.length }), () => process.exit(0));
