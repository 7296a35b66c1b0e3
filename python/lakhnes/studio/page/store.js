// The session: the song, its states, undo and redo. What the server has is the truth; the page shows it.
import { get, send } from "./api.js";

export class Store {
  constructor(changed) {
    this.changed = changed; // called with the session when the song, or its history, is another
    this.session = null;
    this.waiting = Promise.resolve();
  }

  get id() { return this.session?.id; }
  get score() { return this.session?.score; }
  get current() { return this.session?.current ?? null; }
  get states() { return this.session?.states ?? []; }

  // Changes of a session happen one after the other, in the order in which they were made.
  then(work) {
    const next = this.waiting.then(work);
    this.waiting = next.catch(() => {});
    return next;
  }

  show(session, why) {
    this.session = session;
    localStorage.setItem("session", session.id);
    this.changed(session, why);
  }

  async begin(opened) {
    const wanted = opened || localStorage.getItem("session");
    if (wanted) {
      try { return this.show(await get(`/sessions/${wanted}`), "open"); } catch { /* it was deleted */ }
    }
    const { sessions } = await get("/sessions");
    if (sessions.length && !opened) return this.show(await get(`/sessions/${sessions[0].id}`), "open");
    return this.create();
  }

  async create(name = "A new song") {
    const made = await send("POST", "/sessions", { name });
    this.show({ ...made, score: null }, "open");
  }

  open(id) { return this.then(async () => this.show(await get(`/sessions/${id}`), "open")); }

  rename(name) { return this.then(async () => this.show(await send("PATCH", `/sessions/${this.id}`, { name }), "name")); }

  add(song, label, lineage, why = "song") {
    return this.then(async () => {
      const body = { song, lineage };
      if (label) body.label = label;
      this.show(await send("POST", `/sessions/${this.id}/states`, body), why);
    });
  }

  // What the page made of the present song: some voices, as lists of notes.
  edit(length, voices, label) {
    return this.then(() => {
      const lineage = { operation: "edit", voices: Object.keys(voices) };
      const body = { song: { over: this.current, score: { length, voices } }, label, lineage };
      return send("POST", `/sessions/${this.id}/states`, body).then((session) => this.show(session, "edit"));
    });
  }

  move(number) { return this.then(async () => this.show(await send("PATCH", `/sessions/${this.id}`, { current: number }), "song")); }

  // The states from the first to the present one.
  get way() {
    const way = [];
    for (let number = this.current; number;) {
      const state = this.states.find((each) => each.number === number);
      if (!state) break;
      way.unshift(state);
      number = state.parent;
    }
    return way;
  }

  get before() { return this.states.find((state) => state.number === this.current)?.parent ?? null; }

  get after() {
    const children = this.states.filter((state) => state.parent === this.current);
    return children.length ? children[children.length - 1].number : null;
  }
}
