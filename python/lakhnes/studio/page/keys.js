// The keys that work everywhere on the page; those of the piano roll stand in edit.js, the list of all in dialogs.js.
import { $, VOICES } from "./util.js";

const TYPING = new Set(["INPUT", "SELECT", "TEXTAREA"]);

export function listenToKeys(studio) {
  const plain = {
    " ": () => studio.toggle(), Home: () => studio.seek(0), l: () => $("loop").click(), c: () => $("compose").requestSubmit(),
    w: () => $("again").click(), p: () => $("pitches").click(), g: () => $("on").click(), s: () => studio.only(studio.roll.voice),
    v: () => studio.setTool("select"), d: () => studio.setTool("draw"), "+": () => $("zoom-in").click(), "=": () => $("zoom-in").click(),
    "-": () => $("zoom-out").click(), 0: () => $("zoom-fit").click(), o: () => $("open").click(), e: () => $("export").click(), "?": () => $("help").click(),
    Escape: () => (studio.composing.abort ? studio.composing.cancel() : studio.clearPassage()),
  };
  const control = { z: () => studio.undo(), y: () => studio.redo(), a: () => $("all").click(), Z: () => studio.redo() };
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const typing = TYPING.has(event.target.tagName) && event.target.type !== "range" && event.target.type !== "checkbox";
    if (typing && event.key !== "Escape") return;
    const pressesButton = event.target.tagName === "BUTTON" || event.target.tagName === "SUMMARY" || event.target.type === "checkbox";
    if (event.key === " " && pressesButton) return;
    const digit = /^Digit([1-4])$/.exec(event.code)?.[1];
    let work = null;
    if (event.ctrlKey || event.metaKey) work = control[event.key];
    else if (digit && event.altKey) work = () => studio.composing.hear(digit - 1);
    else if (digit && event.shiftKey) work = () => studio.composing.keep(digit - 1);
    else if (digit) work = () => studio.mute(VOICES[digit - 1]);
    else if (!event.altKey) work = plain[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!work) return;
    event.preventDefault();
    work();
  });
}
