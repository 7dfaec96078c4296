// Hours and requests by day, as bars, with the figures in a table.

import { get, ofProject } from "./api.js";
import { field, h, select, svg, table } from "./dom.js";

export function usagePage(page) {
  const grouping = select("grouping", [["method", "How asked"], ["endpoint", "Audio or text"], ["models", "Model"], ["tags", "Tags"], ["accessor", "Key"], ["feature_set", "Features"]], "method");
  const measure = select("measure", [["requests", "Requests"], ["hours", "Hours of audio"]]);
  const shown = h("div", {});
  page.append(h("h1", {}, "Usage"), h("form", { class: "filters" }, field("Show", measure), field("By", grouping)), shown);
  let before = "";
  async function update() {
    const report = await get(ofProject(`/usage/breakdown?grouping=${grouping.value}`));
    const seen = JSON.stringify([report, measure.value, grouping.value]);
    if (seen === before) return;
    before = seen;
    shown.replaceChildren(...draw(report, grouping.value, measure.value));
  }
  for (const control of [grouping, measure]) control.addEventListener("change", update);
  return update;
}

const DAY = 86_400_000;

function draw(report, grouping, measure) {
  const days = [];
  for (let at = Date.parse(report.start); at <= Date.parse(report.end); at += DAY) days.push(new Date(at).toISOString().slice(0, 10));
  const groups = [...new Set(report.results.map((each) => each.grouping[grouping] ?? ""))].sort();
  const value = (day, group) => report.results.find((each) => each.grouping.start === day && (each.grouping[grouping] ?? "") === group)?.[measure] ?? 0;
  const totals = days.map((day) => groups.reduce((sum, group) => sum + value(day, group), 0));
  const most = Math.max(...totals, measure === "hours" ? 0.01 : 1);
  const sum = totals.reduce((all, each) => all + each, 0);
  const width = 920, height = 240, low = 24, left = 46;
  const step = (width - left - 20) / days.length;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": `${measure} per day, ${format(sum, measure)} in all` });
  for (const part of [0, 0.5, 1]) {
    const y = height - low - part * (height - low - 12);
    const label = svg("text", { x: left - 8, y: y + 4, class: "axis", "text-anchor": "end" });
    label.textContent = format(most * part, measure);
    chart.append(svg("line", { x1: left, x2: width, y1: y, y2: y, class: "line" }), label);
  }
  days.forEach((day, column) => {
    let y = height - low;
    groups.forEach((group, index) => {
      const tall = (value(day, group) / most) * (height - low - 12);
      if (!tall) return;
      y -= tall;
      const bar = svg("rect", { x: left + column * step + step * 0.15, y, width: step * 0.7, height: tall, rx: 2, class: `bar g${index % 6}` });
      const title = svg("title");
      title.textContent = `${day} ${group}: ${format(value(day, group), measure)}`;
      bar.append(title);
      chart.append(bar);
    });
    if (column % 5 === 0) {
      const label = svg("text", { x: left + column * step, y: height - 6, class: "axis" });
      label.textContent = day.slice(5);
      chart.append(label);
    }
  });
  const legend = h("ul", { class: "legend" }, groups.map((group, index) => h("li", {}, h("span", { class: `dot g${index % 6}` }), group || "none")));
  const rows = report.results.map((each) => h("tr", {}, h("th", { scope: "row" }, each.grouping.start), h("td", {}, each.grouping[grouping] || "none"),
    h("td", { class: "number" }, String(each.requests)), h("td", { class: "number" }, each.hours.toFixed(3)), h("td", { class: "number" }, each.total_hours.toFixed(3))));
  return [h("div", { class: "card" }, h("p", { class: "figure" }, format(sum, measure), h("span", { class: "dim" }, measure === "hours" ? " hours in 30 days" : " requests in 30 days")), chart, legend,
    report.ringback.complete ? null : h("p", { class: "dim" }, "There are more groups than one answer holds: those of the last days are left out.")),
    h("details", { class: "card" }, h("summary", {}, "The figures"), table("Usage", ["Day", "Group", "Requests", "Hours", "Channel hours"], rows, "Nothing yet."))];
}

function format(value, measure) {
  return measure === "hours" ? value.toFixed(value < 10 ? 2 : 0) : String(Math.round(value * 10) / 10);
}
