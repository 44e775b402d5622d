// The view of the map: Web Mercator, the world being a square of 1 by 1, and the pixels of the points.

const MAX_LATITUDE = 85.05;
const MAX_SCALE = 4e6; // pixels of the world: about 10 m each
const GROUND = 0xff18100b; // ABGR
const LIGHT = [255, 214, 140];

export class View {
  constructor() { Object.assign(this, { x: 0.5, y: 0.4, scale: 1, width: 1, height: 1, columns: null }); }

  // Longitudes, latitudes and brightnesses, as `components/map_points.py` packs them.
  load(buffer) {
    const count = buffer.byteLength / 9;
    const degrees = new Float32Array(buffer, 0, 2 * count);
    const xs = new Float64Array(count), ys = new Float64Array(count);
    for (let i = 0; i < count; i++) { [xs[i], ys[i]] = project(degrees[count + i], degrees[i]); }
    this.columns = { xs, ys, lights: new Uint8Array(buffer, 8 * count, count) };
  }

  resize(width, height) {
    const first = this.width === 1;
    Object.assign(this, { width, height });
    if (first) this.scale = width;
    this.clamp();
  }

  clamp() {
    this.scale = Math.min(Math.max(this.scale, this.width, this.height), MAX_SCALE);
    const half = this.height / 2 / this.scale;
    this.y = Math.min(Math.max(this.y, half), 1 - half);
    this.x -= Math.floor(this.x);
  }

  moveBy(dx, dy) { this.x -= dx / this.scale; this.y -= dy / this.scale; this.clamp(); }

  // The point under the pointer stays where it is.
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const before = [this.x + (px - this.width / 2) / this.scale, this.y + (py - this.height / 2) / this.scale];
    this.scale *= factor;
    this.clamp();
    this.x = before[0] - (px - this.width / 2) / this.scale;
    this.y = before[1] - (py - this.height / 2) / this.scale;
    this.clamp();
  }

  show(latitude, longitude, scale = this.scale) {
    [this.x, this.y] = project(latitude, longitude);
    this.scale = scale;
    this.clamp();
  }

  pixel(latitude, longitude) {
    const [x, y] = project(latitude, longitude);
    return [wrapped(x - this.x) * this.scale + this.width / 2, (y - this.y) * this.scale + this.height / 2];
  }

  degrees(px, py) {
    const x = this.x + (px - this.width / 2) / this.scale, y = this.y + (py - this.height / 2) / this.scale;
    const latitude = Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180 / Math.PI;
    return [latitude, (x - Math.floor(x)) * 360 - 180];
  }

  // Adds up the light of the points of each pixel. This is many times faster than a call of the canvas for each point.
  paint(image) {
    new Uint32Array(image.data.buffer).fill(GROUND);
    if (!this.columns) return;
    const { xs, ys, lights } = this.columns, { x, y, scale, width, height } = this;
    const size = Math.min(1 + Math.floor(Math.log2(scale / width) / 2), 4);
    const strength = Math.min(0.6 + 0.1 * Math.log2(scale / width), 1);
    for (let i = 0; i < xs.length; i++) {
      const py = Math.floor((ys[i] - y) * scale + height / 2);
      if (py < 0 || py > height - size) continue;
      let dx = xs[i] - x;
      dx -= Math.round(dx);
      const px = Math.floor(dx * scale + width / 2);
      if (px >= 0 && px <= width - size) glow(image.data, width, px, py, size, lights[i] / 255 * strength);
    }
  }
}

function glow(data, width, px, py, size, light) {
  for (let row = py; row < py + size; row++)
    for (let at = (row * width + px) * 4, end = at + size * 4; at < end; at += 4) {
      data[at] += LIGHT[0] * light; data[at + 1] += LIGHT[1] * light; data[at + 2] += LIGHT[2] * light;
    }
}

function project(latitude, longitude) {
  const radians = Math.min(Math.max(latitude, -MAX_LATITUDE), MAX_LATITUDE) * Math.PI / 180;
  return [longitude / 360 + 0.5, 0.5 - Math.asinh(Math.tan(radians)) / (2 * Math.PI)];
}

function wrapped(dx) { return dx - Math.round(dx); }
