// Texts and a recording understood through the official JavaScript SDK; prints as JSON what came back.
// The same steps and names as ../understanding.py, and the same argument.
import { readFileSync } from "node:fs";
import { DeepgramClient } from "@deepgram/sdk";

const given = JSON.parse(process.argv[2]);
const client = new DeepgramClient({ apiKey: given.key, baseUrl: given.url });
const text = client.read.v1.text;
const all = { topics: true, intents: true, sentiment: true };
const answers = {};

const query = { language: "en", summarize: "v2", ...all, custom_topic: ["Refund"], tag: ["a", "b"] };
answers.read = await text.analyze({ body: { text: given.text }, ...query });
answers.read_as_user = {
  request_id: answers.read.metadata.request_id,
  summary: answers.read.results.summary.text,
  topic: answers.read.results.topics.segments[0].topics[0].topic,
};
answers.read_url = await text.analyze({ body: { url: given.text_url }, language: "en", sentiment: true });
answers.accepted = await text.analyze({
  body: { text: given.text },
  language: "en",
  summarize: "v2",
  callback: given.callback_url,
  callback_method: "PUT",
});
answers.heard = await client.listen.v1.media.transcribeFile(readFileSync(given.clip), { summarize: "v2", ...all });
try {
  await text.analyze({ body: { text: "Hello." }, sentiment: true });
} catch (raised) {
  answers.error = { status: raised.statusCode, body: raised.body };
}
console.log(JSON.stringify(answers));
