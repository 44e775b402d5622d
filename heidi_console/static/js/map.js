// The map of the cities. A click shows the nearest places, or fills the fields of a position.
import { View } from "./map-view.js";

const NEAR = 60000, REGION = 12000; // pixels of the world

class CityMap {
  constructor(box) {
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.view = new View();
    this.pending = 0;
    this.markers = [];
  }

  async start() {
    this.box.hidden = false;
    document.getElementById("map-help").hidden = false;
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    this.resize();
    const response = await fetch(this.box.dataset.pointsUrl).catch(() => null);
    if (response?.ok) this.view.load(await response.arrayBuffer());
    this.canvas.dataset.points = this.view.columns?.xs.length ?? 0;
    this.draw();
  }

  resize() {
    this.ratio = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.round(this.canvas.clientWidth * this.ratio), height = Math.round(this.canvas.clientHeight * this.ratio);
    if (!width || !height || (width === this.canvas.width && height === this.canvas.height && this.image)) return;
    Object.assign(this.canvas, { width, height });
    this.image = this.context.createImageData(width, height);
    this.view.resize(width, height);
    this.draw();
  }

  // At most one picture per frame of the screen.
  draw() { this.pending ||= requestAnimationFrame(() => { this.pending = 0; this.paint(); }); }

  paint() {
    this.view.paint(this.image);
    this.context.putImageData(this.image, 0, 0);
    this.context.font = `${13 * this.ratio}px system-ui, sans-serif`;
    const used = [];
    for (const marker of this.markers) this.paintMarker(marker, used);
  }

  paintMarker({ latitude, longitude, name }, used) {
    const { context, ratio } = this, [x, y] = this.view.pixel(latitude, longitude);
    context.beginPath();
    context.arc(x, y, 5 * ratio, 0, 2 * Math.PI);
    context.lineWidth = 2 * ratio;
    context.strokeStyle = "#8fb4ff";
    context.stroke();
    // A label that would cover another one is left out.
    const width = context.measureText(name).width + 12 * ratio, height = 16 * ratio;
    if (!name || used.some(([left, top]) => Math.abs(left - x) < width && Math.abs(top - y) < height)) return;
    used.push([x, y]);
    context.lineWidth = 3 * ratio;
    context.strokeStyle = "#0b1018";
    context.strokeText(name, x + 9 * ratio, y + 4 * ratio);
    context.fillStyle = "#e8ecf2";
    context.fillText(name, x + 9 * ratio, y + 4 * ratio);
  }

  // The places that the page lists, from `data-point`.
  mark(elements) {
    this.markers = [...elements].map((element) => {
      const [latitude, longitude] = element.dataset.point.split(",").map(Number);
      return { latitude, longitude, name: element.dataset.name };
    });
    this.draw();
  }

  show(latitude, longitude, scale) { this.view.show(latitude, longitude, scale * this.ratio); this.draw(); }
  zoom(factor, x, y) { this.view.zoom(factor, x, y); this.draw(); }
  move(dx, dy) { this.view.moveBy(dx, dy); this.draw(); }

  listen(choose) {
    const { canvas } = this, pointers = new Map();
    let moved = 0;
    const position = (event) => [event.offsetX * this.ratio, event.offsetY * this.ratio];
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, position(event));
      if (pointers.size === 1) moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = position(event);
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) this.zoom(distance(now, other) / Math.max(distance(before, other), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      else this.move(now[0] - before[0], now[1] - before[1]);
      moved += distance(now, before);
      canvas.classList.toggle("dragging", moved > 4 * this.ratio);
      pointers.set(event.pointerId, now);
    });
    const release = (event) => {
      if (!pointers.delete(event.pointerId)) return;
      canvas.classList.remove("dragging");
      if (event.type === "pointerup" && moved <= 4 * this.ratio && !pointers.size) choose(...this.view.degrees(...position(event)));
    };
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, release);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), ...position(event));
    }, { passive: false });
    for (const button of this.box.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => this.zoom(Number(button.dataset.zoom)));
    canvas.addEventListener("keydown", (event) => this.press(event, choose));
  }

  press(event, choose) {
    const step = 80 * this.ratio;
    const keys = {
      ArrowLeft: () => this.move(step, 0), ArrowRight: () => this.move(-step, 0),
      ArrowUp: () => this.move(0, step), ArrowDown: () => this.move(0, -step),
      "+": () => this.zoom(2), "-": () => this.zoom(0.5),
      Enter: () => choose(...this.view.degrees(this.view.width / 2, this.view.height / 2)),
    };
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  }
}

function distance(a, b) { return Math.hypot(a[0] - b[0], a[1] - b[1]); }

// Shows the places of a URL in the list beside the map.
async function load(map, url) {
  const number = ++load.latest;
  const response = await fetch(url).catch(() => null);
  if (!response?.ok || number !== load.latest) return;
  const next = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("places");
  const list = document.getElementById("places");
  list.replaceChildren(...next.childNodes);
  history.replaceState(null, "", url);
  map.mark(list.querySelectorAll("[data-point]"));
}
load.latest = 0;

function browse(map) {
  const path = location.pathname, form = document.querySelector("[data-place-search]"), list = document.getElementById("places");
  let timer = 0;
  const search = async () => {
    const q = new FormData(form).get("q").trim();
    await load(map, q ? `${path}?q=${encodeURIComponent(q)}` : path);
    const [first] = map.markers;
    if (q && first) map.show(first.latitude, first.longitude, REGION);
  };
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 200); });
  map.listen((latitude, longitude) => load(map, `${path}?latitude=${latitude.toFixed(5)}&longitude=${longitude.toFixed(5)}`));
  map.mark(list.querySelectorAll("[data-point]"));
  if (location.search.includes("=") && map.markers[0]) map.show(map.markers[0].latitude, map.markers[0].longitude, REGION);
}

function show(map) {
  map.mark(document.querySelectorAll("[data-point]"));
  const [place] = map.markers;
  map.show(place.latitude, place.longitude, NEAR);
  map.listen((latitude, longitude) => { location.href = `./?latitude=${latitude.toFixed(5)}&longitude=${longitude.toFixed(5)}`; });
}

// The fields and the marker follow each other.
function choosePosition(map) {
  const [latitude, longitude] = ["latitude", "longitude"].map((name) => document.querySelector(`[data-${name}]`));
  const update = (scale) => {
    const filled = latitude.value !== "" && longitude.value !== "";
    map.markers = filled ? [{ latitude: Number(latitude.value), longitude: Number(longitude.value), name: "" }] : [];
    if (filled && scale) map.show(map.markers[0].latitude, map.markers[0].longitude, scale); else map.draw();
  };
  map.listen((north, east) => { latitude.value = north.toFixed(5); longitude.value = east.toFixed(5); update(); });
  for (const field of [latitude, longitude]) field.addEventListener("change", () => update(NEAR));
  update(NEAR);
}

for (const box of document.querySelectorAll("[data-map]")) {
  const map = new CityMap(box);
  map.start();
  ({ browse, show, place: choosePosition })[box.dataset.map](map);
}
