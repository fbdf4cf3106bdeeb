// Numbers, times and elements. Everything a service can name reaches the page as text, never as markup.
"use strict";

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

function bytes(count, fine = false) {
  if (count === null || count === undefined) return "–";
  let value = count, unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
  const size = Math.abs(value), digits = unit === 0 || size >= 100 ? 0 : size < 10 && fine ? 2 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

function signed(text, value) {
  return value > 0 ? `+${text}` : text.replace("-", "−");
}

function rate(bytesPerHour) {
  if (bytesPerHour === null || bytesPerHour === undefined) return "–";
  return `${signed(bytes(bytesPerHour, true), bytesPerHour)}/h`;
}

function count(value) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) >= 1e7 ? `${(value / 1e6).toFixed(1)} M` : Math.round(value).toLocaleString("en");
}

function span(seconds) {
  const total = Math.round(seconds);
  if (total < 60) return `${total}\u00a0s`;
  for (const [size, name, small, smallName] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
    if (total >= size) {
      const rest = Math.floor((total % size) / small);
      return `${Math.floor(total / size)}\u00a0${name}${rest && total < 10 * size ? `\u00a0${rest}\u00a0${smallName}` : ""}`;
    }
  }
  return `${total}\u00a0s`;
}

function clock(epoch) {
  const at = new Date(epoch * 1000), now = new Date();
  const time = at.toLocaleTimeString("en-GB");
  return at.toDateString() === now.toDateString() ? time : `${at.toLocaleDateString("en-CA")} ${time}`;
}

function make(tag, content = null, className = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const part of Array.isArray(content) ? content : [content]) {
    if (part !== null && part !== undefined) element.append(part);
  }
  return element;
}

function drawn(width, height, shapes) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("aria-hidden", "true");
  for (const [tag, attributes] of shapes) {
    const shape = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
    svg.append(shape);
  }
  return svg;
}

function fill(element, children) {
  element.replaceChildren(...children);
}
