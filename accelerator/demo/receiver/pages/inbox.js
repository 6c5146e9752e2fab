// Shows times in the reader's own zone, and keeps the list of the latest mail fresh while somebody looks at it.
"use strict";

const clock = new Intl.DateTimeFormat([], { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.textContent = clock.format(at);
    time.title = at.toString();
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
