// Changing notes and choosing a passage, by mouse and by keyboard.
import { NAMES, RANGES, TICKS, VOICES, announce, clamp, clock, pitchName } from "./util.js";

const LEAST = 441; // ticks of the shortest note that can be drawn: 10 ms

// The notes of a voice with one more; a voice plays one note at a time, so the others make room.
export function placed(notes, note) {
  const [start, end] = note, made = [];
  for (const other of notes) {
    if (other[1] <= start || other[0] >= end) made.push(other);
    else if (other[0] < start) made.push([other[0], start, other[2], other[3], ...other.slice(4)]);
  }
  made.push(note);
  return made.sort((a, b) => a[0] - b[0]);
}

export class Editor {
  constructor(studio) {
    this.studio = studio;
    this.roll = studio.roll;
    this.tool = "select";
    this.drag = null;
    const canvas = this.roll.canvas;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => { this.drag = null; this.roll.show(this.roll.score, { keep: true }); });
    canvas.addEventListener("contextmenu", (event) => { event.preventDefault(); this.choose(this.hit(event)); this.remove(); });
    canvas.addEventListener("dblclick", (event) => this.takeBar(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, () => this.roll.draw());
  }

  point(event) {
    const box = this.roll.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  hit(event) { const { x, y } = this.point(event); return this.roll.noteAt(x, y); }

  wheel(event) {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) this.roll.zoom(Math.exp(-event.deltaY / 300), this.point(event).x);
    else this.roll.scrollTo(this.roll.left + (event.deltaX + event.deltaY) / this.roll.scale);
    this.studio.scrolled();
  }

  down(event) {
    if (event.button !== 0) return;
    const { x, y } = this.point(event), roll = this.roll, second = Math.max(roll.second(x), 0);
    roll.canvas.focus();
    roll.canvas.setPointerCapture(event.pointerId);
    const found = roll.noteAt(x, y), voice = roll.voiceAt(y);
    if (!roll.inRuler(y)) this.studio.setVoice(voice);
    if (this.tool === "select" || roll.inRuler(y)) {
      this.drag = { kind: "select", x, y, second, ruler: roll.inRuler(y) };
      this.choose(found);
      return;
    }
    if (!this.roll.score) return;
    const notes = roll.score.voices[voice];
    if (found) {
      this.choose(found);
      this.drag = { kind: found.part === "end" ? "end" : "move", voice, notes, note: notes[found.index], second, y, made: null };
      return;
    }
    const start = Math.round(roll.snap(second) * TICKS), row = this.row();
    const note = [start, start + row * 2, roll.pitchAt(voice, y), voice === "tr" ? 1 : 12];
    this.drag = { kind: "new", voice, notes, note, second, y, made: note };
    this.preview();
  }

  // A double click takes a bar: of the voice under the mouse, or in the ruler of all.
  takeBar(event) {
    const { roll } = this, { x, y } = this.point(event), bar = roll.barAt(roll.second(x));
    if (this.tool === "select" && bar) this.studio.setPassage(...bar, roll.inRuler(y) ? [...VOICES] : [roll.voiceAt(y)]);
  }

  moved(event) {
    const { x, y } = this.point(event), roll = this.roll;
    if (!this.drag) {
      const found = this.tool === "draw" ? roll.noteAt(x, y) : null;
      roll.canvas.style.cursor = this.tool === "select" ? "text" : found ? (found.part === "end" ? "ew-resize" : "grab") : "crosshair";
      return;
    }
    const second = Math.max(roll.second(x), 0), drag = this.drag;
    if (drag.kind === "select") {
      if (Math.abs(x - drag.x) < 4 && !drag.far) return;
      drag.far = true;
      const ends = [drag.second, second].sort((a, b) => a - b).map((each) => (event.altKey ? each : roll.snap(each)));
      const lanes = [roll.voiceAt(drag.y), roll.voiceAt(y)].map((voice) => VOICES.indexOf(voice)).sort();
      if (ends[1] > ends[0]) this.studio.setPassage(ends[0], ends[1], drag.ruler ? [...VOICES] : VOICES.slice(lanes[0], lanes[1] + 1));
      return;
    }
    const [start, end, pitch, velocity] = drag.note;
    if (drag.kind === "new" || drag.kind === "end") {
      const wanted = Math.round((event.altKey ? second : roll.snap(second)) * TICKS);
      drag.made = [start, Math.max(wanted, start + (drag.kind === "new" ? this.row() : LEAST)), pitch, velocity, start];
    } else {
      const shifted = start + Math.round((second - drag.second) * TICKS);
      const at = Math.max(0, event.altKey ? shifted : Math.round(roll.snap(shifted / TICKS) * TICKS));
      const lines = Math.round((drag.y - y) / roll.rowHeight(drag.voice)), [low, high] = RANGES[drag.voice];
      drag.made = [at, at + end - start, clamp(pitch + lines, low, high), velocity, start];
    }
    this.preview();
  }

  preview() {
    const { voice, notes, note, made } = this.drag, score = this.roll.score;
    const others = notes.filter((each) => each !== note);
    const rows = placed(others, made), voices = { ...score.voices, [voice]: rows };
    this.roll.score = { ...score, voices, length: Math.max(score.length, made[1]) };
    this.roll.chosen = { voice, index: rows.indexOf(made) };
    this.roll.draw();
  }

  up() {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    if (drag.kind === "select") {
      if (!drag.far) this.studio.seek(this.roll.snap(drag.second));
      return;
    }
    if (!drag.made) return;
    const label = { new: "drew a note", end: "changed a note's length", move: "moved a note" }[drag.kind];
    this.commit(drag.voice, drag.notes.filter((each) => each !== drag.note), drag.made, `${label} of ${NAMES[drag.voice]}`);
  }

  row() { const grid = this.roll.score?.grid; return grid ? Math.round(grid.beat / 4) : TICKS / 8; }

  // Puts a note among others of its voice, shows it at once, and tells the server.
  commit(voice, others, note, label) {
    const rows = note ? placed(others, note) : others, plain = rows.map((each) => each.slice(0, 4));
    this.studio.edit(voice, rows, plain, label);
    this.roll.chosen = note ? { voice, index: rows.indexOf(note) } : null;
    this.roll.draw();
  }

  choose(found) {
    this.roll.chosen = found ? { voice: found.voice, index: found.index } : null;
    if (found) this.tell();
    this.roll.draw();
  }

  note() {
    const chosen = this.roll.chosen;
    return chosen ? this.roll.score?.voices[chosen.voice]?.[chosen.index] ?? null : null;
  }

  tell() {
    const { voice, index } = this.roll.chosen, note = this.note();
    if (!note) return;
    const total = this.roll.score.voices[voice].length;
    announce(`${NAMES[voice]}, note ${index + 1} of ${total}: ${pitchName(voice, note[2])}, at ${clock(note[0] / TICKS)}, ${((note[1] - note[0]) / TICKS).toFixed(2)} seconds`);
  }

  // The next or the previous note of the chosen voice, from the chosen one or the playhead on.
  walk(step) {
    const { roll } = this, voice = roll.voice, notes = roll.score?.voices[voice] ?? [];
    if (!notes.length) { announce(`${NAMES[voice]} has no notes`); return; }
    let index;
    if (roll.chosen?.voice === voice) index = roll.chosen.index + step;
    else {
      index = notes.findIndex((note) => note[0] >= roll.playhead * TICKS - 1);
      if (index < 0) index = notes.length - 1;
    }
    index = clamp(index, 0, notes.length - 1);
    this.choose({ voice, index });
    this.studio.seek(notes[index][0] / TICKS);
  }

  remove() {
    const note = this.note();
    if (!note) return;
    const { voice } = this.roll.chosen;
    this.commit(voice, this.roll.score.voices[voice].filter((each) => each !== note), null, `deleted a note of ${NAMES[voice]}`);
    announce("deleted");
  }

  insert() {
    const { roll } = this;
    if (!roll.score) return;
    const voice = roll.voice, notes = roll.score.voices[voice], start = Math.round(roll.playhead * TICKS);
    const before = [...notes].reverse().find((note) => note[0] <= start), [low, high] = roll.spans[voice];
    const note = [start, start + this.row() * 2, before ? before[2] : Math.round((low + high) / 2), voice === "tr" ? 1 : 12];
    this.commit(voice, notes, note, `drew a note of ${NAMES[voice]}`);
    this.tell();
  }

  shift({ time = 0, pitch = 0, longer = 0 }) {
    const note = this.note();
    if (!note) return;
    const { voice } = this.roll.chosen, [low, high] = RANGES[voice], [start, end] = note;
    const at = Math.max(0, start + time), size = Math.max(LEAST, end - start + longer);
    const made = [at, at + size, clamp(note[2] + pitch, low, high), note[3], start];
    const others = this.roll.score.voices[voice].filter((each) => each !== note);
    const label = longer ? "changed a note's length" : "moved a note";
    this.commit(voice, others, made, `${label} of ${NAMES[voice]}`);
    this.tell();
  }

  key(event) {
    const { roll, studio } = this, beat = (roll.score?.grid?.beat ?? TICKS / 2) / TICKS;
    const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key], upward = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (event.ctrlKey || event.metaKey) return;
    if (sideways && event.altKey) this.shift(event.shiftKey ? { longer: sideways * this.row() } : { time: sideways * this.row() });
    else if (upward && event.altKey) this.shift({ pitch: upward * (event.shiftKey ? 12 : 1) });
    else if (sideways && event.shiftKey) studio.extend(sideways * beat);
    else if (sideways) studio.seek(roll.snap(Math.max(0, roll.playhead + sideways * beat)));
    else if (upward) studio.setVoice(VOICES[clamp(VOICES.indexOf(roll.voice) - upward, 0, 3)]);
    else if (event.key === "n") this.walk(1);
    else if (event.key === "b") this.walk(-1);
    else if (event.key === "Delete" || event.key === "Backspace") this.remove();
    else if (event.key === "Enter" || event.key === "Insert") this.insert();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
