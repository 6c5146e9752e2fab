// The figure of Job Analytics: under the pointer, the counts of one step instead of the sums. It works without this file.

"use strict";

const curveTime = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function readCurve(event) {
  const frame = event.target.closest(".curve-frame");
  const svg = frame?.querySelector(".curve");
  if (!svg) return;
  const box = svg.getBoundingClientRect();
  const { size, since, width } = svg.dataset;
  const step = Math.min(size - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * size)));
  const begin = (Number(since) + step * width) * 1000;
  for (const strip of svg.querySelectorAll(".strip")) {
    const count = strip.dataset.counts.split(",")[step];
    tell(strip.querySelector(".strip-count"), count === undefined ? "–" : Number(count).toLocaleString("en"));
  }
  tell(frame.parentElement.querySelector(".curve-when"), curveTime.formatRange(begin, begin + width * 1000));
  const cursor = svg.querySelector(".cursor");
  const x = `${((step + 0.5) / size) * 100}%`;
  cursor.setAttribute("x1", x);
  cursor.setAttribute("x2", x);
  cursor.setAttribute("visibility", "visible");
}

const told = new Map();

function tell(element, text) {
  if (!told.has(element)) told.set(element, [...element.childNodes]);
  element.replaceChildren(text);
}

function leaveCurve() {
  for (const [element, nodes] of told) element.replaceChildren(...nodes);
  told.clear();
  document.querySelector(".curve .cursor")?.setAttribute("visibility", "hidden");
}

document.addEventListener("pointermove", (event) => event.target.id === "curve-hover" && readCurve(event));
document.addEventListener("pointerdown", (event) => event.target.id === "curve-hover" && readCurve(event));
document.addEventListener("pointerout", (event) => event.target.id === "curve-hover" && leaveCurve());
document.addEventListener("htmx:beforeSwap", (event) => event.target.id === "figure" && leaveCurve());
