// One conversation with the server through the official JavaScript SDK; prints as JSON what came back.
// The same steps and names as ../conversation.py. Argument: a JSON object with url, key, clip,
// media_url and callback_url.
import { createReadStream, readFileSync } from "node:fs";
import { DeepgramClient } from "@deepgram/sdk";

const given = JSON.parse(process.argv[2]);
const audio = readFileSync(given.clip);
const client = new DeepgramClient({ apiKey: given.key, baseUrl: given.url });
const media = client.listen.v1.media;
const answers = {};

answers.file = await media.transcribeFile(audio, {
  model: "nova-3",
  punctuate: true,
  utterances: true,
  diarize: true,
  tag: ["a", "b"],
  extra: ["k:v"],
  detect_entities: true,
  search: ["respectable"],
});
answers.url = await media.transcribeUrl({ url: given.media_url, model: "nova-2" });
answers.accepted = await media.transcribeFile(audio, { callback: given.callback_url });
answers.chunked = await media.transcribeFile(createReadStream(given.clip), { model: "nova-3" });

const manage = client.manage.v1;
answers.projects = await manage.projects.list();
const project = answers.projects.projects[0].project_id;
answers.project = await manage.projects.get(project);
answers.requests = await manage.projects.requests.list(project, { limit: 2, method: "sync" });
answers.request = await manage.projects.requests.get(project, answers.file.metadata.request_id);
answers.key = await manage.projects.keys.create(project, {
  comment: "from the SDK",
  scopes: ["member"],
  time_to_live_in_seconds: 600,
});
answers.keys = await manage.projects.keys.list(project);
answers.one_key = await manage.projects.keys.get(project, answers.key.api_key_id);
answers.deleted = await manage.projects.keys.delete(project, answers.key.api_key_id);
answers.models = await manage.models.list();
answers.model = await manage.models.get(answers.models.stt[0].uuid);
answers.usage = await manage.projects.usage.get(project);
answers.balances = await manage.projects.billing.balances.list(project);
const nobody = "00000000-0000-4000-8000-000000000000";
const { members, billing, usage } = manage.projects;
const walk = {
  update: () => manage.projects.update(project, { name: "renamed by an SDK" }),
  models: () => manage.projects.models.list(project),
  model: () => manage.projects.models.get(project, answers.models.stt[0].uuid),
  "usage breakdown": () => usage.breakdown.get(project, { grouping: "tags", tag: "a" }),
  "usage fields": () => usage.fields.list(project, { start: "2001-01-01" }),
  "usage by key": () => usage.get(project, { accessor: nobody, punctuate: true }),
  members: () => members.list(project),
  invites: () => members.invites.list(project),
  purchases: () => billing.purchases.list(project, { limit: 10 }),
  "billing breakdown": () => billing.breakdown.list(project),
  "billing fields": () => billing.fields.list(project),
  credentials: () => client.selfHosted.v1.distributionCredentials.list(project),
  invite: () => members.invites.create(project, { email: "a@b.example", scope: "member" }),
  "no invite": () => members.invites.delete(project, "a@b.example"),
  member: () => members.delete(project, nobody),
  scopes: () => members.scopes.list(project, nobody),
  scope: () => members.scopes.update(project, nobody, { scope: "admin" }),
  balance: () => billing.balances.get(project, nobody),
  leave: () => manage.projects.leave(project),
};
answers.walk = {};
for (const [name, call] of Object.entries(walk)) answers.walk[name] = await outcome(call);

answers.grant = await client.auth.v1.tokens.grant({ ttl_seconds: 30 });
const bearer = new DeepgramClient({ accessToken: answers.grant.access_token, baseUrl: given.url });
answers.with_token = await bearer.listen.v1.media.transcribeFile(audio, {});

const stranger = new DeepgramClient({ apiKey: "f".repeat(40), baseUrl: given.url });
const nowhere = "00000000-0000-4000-8000-000000000000";
answers.errors = {
  model: await error(() => media.transcribeFile(audio, { model: "parrot" })),
  audio: await error(() => media.transcribeFile(Buffer.from("no audio at all"), {})),
  callback: await error(() => media.transcribeFile(audio, { callback: "http://10.0.0.1/" })),
  url: await error(() => media.transcribeUrl({ url: "ftp://example.com/a.wav" })),
  key: await error(() => stranger.listen.v1.media.transcribeFile(audio, {})),
  manage_key: await error(() => stranger.manage.v1.projects.list()),
  project: await error(() => manage.projects.get(nowhere)),
};
console.log(JSON.stringify(answers));

// What came back, or the error; null: this SDK has no such call.
async function outcome(call) {
  try {
    return await call();
  } catch (raised) {
    if (raised instanceof TypeError) return null;
    return { status: raised.statusCode, body: raised.body };
  }
}

async function error(call) {
  try {
    await call();
  } catch (raised) {
    return {
      type: raised.constructor.name,
      status: raised.statusCode,
      body: raised.body,
      "dg-error": raised.rawResponse?.headers?.get("dg-error") ?? null,
    };
  }
  throw new Error("the SDK raised nothing");
}
