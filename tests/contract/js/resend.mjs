// One accepted request through the official JavaScript SDK, with a header of the user's; prints the request_id.
// Argument: a JSON object with url, key, clip, callback_url and word.
import { readFileSync } from "node:fs";
import { DeepgramClient } from "@deepgram/sdk";

const given = JSON.parse(process.argv[2]);
const client = new DeepgramClient({ apiKey: given.key, baseUrl: given.url });
const accepted = await client.listen.v1.media.transcribeFile(
  readFileSync(given.clip),
  { callback: given.callback_url },
  { headers: { "Idempotency-Key": given.word } },
);
console.log(accepted.request_id);
