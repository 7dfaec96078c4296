// The same as understanding.mjs through the JavaScript SDK of generation 3 or 4.
// Arguments: the name that the version is installed under, and a JSON object as for understanding.mjs.
import { readFileSync } from "node:fs";

const { createClient, CallbackUrl } = await import(process.argv[2]);
const given = JSON.parse(process.argv[3]);
const client = createClient(given.key, { global: { fetch: { options: { url: given.url } } } });
const all = { topics: true, intents: true, sentiment: true };
const source = { text: given.text };
const told = {};

const asked = { language: "en", summarize: true, ...all, custom_topic: ["Refund"], tag: ["a", "b"] };
told.read = result(await client.read.analyzeText(source, asked));
told.read_as_user = {
  request_id: told.read.metadata.request_id,
  summary: told.read.results.summary.text,
  topic: told.read.results.topics.segments[0].topics[0].topic,
};
told.read_url = result(await client.read.analyzeUrl({ url: given.text_url }, { language: "en", sentiment: true }));
const callback = new CallbackUrl(given.callback_url);
const options = { language: "en", summarize: true, callback_method: "put" };
told.accepted = result(await client.read.analyzeTextCallback(source, callback, options));
const heard = await client.listen.prerecorded.transcribeFile(readFileSync(given.clip), { summarize: "v2", ...all });
told.heard = result(heard);
const refused = await client.read.analyzeText({ text: "Hello." }, { sentiment: true });
told.error = { status: refused.error.status, body: JSON.parse(refused.error.message) };
// A pipe takes a long text piece by piece: the end is only then.
process.stdout.write(JSON.stringify(told), () => process.exit(0));

function result(answer) {
  if (answer.error) throw answer.error;
  return answer.result;
}
