// The level of the song below the piano roll: of each pixel column the lowest and the highest sample of all voices.
import { colour, sized } from "./util.js";

const peaks = new WeakMap(); // of a sound, the extremes of blocks of samples
const BLOCK = 512;

function extremes(sound) {
  if (!peaks.has(sound)) {
    const frames = sound.channels[0].length, count = Math.ceil(frames / BLOCK);
    const low = new Float32Array(count), high = new Float32Array(count);
    for (const channel of sound.channels) {
      let mean = 0; // stems may lie above zero while their filter settles
      for (let i = 0; i < frames; i += BLOCK) mean += channel[i];
      mean /= Math.max(count, 1);
      for (let block = 0; block < count; block++) {
        let least = 1, most = -1;
        for (let i = block * BLOCK, end = Math.min(i + BLOCK, frames); i < end; i += 4) {
          const sample = channel[i] - mean;
          if (sample < least) least = sample;
          if (sample > most) most = sample;
        }
        low[block] += least;
        high[block] += most;
      }
    }
    peaks.set(sound, { low, high });
  }
  return peaks.get(sound);
}

export function drawWave(canvas, sound, roll) {
  const { context, width, height } = sized(canvas);
  context.fillStyle = colour("lane");
  context.fillRect(0, 0, width, height);
  if (!sound) return;
  const { low, high } = extremes(sound), perSecond = sound.rate / BLOCK;
  context.fillStyle = colour("soft");
  for (let x = 0; x < width; x++) {
    const from = Math.floor(roll.second(x) * perSecond), to = Math.max(Math.floor(roll.second(x + 1) * perSecond), from + 1);
    if (from >= low.length) break;
    let least = 0, most = 0;
    for (let i = from; i < Math.min(to, low.length); i++) { least = Math.min(least, low[i]); most = Math.max(most, high[i]); }
    const top = height / 2 * (1 - Math.min(most * 1.4, 1)), bottom = height / 2 * (1 - Math.max(least * 1.4, -1));
    context.fillRect(x, top, 1, Math.max(bottom - top, 1));
  }
}
