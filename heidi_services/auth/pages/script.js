"use strict";
// The token stands behind "#": no server, log or referrer has seen it. It goes to the API and nowhere else.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const part = (id) => document.getElementById(id);

function show(id) {
  for (const form of document.forms) form.hidden = form.id !== id;
}

function say(what) {
  part("said").replaceChildren(part(`say-${what}`).content.cloneNode(true));
  part("said").focus();
}

function body(form) {
  const found = "token" in form.dataset ? { token } : {};
  for (const input of form.querySelectorAll("[data-field]")) found[input.dataset.field] = input.value;
  return JSON.stringify(found);
}

async function send(form) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`api/v1/auth/${form.dataset.to}`, { method: "POST", headers, body: body(form) });
  if (answer.ok) return "done";
  if (answer.status === 429) return "slow";
  const { code } = await answer.json();
  return { invalid_token: "expired", password_refused: "refused" }[code] ?? "failed";
}

async function submit(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  part("said").replaceChildren();
  const outcome = await send(form).catch(() => "failed");
  button.disabled = false;
  if (outcome === "done") {
    show(null);
    history.replaceState(null, "", location.pathname);
  } else if (outcome === "expired") {
    show("ask");
  }
  say(outcome === "done" ? form.id : outcome);
}

for (const form of document.forms) form.addEventListener("submit", submit);
part("reveal")?.addEventListener("change", (event) => {
  part("password").type = event.target.checked ? "text" : "password";
});
addEventListener("hashchange", () => location.reload());
show(token ? document.querySelector("[data-token]").id : "ask");
if (!token && !part("ask")) say("expired");
