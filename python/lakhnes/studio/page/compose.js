// Asking the model: new songs, passages written again, and the alternatives that it gives.
import { bytes, stream } from "./api.js";
import { readWav } from "./player.js";
import { drawSmall } from "./roll.js";
import { $, NAMES, TICKS, VOICES, bytesOf, clamp, clock, element, status } from "./util.js";

const TONICS = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
const REGISTERED = ["p1", "p2", "tr"]; // the noise has no register
export const ALTERNATIVES = 4;

export class Composing {
  constructor(studio) {
    this.studio = studio;
    this.songs = [];
    this.abort = null;
    for (const mode of ["major", "minor"]) for (const tonic of TONICS) {
      $("key").append(element("option", { value: `${tonic} ${mode}`, textContent: `${tonic} ${mode}` }));
    }
    for (const voice of VOICES) {
      $("control-voices").append(element("label", {}, element("input", { type: "checkbox", checked: true, value: voice }), ` ${NAMES[voice]}`));
    }
    for (const [name, digits] of [["temperature", 2], ["repetition", 1]]) {
      const show = () => { $(`${name}-value`).textContent = Number($(name).value).toFixed(digits); };
      $(name).addEventListener("input", show);
      show();
    }
    $("compose").addEventListener("submit", (event) => { event.preventDefault(); this.compose(); });
    $("cancel").addEventListener("click", () => this.cancel());
    $("model").addEventListener("change", () => this.showControls());
  }

  show(facts) {
    this.models = facts.models;
    $("model").replaceChildren(...facts.models.map((model) => element("option", { value: model.name, textContent: model.name })));
    $("model-label").hidden = facts.models.length < 2;
    this.showControls();
  }

  // Only what the chosen model knows is shown.
  showControls() {
    const model = this.models.find((each) => each.name === $("model").value), known = model?.controls ?? [];
    this.dtype = model?.dtypes.includes("int8") ? "int8" : undefined; // several times as fast
    for (const control of document.querySelectorAll("[data-control]")) control.hidden = !known.includes(control.dataset.control);
    $("controls").hidden = !known.length;
    $("no-controls").hidden = known.length > 0;
    this.known = known;
  }

  options() {
    const options = { temperature: Number($("temperature").value), top_k: Number($("top-k").value), num: ALTERNATIVES, dtype: this.dtype };
    if ($("seed").value !== "") options.seed = Number($("seed").value);
    if (this.models.length > 1) options.model = $("model").value;
    return options;
  }

  // What a song that goes on makes of its earlier bars.
  repetition() { return this.known.includes("repetition") ? { repetition: Number($("repetition").value) } : {}; }

  controls() {
    const asked = {}, has = (name) => this.known.includes(name);
    if (has("tempo") && $("tempo").value) asked.tempo = Number($("tempo").value);
    if (has("key") && $("key").value) asked.key = $("key").value;
    if (has("density") && $("density").value) asked.density = Object.fromEntries(VOICES.map((voice) => [voice, $("density").value]));
    const voices = this.playing();
    if (has("register") && $("register").value) {
      const high = REGISTERED.filter((voice) => !has("voices") || voices.includes(voice));
      asked.register = Object.fromEntries(high.map((voice) => [voice, $("register").value]));
    }
    if (has("voices") && voices.length < VOICES.length) asked.voices = voices;
    if (asked.density && asked.voices) for (const voice of VOICES) if (!voices.includes(voice)) delete asked.density[voice];
    if (has("loop") && $("loop-song").checked) asked.loop = true;
    return asked;
  }

  playing() { return [...$("control-voices").querySelectorAll("input:checked")].map((box) => box.value); }

  compose() {
    if (this.known.includes("voices") && !this.playing().length) {
      status("Choose a voice that plays first: every voice is switched off.", true);
      return undefined;
    }
    const seconds = Number($("seconds").value);
    // Left alone, some songs are over long before; a third of the time, and 10 s at the most, is left for an ending.
    const body = { ...this.options(), ...this.repetition(), ...this.controls(), seconds, min_duration: seconds - Math.min(seconds / 3, 10) };
    return this.run("/generate", body, { what: "Composing", operation: "generate", limit: body.seconds, whole: true });
  }

  // Writes a passage of the present song: "/infill", "/accompany" or "/continue".
  passage(path) {
    const { store, roll } = this.studio;
    if (!store.score) { status("There is no song yet: compose one, or open a file."); return undefined; }
    const { from, to, voices } = roll.passage ?? { from: 0, to: roll.duration, voices: [...VOICES] };
    if (!voices.length) { status("Choose a voice for the passage first.", true); return undefined; }
    const body = { ...this.options(), song: { state: store.current } }, place = `${clock(from)} to ${clock(to)}`;
    if (path === "/continue") { // without a passage from the playhead, and where that is at the start, from the end
      const at = roll.passage ? from : roll.playhead > 0.1 ? roll.playhead : roll.duration;
      Object.assign(body, this.repetition(), { start: clamp(at, 0.01, roll.duration), seconds: Number($("seconds").value) });
      return this.run(path, body, { what: "Going on", operation: "continue", from: at, label: `went on from ${clock(at)}` });
    }
    const named = path === "/accompany" ? voices.filter((voice) => voice !== "no") : voices;
    if (!named.length) { status("The noise has no pitches to change; choose another voice.", true); return undefined; }
    Object.assign(body, { start: from, end: Math.min(to, roll.duration), voices: named });
    const label = `${path === "/infill" ? "wrote" : "new pitches for"} ${named.map((voice) => NAMES[voice]).join(", ")}${path === "/infill" ? " again" : ""}, ${place}`;
    return this.run(path, body, { what: "Writing", operation: path.slice(1), from, to, label });
  }

  async run(path, body, about) {
    const { studio } = this, { player, store } = studio;
    this.cancel();
    player.ready();
    const abort = this.abort = new AbortController(), began = performance.now(), session = store.id;
    this.working(`${about.what}…`, about.limit);
    if (about.whole) { player.stop(); player.setLoop(null); this.began = began; this.firstSound = null; }
    const shown = Array.from({ length: ALTERNATIVES }, () => ({ length: 0, voices: Object.fromEntries(VOICES.map((voice) => [voice, []])) }));
    try {
      const sent = { ...body };
      if (sent.song) sent.song = { data: await studio.songData(), format: "mid" };
      const result = await stream(path, sent, abort.signal, (name, facts) => {
        if (name === "queued") this.working(facts.place ? `Waiting: ${facts.place} before you` : "Waiting…");
        else this.progress(facts, shown, about, began);
      });
      if (store.id !== session) return;
      const lineage = { operation: about.operation, options: { ...body, seed: result.seed }, song: undefined };
      delete lineage.options.song;
      this.songs = result.songs.map((song) => ({ ...song, about, lineage, parent: store.current }));
      this.list();
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      status(`${result.songs.length} alternatives in ${seconds} s. Hear them, and keep the one that you like.`);
      if (about.whole) this.sounds(began);
      if (about.whole && !store.states.length) await this.keep(0, true);
      else if (!about.whole) this.hear(0);
      else if (!player.playing || player.liveEnd) this.hear(0, player.playing ? player.time() : 0);
    } catch (error) {
      if (error.name === "AbortError") status("Cancelled.");
      else status(error.message, true);
      if (about.whole) { player.stop(); studio.showSong(); }
    } finally {
      if (this.abort === abort || !this.abort) { // not if another composition has begun since
        this.abort = null;
        $("working").hidden = true;
      }
    }
  }

  working(text, limit) {
    $("working").hidden = false;
    $("working-text").textContent = text;
    $("progress").removeAttribute("value");
    if (limit) $("progress").max = limit;
  }

  progress(facts, shown, about, began) {
    if (!facts.songs) { this.working(`${about.what}: ${facts.events} events`); return; }
    facts.songs.forEach((news, index) => {
      shown[index].length = news.length;
      for (const [voice, notes] of Object.entries(news.voices)) shown[index].voices[voice].push(...notes);
    });
    const seconds = facts.songs[0].length / TICKS;
    $("working-text").textContent = `${about.what}: ${clock(seconds)}`;
    if (about.limit) $("progress").value = Math.min(seconds, about.limit);
    if (about.whole) {
      this.studio.showLive(shown[0], about.limit);
      this.small(shown);
    }
    if (facts.sound) {
      this.sounds(began);
      this.studio.player.live(bytesOf(facts.sound));
      this.studio.played();
    }
  }

  // Notes how long it took to the first sound of what was asked for.
  sounds(began) {
    if (this.firstSound) return;
    this.firstSound = performance.now() - began;
    document.body.dataset.firstSound = Math.max(Math.round(this.firstSound), 1);
  }

  // The songs that are being written, small.
  small(scores) {
    const list = $("alternatives"), now = performance.now();
    if (list.dataset.live === "yes" && now - this.smallAt < 400) return;
    this.smallAt = now;
    if (list.dataset.live !== "yes") {
      list.dataset.live = "yes";
      list.replaceChildren(...scores.map((_, index) => element("li", {}, element("canvas", {}), element("span", { textContent: `${index + 1}, being written` }))));
    }
    scores.forEach((score, index) => drawSmall(list.children[index].firstChild, { ...score, length: Math.max(score.length, 5 * TICKS) }));
  }

  list() {
    const list = $("alternatives");
    list.dataset.live = "no";
    $("alternatives-note").hidden = this.songs.length > 0;
    list.replaceChildren(...this.songs.map((song, index) => {
      const canvas = element("canvas", { role: "img", ariaLabel: `Alternative ${index + 1}, ${clock(song.duration)}` });
      const hear = element("button", { type: "button", textContent: `▶ ${index + 1}`, ariaLabel: `Hear alternative ${index + 1}`, title: `Hear (Alt+${index + 1})` });
      const keep = element("button", { type: "button", textContent: "Keep", ariaLabel: `Keep alternative ${index + 1}` });
      const facts = element("span", { className: "note", textContent: clock(song.duration) });
      hear.addEventListener("click", () => this.hear(index));
      keep.addEventListener("click", () => this.keep(index));
      canvas.addEventListener("click", () => this.hear(index));
      return element("li", {}, canvas, element("div", { className: "row" }, hear, facts, keep));
    }));
    requestAnimationFrame(() => this.redraw());
  }

  redraw() {
    this.songs.forEach((song, index) => {
      const { from, to } = song.about, canvas = $("alternatives").children[index]?.firstChild;
      if (canvas) drawSmall(canvas, song.score, from === undefined ? null : [from, to ?? song.duration]);
    });
  }

  clear() {
    this.songs = [];
    this.list();
  }

  async hear(index, at = null) {
    const song = this.songs[index], { studio } = this;
    if (!song) return;
    studio.player.ready();
    [...$("alternatives").children].forEach((item, each) => item.classList.toggle("heard", each === index));
    studio.showAlternative(song.score);
    try {
      song.sound ??= readWav(await bytes("/render", { song: { data: song.data, format: "mid" }, expression: "natural" }));
    } catch (error) { status(error.message, true); return; }
    const { rate, channels } = song.sound, buffer = studio.player.context.createBuffer(1, channels[0].length, rate);
    buffer.copyToChannel(channels[0], 0);
    studio.player.play(at ?? Math.max((song.about.from ?? 0) - 1, 0), buffer);
    studio.played();
  }

  async keep(index, quietly = false) {
    const song = this.songs[index], { studio } = this;
    if (!song) return;
    const label = song.about.label ?? `composed, seed ${song.seed}`;
    const lineage = { ...song.lineage, seed: song.seed, alternative: index };
    const { player } = studio, goesOn = player.playing ? player.time() : null;
    // A passage belongs into the song that it was written for.
    if (!song.about.whole && studio.store.current !== song.parent) await studio.store.move(song.parent);
    await studio.store.add({ data: song.data, format: "mid" }, label, lineage, "keep");
    [...$("alternatives").children].forEach((item, each) => item.classList.toggle("heard", each === index));
    if (goesOn !== null) await studio.playFrom(goesOn);
    if (!quietly) status(`Kept: ${label}.`);
  }

  cancel() {
    this.abort?.abort();
    this.abort = null;
  }
}
