// Asks the API every few seconds and shows what it says.
"use strict";

const EVERY_MS = 5000;
const RANGES = [["15 min", 900], ["1 h", 3600], ["6 h", 21600], ["24 h", 86400], ["all", null]];
const MOST_LINES = 12;
const MOST_MAPS = 60;

const $ = (id) => document.getElementById(id);
const chosen = { service: null, range: "all" };
let newest = null;

async function ask(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null));
  const response = await fetch(`${path}?${query}`, { headers: { Accept: "application/json" } });
  const answer = await response.json();
  if (!response.ok && path !== "/healthz") throw new Error(answer.error ?? `${path} answered ${response.status}`);
  return answer;
}

async function refresh() {
  try {
    const [health, { services }] = await Promise.all([ask("/healthz"), ask("/api/v1/services")]);
    showHealth(health);
    showServices(services);
    const service = services.find((one) => one.name === chosen.service);
    if (service && service.workers === 0) showPulse("degraded", "no worker runs");
    if (!service || service.last_reading === null) return;
    await showService(service);
  } catch (error) {
    showPulse("failing", error instanceof TypeError ? "the sidecar does not answer" : error.message);
  }
}

async function showService(service) {
  const seconds = RANGES.find(([name]) => name === chosen.range)[1];
  const window = { service: service.name, since: seconds === null ? null : Math.max(0, service.last_reading - seconds) };
  const [growth, maps, workers, events, captures] = await Promise.all([
    ask("/api/v1/growth", window), ask("/api/v1/maps", window),
    ask("/api/v1/workers", { service: service.name }), ask("/api/v1/events", { service: service.name }),
    ask("/api/v1/captures", { service: service.name }),
  ]);
  newest = { growth, maps };
  showMemory(growth);
  showMaps(maps);
  showWorkers(workers);
  showCaptures(captures, workers.workers);
  showEvents(events.events);
  // Judging takes longest: the rest is on the page by now.
  const [verdict, { culprits }] = await Promise.all([
    ask("/api/v1/verdict", { service: service.name }), ask("/api/v1/culprits", { service: service.name }),
  ]);
  newest.verdict = verdict;
  showVerdict(verdict, service);
  showClimbing(verdict, growth);
  showCulprits(culprits, verdict);
  showHolders(culprits, service.name);
}

function showPulse(state, text) {
  $("pulse").dataset.state = state;
  $("pulse").lastElementChild.textContent = text;
}

function showHealth(health) {
  const age = health.last_reading_age_seconds;
  showPulse(health.status, health.problems[0] ?? (age === null ? "nothing read yet" : `read ${span(age)} ago`));
  $("version").textContent = `floodmark ${health.version}, up ${span(health.uptime_seconds)}`;
}

function showServices(services) {
  const names = services.map((service) => service.name);
  if (!names.includes(chosen.service)) chosen.service = (services.find((one) => one.running) ?? services[0])?.name ?? null;
  const select = $("service");
  if ([...select.options].map((option) => option.value).join("\n") !== names.join("\n")) {
    fill(select, names.map((name) => new Option(name, name)));
  }
  select.value = chosen.service ?? "";
  select.parentElement.hidden = names.length < 1;
  document.title = chosen.service ? `${chosen.service} · floodmark` : "floodmark";
}

function showVerdict(verdict, service) {
  const panel = $("verdict"), slope = verdict.slope_bytes_per_hour ?? {};
  panel.dataset.verdict = verdict.verdict;
  $("word").textContent = verdict.verdict;
  $("shape").textContent = verdict.shape === "unclear" ? "" : verdict.shape;
  const [first = "", ...rest] = verdict.reasons;
  const name = service.workers === 0 ? `${service.name}, which has ended` : service.name;
  $("sentence").textContent = first ? `${name}: ${first}` : name;
  // What climbs has its culprits below; what cannot be told needs to know what would tell.
  const next = verdict.next && verdict.verdict === "inconclusive" ? [`next: ${verdict.next}`] : [];
  fill($("reasons"), [...next, ...rest, ...verdict.notes].slice(0, 6).map((text) => make("li", text)));
  const figures = [];
  const known = (value) => value !== null && value !== undefined;
  if (known(slope.estimate)) figures.push([verdict.decisive?.length ? "growth of all" : "growth", rate(slope.estimate)]);
  if (known(slope.low) && known(slope.high)) figures.push(["between", `${rate(slope.low)} and ${rate(slope.high)}`]);
  if (known(verdict.detectable_bytes_per_hour)) figures.push(["detection limit", `${bytes(verdict.detectable_bytes_per_hour)}/h`]);
  if (known(verdict.hours_to_limit)) figures.push(["limit reached in", span(verdict.hours_to_limit * 3600)]);
  if (verdict.window) figures.push(["judged over", span(verdict.window[1] - verdict.window[0])]);
  fill($("figures"), figures.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
}

function showMemory(growth) {
  const workers = Object.entries(growth.workers), gap = longestStep(growth.t);
  const byName = workers.sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  const lines = byName.slice(0, MOST_LINES).map(([name, values], i) =>
    line(name, points(growth.t, values, growth.masked), hue(i), { spanGaps: gap, borderWidth: 1.25 }));
  if (workers.length !== 1) {
    lines.unshift(line("in all", points(growth.t, growth.total_bytes, growth.masked), colour("total"), { spanGaps: gap, borderWidth: 2.25 }));
  }
  draw($("memory"), lines, options((value) => bytes(value)));
  // During a census the newest reading is not drawn; nor is it told here.
  const newestDrawn = growth.masked.lastIndexOf(false);
  const now = (label) => (label === "in all" ? growth.total_bytes : growth.workers[label])[newestDrawn] ?? null;
  const legend = lines.map((one) => make("li", [swatch(one.borderColor), one.label, make("b", now(one.label) === null ? "ended" : bytes(now(one.label)))]));
  if (workers.length > MOST_LINES) legend.push(make("li", `and ${workers.length - MOST_LINES} more workers, not drawn`));
  fill($("memory-legend"), legend);
}

function last(values) {
  return values.findLast((value) => value !== null);
}

function swatch(color) {
  return drawn(16, 4, [["rect", { width: 16, height: 3, rx: 1.5, fill: color }]]);
}

function showMaps(chart) {
  const shown = chart.maps.slice(0, MOST_MAPS), holder = $("maps");
  $("maps-note").textContent = chart.maps.length === 0 ? "none is registered by the service" :
    chart.maps.length > MOST_MAPS ? `${MOST_MAPS} of ${chart.maps.length}, entries over time, all workers together` : "entries over time, all workers together";
  const kept = new Map([...holder.children].map((card) => [card.dataset.name, card]));
  const cards = shown.map((map) => kept.get(map.name) ?? mapCard(map.name));
  for (const card of holder.children) if (!cards.includes(card)) discard(card.querySelector("canvas"));
  if (cards.some((card, i) => card !== holder.children[i]) || cards.length !== holder.children.length) fill(holder, cards);
  shown.forEach((map, i) => showMap(cards[i], map, chart.t, i));
}

function mapCard(name) {
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `entries of ${name} over time`);
  const card = make("article", [make("h3", [make("span", name), make("b")]), make("p", [make("span"), make("span")]), make("div", canvas, "chart")], "card map");
  card.dataset.name = name;
  return card;
}

function showMap(card, map, times, index) {
  const [kind, size] = card.querySelectorAll("p span"), weight = last(map.bytes);
  const ttl = map.ttl_seconds === null ? "" : `, ${span(map.ttl_seconds)}`;
  kind.textContent = `${map.kind}, ${bound(map)}${ttl}${silent(map)}`;
  size.textContent = weight === null || weight === undefined ? "" : bytes(weight);
  card.querySelector("h3 b").textContent = count(last(map.entries));
  const measured = points(times, map.entries).filter((point) => point.y !== null);
  const lines = [line("entries", measured, hue(index), { spanGaps: longestStep(times), fill: "start", backgroundColor: `${hue(index)}1f` })];
  const highest = Math.max(0, ...map.entries.filter((value) => value !== null));
  // A bound far above what the map holds would press its line flat.
  const most = map.maxsize_sum;
  if (most !== null && most < 4 * highest && times.length) {
    const ends = [times[0], times.at(-1)];
    lines.push(line(Object.keys(map.workers).length > 1 ? "bound of all workers" : "bound", points(ends, [most, most]), colour("bound"), { borderDash: [5, 4], borderWidth: 1.25, pointRadius: 0 }));
  }
  draw(card.querySelector("canvas"), lines, options(count, { small: true, base: 1000, zero: true }));
}

function bound(map) {
  const workers = Object.keys(map.workers).length, each = map.maxsize_per_worker;
  if (each === null) return "no bound";
  return workers > 1 ? `at most ${count(each)} in each of ${workers} workers` : `at most ${count(each)}`;
}

function silent(map) {
  const names = Object.keys(map.workers).filter((name) => map.workers[name] === null);
  if (!names.length) return "";
  return names.length > 2 ? `; ${names.length} workers tell nothing` : `; ${names.join(" and ")} ${names.length > 1 ? "tell" : "tells"} nothing`;
}

function showWorkers({ workers, t }) {
  const head = make("tr", ["worker", "pid", "life", "agent"].map((text) => make("th", text)));
  head.append(...["private", "resident", "fds", "threads", "tasks", "maps"].map((text) => make("th", text, "n")), make("th", "since"), make("th", "command"));
  const rows = workers.map((one) => {
    const since = one.ended === null ? span(Math.max(0, (t ?? one.started) - one.started)) : `ended ${clock(one.ended)}`;
    const agent = one.agent === "none" ? "not loaded" : one.agent;
    return make("tr", [
      make("td", make("code", one.worker)), make("td", String(one.pid)), make("td", String(one.life)),
      make("td", make("span", one.python && one.agent === "connected" ? `${agent} · ${one.python}` : agent, `tag ${one.agent}`)),
      make("td", bytes(one.uss_bytes), "n"), make("td", bytes(one.rss_bytes), "n"), make("td", count(one.fds), "n"),
      make("td", count(one.threads), "n"), make("td", count(one.tasks), "n"), make("td", one.uss_bytes === undefined ? "–" : count(one.maps), "n"),
      make("td", since, "since"), make("td", make("small", one.command), "wide"),
    ], one.ended === null ? "" : "ended");
  });
  fill($("workers"), [make("thead", head), make("tbody", rows)]);
}

function showEvents(events) {
  $("events-section").hidden = events.length === 0;
  fill($("events"), events.slice(0, 12).map((one) =>
    make("li", [make("time", clock(one.t)), make("span", one.count > 1 ? `${one.text} (${count(one.count)})` : one.text)])));
}

function remember() {
  history.replaceState(null, "", `#${new URLSearchParams({ service: chosen.service ?? "", range: chosen.range })}`);
}

function start() {
  const saved = new URLSearchParams(location.hash.slice(1));
  chosen.service = saved.get("service");
  if (RANGES.some(([name]) => name === saved.get("range"))) chosen.range = saved.get("range");
  fill($("range"), RANGES.map(([name]) => {
    const button = make("button", name);
    button.type = "button";
    button.setAttribute("aria-pressed", String(name === chosen.range));
    button.addEventListener("click", () => {
      chosen.range = name;
      for (const other of $("range").children) other.setAttribute("aria-pressed", String(other === button));
      remember();
      refresh();
    });
    return button;
  }));
  $("service").addEventListener("change", (event) => {
    chosen.service = event.target.value;
    remember();
    refresh();
  });
  startCaptures();
  // Colours live in the style sheet; charts read them when they are drawn.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (newest) { showMemory(newest.growth); showMaps(newest.maps); }
    if (newest?.verdict) showClimbing(newest.verdict, newest.growth);
  });
  const turn = async () => {
    if (!document.hidden) await refresh();
    setTimeout(turn, EVERY_MS);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  turn();
}

start();
