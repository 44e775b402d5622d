"use strict";
// Browsers do not send what follows "#", so the token is in no log and no referrer. The script sends it to the API only.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const element = (id) => document.getElementById(id);

function showForm(id) {
  for (const form of document.forms) form.hidden = form.id !== id;
}

function showMessage(name) {
  element("status").replaceChildren(element(`message-${name}`).content.cloneNode(true));
  element("status").focus();
}

function requestBody(form) {
  const fields = "token" in form.dataset ? { token } : {};
  for (const input of form.querySelectorAll("[data-field]")) fields[input.dataset.field] = input.value;
  return JSON.stringify(fields);
}

async function send(form) {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(`api/v1/auth/${form.dataset.to}`, { method: "POST", headers, body: requestBody(form) });
  if (response.ok) return "done";
  if (response.status === 429) return "throttled";
  const { code } = await response.json();
  return { invalid_token: "expired", password_refused: "refused" }[code] ?? "failed";
}

async function submit(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  element("status").replaceChildren();
  const outcome = await send(form).catch(() => "failed");
  button.disabled = false;
  if (outcome === "done") {
    showForm(null);
    history.replaceState(null, "", location.pathname);
  } else if (outcome === "expired") {
    showForm("request-link");
  }
  showMessage(outcome === "done" ? form.id : outcome);
}

for (const form of document.forms) form.addEventListener("submit", submit);
element("reveal")?.addEventListener("change", (event) => {
  element("password").type = event.target.checked ? "text" : "password";
});
addEventListener("hashchange", () => location.reload());
showForm(token ? document.querySelector("[data-token]").id : "request-link");
if (!token && !element("request-link")) showMessage("expired");
