// The list of captures: taking one, and choosing the two that are compared.
"use strict";

const EVERY_WORKER = "";
// What is sent, what it does to the service, and what is said meanwhile of the worker that was chosen, if one was.
const KINDS = {
  census: { fields: {}, does: "a census forks the service", under: (worker) => `taking a census of ${worker || "every worker"}, one after the other …` },
  trace: { fields: { trace: "30s" }, does: "a trace window slows a worker several times", under: (worker) => `tracing ${worker || "one worker"} for 30 s …` },
  native: { fields: { native: "30s" }, does: "a native window slows a worker, and memray stays loaded in it", under: (worker) => `noting for 30 s what C code asks ${worker || "one worker"} for …` },
  trim: { fields: { trim: true }, does: "a trim takes memory from the service that it may ask for again", under: (worker) => `asking the allocator of ${worker || "every worker"} for what nothing uses …` },
};
const picked = { from: null, to: null, byHand: false };
let listed = { service: null, captures: [] };
let drawnList = null;

function showCaptures({ service, captures, kept, unavailable, under_way: before }, workers) {
  if (listed.service !== service) {
    picked.byHand = false;
    fill($("diff"), []);
    say([]);
  }
  listed = { service, captures };
  showTaking(workers, unavailable);
  const going = before ? [`${before.kind} of ${before.worker} under way since ${clock(before.started)}`] : [];
  $("captures-note").textContent = [...going, ...(kept ? [room(kept)] : [])].join("; ");
  // Rows are left alone while nothing has changed: somebody may be choosing among them.
  const state = JSON.stringify([service, captures, new Date().toDateString()]);
  if (state === drawnList) return;
  drawnList = state;
  pickEnds();
  drawList(captures);
}

function room(kept) {
  const text = `${count(kept.files)} of at most ${count(kept.most_files)} files, ${bytes(kept.bytes)} of at most ${bytes(kept.most_bytes)}`;
  return kept.problem ? `${text}; ${kept.problem}` : text;
}

function showTaking(workers, unavailable) {
  const form = $("take"), select = $("take-worker"), button = form.querySelector("button");
  const names = workers.filter((one) => one.ended === null && one.agent === "connected").map((one) => one.worker);
  if ([...select.options].slice(1).map((option) => option.value).join("\n") !== names.join("\n")) {
    const before = select.value;
    fill(select, [new Option("every worker", EVERY_WORKER), ...names.map((name) => new Option(name, name))]);
    select.value = names.includes(before) ? before : EVERY_WORKER;
  }
  $("take-token").hidden = unavailable !== null;
  const why = unavailable ?? (names.length ? null : "no worker has an agent that is connected");
  button.disabled = why !== null;
  if (why !== null && !isBusy(button)) say([why]);
  else if (form.dataset.why) say([]);
  form.dataset.why = why ?? "";
}

function say(lines) {
  const list = $("take-says"), before = [...list.children].map((one) => one.textContent);
  // What is said again is not read out again.
  if (before.join("\n") !== lines.join("\n")) fill(list, lines.map((text) => make("li", text)));
}

// Until somebody chooses: the newest of a process that has another, and the first of that process, for what it has gained since.
function pickEnds() {
  const usable = listed.captures.filter(comparable);
  const known = (key) => usable.some((row) => keyOf(row) === key);
  if (picked.byHand && known(picked.from) && known(picked.to)) return;
  picked.byHand = false;
  const censuses = usable.filter((row) => row.kind === "census"), offered = censuses.length > 1 ? censuses : usable;
  const firstOf = (last) => offered.findLast((row) => row !== last && row.kind === last.kind && row.worker === last.worker && row.life === last.life);
  const to = offered.find(firstOf) ?? offered[0];
  const from = to && (firstOf(to) ?? offered.findLast((row) => row !== to && row.kind === to.kind));
  picked.to = to ? keyOf(to) : null;
  picked.from = from ? keyOf(from) : null;
}

function comparable(row) {
  return ["census", "trace"].includes(row.kind) && row.bytes !== null;
}

function keyOf(row) {
  return `${row.t} ${row.worker}`;
}

function drawList(captures) {
  const table = $("captures"), active = table.contains(document.activeElement) ? document.activeElement : null;
  $("compare").hidden = captures.filter(comparable).length < 2;
  if (!captures.length) {
    fill(table, [make("tbody", make("tr", make("td", make("p", "None has been taken yet.", "empty"))))]);
    return;
  }
  const head = make("tr", ["from", "to", "time", "worker", "kind", "taken"].map((text) => make("th", text)));
  head.append(make("th", "size", "n"), make("th", "held", "n"), make("th"));
  fill(table, [make("thead", head), make("tbody", captures.map(captureRow))]);
  if (active) [...table.querySelectorAll("input")].find((one) => one.name === active.name && one.value === active.value)?.focus({ preventScroll: true });
}

function captureRow(row) {
  const ends = ["from", "to"].map((side) => make("td", comparable(row) ? choice(row, side) : null, "end"));
  const outcome = row.refused === null
    ? [make("td", row.bytes === null ? "made room" : bytes(row.bytes), "n"), make("td", brief(row.stall_seconds), "n"), make("td", null, "rest")]
    : [make("td", [make("span", "refused", "tag gone"), " ", make("small", row.refused)], "reason")];
  if (row.refused !== null) outcome[0].colSpan = 3;
  return make("tr", [
    ...ends, make("td", clock(row.t), "since"), make("td", [make("code", row.worker), make("small", `life ${row.life}`)], "who"),
    make("td", row.kind), make("td", { clock: "by the clock", asked: "when asked", suspicion: "as it climbs" }[row.trigger] ?? row.trigger ?? "–", "since"), ...outcome,
  ], comparable(row) ? "" : "ended");
}

function choice(row, side) {
  const input = make("input");
  input.type = "radio";
  input.name = side;
  input.value = keyOf(row);
  input.checked = picked[side] === input.value;
  input.setAttribute("aria-label", `${side} ${row.worker}, life ${row.life}, ${clock(row.t)}`);
  input.addEventListener("change", () => { picked[side] = input.value; picked.byHand = true; });
  return make("label", input);
}

function brief(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  return seconds < 0.1 ? `${(seconds * 1000).toFixed(0)} ms` : `${seconds.toFixed(1)} s`;
}

// A header that no other site can make a browser send carries the token; it is kept nowhere but in its field.
async function take() {
  const field = $("take-token").querySelector("input"), button = $("take").querySelector("button");
  const token = field.value.trim(), worker = $("take-worker").value, kind = KINDS[$("take-kind").value], { service } = listed;
  if (isBusy(button) || service === null) return;
  if (!/^[\x20-\x7e\xa0-\xff]+$/.test(token)) {
    say([token ? "No token has such characters." : `Give the token that the sidecar was started with (FLOODMARK_TOKEN): ${kind.does}.`]);
    field.focus();
    return;
  }
  setBusy(button, true);
  say([kind.under(worker)]);
  try {
    const response = await fetch("/api/v1/captures", {
      method: "POST", credentials: "omit", body: JSON.stringify({ service, ...(worker ? { worker } : {}), ...kind.fields }),
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", Accept: "application/json" },
    });
    const answer = await response.json();
    if (response.status === 401) say(["That is not the token that the sidecar was started with."]);
    else say(response.ok ? outcomes(answer) : [answer.error]);
    if (response.status === 401) field.select();
  } catch {
    say(["The sidecar does not answer."]);
  }
  setBusy(button, false);
  await refresh();
}

function outcomes({ service, captures, notes = [] }) {
  if (!captures.length) return [`No worker of ${service} has an agent that is connected.`];
  const each = captures.flatMap((row) => row.refused === null
    ? [`${row.worker}: took ${brief(row.seconds)}; it held the worker for ${brief(row.stall_seconds)}`, ...heaviest(row)]
    : [`${row.worker}: refused: ${row.refused}`]);
  return [...each, ...notes];
}

function heaviest(row) {
  return (row.heaviest || []).slice(0, 3).map(({ kind, name, where, count: number, bytes: size }) =>
    `${bytes(size)} in ${count(number)} ${kind === "container" ? "entries" : "blocks"}: ${name}${where && where !== name ? `, ${where}` : ""}`);
}

async function compare() {
  const [from, to] = [picked.from, picked.to].map((key) => listed.captures.find((row) => keyOf(row) === key));
  const button = $("compare").querySelector("button"), note = $("compare").querySelector("p"), { service } = listed;
  if (isBusy(button)) return;
  if (!from || !to) { note.textContent = "Choose one in each of the columns from and to."; return; }
  setBusy(button, true);
  picked.byHand = true;
  note.textContent = "reading both …";
  try {
    const found = await ask("/api/v1/diff", { service, from: from.t, to: to.t });
    note.textContent = "";
    if (service === listed.service) note.textContent = showDiff(found);
  } catch (error) {
    fill($("diff"), []);
    note.textContent = error instanceof TypeError ? "The sidecar does not answer." : error.message;
  }
  setBusy(button, false);
}

// A button that is disabled loses the focus of whoever has pressed it.
function setBusy(button, busy) {
  button.setAttribute("aria-disabled", String(busy));
}

function isBusy(button) {
  return button.getAttribute("aria-disabled") === "true";
}

function startCaptures() {
  $("take").addEventListener("submit", (event) => { event.preventDefault(); take(); });
  $("compare").querySelector("button").addEventListener("click", compare);
}
