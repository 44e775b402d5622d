// Search over the guide and the endpoints of all services. Both are loaded when the field is first used.
const field = document.querySelector("#search"), results = document.querySelector("#results");
let loading;

async function load() {
  const [sections, api] = await Promise.all(["/docs/guide/search.json", "/docs/openapi.json"].map(
    (url) => fetch(url).then((response) => response.ok ? response.json() : null).catch(() => null)));
  const entries = (sections ?? []).map((section) => ({ ...section, about: section.page }));
  for (const [path, methods] of Object.entries(api?.paths ?? {})) {
    for (const [method, operation] of Object.entries(methods)) {
      if (!operation.summary) continue;
      const service = operation["x-service"] ?? "";
      entries.push({ title: operation.summary, about: `${method.toUpperCase()} ${path}`, text: "",
        url: `/docs/${service}/#/${encodeURIComponent(operation.tags?.[0] ?? "default")}` });
    }
  }
  return entries.map((entry) => ({ ...entry, words: `${entry.title} ${entry.about} ${entry.text}`.toLowerCase() }));
}

function score(entry, words) {
  if (!words.every((word) => entry.words.includes(word))) return 0;
  const title = entry.title.toLowerCase();
  return 1 + words.filter((word) => title.includes(word)).length * 2 + (title.startsWith(words[0]) ? 1 : 0);
}

async function search() {
  const text = field.value.trim().toLowerCase();
  const entries = await (loading ??= load());
  if (text !== field.value.trim().toLowerCase()) return;
  const words = text.split(/\s+/);
  const hits = !text ? [] : entries.map((entry) => [score(entry, words), entry]).filter(([points]) => points)
    .sort((one, other) => other[0] - one[0]).slice(0, 12).map(([, entry]) => entry);
  results.replaceChildren(...hits.map(item));
  if (text && !hits.length) results.append(Object.assign(document.createElement("li"), { textContent: "Nothing matches." }));
  document.querySelector("#count").textContent = text ? `${hits.length} results` : "";
}

function item(entry) {
  const link = Object.assign(document.createElement("a"), { href: entry.url });
  link.append(entry.title, Object.assign(document.createElement("small"), { textContent: entry.about }));
  const row = document.createElement("li");
  row.append(link);
  return row;
}

field.addEventListener("input", search);
field.addEventListener("focus", () => loading ??= load());
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, textarea")) { event.preventDefault(); field.focus(); }
  if (event.key === "Escape") results.replaceChildren();
  const links = [...results.querySelectorAll("a")], step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && links.length && (event.target === field || results.contains(event.target))) {
    event.preventDefault();
    (links[links.indexOf(document.activeElement) + step] ?? field).focus();
  }
});
document.addEventListener("click", (event) => { if (!event.target.closest(".search")) results.replaceChildren(); });
