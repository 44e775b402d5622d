// Forms: fields that depend on a choice, suggestions while typing, and previews.

const DELAY = 250;

export function startForms(root) {
  for (const form of root.querySelectorAll("form[data-choices]")) startChoices(form);
  for (const input of root.querySelectorAll("[data-suggest]")) startSuggestions(input);
  for (const form of root.querySelectorAll("form[data-preview]")) startPreview(form);
  document.addEventListener("submit", preventSecondSubmit);
  // A long action that the server carries out in parts.
  root.querySelector("form[data-continue]")?.requestSubmit();
}

// <div data-when="to=user"> is shown while the field `to` has the value `user`; `a|b` means one of both.
function startChoices(form) {
  const update = () => {
    const data = new FormData(form);
    for (const part of form.querySelectorAll("[data-when]")) {
      const [name, values] = part.dataset.when.split("=");
      part.hidden = !values.split("|").includes(data.get(name));
    }
  };
  form.addEventListener("change", update);
  update();
}

// The URL returns a JSON list of {value, label}; the datalist of the input shows it.
function startSuggestions(input) {
  input.addEventListener("input", later(async () => {
    if (input.value.length < 2) return;
    const response = await fetch(`${input.dataset.suggest}?q=${encodeURIComponent(input.value)}`).catch(() => null);
    if (!response?.ok) return;
    const options = (await response.json()).map(({ value, label }) => new Option(label, value));
    input.list?.replaceChildren(...options);
  }));
}

// The form is sent to the URL in data-preview; the response replaces the element with the ID in data-preview-target.
function startPreview(form) {
  const target = document.getElementById(form.dataset.previewTarget);
  let latest = 0;
  const update = later(async () => {
    const number = ++latest;
    const response = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form) }).catch(() => null);
    if (response?.ok && number === latest) target.innerHTML = await response.text();
  });
  form.addEventListener("input", update);
  form.addEventListener("change", update);
  update();
}

function later(action) {
  let timer = 0;
  return () => { clearTimeout(timer); timer = setTimeout(action, DELAY); };
}

function preventSecondSubmit(event) {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
  if (event.target.dataset.download !== undefined) event.target.closest("[popover]")?.hidePopover();
  setTimeout(() => delete event.target.dataset.sent, 3000);
}
