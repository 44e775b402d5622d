// Live pages: the page is read again while it is visible, and the regions that have changed are replaced.

export function startLive(main) {
  if (!main) return;
  const timer = setInterval(() => document.hidden || refresh(main, timer), Number(main.dataset.live));
}

async function refresh(main, timer) {
  const response = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "manual" }).catch(() => null);
  const stale = document.querySelector("[data-stale]");
  if (stale) stale.hidden = Boolean(response?.ok);
  if (!response?.ok) return;
  const next = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const region of main.querySelectorAll("[data-live-region]")) replace(region, next.getElementById(region.id));
  // The server says when there is nothing left to wait for.
  if (!next.querySelector("main[data-live]")) clearInterval(timer);
}

// What the user is using (a focused field, an open dialog, opened details) is not replaced.
function replace(region, next) {
  if (!next || region.contains(document.activeElement) || region.querySelector(":popover-open, details[open]")) return;
  if (region.dataset.html === undefined) region.dataset.html = normal(region);
  const html = normal(next);
  if (html === region.dataset.html) return;
  region.replaceChildren(...next.childNodes);
  region.dataset.html = html;
  for (const button of region.querySelectorAll("[data-copy]")) button.hidden = false;
}

// CSRF tokens differ each time.
function normal(region) {
  const copy = region.cloneNode(true);
  for (const token of copy.querySelectorAll("[name=csrf_token]")) token.remove();
  for (const button of copy.querySelectorAll("[data-copy]")) button.hidden = true;
  return copy.innerHTML;
}
