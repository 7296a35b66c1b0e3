// A song's steps once more, from its first to its present state: with the same seeds, or with new ones.
import { stream } from "./api.js";
import { $, status } from "./util.js";

// The operations that a model does; all others were done by hand.
export const COMPOSED = new Set(["generate", "continue", "accompany", "infill"]);

// What was composed or opened anew owes nothing to the songs before it.
function stepsOf(way) {
  const first = way.findLastIndex(({ lineage }) => lineage.operation === "generate" || lineage.operation === "open");
  return way.slice(Math.max(first, 0));
}

export class Repeating {
  constructor(studio) {
    this.studio = studio;
    $("repeat").addEventListener("click", () => this.repeat(false));
    $("repeat-anew").addEventListener("click", () => this.repeat(true));
  }

  // Makes a new song, whose history is that of the present one.
  async repeat(anew) {
    const { store, composing, player } = this.studio, { id: source } = store, way = stepsOf(store.way);
    composing.cancel();
    player.stop();
    const abort = composing.abort = new AbortController();
    let left = 0;
    try {
      await store.create(`${store.session.name}, ${anew ? "with new seeds" : "repeated"}`);
      for (const [index, state] of way.entries()) {
        composing.working(`Step ${index + 1} of ${way.length}: ${state.label}`);
        const { operation } = state.lineage;
        if (COMPOSED.has(operation)) await this.compose(state, anew, abort.signal);
        else if (!anew || operation === "open") await this.take(source, state);
        else left++;
        abort.signal.throwIfAborted();
      }
      if (anew) status(`Repeated with new seeds${left ? `; ${left} ${left === 1 ? "step" : "steps"} by hand left out` : ""}.`);
      else if (store.way.at(-1)?.song === way.at(-1).song) status(`Repeated ${way.length} ${way.length === 1 ? "step" : "steps"}: the same song, note for note.`);
      else status("Repeated, but the song is another one: it was composed by another model or another version.", true);
    } catch (error) {
      if (error.name === "AbortError") status("Cancelled.");
      else status(error.message, true);
    } finally {
      if (composing.abort === abort || !composing.abort) { composing.abort = null; $("working").hidden = true; }
    }
  }

  async compose(state, anew, signal) {
    const { studio } = this, { lineage } = state, options = { ...lineage.options };
    if (anew) delete options.seed;
    const body = { ...options };
    if (lineage.operation !== "generate") {
      const end = studio.roll.duration; // with new seeds the song may be shorter than the passage is late
      if (body.start >= end) body.start = Math.max(end - 1, 0.01);
      if (body.end) body.end = Math.min(body.end, end);
      body.song = { data: await studio.songData(), format: "mid" };
    }
    const result = await stream(`/${lineage.operation}`, body, signal, () => {});
    const song = result.songs[lineage.alternative];
    const label = anew && lineage.operation === "generate" ? `composed, seed ${song.seed}` : state.label;
    const facts = { ...lineage, options: { ...options, seed: result.seed }, seed: song.seed };
    await studio.store.add({ data: song.data, format: "mid" }, label, facts, "keep");
  }

  // What was opened, drawn or moved is taken as it was.
  take(source, state) {
    return this.studio.store.add({ session: source, over: state.number }, state.label, state.lineage, "keep");
  }
}
