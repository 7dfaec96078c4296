// What n8n's OpenAI node sends for "Transcribe a Recording" (its source: nodes-langchain, nodes/vendors/OpenAi,
// audio/transcribe.operation.ts): a form of the package `form-data`, its model and options before the file.
import { readFileSync } from "node:fs";
import http from "node:http";
import FormData from "form-data";

const given = JSON.parse(process.argv[2]);
const form = new FormData();
form.append("model", "whisper-1");
form.append("language", "en");
form.append("temperature", (0.3).toString());
form.append("file", readFileSync(given.clip), { filename: "data.flac", contentType: "audio/flac" });
const sent = http.request(`${given.url}/v1/audio/transcriptions`, {
  method: "POST",
  headers: { ...form.getHeaders(), authorization: `Bearer ${given.key}` },
});
sent.on("response", async (answer) => {
  const pieces = [];
  for await (const piece of answer) pieces.push(piece);
  const body = JSON.parse(Buffer.concat(pieces).toString());
  console.log(JSON.stringify({ status: answer.statusCode, body, headers: answer.headers }));
});
form.pipe(sent);
