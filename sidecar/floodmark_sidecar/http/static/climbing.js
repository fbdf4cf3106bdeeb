// The workers that the verdict names, each by itself: in the sum of all of them their climb may not show.
"use strict";

const MOST_CLIMBING = 4;

function showClimbing(verdict, growth) {
  const workers = (verdict.decisive ?? []).filter((one) => one.kind === "worker"), holder = $("climbing");
  const shown = workers.slice(0, MOST_CLIMBING);
  $("climbing-section").hidden = !shown.length;
  const kept = new Map([...holder.children].map((card) => [card.dataset.name, card]));
  const cards = shown.map((one) => kept.get(one.name) ?? climbingCard(one.name));
  for (const card of holder.children) if (!cards.includes(card)) discard(card.querySelector("canvas"));
  if (cards.some((card, i) => card !== holder.children[i]) || cards.length !== holder.children.length) fill(holder, cards);
  shown.forEach((one, i) => showClimber(cards[i], one, growth, verdict.workers[one.name]));
  const keys = [["accent", "readings"], ["unknown", "warm-up, not judged"], ["ink", "floors"], ["climbing", "slope, and between what it lies"]];
  const legend = keys.map(([name, text]) => make("li", [swatch(colour(name)), text]));
  if (workers.length > shown.length) legend.push(make("li", `and ${workers.length - shown.length} more workers, not drawn`));
  fill($("climbing-legend"), legend);
}

function climbingCard(name) {
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `memory of worker ${name} over time`);
  const card = make("article", [make("h3", [make("span", `worker ${name}`), make("b")]), make("div", canvas, "chart tall")], "climber");
  card.dataset.name = name;
  return card;
}

function showClimber(card, one, growth, worker) {
  const slope = one.slope_per_hour ?? {}, [start, end] = one.window;
  const joined = (worker?.lives ?? 1) > 1;
  card.querySelector("h3 b").textContent = `${rate(slope.estimate)}, between ${rate(slope.low)} and ${rate(slope.high)}${joined ? ", its lives put end to end" : ""}`;
  const first = growth.t.length ? growth.t[0] : start;
  const floors = one.floors.filter(([t]) => t >= first).map(([t, y]) => ({ x: t * 1000, y }));
  const lines = [line("floors", floors, colour("ink"), { showLine: false, pointRadius: 2 })];
  lines.push(...slopeLines(one.floors.filter(([t]) => t >= start), slope, [Math.max(start, first), end]));
  const read = points(growth.t, growth.workers[one.name] ?? [], growth.masked).filter((point) => point.y !== undefined);
  // What lives that are put end to end gained was never there at once: of those only floors are drawn.
  for (const [label, name, part, borderDash] of joined ? [] : [["readings", "accent", (x) => x >= start * 1000, []], ["warm-up", "unknown", (x) => x <= start * 1000, [2, 3]]]) {
    lines.push(line(label, read.filter(({ x }) => part(x)), colour(name), { spanGaps: longestStep(growth.t), borderWidth: 1.25, borderDash }));
  }
  draw(card.querySelector("canvas"), lines, options((value) => bytes(value)));
}

// The line goes through the middle of the judged floors, as its band does.
function slopeLines(judged, slope, [start, end]) {
  if (!judged.length || end <= start) return [];
  const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const t = middle(judged.map(([at]) => at)), level = middle(judged.map(([, y]) => y));
  const at = (hourly) => [start, t, end].filter((x) => x >= start).map((x) => ({ x: x * 1000, y: level + (hourly * (x - t)) / 3600 }));
  const red = colour("climbing"), bare = { borderWidth: 0, pointRadius: 0, pointHoverRadius: 0 };
  return [
    line("slope", at(slope.estimate), red, { borderWidth: 2, pointRadius: 0 }),
    line("at least", at(slope.low), red, bare),
    line("at most", at(slope.high), red, { ...bare, fill: "-1", backgroundColor: `${red}2e` }),
  ];
}
