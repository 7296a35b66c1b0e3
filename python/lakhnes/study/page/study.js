// The page of a listening study: it asks the server for the present step, shows it, and sends the answer.
// All texts are set as text, never as HTML. The secret stands behind the "#" of a link, which is not sent.
"use strict";

const KEPT = "lakhnes-study";
const RETRY_FIRST = 500, RETRY_LONGEST = 8000; // milliseconds between attempts
const main = document.getElementById("main");
const status = document.getElementById("status");

let study = null; // what /api/study says
let secret = null;
let players = []; // of the present step
let heardAll = () => true;

const words = (name, values = {}) =>
  study.words[name].replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function say(text) {
  status.textContent = text;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Ask until the server replies: an answer is sent again after a lost connection, and counts once.
async function ask(path, body) {
  for (let wait = RETRY_FIRST; ; wait = Math.min(2 * wait, RETRY_LONGEST)) {
    try {
      const headers = secret ? { Authorization: `Bearer ${secret}` } : {};
      const options = { headers, method: "GET" };
      if (body !== undefined) {
        options.method = "POST";
        options.body = JSON.stringify(body);
        headers["Content-Type"] = "application/json";
      }
      const reply = await fetch(path, options);
      if (reply.status < 500) return reply;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // what fetch throws where there is no connection
    }
    if (study) say(words("offline"));
    await pause(wait);
  }
}

function remember(value) {
  secret = value;
  try {
    localStorage.setItem(KEPT, value);
  } catch {
    // Private windows may keep nothing: the address does.
  }
  history.replaceState(null, "", `#${value}`);
}

function forget() {
  secret = null;
  try {
    localStorage.removeItem(KEPT);
  } catch {
    // It was not kept.
  }
  history.replaceState(null, "", location.pathname);
}

function remembered() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

async function start() {
  study = await (await ask("api/study")).json();
  const linked = decodeURIComponent(location.hash.slice(1));
  const known = linked || remembered();
  if (known) {
    remember(known);
    if (await load()) return;
    forget();
  }
  if (linked) {
    showMessage("unknown_title", "unknown_text");
  } else if (study.signup === "open") {
    showConsent(null);
  } else {
    showMessage("unknown_title", "unknown_text");
  }
}

// Show the present step; return whether the server knows the listener.
async function load() {
  const reply = await ask("api/state");
  if (reply.ok) show(await reply.json());
  return reply.ok;
}

async function send(state, value) {
  say(words("saving"));
  const reply = await ask("api/answer", { step: state.step, value });
  if (reply.status === 200) {
    show(await reply.json());
  } else {
    const problem = await reply.json();
    if (problem.error === "unheard") say(words("listen_first"));
    else if (!(await load())) showMessage("unknown_title", "unknown_text");
  }
}

// --- what is shown -------------------------------------------------------------------------------------------------

function clear(title) {
  players.forEach((player) => player.close());
  players = [];
  heardAll = () => true;
  say("");
  const heading = element("h1", { tabIndex: -1, textContent: title });
  main.replaceChildren(heading);
  document.title = `${title} · ${study.title}`;
  heading.focus();
  window.scrollTo(0, 0);
}

function paragraph(text, className = "") {
  main.append(element("p", { textContent: text, className }));
}

function showProgress(done, all) {
  const bar = document.getElementById("progress");
  bar.hidden = !all;
  bar.max = all || 1;
  bar.value = done;
  bar.setAttribute("aria-label", document.title);
}

function show(state) {
  if (state.kind === "consent") showConsent(state);
  else if (state.kind === "questions") showQuestions(state);
  else if (state.kind === "done") showDone(state);
  else showItem(state);
}

function showMessage(title, text) {
  clear(words(title));
  paragraph(words(text));
}

function form(button, submit) {
  const made = element("form", { noValidate: true });
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (made.dataset.busy) return;
    made.dataset.busy = "yes";
    try {
      await submit();
    } finally {
      delete made.dataset.busy;
    }
  });
  const go = element("button", { type: "submit", textContent: words(button) });
  main.append(made);
  return [made, go];
}

function choices(name, legend, options, sideBySide = false) {
  const list = element("div", { className: sideBySide ? "choices side-by-side" : "choices" });
  options.forEach((text, index) => {
    const input = element("input", { type: "radio", name, value: String(index + 1) });
    list.append(element("label", { className: "choice" }, input, element("span", { textContent: text })));
  });
  return element("fieldset", {}, element("legend", { textContent: legend }), list);
}

function chosen(made, name) {
  const input = made.querySelector(`input[name="${CSS.escape(name)}"]:checked`);
  return input ? Number(input.value) : null;
}

function showConsent(state) {
  clear(words("consent_title"));
  paragraph(words("consent_text", { minutes: study.minutes }));
  paragraph(words("consent_privacy"));
  if (study.contact) paragraph(words("consent_contact", { contact: study.contact }));
  const box = element("input", { type: "checkbox", name: "agree" });
  const [made, go] = form("begin", async () => {
    if (!box.checked) {
      say(words("choose_first"));
      box.focus();
      return;
    }
    if (!secret) {
      const reply = await ask("api/listeners", {});
      if (reply.status !== 200) {
        showMessage("closed_title", "closed_text");
        return;
      }
      remember((await reply.json()).secret);
    }
    await send(state || { step: 0 }, true);
  });
  const label = element("span", { textContent: words("consent_agree") });
  made.append(element("fieldset", {}, element("label", { className: "choice" }, box, label)), go);
}

function showQuestions(state) {
  if (!study.questions.length) {
    send(state, {});
    return;
  }
  clear(words("questions_title"));
  const [made, go] = form("go_on", async () => {
    const value = {};
    for (const question of study.questions) {
      value[question.id] = chosen(made, question.id);
      if (value[question.id] === null) {
        say(words("choose_first"));
        made.querySelector(`input[name="${CSS.escape(question.id)}"]`).focus();
        return;
      }
    }
    await send(state, value);
  });
  for (const question of study.questions) made.append(choices(question.id, question.question, question.options));
  made.append(go);
}

function optionsOf(state) {
  const numbers = Array.from({ length: state.choices }, (_, index) => index + 1);
  if (state.kind === "headphones") return numbers.map((number) => words("headphones_choice", { number }));
  if (study.design === "rating") return numbers.map((number) => words(`rating_${number}`));
  return numbers.map((number) => words("choose", { side: "AB"[number - 1] }));
}

function titleOf(state) {
  if (state.kind === "headphones") return words("headphones_title", state);
  if (state.kind === "practice") return words("practice_title");
  return words(study.design === "rating" ? "clip_title" : "pair_title", state);
}

function showItem(state) {
  clear(titleOf(state));
  showProgress(state.kind === "pair" ? state.number - 1 : 0, state.kind === "pair" ? state.count : 0);
  if (state.kind === "practice") paragraph(words("practice_text"));
  const question = state.kind === "headphones" ? "headphones_text" : `${study.design}_question`;
  const [made, go] = form("go_on", async () => {
    const value = chosen(made, "choice");
    if (!heardAll()) {
      say(words("listen_first"));
      return;
    }
    if (value === null) {
      say(words("choose_first"));
      made.querySelector("input[name=choice]").focus();
      return;
    }
    players.forEach((player) => player.stop());
    await send(state, value);
  });
  const clips = element("div", { className: "clips" });
  for (let side = 0; side < state.sides; side += 1) {
    const player = new Player(state.step, side, state.sides === 1);
    players.push(player);
    clips.append(player.box);
  }
  heardAll = () => players.every((player) => player.heard);
  made.append(clips, choices("choice", words(question), optionsOf(state), true));
  if (state.kind !== "headphones") made.append(element("p", { className: "small", textContent: words("intuition") }));
  made.append(go);
  const keys = state.sides === 1 ? "keys_single" : "keys_pair";
  made.append(element("p", { className: "small", textContent: words(keys) }));
}

function showDone(state) {
  clear(words("done_title"));
  showProgress(0, 0);
  paragraph(words("done_text"));
  paragraph(state.code, "code");
}

// --- sound ---------------------------------------------------------------------------------------------------------

class Player {
  constructor(step, side, single) {
    this.step = step;
    this.side = side;
    this.single = single;
    this.heard = false;
    this.audio = null;
    this.address = null;
    this.loading = false;
    this.closed = false;
    this.button = element("button", { type: "button", className: "plain" });
    this.bar = element("progress", { max: 1, value: 0, "aria-hidden": "true" });
    this.mark = element("span", { id: `heard-${side}`, textContent: words("not_heard") });
    this.button.setAttribute("aria-describedby", this.mark.id);
    this.button.addEventListener("click", () => this.toggle());
    this.box = element("div", { className: "clip" }, this.button, this.bar, this.mark);
    this.label("play");
  }

  label(action) {
    this.button.textContent = words(this.single ? `${action}_single` : action, { side: "AB"[this.side] });
  }

  async toggle() {
    if (this.loading) return;
    if (this.audio && !this.audio.paused) {
      this.stop();
      return;
    }
    players.forEach((player) => player.stop());
    this.loading = true;
    try {
      if (!this.audio) await this.fetch();
      if (this.closed) return;
      this.audio.currentTime = 0;
      this.label("stop");
      await this.audio.play();
    } catch {
      this.label("play");
      if (!this.closed) say(words("sound_failed"));
    } finally {
      this.loading = false;
    }
  }

  async fetch() {
    const reply = await ask(`api/clip/${this.step}/${this.side}`);
    if (!reply.ok) throw new Error(`status ${reply.status}`);
    this.address = URL.createObjectURL(await reply.blob());
    this.audio = new Audio(this.address);
    this.audio.addEventListener("timeupdate", () => {
      this.bar.value = this.audio.duration > 0 ? this.audio.currentTime / this.audio.duration : 0;
    });
    this.audio.addEventListener("pause", () => this.label("play"));
    this.audio.addEventListener("ended", () => {
      this.label("play");
      this.heard = true;
      this.mark.textContent = words("heard");
      say("");
    });
  }

  stop() {
    if (this.audio && !this.audio.paused) this.audio.pause();
  }

  close() {
    this.closed = true;
    this.stop();
    if (this.address) URL.revokeObjectURL(this.address);
  }
}

// --- keys: A and B play, digits choose -----------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || !players.length) return;
  const side = ["a", "b"].indexOf(event.key.toLowerCase());
  if (side >= 0 && side < players.length) {
    event.preventDefault();
    players[side].toggle();
    return;
  }
  const input = /^[1-9]$/.test(event.key) && main.querySelector(`input[name=choice][value="${event.key}"]`);
  if (input) {
    event.preventDefault();
    input.checked = true;
    input.focus();
  } else if (event.key === "Enter" && event.target === main.querySelector("h1")) {
    main.querySelector("form").requestSubmit();
  }
});

window.addEventListener("hashchange", () => location.reload());

start();
