// What every page shares: the dialog, copy buttons, forms that are sent once, times in the reader's zone.
// Every page works without this file.

"use strict";

const dialog = () => document.getElementById("dialog");

// A link with hx-target="#dialog" opens what it got; without a script it simply leads to the page.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target === dialog() && !dialog().open) dialog().showModal();
});

document.addEventListener("close", (event) => {
  if (event.target === dialog()) dialog().replaceChildren();
}, true);

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-close]") && dialog().open) {
    event.preventDefault();
    dialog().close();
    return;
  }
  if (event.target.closest('[aria-disabled="true"]')) {
    event.preventDefault();
    return;
  }
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await copyText(copy.dataset.copy);
    copy.dataset.copied = "";
    setTimeout(() => delete copy.dataset.copied, 2000);
  }
});

// The clipboard interface exists only over https and on localhost.
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.body.appendChild(document.createElement("textarea"));
  field.value = text;
  field.select();
  document.execCommand("copy");
  field.remove();
}

// A part of a page that was asked for after the session ended gets the login page: show it as a page.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (new URL(event.detail.xhr.responseURL || location.href).pathname !== "/login/") return;
  event.detail.shouldSwap = false;
  location.reload();
});

// A server that does not answer is said once, and taken back when it does.
function trouble(sentence) {
  const region = document.getElementById("messages");
  const shown = region.querySelector("[data-trouble]");
  if (!sentence) shown?.remove();
  if (!sentence || shown) return;
  const message = document.createElement("p");
  message.className = "message message-warning";
  message.dataset.trouble = "";
  message.textContent = sentence;
  region.append(message);
}
document.addEventListener("htmx:sendError", () => trouble("The server cannot be reached. This page shows what it knew last."));
document.addEventListener("htmx:responseError", () => trouble("The server could not answer. Reload the page to try again."));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) trouble("");
});

// data-announce="typed": pressing this also sends that event, for parts that listen with hx-trigger="typed from:body"
// (htmx would cancel a button's own click). data-press="some-id": a change here presses that button.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-announce]");
  if (button) document.body.dispatchEvent(new CustomEvent(button.dataset.announce));
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-press]")) document.getElementById(event.target.dataset.press).click();
});

// <form data-once>: the second click of a double click sends nothing. The server would answer it with the same Job.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent !== undefined) event.preventDefault();
  form.dataset.sent = "";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Exact times, on hover, in the reader's zone.
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const localize = (root) => {
  for (const time of root.querySelectorAll("time[datetime]")) time.title = exact.format(new Date(time.dateTime));
};
localize(document);
document.addEventListener("htmx:load", (event) => localize(event.target));
