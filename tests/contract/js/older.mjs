// One conversation through the JavaScript SDK of generation 3 or 4; prints as JSON what came back.
// Arguments: the name that the version is installed under, and a JSON object as for conversation.mjs.
import { readFileSync } from "node:fs";

const { createClient, LiveTranscriptionEvents } = await import(process.argv[2]);
const given = JSON.parse(process.argv[3]);
const options = { url: given.url };
const client = createClient(given.key, {
  global: { fetch: { options }, websocket: { options: { url: given.url.replace("http", "ws") } } },
});
const audio = readFileSync(given.clip);
const answers = {};

const query = { model: "nova-2", punctuate: true, utterances: true, diarize: undefined, tag: ["a", "b"] };
answers.file = result(await client.listen.prerecorded.transcribeFile(audio, query));
answers.url = result(await client.listen.prerecorded.transcribeUrl({ url: given.media_url }, query));
const { CallbackUrl } = await import(process.argv[2]);
answers.accepted = result(
  await client.listen.prerecorded.transcribeFileCallback(audio, new CallbackUrl(given.callback_url), query),
);
const project = result(await client.manage.getProjects()).projects[0].project_id;
answers.requests = result(await client.manage.getProjectUsageRequests(project, {}));
answers.request = result(await client.manage.getProjectUsageRequest(project, answers.file.metadata.request_id));
answers.called_back = result(await client.manage.getProjectUsageRequest(project, answers.accepted.request_id));
answers.usage = result(await client.manage.getProjectUsageSummary(project, {}));
answers.fields = result(await client.manage.getProjectUsageFields(project, {}));
answers.key = result(await client.manage.createProjectKey(project, { comment: "from the SDK", scopes: ["member"] }));
answers.keys = result(await client.manage.getProjectKeys(project));
const deleted = await client.manage.deleteProjectKey(project, answers.key.api_key_id);
if (deleted.error) throw deleted.error;
answers.deleted = true;
answers.live = await live();
// A pipe takes a long text piece by piece: the end is only then.
process.stdout.write(JSON.stringify(answers), () => process.exit(0));

function result(answer) {
  if (answer.error) throw answer.error;
  return answer.result;
}

function live() {
  return new Promise((done, failed) => {
    const finals = [];
    const socket = client.listen.live({ model: "nova-2", punctuate: true, interim_results: true });
    socket.on(LiveTranscriptionEvents.Error, failed);
    socket.on(LiveTranscriptionEvents.Transcript, (message) => {
      if (message.is_final) finals.push(message.channel.alternatives[0].transcript);
    });
    socket.on(LiveTranscriptionEvents.Close, () => done(finals));
    socket.on(LiveTranscriptionEvents.Open, () => {
      for (let start = 0; start < audio.length; start += 4096) {
        const piece = audio.subarray(start, start + 4096);
        socket.send(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.byteLength));
      }
      socket.requestClose();
    });
  });
}
