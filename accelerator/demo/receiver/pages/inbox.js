// Shows times in the reader's own zone, and keeps the list of the latest mail fresh while somebody looks at it.
"use strict";

const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const today = new Intl.DateTimeFormat([], time);
const earlier = new Intl.DateTimeFormat([], { day: "numeric", month: "short", ...time });

function localTimes(root) {
  const now = new Date().toDateString();
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.textContent = (at.toDateString() === now ? today : earlier).format(at);
    element.title = at.toString();
  }
}

async function refresh() {
  const live = document.querySelector("#live[data-live]");
  if (!live || document.hidden) return;
  let answer;
  try {
    answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  } catch {
    return; // The receiver is being restarted; the next round finds it.
  }
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#live");
  if (!fresh) return;
  localTimes(fresh);
  if (fresh.innerHTML === live.innerHTML) return;
  // Who walks the list with the keyboard must not lose the place.
  const focused = live.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  live.replaceWith(fresh);
  if (focused) fresh.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

localTimes(document);
setInterval(refresh, 2000);
