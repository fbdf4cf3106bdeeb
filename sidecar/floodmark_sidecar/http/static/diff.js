// What grew and what shrank between two captures.
"use strict";

const sortedBy = { types: "bytes", containers: "bytes", lines: "bytes" };

// Returns in a few words what is shown.
function showDiff(found) {
  const { from, to, notes, types, containers, lines, more } = found;
  const ends = make("dl", [["from", from, clock(from.t)], ["to", to, `${clock(to.t)}, ${apart(found)}`]].flatMap(([word, side, when]) =>
    [make("dt", word), make("dd", [make("code", side.worker), `, life ${side.life}, ${when}`, make("small", described(side))])]), "ends");
  const parts = [make("h3", "What changed"), ends];
  if (notes.length) parts.push(make("ul", notes.map((text) => make("li", text)), "notes"));
  if (lines) {
    fill($("diff"), [...parts, changes("lines", "blocks", lines, more.lines, (row) => [row.name, null, row.count], found)]);
    return `${count(lines.length + (more.lines?.rows ?? 0))} lines changed`;
  }
  if (types) parts.push(changes("types", "objects", types, more.types, (row) => [row.name, null, row.count], found));
  parts.push(changes("containers", "entries", containers, more.containers, (row) => [row.path ?? row.name, several(row), row.entries], found));
  const unlisted = [...(types ?? []), ...containers].some((row) => row.bytes.before === null || row.bytes.after === null);
  if (unlisted) parts.push(make("p", "– is not listed: a capture has the types with most bytes, and the heaviest containers of 32 entries or more", "empty"));
  fill($("diff"), parts);
  const number = (rows, left) => count((rows?.length ?? 0) + (left?.rows ?? 0));
  return `${number(types, more.types)} types and ${number(containers, more.containers)} containers changed`;
}

function apart({ seconds, one_process: same }) {
  const text = `${span(Math.abs(seconds))} ${seconds < 0 ? "earlier" : "later"}`;
  return same ? `the same process ${text}` : text;
}

function described({ service, pid, python }) {
  return [service, pid === null ? null : `pid ${pid}`, python === null ? null : `Python ${python}`].filter(Boolean).join(", ");
}

function several({ kind, containers: { before, after } }) {
  return Math.max(before ?? 0, after ?? 0) > 1 ? `${kind}, ${both({ before, after }, count)} of them` : kind;
}

// One table; its rows are sorted by either column, the largest growth first.
function changes(name, unit, rows, left, cells, found) {
  if (!rows.length) return make("p", `${name}: nothing changed`, "empty");
  const sorting = [["number", unit], ["bytes", "bytes"]].map(([key, text]) => {
    const header = make("th", null, "n"), button = make("button", text);
    button.type = "button";
    button.title = `sort by growth in ${text}`;
    header.setAttribute("aria-sort", sortedBy[name] === key ? "descending" : "none");
    button.addEventListener("click", () => {
      sortedBy[name] = key;
      showDiff(found);
      $("diff").querySelector(`[data-name="${name}"] [aria-sort="descending"] button`).focus();
    });
    header.append(button);
    return header;
  });
  const by = sortedBy[name] === "bytes" ? (row) => row.bytes.change : (row) => cells(row)[2].change;
  const body = [...rows].sort((a, b) => by(b) - by(a)).map((row) => {
    const [title, kind, number] = cells(row);
    return make("tr", [
      make("td", [make("code", title), make("small", [kind, row.where === title ? null : row.where].filter(Boolean).join(", "))]), changed(number, count), changed(row.bytes, bytes),
    ]);
  });
  const table = make("table", [make("thead", make("tr", [make("th", name), ...sorting])), make("tbody", body)]);
  const holder = make("div", table, "scroll list");
  holder.tabIndex = 0;
  holder.setAttribute("role", "region");
  holder.setAttribute("aria-label", `${name} that changed`);
  const block = make("div", holder, "changes");
  block.dataset.name = name;
  if (left?.rows) block.append(make("p", `and ${count(left.rows)} more, ${signed(bytes(left.bytes), left.bytes)} together`, "empty"));
  return block;
}

function changed(change, shown) {
  const tone = change.change > 0 ? "grew" : change.change < 0 ? "shrank" : "";
  return make("td", [make("b", signed(shown(change.change), change.change), tone), make("small", both(change, shown))], "n");
}

function both({ before, after }, shown) {
  return before === after ? shown(before) : `${shown(before)} → ${shown(after)}`;
}
