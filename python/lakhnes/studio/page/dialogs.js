// Opening and exporting files, the list of songs, and the keys.
import { download, get, request } from "./api.js";
import { COMPOSED } from "./repeat.js";
import { $, base64Of, clock, element, status } from "./util.js";

const LABELS = {
  wav: "WAV sound", flac: "FLAC sound", ogg: "Ogg Vorbis", nsf: "NSF, for the console", mid: "MIDI", vgm: "VGM", vgz: "VGZ",
  tx1: "TX1 text", tx2: "TX2 text", tx3: "TX3 text", ftm: "FamiTracker text", fms: "FamiStudio text",
};
const LARGEST = 64 * 2 ** 20;

export const KEYS = [
  ["Space", "play or stop"], ["Home", "to the start"], ["L", "loop the passage, or the song"],
  ["C", "compose"], ["W", "write the passage again"], ["P", "only the pitches"], ["G", "go on from the passage"],
  ["Escape", "cancel composing; clear the passage"], ["Alt+1 … Alt+4", "hear an alternative"], ["Shift+1 … Shift+4", "keep an alternative"],
  ["Ctrl+Z, Ctrl+Y", "undo, redo"], ["1 … 4", "mute a voice"], ["S", "solo of the chosen voice"],
  ["V, D", "select or draw with the mouse"], ["+ − 0", "larger, smaller, the whole song"], ["Ctrl+A", "the whole song as passage"],
  ["O, E", "open, export"], ["?", "this list"],
  // These in the piano roll.
  ["← →", "in the piano roll: a beat back or on"], ["Shift+← →", "select a passage"], ["↑ ↓", "choose a voice"],
  ["N, B", "next, previous note"], ["Enter", "a new note at the playhead"], ["Delete", "delete the chosen note"],
  ["Alt+↑ ↓", "its pitch (Shift: an octave)"], ["Alt+← →", "its place"], ["Alt+Shift+← →", "its length"],
];

export class Dialogs {
  constructor(studio) {
    this.studio = studio;
    $("open").addEventListener("click", () => $("file").click());
    $("file").addEventListener("change", () => { this.openFile($("file").files[0]); $("file").value = ""; });
    $("export").addEventListener("click", () => this.showExport());
    $("export-zip").addEventListener("click", () => this.save("zip"));
    $("songs").addEventListener("click", () => this.showSongs());
    $("new-song").addEventListener("click", async () => { $("songs-dialog").close(); await studio.store.create(); });
    $("help").addEventListener("click", () => $("help-dialog").showModal());
    $("keys").append(...KEYS.map(([keys, text]) => element("div", {},
      element("dt", {}, element("kbd", { textContent: keys })), element("dd", { textContent: text }))));
    for (const kind of ["dragover", "dragleave", "drop"]) {
      document.addEventListener(kind, (event) => {
        event.preventDefault();
        document.body.classList.toggle("dropping", kind === "dragover");
        if (kind === "drop" && event.dataTransfer.files.length) this.openFile(event.dataTransfer.files[0]);
      });
    }
  }

  show(facts) {
    this.readable = facts.readable;
    $("file").accept = facts.readable.map((suffix) => suffix.slice(suffix.lastIndexOf("."))).join(",");
    const formats = facts.formats.filter(({ name }) => LABELS[name]), order = Object.keys(LABELS);
    formats.sort((one, other) => order.indexOf(one.name) - order.indexOf(other.name));
    $("formats").replaceChildren(...formats.map(({ name, suffix }) => {
      const button = element("button", { type: "button", textContent: LABELS[name], title: suffix });
      button.addEventListener("click", () => this.save(name));
      return button;
    }));
  }

  async openFile(file) {
    if (!file) return;
    const { studio } = this, lower = file.name.toLowerCase();
    if (!this.readable.some((suffix) => lower.endsWith(suffix))) { status(`${file.name}: expected a name that ends in one of ${this.readable.join(" ")}`, true); return; }
    if (file.size > LARGEST) { status(`${file.name}: larger than 64 MiB`, true); return; }
    status(`Opening ${file.name}…`);
    try {
      const data = base64Of(new Uint8Array(await file.arrayBuffer())), name = file.name;
      if (studio.store.states.length) await studio.store.create(name.replace(/\.[^.]*(\.txt)?$/, ""));
      const format = /\.midi?$/.test(lower) ? { format: "mid" } : {};
      await studio.store.add({ data, name, ...format }, "", { operation: "open", file: name }, "open");
      status(studio.store.states.at(-1).label);
    } catch (error) { status(error.message, true); }
  }

  showExport() {
    if (!this.studio.store.score) { status("There is no song yet: compose one, or open a file."); return; }
    $("export-status").textContent = "";
    $("export-dialog").showModal();
  }

  async save(format) {
    const tell = (text, wrong) => { status(text, wrong); $("export-status").textContent = text; };
    tell(`Writing ${format.toUpperCase()}…`);
    try {
      await this.studio.store.waiting;
      tell(`Saved ${await download(`/sessions/${this.studio.store.id}/export`, { format }, `song.${format}`)}.`);
    } catch (error) { tell(error.message, true); }
  }

  async showSongs() {
    const { sessions } = await get("/sessions");
    $("session-list").replaceChildren(...sessions.map((session) => {
      const open = element("button", { type: "button", textContent: `${session.name} (${session.states} states, ${new Date(session.changed * 1000).toLocaleString()})` });
      const remove = element("button", { type: "button", textContent: "Delete…", className: "danger", ariaLabel: `Delete ${session.name}` });
      if (session.id === this.studio.store.id) open.setAttribute("aria-current", "true");
      open.addEventListener("click", () => { $("songs-dialog").close(); this.studio.store.open(session.id); });
      remove.addEventListener("click", () => this.remove(session));
      return element("li", {}, open, remove);
    }));
    if (!$("songs-dialog").open) $("songs-dialog").showModal();
  }

  async remove(session) {
    $("ask-text").textContent = `Delete “${session.name}” and its history? This cannot be undone.`;
    $("ask-dialog").returnValue = "no";
    $("ask-dialog").showModal();
    await new Promise((done) => $("ask-dialog").addEventListener("close", done, { once: true }));
    if ($("ask-dialog").returnValue !== "yes") return;
    await request(`/sessions/${session.id}`, { method: "DELETE" });
    if (session.id === this.studio.store.id) { localStorage.removeItem("session"); await this.studio.store.begin(); }
    await this.showSongs();
  }
}

export function showHistory(store, go) {
  const list = $("history");
  list.replaceChildren(...store.states.slice(-200).reverse().map((state) => {
    const button = element("button", { type: "button" }, state.label, element("small", {
      textContent: `${state.number}${state.parent ? ` after ${state.parent}` : ""} · ${clock(state.seconds)}`,
    }));
    if (state.number === store.current) button.setAttribute("aria-current", "step");
    button.addEventListener("click", () => go(state.number));
    return element("li", {}, button);
  }));
  $("repeating").hidden = !store.way.some((state) => COMPOSED.has(state.lineage.operation));
  if (!store.states.length) list.append(element("li", { className: "note", textContent: "Each step of a song appears here, and can be returned to." }));
}
