// Texts and a recording understood through the official JavaScript SDK; prints as JSON what came back.
// The same steps and names as ../understanding.py, and the same argument.
import { readFileSync } from "node:fs";
import { DeepgramClient } from "@deepgram/sdk";

const given = JSON.parse(process.argv[2]);
const client = new DeepgramClient({ apiKey: given.key, baseUrl: given.url });
const text = client.read.v1.text;
const all = { topics: true, intents: true, sentiment: true };
const told = {};

const asked = { language: "en", summarize: "v2", ...all, custom_topic: ["Refund"], tag: ["a", "b"] };
told.read = await text.analyze({ body: { text: given.text }, ...asked });
told.read_as_user = {
  request_id: told.read.metadata.request_id,
  summary: told.read.results.summary.text,
  topic: told.read.results.topics.segments[0].topics[0].topic,
};
told.read_url = await text.analyze({ body: { url: given.text_url }, language: "en", sentiment: true });
told.accepted = await text.analyze({
  body: { text: given.text },
  language: "en",
  summarize: "v2",
  callback: given.callback_url,
  callback_method: "PUT",
});
told.heard = await client.listen.v1.media.transcribeFile(readFileSync(given.clip), { summarize: "v2", ...all });
try {
  await text.analyze({ body: { text: "Hello." }, sentiment: true });
} catch (raised) {
  told.error = { status: raised.statusCode, body: raised.body };
}
console.log(JSON.stringify(told));
