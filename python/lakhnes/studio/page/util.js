// What every module uses: units, names, and small helpers for the page's elements.
export const TICKS = 44100;
export const VOICES = ["p1", "p2", "tr", "no"];
export const NAMES = { p1: "Pulse 1", p2: "Pulse 2", tr: "Triangle", no: "Noise" };
export const RANGES = { p1: [33, 108], p2: [33, 108], tr: [21, 108], no: [1, 16] };

export const $ = (id) => document.getElementById(id);
export const clamp = (value, least, most) => Math.max(least, Math.min(most, value));

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function clock(seconds) {
  const tenths = Math.max(0, Math.floor(seconds * 10 + 1e-6));
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

const TONES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
export function pitchName(voice, pitch) {
  return voice === "no" ? `noise ${pitch}` : `${TONES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
}

export function status(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

export const announce = (text) => { $("announce").textContent = text; };

export function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function base64Of(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

// The colours of the style sheet, for the canvases; read again when the scheme changes.
let colours = null;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = null; });
export function colour(name) {
  if (!colours) {
    const style = getComputedStyle(document.documentElement);
    colours = Object.fromEntries(["ink", "soft", "line", "grid", "bar", "select", "play", "lane", "panel", "accent", ...VOICES]
      .map((each) => [each, style.getPropertyValue(`--${each}`).trim()]));
  }
  return colours[name];
}

// Gives a canvas as many pixels as the screen shows of it; returns its context and its size in CSS pixels.
export function sized(canvas) {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}
