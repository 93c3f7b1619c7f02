// Push to talk: hold the button and speak, or tap, speak, and tap again. The
// microphone is open while the page says "Listening" and at no other time.
// What is said is sent when it ends, as a WAV file at the microphone's rate;
// Escape, a button, or another page or window in front throws it away.
"use strict";

(() => {
  const section = document.getElementById("talk");
  if (!section) return;
  section.hidden = false;
  const part = (name) => document.getElementById("talk-" + name);
  const button = part("button");
  if (!button) return; // paused or disconnected: the section says so
  if (!navigator.mediaDevices || !window.AudioWorkletNode) {
    for (const e of section.children) e.hidden = e.id !== "talk-insecure";
    section.dataset.state = "insecure";
    return;
  }

  const most = Number(section.dataset.most); // seconds
  const shortest = 0.3; // seconds: what is shorter is a slip
  const tap = 400; // milliseconds: a shorter press is a tap
  const calm = matchMedia("(prefers-reduced-motion: reduce)"); // the meter then moves four times a second
  const sound = part("sound");
  let turn = null; // the one that listens or is about to

  // States: idle, asking, listening, sending, answering.
  function show(state, says) {
    section.dataset.state = state;
    button.setAttribute("aria-pressed", String(state === "listening"));
    button.setAttribute("aria-disabled", String(state === "sending"));
    if (part("state").textContent !== says) part("state").textContent = says;
    if (state !== "listening") meter(0, 0);
  }

  // Styles are set through the object model: the content policy lets no
  // style stand in the markup.
  function meter(level, seconds) {
    section.style.setProperty("--level", level.toFixed(3));
    section.style.setProperty("--spent", (seconds / most).toFixed(4));
    part("time").textContent = seconds ? Math.floor(seconds) + " s of " + most + " s" : "";
    section.dataset.seconds = seconds.toFixed(2);
  }

  // loud maps -54 dB to 0 and -6 dB to 1, as a person hears it.
  function loud(rms) {
    return Math.max(0, Math.min(1, (20 * Math.log10(rms || 1e-6) + 54) / 48));
  }

  async function begin(at) {
    const mine = turn = { chunks: [], length: 0, rate: 0, peak: 0, shown: 0, pressed: at, latched: false };
    show("asking", "Opening the microphone…");
    // Within the press, since some phones allow it at no other time: what
    // plays falls silent, and the answer's player may speak by itself later.
    play(wav([new Int16Array(160)], 160, 16000)).catch(() => {});
    part("turn").hidden = true;
    const context = mine.context = new AudioContext();
    try {
      const opened = navigator.mediaDevices.getUserMedia({
        audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true },
      }).then((stream) => {
        mine.stream = stream;
        if (turn !== mine) close(mine); // nobody waits for it any more
      });
      await Promise.all([opened, context.resume(), context.audioWorklet.addModule(section.dataset.worklet)]);
    } catch (error) {
      close(mine);
      if (turn === mine) {
        turn = null;
        end(refused(error));
      }
      return;
    }
    if (turn !== mine) { // let go of meanwhile
      close(mine);
      return;
    }
    listen(mine);
  }

  function listen(mine) {
    const { context, stream } = mine;
    mine.rate = context.sampleRate;
    mine.node = new AudioWorkletNode(context, "microphone", { channelCount: 1, channelCountMode: "explicit" });
    mine.node.port.onmessage = ({ data }) => data ? take(mine, data) : send(mine);
    // Its output is silence: some browsers run only what leads to the speaker.
    context.createMediaStreamSource(stream).connect(mine.node).connect(context.destination);
    stream.getTracks()[0].addEventListener("ended", () => { if (turn === mine) finish(); });
    show("listening", "Listening");
  }

  function take(mine, { samples, rms }) {
    const room = most * mine.rate - mine.length;
    if (mine.dropped || room <= 0) return;
    mine.chunks.push(samples.length > room ? samples.subarray(0, room) : samples);
    mine.length += Math.min(samples.length, room);
    if (turn !== mine) return;
    mine.peak = Math.max(mine.peak, rms);
    const now = performance.now();
    if (!calm.matches || now - mine.shown >= 250) {
      meter(loud(mine.peak), mine.length / mine.rate);
      mine.peak = 0;
      mine.shown = now;
    }
    if (samples.length >= room) finish();
  }

  // finish ends listening; the worklet gives what it still has, and then send
  // is called.
  function finish() {
    const mine = turn;
    turn = null;
    for (const track of mine.stream.getTracks()) track.stop();
    mine.node.port.postMessage(null);
    show("sending", "Understanding…");
  }

  // drop ends listening and throws away what was heard.
  function drop(says) {
    const mine = turn;
    if (!mine) return;
    turn = null;
    mine.dropped = true;
    mine.chunks = [];
    close(mine);
    end(says);
  }

  function close(mine) {
    for (const track of mine.stream ? mine.stream.getTracks() : []) track.stop();
    if (mine.context.state !== "closed") mine.context.close();
  }

  function end(says) {
    show("idle", says || "Not listening");
  }

  function refused(error) {
    switch (error.name) {
      case "NotAllowedError": return "Not listening: the browser does not let this page use the microphone. Allow it beside the address, and press again.";
      case "NotFoundError": return "Not listening: no microphone was found.";
      default: return "Not listening: the microphone could not be opened.";
    }
  }

  async function send(mine) {
    close(mine);
    if (mine.dropped) return;
    if (mine.length < shortest * mine.rate) {
      end("Not listening: that was too short. Hold the button while you speak.");
      return;
    }
    const body = wav(mine.chunks, mine.length, mine.rate);
    mine.chunks = [];
    try {
      const answer = await fetch("/talk?of=" + section.dataset.into, {
        method: "POST", body, headers: { "Content-Type": "audio/wav", "Accept": "application/x-ndjson, application/json" },
      });
      if (answer.status === 401) {
        location.assign("/sign-in");
        return;
      }
      if (!answer.ok) throw await answer.json();
      await read(answer.body.getReader());
    } catch (problem) {
      end("Not listening. " + (problem.title ? problem.title + " " + (problem.detail || "") : "That did not reach Hearkeep. Try again."));
    }
  }

  // read takes the events of a turn, one JSON object a line, as they come.
  async function read(stream) {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { value, done } = await stream.read();
      rest += decoder.decode(value || new Uint8Array(), { stream: !done });
      const lines = rest.split("\n");
      rest = lines.pop();
      for (const line of lines) if (line) tell(JSON.parse(line));
      if (done) break;
    }
    if (section.dataset.state === "sending") end();
  }

  function tell(event) {
    switch (event.event) {
      case "heard":
        part("heard").textContent = event.words ? "“" + event.words + "”" : event.speech ? "Speech, but not a request" : "No speech";
        part("answer").textContent = part("kept").textContent = "";
        sound.hidden = true;
        part("turn").hidden = false;
        break;
      case "answered":
        part("answer").textContent = event.words;
        speak(event);
        break;
      case "kept":
        part("kept").textContent = "Kept: it stands in the history below.";
        break;
      case "not-kept":
        part("kept").textContent = "Nothing was kept. " + event.reason;
        break;
      case "failed":
        throw event;
    }
  }

  function speak({ sound: base64, words }) {
    if (turn) return; // somebody speaks again already
    if (!base64) { // no engine could speak: a screen reader can
      end("Not listening. " + words);
      return;
    }
    sound.hidden = false;
    show("answering", "Answering");
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    play(new Blob([bytes], { type: "audio/wav" })).catch(() => over());
  }

  // play plays a WAV from memory in the one player of the answer.
  function play(blob) {
    if (sound.src) URL.revokeObjectURL(sound.src);
    sound.src = URL.createObjectURL(blob);
    return sound.play();
  }

  function over() {
    if (section.dataset.state === "answering") end();
  }
  sound.addEventListener("ended", over);
  sound.addEventListener("pause", over);

  // wav is a file of 16-bit mono PCM.
  function wav(chunks, length, rate) {
    const head = new DataView(new ArrayBuffer(44));
    const text = (at, s) => [...s].forEach((c, i) => head.setUint8(at + i, c.charCodeAt(0)));
    text(0, "RIFF");
    head.setUint32(4, 36 + 2 * length, true);
    text(8, "WAVEfmt ");
    head.setUint32(16, 16, true);
    head.setUint16(20, 1, true); // PCM
    head.setUint16(22, 1, true); // channels
    head.setUint32(24, rate, true);
    head.setUint32(28, 2 * rate, true);
    head.setUint16(32, 2, true);
    head.setUint16(34, 16, true);
    text(36, "data");
    head.setUint32(40, 2 * length, true);
    return new Blob([head, ...chunks], { type: "audio/wav" });
  }

  // A press begins, or ends what a tap began. Presses and releases are timed
  // by their events, so that a slow page takes no tap for a hold.
  function press(at) {
    const state = section.dataset.state;
    if (state === "sending") return;
    if (state === "listening") {
      finish();
    } else if (state === "asking") {
      drop();
    } else {
      begin(at);
    }
  }

  // Letting go after a tap leaves it listening; after a hold it ends.
  function release(at) {
    if (!turn || turn.latched) return;
    if (at - turn.pressed < tap) {
      turn.latched = true;
    } else if (section.dataset.state === "listening") {
      finish();
    } else { // the browser asked first: nobody knows whether to listen now
      drop("Not listening yet. Now hold the button and speak.");
    }
  }

  let pointed = false; // the next click belongs to a press that was seen
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    pointed = true;
    button.setPointerCapture(event.pointerId);
    press(event.timeStamp);
  });
  button.addEventListener("pointerup", (event) => release(event.timeStamp));
  button.addEventListener("pointercancel", (event) => release(event.timeStamp));
  button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press is a hold
  button.addEventListener("click", (event) => {
    if (!pointed) { // from a screen reader or by voice control
      press(event.timeStamp);
      release(event.timeStamp);
    }
    pointed = false;
  });

  const pushes = (event) => event.key === " " || event.key === "Enter";
  button.addEventListener("keydown", (event) => {
    if (!pushes(event) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (!event.repeat) press(event.timeStamp);
  });
  button.addEventListener("keyup", (event) => {
    if (!pushes(event)) return;
    event.preventDefault();
    release(event.timeStamp);
  });
  const thrown = "Not listening. What was said is thrown away.";
  part("drop").addEventListener("click", () => {
    drop(thrown);
    button.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") drop(thrown);
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) drop("Not listening. The page was left, so what was said is thrown away.");
  });
  window.addEventListener("blur", () => { // the button may be let go of elsewhere, unseen
    if (section.dataset.state === "listening" && !turn.latched) finish();
  });
  window.addEventListener("pagehide", () => drop());
})();
