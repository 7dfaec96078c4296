// What the official JavaScript SDK makes of a result document, given on standard input and answered to it by a
// server of this process; prints the entities and hits of the first channel as JSON.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { DeepgramClient } from "@deepgram/sdk";

const document = readFileSync(0);
const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => response.setHeader("content-type", "application/json").end(document));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const client = new DeepgramClient({ apiKey: "none", baseUrl: `http://127.0.0.1:${server.address().port}` });
const answer = await client.listen.v1.media.transcribeFile(Buffer.from("audio"), { detect_entities: true });
server.close();
server.closeAllConnections();
const [channel] = answer.results.channels;
const entities = channel.alternatives[0].entities.map(({ label, value, raw_value, confidence, start_word, end_word }) => ({
  label,
  value,
  raw_value,
  confidence,
  start_word,
  end_word,
}));
const hits = channel.search.map(({ query, hits }) => [query, hits.map(({ snippet }) => snippet)]);
console.log(JSON.stringify({ entities, hits }));
