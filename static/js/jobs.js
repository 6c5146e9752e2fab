// Job Analytics: keys for the state's menu, polling that rests with the tab, times in the reader's zone.
// The page works without this file.

"use strict";

const menu = () => document.getElementById("state-menu");
const menuButton = () => document.getElementById("state-button");
const menuItems = () => [...menu().querySelectorAll('[role="menuitem"]')];

// --- the menu button pattern (WAI-ARIA APG) over the native popover, which brings Escape and the click outside ---

const expand = (open) => menu() && menuButton().setAttribute("aria-expanded", String(open));
expand(false);
document.addEventListener("htmx:load", () => menu() && expand(menu().matches(":popover-open")));

document.addEventListener("toggle", (event) => {
  if (event.target !== menu()) return;
  const open = event.newState === "open";
  expand(open);
  if (open && !menu().contains(document.activeElement)) menuItems()[0].focus();
}, true);

document.addEventListener("keydown", (event) => {
  if (!menu()) return;
  if (event.target === menuButton() && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    menu().showPopover();
    menuItems().at(event.key === "ArrowDown" ? 0 : -1).focus();
  } else if (event.target.closest("#state-menu [role=menuitem]")) {
    const items = menuItems();
    const next = nextItem(items, items.indexOf(event.target.closest("[role=menuitem]")), event);
    if (next) event.preventDefault();
    next?.focus();
  }
});

function nextItem(items, at, event) {
  if (event.key === "ArrowDown") return items.at((at + 1) % items.length);
  if (event.key === "ArrowUp") return items.at(at - 1);
  if (event.key === "Home") return items.at(0);
  if (event.key === "End") return items.at(-1);
  if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey) return null;
  const after = [...items.slice(at + 1), ...items.slice(0, at + 1)];
  return after.find((item) => item.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase()));
}

// Whoever leaves the menu closes it, and whoever chooses too; the focus goes back to the button.
document.addEventListener("focusout", (event) => {
  if (!menu()?.contains(event.target) || !event.relatedTarget || event.relatedTarget === menuButton()) return;
  if (!menu().contains(event.relatedTarget)) menu().hidePopover();
});
document.addEventListener("submit", (event) => event.target === menu() && menu().hidePopover());
document.addEventListener("click", (event) => event.target.closest("#state-menu a") && menu().hidePopover());

// --- what htmx swaps ------------------------------------------------------------------------------------------

// A cancel that was confirmed in the dialog is answered in the page.
document.addEventListener("htmx:afterRequest", (event) => {
  const asked = event.target.closest("#dialog form");
  if (!asked || !event.detail.successful) return;
  document.getElementById("dialog").close();
  menuButton().focus(); // the button that led here was replaced by the answer
});

// A tab that nobody sees asks for nothing; it looks as soon as it is seen again.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches("#live, #figure") && document.hidden) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const part of document.querySelectorAll("#live, #figure")) htmx.trigger(part, "look");
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-copy]")) document.getElementById("announcement").textContent = "Copied.";
});

// --- times in the reader's zone -------------------------------------------------------------------------------

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const clocks = {
  minute: new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }),
  second: new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
};
function tellTimes() {
  const today = new Date().toDateString();
  for (const time of document.querySelectorAll("time[data-clock]")) {
    const at = new Date(time.dateTime);
    const dated = time.dataset.dated !== undefined || at.toDateString() !== today;
    time.textContent = (dated ? `${day.format(at)}, ` : "") + clocks[time.dataset.clock].format(at);
  }
  tellMarks();
}

// The marks of the curve: only times; times, with the day where a new one begins ("turn"); only days. A narrow page
// shows every second one: the one that is seen before the third is the first.
function tellMarks() {
  const days = [];
  for (const mark of document.querySelectorAll("text[data-at]")) {
    const at = new Date(mark.dataset.at * 1000);
    const { form } = mark.dataset;
    const before = days.at(days.length % 2 ? -1 : -2);
    days.push(day.format(at));
    const dated = form === "day" || (form === "turn" && days.at(-1) !== before);
    mark.textContent = [dated && days.at(-1), form !== "day" && clocks.minute.format(at)].filter(Boolean).join(", ");
  }
}
tellTimes();
document.addEventListener("htmx:afterSwap", tellTimes);
document.addEventListener("htmx:oobAfterSwap", tellTimes);
