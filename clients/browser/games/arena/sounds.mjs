/** Small synthesized sounds: no files. Silent until the pilot's first input, as browsers want it; M turns them off and on. */

import { isTyping } from "../../page/dom.mjs";

const VOLUME = 0.22;
const KEY = "roomwright.muted";

export class Sounds {
  /** @type {AudioContext | null} */
  #audio = null;
  /** @type {GainNode | null} */
  #out = null;
  /** @type {GainNode | null} */
  #engine = null;
  /** @type {AudioBuffer | null} */
  #noise = null;
  #isMuted = localStorage.getItem(KEY) === "yes";

  constructor() {
    addEventListener("keydown", (event) => {
      if (event.code !== "KeyM" || isTyping()) return;
      this.#isMuted = !this.#isMuted;
      localStorage.setItem(KEY, this.#isMuted ? "yes" : "no");
      if (this.#out) this.#out.gain.value = this.#isMuted ? 0 : VOLUME;
    });
  }

  /** The pilot has done something: a browser lets us sound now. */
  wake() {
    if (this.#audio || !navigator.userActivation?.hasBeenActive) return;
    const audio = new AudioContext();
    this.#audio = audio;
    this.#out = audio.createGain();
    this.#out.gain.value = this.#isMuted ? 0 : VOLUME;
    this.#out.connect(audio.destination);
    this.#noise = audio.createBuffer(1, audio.sampleRate, audio.sampleRate);
    const samples = this.#noise.getChannelData(0);
    for (let i = 0; i < samples.length; i += 1) samples[i] = Math.random() * 2 - 1;
    this.#engine = this.#rumble(audio, this.#out);
  }

  /** @param {number} near 0…1 @param {boolean} isOwn */
  shot(near, isOwn) {
    this.#tone(isOwn ? 880 : 660, 180, 0.12, "square", 0.28 * near);
  }

  click() {
    this.#tone(140, 90, 0.05, "square", 0.3);
  }

  /** @param {number} near */
  hit(near) {
    this.#burst(1800, 0.09, 0.5 * near);
  }

  /** @param {number} near */
  boom(near) {
    this.#burst(420, 0.7, 1.4 * near);
    this.#tone(120, 30, 0.6, "sine", 0.9 * near);
  }

  taken() {
    this.#tone(520, 1040, 0.16, "triangle", 0.5);
  }

  start() {
    this.#tone(440, 880, 0.35, "triangle", 0.5);
  }

  /** @param {boolean} isOn @param {boolean} isBoost */
  thrust(isOn, isBoost) {
    if (this.#engine && this.#audio) this.#engine.gain.setTargetAtTime(isOn ? (isBoost ? 0.34 : 0.16) : 0, this.#audio.currentTime, 0.05);
  }

  /** @param {AudioContext} audio @param {AudioNode} out */
  #rumble(audio, out) {
    const source = new AudioBufferSourceNode(audio, { buffer: this.#noise, loop: true });
    const filter = new BiquadFilterNode(audio, { type: "lowpass", frequency: 260 });
    const gain = new GainNode(audio, { gain: 0 });
    source.connect(filter).connect(gain).connect(out);
    source.start();
    return gain;
  }

  /** @param {number} from @param {number} to @param {number} seconds @param {OscillatorType} type @param {number} volume */
  #tone(from, to, seconds, type, volume) {
    if (!this.#audio || !this.#out || this.#isMuted || volume < 0.02) return;
    const now = this.#audio.currentTime;
    const source = new OscillatorNode(this.#audio, { type, frequency: from });
    const gain = new GainNode(this.#audio, { gain: volume });
    source.frequency.exponentialRampToValueAtTime(to, now + seconds);
    gain.gain.exponentialRampToValueAtTime(0.001, now + seconds);
    source.connect(gain).connect(this.#out);
    source.start();
    source.stop(now + seconds);
  }

  /** @param {number} frequency @param {number} seconds @param {number} volume */
  #burst(frequency, seconds, volume) {
    if (!this.#audio || !this.#out || this.#isMuted || volume < 0.02) return;
    const now = this.#audio.currentTime;
    const source = new AudioBufferSourceNode(this.#audio, { buffer: this.#noise });
    const filter = new BiquadFilterNode(this.#audio, { type: "lowpass", frequency });
    const gain = new GainNode(this.#audio, { gain: volume });
    gain.gain.exponentialRampToValueAtTime(0.001, now + seconds);
    source.connect(filter).connect(gain).connect(this.#out);
    source.start(now, Math.random() * 0.3, seconds);
  }
}
