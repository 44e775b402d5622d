// <heidi-inbox>: a bell with the number of unread in-app messages, and their list. docs/inbox.md describes its use.
//
// Tokens: the access token. Requests: the REST API. Live: the WebSocket. HeidiInbox: the element.

const ORIGIN = new URL(import.meta.url).origin;
const PAGE = 20;
const MAX_SHOWN = 99;
const POLL_MS = 30_000;
const POLL_OPEN_MS = 5_000;
const HIDDEN_MS = 60_000; // a page that is in the background for longer gives its connection up
const FIRST_PAUSE_MS = 1_000, LONGEST_PAUSE_MS = 60_000;
const RENEW_MS = 30_000; // how long before its end a token is replaced
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const UNAUTHORIZED = 4001, TOO_MANY = 4029;

const TEXTS = {
  en: {
    inbox: "Inbox", one: "Inbox, {n} unread message", other: "Inbox, {n} unread messages", close: "Close",
    read: "Mark as read", readAll: "Mark all as read", allRead: "All messages are marked as read.", unread: "Unread",
    empty: "You have no messages.", older: "Show older messages", all: "Show all messages", message: "Message",
    arrived: "New message: {subject}", failed: "The inbox does not respond.", ended: "You are signed out.", retry: "Try again",
  },
  de: {
    inbox: "Posteingang", one: "Posteingang, {n} ungelesene Nachricht", other: "Posteingang, {n} ungelesene Nachrichten",
    close: "Schließen", read: "Als gelesen markieren", readAll: "Alle als gelesen markieren",
    allRead: "Alle Nachrichten sind als gelesen markiert.", unread: "Ungelesen", empty: "Sie haben keine Nachrichten.",
    older: "Ältere Nachrichten anzeigen", all: "Alle Nachrichten anzeigen", message: "Nachricht",
    arrived: "Neue Nachricht: {subject}", failed: "Der Posteingang antwortet nicht.", ended: "Sie sind abgemeldet.",
    retry: "Erneut versuchen",
  },
};

// The own variables have names that those of pages do not have: a page may set ours to its own.
const STYLE = `
:host { display: inline-block; font: var(--heidi-font, 15px/1.5 system-ui, sans-serif); text-align: start; }
:host([hidden]), [hidden] { display: none !important; }
:host([theme=light]) { color-scheme: light; }
:host([theme=dark]) { color-scheme: dark; }
:host {
  --own-accent: var(--heidi-accent, light-dark(#1d4ed8, #8fb4ff));
  --own-surface: var(--heidi-surface, light-dark(#fff, #1d242e));
  --own-text: var(--heidi-text, light-dark(#18202c, #e8ecf2));
  --own-muted: var(--heidi-muted, light-dark(#566074, #9ba7b9));
  --own-line: var(--heidi-line, light-dark(#dde1e8, #2b3441));
  --own-unread: var(--heidi-unread, light-dark(#e8eefc, #1c2a45));
  --own-bad: var(--heidi-bad, light-dark(#b42318, #ff9d92));
  --own-radius: var(--heidi-radius, 8px);
  --own-width: min(var(--heidi-width, 380px), 100vw - 16px);
}
* { box-sizing: border-box; }
button, a.all { font: inherit; color: inherit; cursor: pointer; border: 0; background: none; border-radius: var(--own-radius); min-height: 32px; padding: .25rem .6rem; }
button:hover, a.all:hover { background: color-mix(in srgb, var(--own-accent) 14%, transparent); }
:focus-visible { outline: 2px solid var(--own-accent); outline-offset: -2px; }
.bell { position: relative; display: grid; place-items: center; min-width: 40px; min-height: 40px; padding: 0; }
svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
.badge { position: absolute; top: 0; inset-inline-end: 0; min-width: 18px; padding: 0 .3rem; border-radius: 99px; font-size: 12px; line-height: 18px; text-align: center; background: var(--heidi-badge, light-dark(#b42318, #ff9d92)); color: var(--heidi-badge-text, light-dark(#fff, #2a0d0a)); }
.panel { position: fixed; inset: auto; margin: 0; padding: 0; width: var(--own-width); overflow: auto; border: 1px solid var(--own-line); border-radius: var(--own-radius); background: var(--own-surface); color: var(--own-text); box-shadow: 0 8px 30px rgb(0 0 0 / 25%); }
.head { position: sticky; top: 0; display: flex; flex-wrap: wrap; gap: .25rem; align-items: center; padding: .5rem .5rem .5rem 1rem; background: var(--own-surface); border-bottom: 1px solid var(--own-line); }
h2 { font-size: 1rem; margin: 0; flex: 1; }
.head button, .list button, .error button, .older, a.all { color: var(--own-accent); }
ul { list-style: none; margin: 0; padding: 0; }
li { padding: .75rem 1rem; border-bottom: 1px solid var(--own-line); overflow-wrap: anywhere; }
li.unread { background: var(--own-unread); border-inline-start: 3px solid var(--own-accent); padding-inline-start: calc(1rem - 3px); }
h3 { font-size: .9375rem; margin: 0; }
h3 a { color: inherit; }
li p { margin: .125rem 0; white-space: pre-wrap; }
.foot { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; justify-content: space-between; min-height: 24px; }
time, .empty { color: var(--own-muted); font-size: .875rem; }
li.unread time { color: var(--own-text); }
.empty { margin: 0; padding: 1.5rem 1rem; text-align: center; }
.error { margin: 0; padding: .75rem 1rem; color: var(--own-bad); display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.older, a.all { display: block; width: 100%; padding: .6rem 1rem; text-align: center; border-radius: 0; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;

function make(tag, properties = {}, ...children) {
  const { part, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  if (part) element.setAttribute("part", part);
  element.append(...children);
  return element;
}

function bellIcon() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", "M5 14V9a5 5 0 0 1 10 0v5l1.5 1h-13zM8.5 17h3");
  svg.append(path);
  return svg;
}

/** The access token of the page: `getToken({ refresh })` returns it; with `refresh`, the last one was not accepted. */
class Tokens {
  constructor(getToken) { this.getToken = getToken; }

  /** The token; with `rejected`, another one than that. Calls at the same time share one call of `getToken`. */
  async get(rejected) {
    if (this.token && this.token !== rejected) return this.token;
    this.pending ??= Promise.resolve(this.getToken({ refresh: Boolean(rejected) })).finally(() => { this.pending = null; });
    this.token = await this.pending;
    if (!this.token) throw new SignedOut();
    return this.token;
  }
}

class SignedOut extends Error {}

/** The REST API, with a token, or with the cookies of this site if `tokens` is null. */
class Requests {
  constructor(base, tokens, csrf) { Object.assign(this, { base, tokens, csrf }); }

  async send(method, path, query = {}) {
    const token = await this.tokens?.get();
    let response = await this.fetch(method, path, query, token);
    if (response.status === 401 && this.tokens) {
      response = await this.fetch(method, path, query, await this.tokens.get(token));
    }
    if (response.status === 401 || response.type === "opaqueredirect") throw new SignedOut();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    return response.status === 204 ? null : response.json();
  }

  fetch(method, path, query, token) {
    const url = new URL(this.base + path, location.href);
    for (const [name, value] of Object.entries(query)) if (value != null) url.searchParams.set(name, value);
    const headers = { Accept: "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    else if (method !== "GET" && this.csrf) headers["X-CSRFToken"] = this.csrf;
    return fetch(url, { method, headers, credentials: token ? "omit" : "same-origin", redirect: "manual", cache: "no-store" });
  }
}

/** The channel `inbox` of the WebSocket. It connects again by itself, and misses no message. */
class Live {
  constructor(url, tokens, receive) {
    Object.assign(this, { url, tokens, receive, pause: FIRST_PAUSE_MS, isOpen: false, isStopped: false });
    this.connect();
  }

  stop() {
    this.isStopped = true;
    this.isOpen = false;
    clearTimeout(this.timer);
    clearTimeout(this.renewal);
    this.socket?.close(1000);
  }

  async connect() {
    try {
      this.token = await this.tokens.get(this.rejected);
    } catch {
      return this.connectLater();
    }
    if (this.isStopped) return;
    const socket = this.socket = new WebSocket(this.url);
    socket.onopen = () => this.send({ op: "authenticate", token: this.token });
    socket.onmessage = (message) => this.isStopped || this.handle(JSON.parse(message.data));
    socket.onclose = (event) => this.isStopped || this.handleClose(event.code);
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  handle(message) {
    if (message.op === "authenticated") {
      this.renewBefore(Date.parse(message.expiresAt));
      if (this.isOpen) return;
      const start = this.last == null ? { op: "subscribe" } : { op: "resume", lastEventId: this.last };
      this.send({ ...start, channel: "inbox" });
    } else if (message.op === "subscribed") {
      this.isOpen = true;
      this.rejected = null;
      this.pause = FIRST_PAUSE_MS;
      this.last ??= message.id;
      this.receive({ event: "connected" });
    } else if (message.op === "event") {
      this.last = message.id;
      this.receive(message);
    }
  }

  handleClose(code) {
    this.isOpen = false;
    clearTimeout(this.renewal);
    if (code === UNAUTHORIZED) this.rejected = this.token;
    if (code === TOO_MANY) this.pause = LONGEST_PAUSE_MS;
    this.connectLater();
  }

  connectLater() {
    if (this.isStopped) return;
    this.timer = setTimeout(() => this.connect(), this.pause * (0.5 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
  }

  renewBefore(end) {
    clearTimeout(this.renewal);
    this.renewal = setTimeout(async () => {
      this.token = await this.tokens.get(this.token).catch(() => null);
      if (this.token) this.send({ op: "authenticate", token: this.token });
    }, Math.min(Math.max(end - Date.now() - RENEW_MS, RENEW_MS), LONGEST_TIMER_MS));
  }
}

class HeidiInbox extends HTMLElement {
  static observedAttributes = ["server", "api", "token", "csrf", "lang", "href"];
  #getToken = null;
  #labels = {};
  #messages = [];
  #items = new Map();
  #cursor = null;
  #isLoaded = false;
  #count = 0;
  #locale = "en";
  #texts = TEXTS.en;
  #restarting = null;

  constructor() {
    super();
    const sheet = new CSSStyleSheet(); // unlike a <style>, it is allowed by a strict Content-Security-Policy
    sheet.replaceSync(STYLE);
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
  }

  /** A function that returns the access token, or a promise of it. `{ refresh: true }`: the last one has expired. */
  get getToken() { return this.#getToken; }
  set getToken(value) { this.#getToken = value; this.#restart(); }

  /** Texts that replace the built-in ones. */
  get labels() { return this.#labels; }
  set labels(value) { this.#labels = value ?? {}; this.#restart(); }

  /** The number of unread messages. */
  get count() { return this.#count; }

  connectedCallback() {
    for (const name of ["getToken", "labels"]) { // assigned before this file was loaded
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
    document.addEventListener("visibilitychange", this.#changeVisibility);
    this.#restart();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#changeVisibility);
    removeEventListener("resize", this.#place);
    this.#stop();
  }

  attributeChangedCallback(_name, before, after) {
    if (before !== after) this.#restart();
  }

  /** Start over soon, once for all changes that are made together. */
  #restart() {
    this.#restarting ??= Promise.resolve().then(() => {
      this.#restarting = null;
      if (this.isConnected) this.#restartNow();
    });
  }

  #restartNow() {
    this.#stop();
    this.#messages = [];
    this.#items.clear();
    this.#isLoaded = false;
    this.#cursor = null;
    this.#locale = this.closest("[lang]")?.lang || "en";
    this.#texts = { ...(TEXTS[this.#locale.split("-")[0].toLowerCase()] ?? TEXTS.en), ...this.#labels };
    this.#render();
    this.#showCount(0);
    this.#start();
  }

  #start() {
    const token = this.getAttribute("token"), getToken = this.#getToken ?? (token ? ({ refresh }) => refresh ? null : token : null);
    if (!getToken && !this.hasAttribute("api")) return; // nobody is signed in
    const server = new URL(this.getAttribute("server") ?? ORIGIN, location.href);
    const tokens = getToken ? new Tokens(getToken) : null;
    this.requests = new Requests(this.getAttribute("api") ?? `${server.origin}/api/v1`, tokens, this.getAttribute("csrf"));
    this.liveUrl = tokens ? `${server.origin.replace(/^http/, "ws")}/api/v1/realtime` : null;
    this.#connect();
    this.#loadCount();
    this.#poll();
  }

  #stop() {
    for (const timer of [this.pollTimer, this.countTimer, this.hiddenTimer]) clearTimeout(timer);
    this.live?.stop();
    this.live = this.requests = null;
  }

  #connect() {
    if (!this.liveUrl || this.live) return;
    const requests = this.requests;
    this.live = new Live(this.liveUrl, requests.tokens, (message) => requests === this.requests && this.#receive(message));
  }

  #changeVisibility = () => {
    clearTimeout(this.hiddenTimer);
    if (!this.requests) return;
    if (document.hidden) {
      this.hiddenTimer = setTimeout(() => { this.live?.stop(); this.live = null; }, HIDDEN_MS);
    } else {
      this.#connect();
      this.#refresh();
    }
  };

  #receive(message) {
    if (message.event === "notification") {
      if (message.truncated) return this.#refresh();
      const isNew = !this.#items.has(message.data.id);
      this.#add([message.data]);
      if (isNew) this.#announce(this.#fill("arrived", { subject: message.data.subject || message.data.content || "" }));
      this.dispatchEvent(new CustomEvent("heidi-message", { detail: message.data, bubbles: true, composed: true }));
      this.#countSoon();
    } else {
      this.#refresh(); // connected, or reset: what was missed may not be among the messages
    }
  }

  #poll() {
    const requests = this.requests;
    this.pollTimer = setTimeout(async () => {
      if (!document.hidden && !this.live?.isOpen) await this.#refresh();
      if (requests === this.requests) this.#poll();
    }, this.panel.matches(":popover-open") ? POLL_OPEN_MS : POLL_MS);
  }

  async #refresh() {
    await this.#loadCount();
    if (this.#isLoaded) await this.#load({ isRefresh: true });
  }

  #countSoon() {
    clearTimeout(this.countTimer);
    this.countTimer = setTimeout(() => this.#loadCount(), 300);
  }

  async #loadCount() {
    await this.#try(async (requests) => {
      const { data } = await requests.send("GET", "/notifications/unread-count");
      if (requests === this.requests) this.#showCount(data.count);
    });
  }

  async #load({ isRefresh = false } = {}) {
    await this.#try(async (requests) => {
      const query = { channel: "IN_APP", limit: PAGE, cursor: isRefresh ? null : this.#cursor };
      const { data, meta } = await requests.send("GET", "/notifications", query);
      if (requests !== this.requests) return;
      if (!isRefresh || !this.#isLoaded) this.#cursor = meta.hasMore ? meta.nextCursor : null;
      this.#isLoaded = true;
      this.#add(data);
    }, () => this.#load({ isRefresh }));
  }

  /** Run a step, and say so if it fails. `repeat` is what "Try again" does. */
  async #try(step, repeat = () => this.#refresh()) {
    const requests = this.requests;
    if (!requests) return false;
    try {
      await step(requests);
      if (requests === this.requests) this.error.hidden = true;
      return true;
    } catch (error) {
      if (requests === this.requests) this.#showError(error, repeat);
      return false;
    }
  }

  #add(messages) {
    const byId = new Map(this.#messages.map((message) => [message.id, message]));
    for (const message of messages) if (message.sentAt || message.readAt) byId.set(message.id, message); // it has arrived
    this.#messages = [...byId.values()].sort((one, other) => other.createdAt.localeCompare(one.createdAt));
    this.#showList();
  }

  async #read(message) {
    if (message.readAt) return;
    message.readAt = new Date().toISOString();
    this.#showCount(Math.max(0, this.#count - 1));
    this.#showList();
    const isDone = await this.#try((requests) => requests.send("POST", `/notifications/${message.id}/read`), () => this.#read(message));
    if (!isDone) message.readAt = null;
    this.#showList();
    this.#countSoon();
  }

  async #readAll() {
    const isDone = await this.#try((requests) => requests.send("POST", "/notifications/read-all"), () => this.#readAll());
    if (!isDone) return;
    for (const message of this.#messages) message.readAt ??= new Date().toISOString();
    this.#showList();
    this.#showCount(0);
    this.#announce(this.#texts.allRead);
    this.panel.focus();
  }

  #fill(name, values) {
    return this.#texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
  }

  #announce(text) {
    this.status.textContent = text.slice(0, 200);
  }

  #render() {
    const texts = this.#texts, isOpen = this.panel?.matches(":popover-open");
    this.badge = make("span", { className: "badge", part: "badge" });
    this.bell = make("button", { type: "button", className: "bell", part: "bell" }, bellIcon(), this.badge);
    this.readAllButton = make("button", { type: "button", textContent: texts.readAll, onclick: () => this.#readAll() });
    const close = make("button", { type: "button", textContent: "×", onclick: () => this.panel.hidePopover() });
    close.setAttribute("aria-label", texts.close);
    this.error = make("p", { className: "error", hidden: true });
    this.error.setAttribute("role", "alert");
    this.list = make("ul", { className: "list", part: "list" });
    this.list.setAttribute("role", "list"); // Safari drops the role of lists without bullets
    this.empty = make("p", { className: "empty", textContent: texts.empty, hidden: true });
    this.older = make("button", { type: "button", className: "older", textContent: texts.older, onclick: () => this.#load() });
    this.panel = make("section", { className: "panel", part: "panel", tabIndex: -1 },
      make("div", { className: "head" }, make("h2", { textContent: texts.inbox }), this.readAllButton, close),
      this.error, this.list, this.empty, this.older);
    this.all = make("a", { className: "all", href: this.getAttribute("href") ?? "", textContent: texts.all });
    this.panel.popover = "auto";
    this.panel.setAttribute("role", "dialog");
    this.panel.setAttribute("aria-label", texts.inbox);
    this.panel.addEventListener("beforetoggle", (event) => event.newState === "open" && this.#prepare());
    this.panel.addEventListener("toggle", (event) => this.#toggle(event.newState === "open"));
    this.bell.popoverTargetElement = this.panel;
    this.bell.setAttribute("aria-haspopup", "dialog");
    this.status = make("span", { className: "unseen" });
    this.status.setAttribute("role", "status");
    this.shadowRoot.replaceChildren(this.bell, this.panel, this.status);
    this.#showList();
    if (isOpen) this.panel.showPopover();
  }

  #prepare() {
    // A link that is not shown, in a tree of its own, would mislead axe about the links that skip to the content.
    if (this.hasAttribute("href")) this.panel.append(this.all);
    this.#place();
  }

  #toggle(isOpen) {
    (isOpen ? addEventListener : removeEventListener)("resize", this.#place);
    // Browsers give the focus back only outside of shadow trees. Where the user has clicked elsewhere, it stays there.
    if (!isOpen && [document.body, this].includes(document.activeElement)) this.bell.focus();
    if (!isOpen) return this.all.remove();
    this.panel.focus();
    if (!this.#isLoaded) this.#load();
    clearTimeout(this.pollTimer);
    if (this.requests) this.#poll();
  }

  /** Below the bell or above it, wherever there is more room. The style keeps the panel inside of the window. */
  #place = () => {
    const bell = this.bell.getBoundingClientRect(), { clientWidth: width, clientHeight: height } = document.documentElement;
    const { style } = this.panel, isBelow = height - bell.bottom >= bell.top, isRight = bell.left + bell.right > width;
    style.top = isBelow ? `${bell.bottom + 8}px` : "auto";
    style.bottom = isBelow ? "auto" : `${height - bell.top + 8}px`;
    style.maxHeight = `${Math.max(160, (isBelow ? height - bell.bottom : bell.top) - 16)}px`;
    style.left = isRight ? "auto" : `clamp(8px, ${bell.left}px, 100vw - 8px - var(--own-width))`;
    style.right = isRight ? `clamp(8px, ${width - bell.right}px, 100vw - 8px - var(--own-width))` : "auto";
  };

  #showCount(count) {
    this.badge.hidden = !count;
    this.badge.textContent = count > MAX_SHOWN ? `${MAX_SHOWN}+` : count;
    this.bell.setAttribute("aria-label", count ? this.#fill(count === 1 ? "one" : "other", { n: count }) : this.#texts.inbox);
    this.readAllButton.hidden = !count;
    if (count === this.#count) return;
    this.#count = count;
    this.dispatchEvent(new CustomEvent("heidi-unread", { detail: { count }, bubbles: true, composed: true }));
  }

  #showError(error, repeat) {
    const isSignedOut = error instanceof SignedOut;
    const retry = make("button", { type: "button", textContent: this.#texts.retry, onclick: repeat });
    this.error.replaceChildren(make("span", { textContent: this.#texts[isSignedOut ? "ended" : "failed"] }), retry);
    this.error.hidden = false;
    this.dispatchEvent(new CustomEvent("heidi-error", { detail: { error, isSignedOut }, bubbles: true, composed: true }));
  }

  /** Bring the items into the order of the messages. Items that stay are not moved: the focus stays too. */
  #showList() {
    this.#messages.forEach((message, position) => {
      const item = this.#item(message);
      if (this.list.children[position] !== item) this.list.insertBefore(item, this.list.children[position] ?? null);
    });
    while (this.list.children.length > this.#messages.length) this.list.lastChild.remove();
    this.empty.hidden = !this.#isLoaded || this.#messages.length > 0;
    this.older.hidden = !this.#cursor;
  }

  #item(message) {
    const stored = this.#items.get(message.id);
    const version = JSON.stringify([message.readAt !== null, message.updatedAt, message.subject, message.content]);
    if (stored?.version === version) return stored.item;
    const item = stored?.item ?? make("li", { tabIndex: -1, part: "message" });
    const hadFocus = item.contains(this.shadowRoot.activeElement);
    item.className = message.readAt ? "" : "unread";
    item.replaceChildren(this.#title(message), ...this.#body(message), this.#foot(message));
    if (hadFocus) item.focus(); // the button with the focus is gone
    this.#items.set(message.id, { item, version });
    return item;
  }

  #title(message) {
    const text = message.subject || this.#texts.message, title = make("h3", { part: "subject" });
    const url = this.#link(message.url);
    if (!message.readAt) title.append(make("span", { className: "unseen", textContent: `${this.#texts.unread}: ` }));
    title.append(url ? make("a", { href: url, textContent: text, onclick: (event) => this.#open(event, message) }) : text);
    return title;
  }

  #body(message) {
    return message.content ? [make("p", { textContent: message.content, part: "content" })] : [];
  }

  #foot(message) {
    const time = make("time", { dateTime: message.createdAt, textContent: this.#ago(message.createdAt) });
    time.title = new Date(message.createdAt).toLocaleString(this.#locale);
    const foot = make("div", { className: "foot" }, time);
    if (!message.readAt) {
      const button = make("button", { type: "button", textContent: this.#texts.read, onclick: () => this.#read(message) });
      button.setAttribute("aria-label", `${this.#texts.read}: ${message.subject || this.#texts.message}`);
      foot.append(button);
    }
    return foot;
  }

  /** A page can handle the event `heidi-open` itself, for example to show a view of its own. */
  #open(event, message) {
    const opened = new CustomEvent("heidi-open", { detail: message, bubbles: true, composed: true, cancelable: true });
    if (!this.dispatchEvent(opened)) event.preventDefault();
    this.#read(message);
  }

  /** The URL of a message, unless it is none or has another scheme than HTTP. */
  #link(text) {
    const url = text && URL.canParse(text, location.href) ? new URL(text, location.href) : null;
    return url && /^https?:$/.test(url.protocol) ? url.href : null;
  }

  #ago(time) {
    const seconds = (Date.parse(time) - Date.now()) / 1000, format = new Intl.RelativeTimeFormat(this.#locale, { numeric: "auto" });
    for (const [unit, length] of [["day", 86_400], ["hour", 3_600], ["minute", 60]]) {
      if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
    }
    return format.format(0, "second");
  }
}

if (!customElements.get("heidi-inbox")) customElements.define("heidi-inbox", HeidiInbox);
