// Sound by Web Audio: a song from its stems, so that muting and seeking take no request; an alternative; and music that
// is still being composed, piece by piece.
import { VOICES, clamp } from "./util.js";

const FADE = 0.01; // seconds over which a voice is muted, without a click

// Reads a WAV file of 16 bits into one Float32Array for each channel.
export function readWav(buffer) {
  const view = new DataView(buffer);
  let place = 12, channels = 1, rate = 44100;
  while (place + 8 <= view.byteLength) {
    const name = view.getUint32(place), size = view.getUint32(place + 4, true);
    if (name === 0x666d7420) { channels = view.getUint16(place + 10, true); rate = view.getUint32(place + 12, true); }
    if (name === 0x64617461) {
      const samples = new Int16Array(buffer.slice(place + 8, place + 8 + (size & ~1)));
      const frames = Math.floor(samples.length / channels), made = [];
      for (let c = 0; c < channels; c++) {
        const channel = new Float32Array(frames);
        for (let i = 0, j = c; i < frames; i++, j += channels) channel[i] = samples[j] / 32768;
        made.push(channel);
      }
      return { rate, channels: made };
    }
    place += 8 + size + (size & 1);
  }
  throw new Error("The sound is no WAV file.");
}

export class Player {
  constructor() {
    this.muted = new Set();
    this.solo = new Set();
    this.buffers = [];
    this.sources = [];
    this.offset = 0; // seconds of the song at which playing began, or stands
    this.loop = null; // [from, to] in seconds
    this.playing = false;
    this.duration = 0;
    this.ended = () => {};
  }

  // Browsers allow sound only after a click or a key, so the context is made then.
  ready() {
    if (!this.context) {
      this.context = new AudioContext({ latencyHint: "interactive" });
      this.analyser = this.context.createAnalyser();
      this.analyser.fftSize = 1024;
      this.block = new Float32Array(1024);
      this.main = this.context.createGain();
      this.main.connect(this.analyser).connect(this.context.destination);
      this.gains = [...VOICES, "dmc"].map(() => {
        const gain = this.context.createGain();
        gain.connect(this.main);
        return gain;
      });
      this.setGains(0);
    }
    this.context.resume();
    return this.context;
  }

  load({ rate, channels }) {
    const context = this.context || this.ready();
    this.buffers = channels.map((samples) => {
      const buffer = context.createBuffer(1, Math.max(samples.length, 1), rate);
      buffer.copyToChannel(samples, 0);
      return buffer;
    });
    this.duration = this.buffers[0].duration;
    if (this.playing && !this.single) this.play(this.time());
  }

  play(from = this.offset, single = null) {
    this.halt();
    const context = this.ready();
    this.single = single;
    const buffers = single ? [single] : this.buffers;
    if (!buffers.length) return;
    const length = buffers[0].duration;
    this.offset = from >= length - 0.01 ? (this.loop ? this.loop[0] : 0) : Math.max(from, 0);
    this.began = context.currentTime + 0.02;
    this.sources = buffers.map((buffer, index) => {
      const source = context.createBufferSource();
      source.buffer = buffer;
      if (this.loop) {
        source.loop = true;
        source.loopStart = clamp(this.loop[0], 0, length);
        source.loopEnd = clamp(this.loop[1], 0, length);
      }
      source.connect(single ? this.main : this.gains[index] || this.main);
      source.start(this.began, this.offset);
      return source;
    });
    this.playing = true;
    const sources = this.sources;
    sources[0].onended = () => { if (this.sources === sources) { this.stop(); this.offset = 0; this.ended(); } };
  }

  halt() {
    const sources = this.sources;
    this.sources = [];
    for (const source of sources) { source.onended = null; try { source.stop(); } catch { /* it never began */ } }
    this.liveEnd = null;
  }

  stop() {
    if (!this.playing) return;
    const at = this.time();
    this.halt();
    this.playing = false;
    this.single = null;
    this.offset = at;
  }

  seek(seconds) {
    const wasPlaying = this.playing && !this.liveEnd;
    this.offset = Math.max(seconds, 0);
    if (wasPlaying) this.play(this.offset, this.single);
  }

  time() {
    if (!this.playing) return this.offset;
    const passed = Math.max(this.context.currentTime - this.began, 0) + this.offset;
    if (this.liveEnd !== null && this.liveEnd !== undefined) return Math.min(passed, this.liveTotal);
    if (this.loop && this.sources[0]?.loop) {
      const [from, to] = this.loop;
      if (passed >= to && to > from && this.offset < to) return from + (passed - from) % (to - from);
    }
    return passed;
  }

  setLoop(range) {
    const at = this.time();
    this.loop = range;
    if (this.playing && !this.liveEnd) this.play(at, this.single);
  }

  setGains(fade = FADE) {
    if (!this.context) return;
    [...VOICES, "dmc"].forEach((voice, index) => {
      const heard = !this.muted.has(voice) && (!this.solo.size || this.solo.has(voice));
      const gain = this.gains[index].gain, now = this.context.currentTime;
      gain.cancelScheduledValues(now);
      gain.setTargetAtTime(heard ? 1 : 0, now, fade / 3 || 0.001);
    });
  }

  // The next piece of a song that is being composed: 16-bit samples at 44,100 Hz.
  live(bytes) {
    const context = this.context;
    const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
    const buffer = context.createBuffer(1, samples.length, 44100), channel = buffer.getChannelData(0);
    for (let i = 0; i < samples.length; i++) channel[i] = samples[i] / 32768;
    if (!this.liveEnd) {
      this.halt();
      this.playing = true;
      this.single = null;
      this.offset = 0;
      this.liveTotal = 0;
      this.began = this.liveEnd = context.currentTime + 0.05;
    }
    if (this.liveEnd < context.currentTime) { // the composer fell behind: what comes is heard from now on
      this.began += context.currentTime + 0.1 - this.liveEnd;
      this.liveEnd = context.currentTime + 0.1;
    }
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.main);
    source.start(this.liveEnd);
    this.sources.push(source);
    this.liveEnd += buffer.duration;
    this.liveTotal += buffer.duration;
  }

  level() {
    if (!this.context || !this.playing) return 0;
    this.analyser.getFloatTimeDomainData(this.block);
    let sum = 0, mean = 0;
    for (const sample of this.block) mean += sample;
    mean /= this.block.length;
    for (const sample of this.block) sum += (sample - mean) ** 2;
    return Math.sqrt(sum / this.block.length);
  }
}
