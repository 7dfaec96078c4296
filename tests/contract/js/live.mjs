// Live streams through the official JavaScript SDK; prints as JSON what came back.
// The same steps and names as ../places/live_conversation.py, and a browser's way in. Argument: the same JSON.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DeepgramClient } from "@deepgram/sdk";
import { WebSocket } from "ws";

const PIECE = 3200; // Bytes of 100 ms.
const MIDDLE = PIECE * 24; // Somebody is speaking there.
const RAW = { encoding: "linear16", sample_rate: 16000 };

const given = JSON.parse(process.argv[2]);
const client = new DeepgramClient({ apiKey: given.key, baseUrl: given.url });
const grant = await client.auth.v1.tokens.grant({ ttl_seconds: 300 });
const bearer = new DeepgramClient({ accessToken: grant.access_token, baseUrl: given.url });
const first = readFileSync(given.first);
const second = readFileSync(given.second);
const silence = Buffer.alloc(PIECE * 16);
const answers = {};

answers.finalized = await transcribed(client, [...pieces(first), "Finalize", "KeepAlive", ...pieces(second)], {
  ...RAW,
  punctuate: true,
  diarize: true,
  endpointing: 300,
  tag: ["a"],
  extra: ["k:v"],
});
answers.container = await transcribed(bearer, [...pieces(readFileSync(given.clip))], { smart_format: true });
answers.http_callback = await transcribed(client, [...pieces(first)], { ...RAW, callback: given.http_callback });
answers.ws_callback = await transcribed(client, [...pieces(first)], { ...RAW, callback: given.ws_callback });
answers.not_audio = await transcribed(client, [Buffer.from("these are words, not sound. ".repeat(400))], {});
answers.paced = await transcribed(
  client,
  [
    ...pieces(first.subarray(0, MIDDLE)),
    "an interim",
    ...pieces(Buffer.concat([first.subarray(MIDDLE), silence])),
  ],
  {
    ...RAW,
    interim_results: true,
    vad_events: true,
    punctuate: true,
    endpointing: 300,
    utterance_end_ms: 1000,
  },
  50,
);
answers.browser = await asABrowser();

const stranger = new DeepgramClient({ apiKey: "f".repeat(40), baseUrl: given.url });
answers.errors = {
  key: await refusal(stranger, {}),
  model: await refusal(client, { model: "parrot" }),
  encoding: await refusal(client, { encoding: "parrot", sample_rate: 8000 }),
};
console.log(JSON.stringify(answers));

function* pieces(sound) {
  for (let start = 0; start < sound.length; start += PIECE) yield sound.subarray(start, start + PIECE);
}

async function transcribed(by, sending, options, pause = 0) {
  const connection = await by.listen.v1.connect({ model: "nova-3", ...options, reconnectAttempts: 0 });
  const messages = [];
  const errors = [];
  const finalized = resolvers();
  const changing = resolvers();
  const closed = resolvers();
  connection.on("message", (message) => {
    messages.push(message);
    if (message.from_finalize) finalized.resolve();
    if (message.channel?.alternatives?.[0].transcript) changing.resolve();
  });
  connection.on("error", (error) => errors.push(error.message));
  connection.on("close", (event) => {
    finalized.resolve();
    changing.resolve();
    closed.resolve({ code: event.code, reason: event.reason });
  });
  connection.connect();
  await connection.waitForOpen();
  try {
    for (const each of sending) {
      if (typeof each !== "string") connection.sendMedia(each);
      else if (each === "an interim") await changing.promise;
      else connection[`send${each}`]({ type: each });
      if (each === "Finalize") await finalized.promise;
      if (pause) await sleep(pause);
    }
    connection.sendCloseStream({ type: "CloseStream" });
  } catch (error) {
    errors.push(error.message); // The server has closed already.
  }
  const { code, reason } = await closed.promise;
  connection.close();
  return { messages, errors, closed: 1, code, reason };
}

// The WebSocket of a browser sends no header: the SDK puts the key and its session into the sub-protocols.
function asABrowser() {
  const { promise, resolve, reject } = resolvers();
  const url = `${given.url.replace("http", "ws")}/v1/listen?model=nova-3`;
  const protocols = ["token", given.key, "x-deepgram-session-id", crypto.randomUUID()];
  const socket = new WebSocket(url, protocols);
  const messages = [];
  socket.on("open", () => socket.send(JSON.stringify({ type: "CloseStream" })));
  socket.on("message", (data) => messages.push(JSON.parse(data)));
  socket.on("error", reject);
  socket.on("close", (code) => resolve({ protocol: socket.protocol, code, messages }));
  return promise;
}

async function refusal(by, options) {
  const connection = await by.listen.v1.connect({ model: "nova-3", ...options, reconnectAttempts: 0 });
  connection.on("error", () => {});
  connection.connect();
  try {
    await connection.waitForOpen();
  } catch (error) {
    return { type: error.constructor.name, message: error.message };
  } finally {
    connection.close();
  }
  throw new Error("the SDK raised nothing");
}

function resolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
