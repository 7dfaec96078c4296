// OpenAI's JavaScript client, unchanged, against our server; prints as JSON what it handed to its user.
import { createReadStream } from "node:fs";
import OpenAI from "openai";

const given = JSON.parse(process.argv[2]);
const client = new OpenAI({ baseURL: `${given.url}/v1`, apiKey: given.key, maxRetries: 0 });

function transcribe(options = {}, more = undefined) {
  const file = createReadStream(given.clip);
  return client.audio.transcriptions.create({ file, model: "whisper-1", ...options }, more);
}

async function refusal(options, of = client) {
  try {
    const file = createReadStream(given.clip);
    await of.audio.transcriptions.create({ file, model: "whisper-1", ...options });
  } catch (error) {
    return { kind: error.constructor.name, param: error.param, code: error.code, said: error.message };
  }
  throw new Error("it was not refused");
}

const answers = {};
answers.json = (await transcribe()).text;
answers.text = await transcribe({ response_format: "text" });
answers.srt = await transcribe({ response_format: "srt" });
answers.vtt = await transcribe({ response_format: "vtt" });
answers.verbose = await transcribe({
  response_format: "verbose_json",
  timestamp_granularities: ["word", "segment"],
  language: "en",
  prompt: "Go on as I have begun, in the same manner.",
  temperature: 0.2,
});
answers.events = [];
for await (const event of await transcribe({ model: "gpt-4o-transcribe", stream: true })) {
  answers.events.push(event);
}
answers.keywords = (await transcribe({ model: "gpt-transcribe", keywords: ["Ringback"] })).text;
const { data, response } = await transcribe({ temperature: 0.5 }).withResponse();
answers.warnings = response.headers.get("ringback-warnings");
answers.request_id = data._request_id;
answers.accepted = await transcribe({ callback: given.callback_url });
answers.again = [];
for (const _ of [1, 2]) {
  const headers = { "Idempotency-Key": given.again };
  answers.again.push(await transcribe({}, { query: { callback: given.callback_url }, headers }));
}
answers.unknown_model = await refusal({ model: "gpt-9" });
answers.bad_format = await refusal({ response_format: "yaml" });
answers.bad_key = await refusal({}, new OpenAI({ baseURL: `${given.url}/v1`, apiKey: "wrong", maxRetries: 0 }));
try {
  await client.audio.translations.create({ file: createReadStream(given.clip), model: "whisper-1" });
} catch (error) {
  answers.translation = error.message;
}
answers.models = [];
for await (const model of client.models.list()) answers.models.push(model.id);
answers.model = await client.models.retrieve("whisper-1");
console.log(JSON.stringify(answers));
