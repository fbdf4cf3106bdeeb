// The table of culprits, each with what would bound it.
"use strict";

const openFixes = new Set();

function showCulprits(culprits, verdict) {
  const selection = getSelection();
  // Lines that are being copied are left where they are until the next turn.
  if (selection.type === "Range" && $("culprits").contains(selection.anchorNode)) return;
  $("culprits-note").textContent = culprits.length ? "most bytes first" : "";
  if (!culprits.length) {
    const text = verdict.verdict === "steady" ? "Nothing keeps growing." : "Nothing has been named yet.";
    fill($("culprits"), [make("tbody", make("tr", make("td", make("p", text, "empty"))))]);
    return;
  }
  const head = make("tr", [make("th", "#"), make("th", "name"), make("th", "where"), make("th", "share of growth", "n"),
    make("th", "bytes", "n"), make("th", "entries", "n"), make("th", "evidence")]);
  const rows = culprits.flatMap((one) => [make("tr", [
    make("td", String(one.rank)),
    make("td", [make("code", one.name), make("small", [one.kind, one.worker].filter(Boolean).join(" in "))]),
    make("td", [make("code", one.where ?? "–"), make("small", one.path)], "place"),
    make("td", share(one.share), "n"),
    make("td", rate(one.bytes_per_hour), "n"),
    make("td", one.entries_per_hour === null ? "–" : `${signed(count(one.entries_per_hour), one.entries_per_hour)}/h`, "n"),
    make("td", make("small", one.evidence), "wide"),
  ], one.fix ? "has-fix" : ""), ...(one.fix ? [fixRow(one)] : [])]);
  fill($("culprits"), [make("thead", head), make("tbody", rows)]);
}

function share(part) {
  if (part === null || part === undefined) return "–";
  const width = 56, filled = Math.max(1, Math.min(1, part) * width);
  const bar = drawn(width, 8, [
    ["rect", { width, height: 8, rx: 4, fill: colour("grid") }],
    ["rect", { width: filled, height: 8, rx: 4, fill: colour("hue-0") }],
  ]);
  return make("span", [bar, `${Math.round(part * 100)} %`], "share");
}

function fixRow({ fix, path, name }) {
  const key = `${path ?? name} ${fix.class}`;
  const card = make("details", [
    make("summary", ["what would bound it: ", make("b", fix.title)]), make("p", `${fix.why}.`), make("pre", make("code", fix.code)),
  ]);
  card.open = openFixes.has(key);
  card.addEventListener("toggle", () => { if (card.open) openFixes.add(key); else openFixes.delete(key); });
  const cell = make("td", card);
  cell.colSpan = 6;
  return make("tr", [make("td"), cell], "fix");
}

// In words always; as a picture where the sidecar has graphviz, asked for once for each set of ways.
function showHolders(culprits, service) {
  const held = culprits.filter((one) => one.retainers.length), panel = $("holders");
  panel.hidden = held.length === 0;
  const [list, note, picture] = [...panel.children].slice(1), ways = JSON.stringify([service, held.map((one) => [one.rank, one.retainers])]);
  if (panel.dataset.ways === ways) return;
  panel.dataset.ways = ways;
  fill(list, held.map((one) => make("li", [`${one.rank}. `, make("code", one.retainers.map(step).join(" → "))])));
  const address = `/api/v1/retainers.svg?${new URLSearchParams({ service })}`;
  const image = make("img");
  image.alt = "the ways from names of the service to what grows";
  image.loading = "lazy";
  image.addEventListener("load", () => { note.textContent = ""; });
  image.addEventListener("error", async () => {
    fill(picture, []);
    const answer = await fetch(address).then((response) => response.json()).catch(() => ({}));
    note.textContent = answer.error ?? "";
  });
  image.src = address;
  fill(picture, [image]);
}

function step({ name, type }) {
  return name && type ? `${name} (${type})` : name || `(${type})`;
}
