// The page: puts its parts together, and holds what they share.
import { bytes, get } from "./api.js";
import { Composing } from "./compose.js";
import { Dialogs, showHistory } from "./dialogs.js";
import { Editor } from "./edit.js";
import { listenToKeys } from "./keys.js";
import { Player, readWav } from "./player.js";
import { Repeating } from "./repeat.js";
import { Roll } from "./roll.js";
import { Store } from "./store.js";
import { $, NAMES, TICKS, VOICES, announce, base64Of, clamp, clock, element, status } from "./util.js";
import { drawWave } from "./wave.js";

// Longer songs are heard here at a lower sample rate, so that an hour of stems takes no more memory than it may.
const RATES = [[180, 44100], [900, 22050], [Infinity, 8000]]; // seconds at the most, and the rate

class Studio {
  constructor() {
    this.store = new Store((session, why) => this.changed(session, why));
    this.roll = new Roll($("roll"), $("playhead"));
    this.player = new Player();
    this.player.ended = () => { this.roll.scrollTo(0); this.played(); };
    this.editor = new Editor(this);
    this.composing = new Composing(this);
    this.dialogs = new Dialogs(this);
    this.repeating = new Repeating(this);
    this.edits = 0; // edits of which the server has not told yet
    this.data = new Map(); // a few songs as MIDI in base64, by session and state
    this.roll.muted = (voice) => this.player.muted.has(voice) || (this.player.solo.size > 0 && !this.player.solo.has(voice));
    this.voices();
    this.buttons();
    listenToKeys(this);
    const redraw = () => { this.roll.draw(); this.wave(); this.composing.redraw(); };
    new ResizeObserver(redraw).observe($("wave"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  async begin() {
    const facts = await get("/studio");
    this.facts = facts;
    this.composing.show(facts);
    this.dialogs.show(facts);
    await this.store.begin(facts.opened);
    document.body.dataset.ready = "yes";
  }

  // Something happened to the session.
  changed(session, why) {
    document.title = `${session.name} – lakhnes studio`;
    if (document.activeElement !== $("name")) $("name").value = session.name;
    $("undo").disabled = this.store.before === null;
    $("redo").disabled = this.store.after === null;
    $("export").disabled = session.current === null;
    showHistory(this.store, (number) => this.go(number));
    if (why === "name" || (why === "edit" && this.edits > 1)) return;
    if (why === "open") { this.player.stop(); this.player.offset = 0; this.time(0); this.composing.clear(); this.clearPassage(); }
    this.showSong(why === "open" || why === "keep");
    this.sound = null;
    this.player.buffers = [];
    if (session.score) this.load(why === "edit" ? 200 : 0);
  }

  showSong(fit = false) {
    const { score } = this.store;
    $("empty").hidden = Boolean(score);
    $("frame").classList.remove("alternative");
    this.roll.show(score ?? null, { keep: true });
    if (fit && score) { if (this.roll.duration < 60) this.roll.fit(); else { this.roll.scale = this.roll.width / 30; this.roll.scrollTo(0); } }
    this.scrolled();
    for (const id of ["from", "to"]) $(id).max = this.roll.duration.toFixed(2);
    if (!this.roll.passage) this.fillPassage();
    const lowest = clamp(this.player.time(), 0, this.roll.duration);
    this.roll.playhead = lowest;
  }

  showAlternative(score) { this.roll.show(score); $("empty").hidden = true; this.scrolled(); }

  // A song that is being written, and gets as many seconds at the most.
  showLive(score, seconds) {
    $("empty").hidden = true;
    this.roll.score = { grid: null, live: true, ...score };
    for (const voice of VOICES) this.roll.spans[voice] = this.roll.span(voice);
    if (this.roll.left) this.roll.left = 0;
    this.roll.scale = this.roll.width / Math.max(this.roll.duration, seconds);
    this.roll.draw();
  }

  // The present song as MIDI in base64.
  async songData() {
    await this.store.waiting;
    const { id, current } = this.store, name = `${id}/${current}`;
    if (!this.data.has(name)) {
      const file = await bytes(`/sessions/${id}/export`, { format: "mid" });
      if (this.data.size > 4) this.data.clear();
      this.data.set(name, base64Of(new Uint8Array(file)));
    }
    return this.data.get(name);
  }

  // Fetches the song's voices as sound, once; what was asked for before is forgotten.
  load(wait = 0) {
    this.loading?.abort.abort();
    const abort = new AbortController(), loading = { abort };
    this.loading = loading;
    loading.done = (async () => {
      await new Promise((done) => setTimeout(done, wait));
      if (abort.signal.aborted) return;
      const song = { data: await this.songData(), format: "mid" };
      const [, rate] = RATES.find(([seconds]) => this.roll.duration <= seconds);
      const sound = readWav(await bytes("/render", { song, stems: true, expression: "natural", rate }, abort.signal));
      if (this.loading !== loading) return;
      this.sound = sound;
      if (this.player.context) this.player.load(sound);
      this.wave();
    })().catch((error) => { if (error.name !== "AbortError") status(error.message, true); });
    return loading.done;
  }

  wave() { drawWave($("wave"), this.sound, this.roll); }

  async playFrom(second) {
    const { player } = this;
    player.ready();
    if (!this.store.score) { status("There is no song yet: compose one, or open a file."); return; }
    if (!this.sound) {
      const before = $("status").textContent;
      status("Rendering…");
      await this.loading?.done;
      status(before);
    }
    if (!this.sound) return;
    if (!player.buffers.length) player.load(this.sound);
    if (this.roll.score !== this.store.score && !this.edits) this.showSong();
    player.play(second);
    this.played();
  }

  toggle() {
    if (this.player.playing) { this.player.stop(); this.played(); return; }
    this.playFrom(this.roll.playhead);
  }

  seek(second) {
    const at = clamp(second, 0, Math.max(this.roll.duration, 0));
    this.player.seek(at);
    this.roll.playhead = at;
    this.roll.follow(at);
    this.time(at);
    announce(`${clock(at)} ${this.roll.place(at)}`);
  }

  // Shows whether it plays, and moves the playhead as long as it does.
  played() {
    $("play").textContent = this.player.playing ? "Stop" : "Play";
    if (this.ticking) return;
    const tick = () => {
      const { player, roll } = this;
      this.ticking = player.playing;
      const at = player.time();
      roll.playhead = at;
      if (player.playing && !this.editor.drag) roll.follow(at);
      this.time(at);
      this.level();
      this.scrolled();
      if (player.playing) requestAnimationFrame(tick);
      else $("play").textContent = "Play";
    };
    this.ticking = true;
    requestAnimationFrame(tick);
  }

  // Written only where it changes: each writing has the browser lay the line out again.
  time(at) {
    for (const [id, text] of [["time", clock(at)], ["place", this.roll.place(at)]]) {
      if ($(id).textContent !== text) $(id).textContent = text;
    }
  }

  level() {
    const now = performance.now(), { player } = this;
    if (player.playing && now - (this.levelAt ?? 0) < 66) return;
    this.levelAt = now;
    $("level").value = Math.min(player.level() * 4, 1);
  }

  edit(voice, rows, plain, label) {
    const score = this.roll.score, length = Math.max(score.length, ...plain.map((note) => note[1]));
    this.roll.show({ ...score, length, voices: { ...score.voices, [voice]: plain } }, { keep: true });
    this.edits++;
    this.store.edit(length, { [voice]: rows }, label)
      .catch((error) => { status(error.message, true); this.showSong(); })
      .finally(() => { this.edits--; });
  }

  setVoice(voice) {
    if (this.roll.voice !== voice) announce(NAMES[voice]);
    this.roll.voice = voice;
    for (const each of VOICES) $(`voice-${each}`).classList.toggle("chosen", each === voice);
    this.roll.draw();
  }

  setPassage(from, to, voices) {
    const end = Math.max(this.roll.duration, 0.1);
    this.roll.passage = { from: clamp(from, 0, end), to: clamp(to, 0, end), voices };
    this.fillPassage();
    this.looped();
    this.roll.draw();
  }

  clearPassage() {
    this.roll.passage = null;
    this.fillPassage();
    this.looped();
    this.roll.draw();
  }

  fillPassage() {
    const { from, to, voices } = this.roll.passage ?? { from: 0, to: this.roll.duration, voices: [...VOICES] };
    if (document.activeElement !== $("from")) $("from").value = from.toFixed(2);
    if (document.activeElement !== $("to")) $("to").value = to.toFixed(2);
    for (const voice of VOICES) $(`in-${voice}`).checked = voices.includes(voice);
  }

  // The fields below the roll say the same as its coloured range.
  readPassage() {
    const voices = VOICES.filter((voice) => $(`in-${voice}`).checked), from = Number($("from").value), to = Number($("to").value);
    if (to > from) this.setPassage(from, to, voices);
  }

  extend(seconds) {
    const { roll } = this, at = clamp(roll.snap(roll.playhead + seconds), 0, roll.duration);
    const passage = roll.passage, anchor = passage && this.anchor !== undefined ? this.anchor : roll.playhead;
    this.anchor = anchor;
    const voices = passage?.voices ?? [roll.voice], [from, to] = [anchor, at].sort((a, b) => a - b);
    if (to > from) this.setPassage(from, to, voices); else this.clearPassage();
    this.seek(at);
    announce(`passage from ${clock(from)} to ${clock(to)}, ${voices.map((voice) => NAMES[voice]).join(", ")}`);
  }

  looped() {
    const wanted = $("loop").getAttribute("aria-pressed") === "true", passage = this.roll.passage;
    const range = wanted && this.store.score ? (passage ? [passage.from, passage.to] : [0, this.roll.duration]) : null;
    if (JSON.stringify(range) !== JSON.stringify(this.player.loop)) this.player.setLoop(range);
  }

  mute(voice) { this.flip(this.player.muted, voice, `mute-${voice}`, "muted", "heard"); }
  only(voice) { this.flip(this.player.solo, voice, `solo-${voice}`, "solo", "no longer solo"); }

  flip(set, voice, id, on, off) {
    if (!set.delete(voice)) set.add(voice);
    $(id).setAttribute("aria-pressed", set.has(voice));
    announce(`${NAMES[voice]} ${set.has(voice) ? on : off}`);
    this.player.setGains();
    this.roll.draw();
  }

  go(number) {
    if (number === null || number === undefined) return;
    this.store.move(number).then(() => status(`Back at: ${this.store.states.find((state) => state.number === number).label}.`)).catch((error) => status(error.message, true));
  }

  undo() { this.store.then(() => {}).then(() => this.go(this.store.before)); }
  redo() { this.store.then(() => {}).then(() => this.go(this.store.after)); }

  loopHere() {
    const from = Math.round((this.roll.passage?.from ?? this.roll.playhead) * TICKS);
    if (!this.store.score) return;
    const song = { over: this.store.current, score: { length: this.store.score.length, voices: {} }, loop_start: from };
    this.store.add(song, `loops from ${clock(from / TICKS)}`, { operation: "loop", from: from / TICKS }).catch((error) => status(error.message, true));
  }

  scrolled() {
    const { roll } = this, room = roll.mostLeft;
    $("scroll").value = room > 0 ? Math.round(roll.left / room * 1000) : 0;
    $("scroll").disabled = room <= 0;
    const key = `${roll.left} ${roll.scale} ${roll.width}`;
    if (key !== this.waveKey) { this.waveKey = key; this.wave(); }
  }

  setTool(tool) {
    this.editor.tool = tool;
    for (const each of ["select", "draw"]) {
      $(`tool-${each}`).setAttribute("aria-checked", each === tool);
      $(`tool-${each}`).tabIndex = each === tool ? 0 : -1;
    }
  }

  voices() {
    $("voices").append(element("span", { ariaHidden: "true" }));
    for (const voice of VOICES) {
      const mute = element("button", { id: `mute-${voice}`, type: "button", textContent: "M", title: "Mute", ariaLabel: `Mute ${NAMES[voice]}`, ariaPressed: "false" });
      const solo = element("button", { id: `solo-${voice}`, type: "button", textContent: "S", title: "Solo", ariaLabel: `Solo ${NAMES[voice]}`, ariaPressed: "false" });
      mute.addEventListener("click", () => this.mute(voice));
      solo.addEventListener("click", () => this.only(voice));
      $("voices").append(element("div", { id: `voice-${voice}` }, element("strong", { textContent: NAMES[voice] }), element("div", { className: "row" }, mute, solo)));
      const box = element("input", { id: `in-${voice}`, type: "checkbox", checked: true });
      box.addEventListener("change", () => this.readPassage());
      $("passage-voices").append(element("label", {}, box, ` ${NAMES[voice]}`));
    }
    this.setVoice("p1");
  }

  buttons() {
    const on = (id, work, kind = "click") => $(id).addEventListener(kind, work);
    on("play", () => this.toggle());
    on("start", () => this.seek(0));
    on("loop", () => { const pressed = $("loop").getAttribute("aria-pressed") !== "true"; $("loop").setAttribute("aria-pressed", pressed); this.looped(); });
    on("undo", () => this.undo());
    on("redo", () => this.redo());
    on("tool-select", () => this.setTool("select"));
    on("tool-draw", () => this.setTool("draw"));
    document.querySelector(".modes").addEventListener("keydown", (event) => {
      if (!event.key.startsWith("Arrow")) return;
      event.preventDefault();
      this.setTool(this.editor.tool === "select" ? "draw" : "select");
      $(`tool-${this.editor.tool}`).focus();
    });
    on("zoom-in", () => { this.roll.zoom(1.5); this.scrolled(); });
    on("zoom-out", () => { this.roll.zoom(1 / 1.5); this.scrolled(); });
    on("zoom-fit", () => { this.roll.fit(); this.scrolled(); });
    on("scroll", () => { this.roll.scrollTo($("scroll").value / 1000 * this.roll.mostLeft); this.scrolled(); }, "input");
    on("wave", (event) => this.seek(this.roll.second(event.offsetX)));
    on("all", () => this.setPassage(0, this.roll.duration, [...VOICES]));
    on("again", () => this.composing.passage("/infill"));
    on("pitches", () => this.composing.passage("/accompany"));
    on("on", () => this.composing.passage("/continue"));
    on("loop-here", () => this.loopHere());
    for (const id of ["from", "to"]) on(id, () => this.readPassage(), "change");
    on("passage", (event) => event.preventDefault(), "submit");
    on("name", () => { if ($("name").value.trim()) this.store.rename($("name").value).catch((error) => status(error.message, true)); }, "change");
  }
}

const studio = new Studio();
window.studio = studio; // for whoever writes a program around the page
studio.begin().catch((error) => status(error.message, true));
