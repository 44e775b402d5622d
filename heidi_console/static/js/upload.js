// Uploads files in slices, with progress. A slice that fails is sent again, from where the service says.

const RETRIES = 5;

for (const form of document.querySelectorAll("form[data-upload]")) start(form);

function start(form) {
  const input = form.querySelector("input[type=file]");
  const list = document.getElementById(form.dataset.uploadList);
  input.multiple = !form.dataset.uploadThen;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const items = [...input.files].map((file) => ({ file, row: addRow(list, form, file) }));
    form.reset();
    for (const { file, row } of items) {
      const id = await upload(form, file, row);
      if (id && form.dataset.uploadThen) submit(form, id);
    }
    if (form.dataset.uploadRefresh) refresh(form.dataset.uploadRefresh.split(" "));
  });
  form.addEventListener("dragover", (event) => event.preventDefault());
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    input.files = event.dataTransfer.files;
    form.requestSubmit();
  });
}

// Reads elements of this page again: the list has the new files then.
async function refresh(ids) {
  const response = await fetch(location.href).catch(() => null);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const id of ids) {
    const next = page.getElementById(id);
    if (next) document.getElementById(id).replaceChildren(...next.childNodes);
  }
}

// Sends the ID of the uploaded file to the page that uses it.
function submit(form, id) {
  const next = document.createElement("form");
  next.method = "post";
  next.action = form.dataset.uploadThen;
  for (const [name, value] of [["csrf_token", form.elements.csrf_token.value], ["file_id", id]]) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    next.append(field);
  }
  document.body.append(next);
  next.submit();
}

function addRow(list, form, file) {
  const row = document.createElement("li");
  const name = document.createElement("span");
  const bar = document.createElement("progress");
  const state = document.createElement("span");
  name.textContent = file.name;
  bar.max = Math.max(1, file.size);
  bar.value = 0;
  bar.setAttribute("aria-label", file.name);
  state.textContent = form.dataset.waiting;
  state.setAttribute("role", "status");
  row.append(name, bar, state);
  list.append(row);
  return { name, bar, state };
}

async function upload(form, file, row) {
  try {
    const body = new URLSearchParams({ name: file.name, type: file.type, bytes: file.size });
    const begun = await send(form, form.dataset.upload, body);
    let offset = 0;
    do offset = await sendSlice(form, begun.url, file, offset, row); while (offset < file.size);
    const link = document.createElement("a");
    link.href = begun.page;
    link.textContent = file.name;
    row.name.replaceChildren(link);
    row.bar.value = row.bar.max;
    row.state.textContent = form.dataset.done;
    return begun.id;
  } catch (error) {
    row.state.textContent = error.message;
    return null;
  }
}

async function sendSlice(form, url, file, offset, row) {
  const slice = file.slice(offset, offset + Number(form.dataset.sliceBytes));
  for (let attempt = 1; ; attempt += 1) {
    try {
      const next = (await send(form, `${url}?offset=${offset}`, slice, "application/octet-stream")).offset;
      row.bar.value = next;
      row.state.textContent = `${Math.floor((100 * next) / Math.max(1, file.size))} %`;
      return next;
    } catch (error) {
      if (error.isFinal || attempt === RETRIES) throw error;
      await new Promise((resolve) => { setTimeout(resolve, 1000 * attempt); });
    }
  }
}

async function send(form, url, body, type) {
  const headers = { "X-CSRFToken": form.elements.csrf_token.value, ...(type && { "Content-Type": type }) };
  const response = await fetch(url, { method: "POST", headers, body, redirect: "manual" });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const error = new Error(answer.detail || form.dataset.failed);
  error.isFinal = response.status >= 400 && response.status < 500 && response.status !== 429;
  throw error;
}
