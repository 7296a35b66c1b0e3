// Requests to the server: JSON, files, and streams of server-sent events.
import { $ } from "./util.js";

let token = sessionStorage.getItem("token") || new URLSearchParams(location.hash.slice(1)).get("token") || "";

async function askToken() {
  const dialog = $("token-dialog");
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  token = $("token").value;
  sessionStorage.setItem("token", token);
}

export async function request(path, { method = "GET", body, signal } = {}) {
  for (;;) {
    const headers = {};
    if (token) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    let answer;
    try {
      answer = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The server does not answer. Is lakhnes studio still running?");
    }
    if (answer.status === 401) { await askToken(); continue; }
    if (answer.ok) return answer;
    const facts = await answer.json().catch(() => ({}));
    throw new Error(facts.error || `The server answered with status ${answer.status}.`);
  }
}

export const get = async (path) => (await request(path)).json();
export const send = async (method, path, body = {}) => (await request(path, { method, body })).json();
export const bytes = async (path, body, signal) => (await request(path, { method: "POST", body, signal })).arrayBuffer();

// Composes; calls hear(name, data) for each event of the stream and returns the data of its last one.
export async function stream(path, body, signal, hear) {
  const answer = await request(path, { method: "POST", body: { ...body, stream: true }, signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The server ended before the song did.");
    rest += value;
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
      const lines = rest.slice(0, end).split("\n");
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
      if (!name || !data) continue;
      const facts = JSON.parse(data);
      if (name === "result") return facts;
      if (name === "error") throw new Error(facts.error);
      hear(name, facts);
    }
  }
}

export async function download(path, body, fallback) {
  const answer = await request(path, { method: "POST", body });
  const disposition = answer.headers.get("content-disposition") || "";
  const named = /filename\*=UTF-8''([^;]+)/.exec(disposition) || /filename="([^"]+)"/.exec(disposition);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = named ? decodeURIComponent(named[1]) : fallback;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  return link.download;
}
