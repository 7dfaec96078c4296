// The session: a token in this page's memory alone. It goes out in a header, and nowhere else.

let token = null;
export const session = { key: null, project: null, projects: [] };
let onEnd = () => {};

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function whenSessionEnds(handler) {
  onEnd = handler;
}

export async function signIn(key) {
  const opened = await request("POST", "/v1/auth/session", { authorization: `Token ${key}` });
  token = (await opened.json()).access_token;
  session.key = await get("/v1/auth/token");
  session.project = session.key.project_id;
  session.projects = (await get("/v1/projects")).projects;
}

export function signOut(why = "") {
  token = null;
  session.key = null;
  onEnd(why);
}

export const signedIn = () => token !== null;

export function ofProject(path) {
  return `/v1/projects/${session.project}${path}`;
}

export async function fetchRaw(method, path, { body, headers } = {}) {
  const answer = await request(method, path, { ...headers, authorization: `Bearer ${token}` }, body);
  return answer;
}

export async function get(path) {
  return (await fetchRaw("GET", path)).json();
}

export async function send(method, path, document) {
  const body = document === undefined ? undefined : JSON.stringify(document);
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  return (await fetchRaw(method, path, { body, headers })).json();
}

export function openSocket(query) {
  const url = new URL(`/v1/listen?${query}`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(url, ["bearer", token]);
}

async function request(method, path, headers, body) {
  const answer = await fetch(path, { method, headers, body, credentials: "omit", cache: "no-store" });
  if (answer.ok) return answer;
  let message = `${answer.status}`;
  try {
    const error = await answer.json();
    message = error.message ?? error.err_msg ?? message;
    if (error.details) message += ` ${error.details}`;
  } catch { /* the status says it */ }
  if (answer.status === 401 && token !== null) signOut("The session has ended.");
  throw new Refused(answer.status, message);
}
