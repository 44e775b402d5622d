// What HTML cannot do alone. Every page works without this, except that it does not update by itself.
import { startLive } from "./live.js";
import { startForms } from "./forms.js";

for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1200);
});

// "/" moves to the search box.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select, [contenteditable]")) return;
  const search = document.querySelector("[data-search]");
  if (search) { event.preventDefault(); search.focus(); }
});

// An image that a worker has not created yet is loaded again.
for (const image of document.querySelectorAll("img[data-retry]")) retry(image, image.src, 5);

function retry(image, url, attempts) {
  const again = () => setTimeout(() => {
    image.src = `${url}?${attempts}`;
    retry(image, url, attempts - 1);
  }, 800);
  if (attempts === 0 || (image.complete && image.naturalWidth)) return;
  if (image.complete) again(); else image.addEventListener("error", again, { once: true });
}

// Filters that fold are open on wide screens, and on narrow ones if they select something.
const narrow = matchMedia("(max-width: 640px)");
function fold() {
  for (const part of document.querySelectorAll("[data-fold]")) part.open = !narrow.matches || part.dataset.fold === "active";
}
narrow.addEventListener("change", fold);
fold();

document.querySelector("[data-focus]")?.focus();
startForms(document);
startLive(document.querySelector("main[data-live]"));
