// What was understood of a recording or a text: summary, sentiment, topics, intents.

import { badge, h } from "./dom.js";

const kinds = { positive: "good", negative: "bad", neutral: "dim" };

export function understood(results) {
  const summary = results.summary?.text ?? results.summary?.short;
  const parts = [
    summary && [h("h3", {}, "Summary"), h("p", {}, summary)],
    results.sentiments && [h("h3", {}, "Sentiment"), h("p", {}, "On the whole ", feeling(results.sentiments.average)), sentences(results.sentiments.segments)],
    results.topics && [h("h3", {}, "Topics"), labels(results.topics.segments, "topics", "topic")],
    results.intents && [h("h3", {}, "Intents"), labels(results.intents.segments, "intents", "intent")],
  ].filter(Boolean);
  return parts.length ? h("div", {}, parts) : null;
}

function feeling({ sentiment, sentiment_score: score }) {
  return badge(`${sentiment} ${score.toFixed(2)}`, kinds[sentiment]);
}

function sentences(segments) {
  return h("details", {}, h("summary", {}, "By passage"), segments.map((each) => h("p", {}, feeling(each), " ", each.text)));
}

function labels(segments, many, one) {
  const names = [...new Set(segments.flatMap((each) => each[many].map((label) => label[one])))];
  return h("p", {}, names.length ? names.map((name) => h("span", { class: "tag" }, name)) : "None.");
}
