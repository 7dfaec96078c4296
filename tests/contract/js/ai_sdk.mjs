// A recording through Vercel's AI SDK and its Deepgram provider; prints as JSON what came back.
import { readFileSync } from "node:fs";
import * as ai from "ai";
import { createDeepgram } from "@ai-sdk/deepgram";

const given = JSON.parse(process.argv[2]);
const moved = (input, init) => fetch(String(input).replace("https://api.deepgram.com", given.url), init);
const deepgram = createDeepgram({ apiKey: given.key, fetch: moved });
const transcribe = ai.transcribe ?? ai.experimental_transcribe;
const answer = await transcribe({
  model: deepgram.transcription("nova-3"),
  audio: readFileSync(given.clip),
  providerOptions: { deepgram: { punctuate: true, utterances: true, detectLanguage: false } },
});
console.log(
  JSON.stringify({ text: answer.text, segments: answer.segments, seconds: answer.durationInSeconds }),
);
