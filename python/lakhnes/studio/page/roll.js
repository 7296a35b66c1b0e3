// The piano roll: four lanes on one canvas, a beat and bar grid, the passage, the playhead. It draws, and knows where
// things are; what the mouse and the keys do stands in edit.js.
import { NAMES, RANGES, TICKS, VOICES, clamp, colour, sized } from "./util.js";

const RULER = 20; // pixels of the ruler at the top
const LEAST_SPAN = 14; // pitches that a lane shows at the least

export class Roll {
  constructor(canvas, head) {
    this.canvas = canvas;
    this.head = head; // the line of the playhead: it moves above the canvas, which is not drawn again for it
    this.layer = new Layer();
    this.score = null;
    this.left = 0; // seconds at the left edge
    this.scale = 40; // pixels a second
    this.passage = null; // { from, to, voices }
    this.chosen = null; // { voice, index }
    this.voice = "p1";
    this.at = 0;
    this.spans = {};
    this.muted = () => false;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  get playhead() { return this.at; }
  set playhead(second) { this.at = second; this.placeHead(); }

  placeHead() {
    const x = Math.round(this.x(this.at)), hidden = x < 0 || x > this.width;
    if (x === this.headAt && hidden === this.head.hidden) return;
    this.headAt = x;
    this.head.hidden = hidden;
    this.head.style.transform = `translateX(${x}px)`;
  }

  get duration() { return this.score ? this.score.length / TICKS : 0; }
  get width() { return this.canvas.clientWidth; }
  get laneHeight() { return (this.canvas.clientHeight - RULER) / VOICES.length; }

  show(score, { keep = false } = {}) {
    this.score = score;
    if (!keep) this.chosen = null;
    for (const voice of VOICES) this.spans[voice] = this.span(voice);
    this.draw();
  }

  // The pitches that a lane shows: those of its notes, and some around them.
  span(voice) {
    const [least, most] = RANGES[voice], notes = this.score?.voices[voice] ?? [];
    if (voice === "no") return [least, most];
    let low = 128, high = 0;
    for (const note of notes) { low = Math.min(low, note[2]); high = Math.max(high, note[2]); }
    if (low > high) [low, high] = voice === "tr" ? [36, 60] : [54, 78];
    const spare = Math.max(2, Math.ceil((LEAST_SPAN - (high - low)) / 2));
    return [Math.max(least, low - spare), Math.min(most, high + spare)];
  }

  fit() {
    this.left = 0;
    this.scale = clamp(this.width / Math.max(this.duration * 1.02, 1), 0.5, 2000);
    this.draw();
  }

  zoom(factor, at = this.width / 2) {
    const second = this.left + at / this.scale;
    this.scale = clamp(this.scale * factor, 0.5, 2000);
    this.scrollTo(second - at / this.scale);
  }

  get mostLeft() { return Math.max(this.duration + 1 - this.width / this.scale, 0); }

  scrollTo(second) {
    this.left = clamp(second, 0, this.mostLeft);
    this.draw();
  }

  follow(second) {
    const x = this.x(second);
    if (x >= 0 && x <= this.width * 0.95) return;
    const left = clamp(second - this.width * 0.1 / this.scale, 0, this.mostLeft);
    if (left !== this.left) this.scrollTo(left);
  }

  x(second) { return (second - this.left) * this.scale; }
  second(x) { return this.left + x / this.scale; }
  laneTop(voice) { return RULER + VOICES.indexOf(voice) * this.laneHeight; }
  voiceAt(y) { return VOICES[clamp(Math.floor((y - RULER) / this.laneHeight), 0, VOICES.length - 1)]; }
  inRuler(y) { return y < RULER; }

  rowHeight(voice) { const [low, high] = this.spans[voice]; return (this.laneHeight - 6) / (high - low + 1); }
  y(voice, pitch) { return this.laneTop(voice) + 3 + (this.spans[voice][1] - pitch) * this.rowHeight(voice); }
  pitchAt(voice, y) {
    const [low, high] = this.spans[voice];
    return clamp(high - Math.floor((y - this.laneTop(voice) - 3) / this.rowHeight(voice)), low, high);
  }

  // The note at a point, and which part of it: "middle" or "end".
  noteAt(x, y) {
    const voice = this.voiceAt(y), notes = this.score?.voices[voice] ?? [], tick = this.second(x) * TICKS, reach = 5 / this.scale * TICKS;
    for (let index = firstAfter(notes, tick - reach); index < notes.length && notes[index][0] <= tick + reach; index++) {
      const [start, end, pitch] = notes[index], top = this.y(voice, pitch), height = Math.max(this.rowHeight(voice), 7);
      if (tick >= start - reach && tick <= end + reach && y >= top - 2 && y <= top + height + 2) {
        return { voice, index, part: tick > end - Math.max(reach, 0) ? "end" : "middle" };
      }
    }
    return null;
  }

  snap(second) { // to the nearest row, a quarter of a beat
    const grid = this.score?.grid;
    if (!grid) return Math.round(second * 10) / 10;
    const row = grid.beat / 4 / TICKS, offset = grid.offset / TICKS;
    return Math.max(0, Math.round((second - offset) / row) * row + offset);
  }

  // The bar around a second, from and to.
  barAt(second) {
    const grid = this.score?.grid;
    if (!grid || second >= this.duration) return null;
    const first = Math.floor((second * TICKS - grid.offset) / grid.bar) * grid.bar + grid.offset;
    return [first, first + grid.bar].map((tick) => clamp(tick / TICKS, 0, this.duration));
  }

  place(second) {
    const grid = this.score?.grid;
    if (!grid) return "";
    const tick = Math.max(second * TICKS - grid.offset + 1, 0), bar = Math.floor(tick / grid.bar);
    return `bar ${bar + 1}, beat ${Math.floor((tick - bar * grid.bar) / grid.beat) + 1}`;
  }

  draw() {
    if (!this.pending) this.pending = requestAnimationFrame(() => { this.pending = 0; this.paint(); });
  }

  paint() {
    const { context, width, height } = sized(this.canvas);
    this.layer.show(context, this, width, height);
    this.paintChosen(context);
    this.paintPassage(context, height);
    if (document.activeElement === this.canvas) {
      context.fillStyle = colour("soft");
      context.textBaseline = "top";
      context.fillText(`▸ ${NAMES[this.voice]}`, 4, this.laneTop(this.voice) + 4);
    }
    this.placeHead();
  }

  // Grid and notes, which scroll as one.
  paintScore(context, width, height) {
    context.fillStyle = colour("lane");
    context.fillRect(0, 0, width, height);
    this.paintGrid(context, width, height);
    if (this.score) for (const voice of VOICES) this.paintLane(context, voice, width);
  }

  paintGrid(context, width, height) {
    const grid = this.score?.grid ?? { offset: 0, beat: TICKS / 2, bar: 2 * TICKS };
    const end = this.score ? this.x(this.duration) : width;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    let every = 1;
    while (grid.bar * every / TICKS * this.scale < 42) every *= 2;
    for (const [step, shade, labelled] of [[grid.beat, "grid", false], [grid.bar * every, "bar", true]]) {
      const pixels = step / TICKS * this.scale;
      if (pixels < 6) continue;
      const first = Math.max(0, Math.floor((this.left * TICKS - grid.offset) / step));
      for (let i = first; ; i++) {
        const x = Math.round(this.x((i * step + grid.offset) / TICKS)) + 0.5;
        if (x > width) break;
        context.strokeStyle = colour(shade);
        line(context, x, labelled ? 0 : RULER, x, height);
        if (labelled) { context.fillStyle = colour("soft"); context.fillText(String(i * every + 1), x + 4, RULER / 2); }
      }
    }
    if (this.score && !this.score.live && end < width) {
      context.fillStyle = colour("grid");
      context.fillRect(end, RULER, width - end, height - RULER);
    }
    context.strokeStyle = colour("line");
    for (const voice of VOICES) line(context, 0, Math.round(this.laneTop(voice)) + 0.5, width, Math.round(this.laneTop(voice)) + 0.5);
  }

  paintLane(context, voice, width) {
    const notes = this.score.voices[voice], row = Math.max(this.rowHeight(voice), 2), silent = this.muted(voice);
    const from = this.left * TICKS, to = this.second(width) * TICKS;
    context.globalAlpha = silent ? 0.3 : 1;
    context.fillStyle = colour(voice);
    for (let index = firstAfter(notes, from); index < notes.length && notes[index][0] < to; index++) {
      const [start, end, pitch, velocity] = notes[index];
      const x = this.x(start / TICKS), size = Math.max((end - start) / TICKS * this.scale - 1, 1.5), y = this.y(voice, pitch);
      if (!silent && voice !== "tr") context.globalAlpha = 0.45 + 0.55 * velocity / 15;
      context.fillRect(x, y, size, Math.max(row - 1, 2));
    }
    context.globalAlpha = 1;
  }

  paintChosen(context) {
    const voice = this.chosen?.voice, note = voice && this.score?.voices[voice]?.[this.chosen.index];
    if (!note) return;
    const size = Math.max((note[1] - note[0]) / TICKS * this.scale - 1, 1.5), row = Math.max(this.rowHeight(voice) - 1, 2);
    context.strokeStyle = colour("ink");
    context.lineWidth = 2;
    context.strokeRect(this.x(note[0] / TICKS) - 1, this.y(voice, note[2]) - 2, size + 2, row + 4);
    context.lineWidth = 1;
  }

  paintPassage(context, height) {
    if (!this.passage) return;
    const { from, to, voices } = this.passage, x = this.x(from), size = (to - from) * this.scale;
    context.fillStyle = colour("select");
    context.strokeStyle = colour("accent");
    context.fillRect(x, 0, size, RULER);
    for (const voice of VOICES) {
      if (!voices.includes(voice)) continue;
      context.fillRect(x, this.laneTop(voice), size, this.laneHeight);
      context.strokeRect(Math.round(x) + 0.5, Math.round(this.laneTop(voice)) + 0.5, Math.round(size), Math.round(this.laneHeight) - 1);
    }
  }
}

// What scrolls as one, drawn once and then moved: scrolling a long song draws no note again while it stays within.
class Layer {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.key = null;
  }

  show(context, roll, width, height) {
    const ratio = devicePixelRatio || 1, pixels = roll.scale * ratio;
    const key = [roll.scale, width, height, ratio, colour("lane"), VOICES.map((voice) => roll.muted(voice))].join(" ");
    const same = key === this.key && roll.score === this.score;
    let shift = Math.round((roll.left - this.left) * pixels);
    if (!same || shift < 0 || shift + width * ratio > this.canvas.width) {
      Object.assign(this, { key, score: roll.score, left: roll.left });
      // What has only scrolled will go on scrolling: then there is room on both sides.
      this.draw(roll, same ? width : 0, width, height, ratio);
      shift = Math.round((roll.left - this.left) * pixels);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.canvas, -shift, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  draw(roll, room, width, height, ratio) {
    const { left } = roll;
    this.left = Math.max(left - room / roll.scale, 0);
    this.canvas.width = Math.ceil((width + 2 * room) * ratio) + 1;
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext("2d", { alpha: false });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    roll.left = this.left; // drawn as if this were what is seen
    roll.paintScore(context, width + 2 * room + 1, height);
    roll.left = left;
  }
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

// The index of the first note that ends after a tick; notes are in order, and do not overlap.
export function firstAfter(notes, tick) {
  let low = 0, high = notes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (notes[middle][1] <= tick) low = middle + 1;
    else high = middle;
  }
  return low;
}

// A whole song in a small canvas, the lanes below each other.
export function drawSmall(canvas, score, range = null) {
  const { context, width, height } = sized(canvas), lane = height / VOICES.length;
  context.fillStyle = colour("lane");
  context.fillRect(0, 0, width, height);
  const length = Math.max(score.length, 1);
  if (range) {
    context.fillStyle = colour("select");
    context.fillRect(range[0] * TICKS / length * width, 0, (range[1] - range[0]) * TICKS / length * width, height);
  }
  VOICES.forEach((voice, index) => {
    const notes = score.voices[voice] ?? [];
    let low = 128, high = 0;
    for (const note of notes) { low = Math.min(low, note[2]); high = Math.max(high, note[2]); }
    context.fillStyle = colour(voice);
    for (const [start, end, pitch] of notes) {
      const y = index * lane + 1 + (lane - 4) * (high > low ? (high - pitch) / (high - low) : 0.5);
      context.fillRect(start / length * width, y, Math.max((end - start) / length * width - 0.5, 1), 2);
    }
  });
}
