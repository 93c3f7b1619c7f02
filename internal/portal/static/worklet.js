// Takes what the microphone gives, as 16-bit samples in blocks, with how loud
// each block was. It runs beside the page, so that a busy page loses nothing.
"use strict";

const block = 2048; // samples, about 43 ms at 48 kHz

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.samples = new Int16Array(block);
    this.filled = 0;
    this.open = true;
    this.port.onmessage = () => { // the only message: that is all
      this.give();
      this.open = false;
      this.port.postMessage(null);
    };
  }

  process([input]) {
    if (!this.open) return false;
    const channel = input[0];
    if (!channel) return true; // the microphone has not begun
    for (const value of channel) {
      this.samples[this.filled++] = Math.round(Math.max(-1, Math.min(1, value)) * 32767);
      if (this.filled === block) this.give();
    }
    return true;
  }

  give() {
    const samples = this.samples.slice(0, this.filled);
    let sum = 0;
    for (const value of samples) sum += value * value;
    const rms = samples.length ? Math.sqrt(sum / samples.length) / 32767 : 0;
    this.filled = 0;
    this.port.postMessage({ samples, rms }, [samples.buffer]);
  }
}

registerProcessor("microphone", Microphone);
