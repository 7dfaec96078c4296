// The same as understanding.mjs through the JavaScript SDK of generation 3 or 4.
// Arguments: the name that the version is installed under, and a JSON object as for understanding.mjs.
import { readFileSync } from "node:fs";

const { createClient, CallbackUrl } = await import(process.argv[2]);
const given = JSON.parse(process.argv[3]);
const client = createClient(given.key, { global: { fetch: { options: { url: given.url } } } });
const all = { topics: true, intents: true, sentiment: true };
const source = { text: given.text };
const answers = {};

const query = { language: "en", summarize: true, ...all, custom_topic: ["Refund"], tag: ["a", "b"] };
answers.read = result(await client.read.analyzeText(source, query));
answers.read_as_user = {
  request_id: answers.read.metadata.request_id,
  summary: answers.read.results.summary.text,
  topic: answers.read.results.topics.segments[0].topics[0].topic,
};
answers.read_url = result(await client.read.analyzeUrl({ url: given.text_url }, { language: "en", sentiment: true }));
const callback = new CallbackUrl(given.callback_url);
const options = { language: "en", summarize: true, callback_method: "put" };
answers.accepted = result(await client.read.analyzeTextCallback(source, callback, options));
const recording = await client.listen.prerecorded.transcribeFile(readFileSync(given.clip), { summarize: "v2", ...all });
answers.heard = result(recording);
const refused = await client.read.analyzeText({ text: "Hello." }, { sentiment: true });
answers.error = { status: refused.error.status, body: JSON.parse(refused.error.message) };
// A pipe takes a long text piece by piece: the end is only then.
process.stdout.write(JSON.stringify(answers), () => process.exit(0));

function result(answer) {
  if (answer.error) throw answer.error;
  return answer.result;
}
