"use strict";
// What was said, what doors are called, and what a service says of itself was
// chosen by others: it reaches the page as text, never as HTML.
(() => {
  const $ = (id) => document.getElementById(id);
  const page = 100; // rows that are shown at once, and that are asked for at once
  let rows = [], found = [], shown = 0, faults = [], turn = 0, playing = null;

  const make = (name, text, className) => {
    const e = document.createElement(name);
    if (text !== undefined) e.textContent = text;
    if (className) e.className = className;
    return e;
  };
  const say = (text) => { $("status").textContent = text; };
  const fail = (e) => {
    say("");
    $("error-what").textContent = e && e.message || "Something failed in this page.";
    $("error-hint").textContent = e && e.hint || "";
    $("error").hidden = false;
  };
  const settle = () => { $("error").hidden = true; };

  async function start() {
    const text = atob($("wasm").textContent.trim());
    const packed = Uint8Array.from(text, (c) => c.charCodeAt(0));
    $("wasm").remove();
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const code = await new Response(stream).arrayBuffer();
    const go = new Go();
    const { instance } = await WebAssembly.instantiate(code, go.importObject);
    go.run(instance);
  }
  const ready = start();
  ready.catch(() => fail({ message: "This browser cannot run this page.", hint: "Try a newer Firefox, Chrome, Edge or Safari; or open the archive in a terminal: hearkeep archive open THIS.zip --out a-new-folder" }));

  // One thing at a time is asked of the program: what is asked next waits.
  let last = ready;
  const ask = (what, ...args) => {
    const next = last.catch(() => {}).then(() => globalThis.hearkeep[what](...args));
    last = next;
    return next;
  };

  async function choose(file) {
    if (!file) return;
    const mine = ++turn;
    settle();
    say("Looking at the archive…");
    for (const id of ["step-kit", "step-list", "about"]) $(id).hidden = true;
    try {
      await ready;
      const a = JSON.parse(await ask("open", file));
      if (mine !== turn) return;
      about(a);
      faults = a.faults;
      $("step-kit").hidden = false;
      say("");
      $("kit").focus();
    } catch (e) { if (mine === turn) fail(e); }
  }

  function about(a) {
    const list = $("about");
    list.replaceChildren();
    const add = (name, value, className) => { list.append(make("dt", name), make("dd", value, className)); };
    add("Made by", a.service);
    add("Made at", new Date(a.made).toLocaleString());
    add("Request", a.request);
    add("Recordings", String(a.recordings));
    add("Signature", a.signed ? "fits the key below" : "does not fit: anybody may have made or altered this archive");
    add("Key", a.fingerprint, "print");
    add("", "Only if the page of your keep shows these same digits was this archive made there.");
    list.hidden = false;
  }

  async function unlock() {
    const mine = turn;
    settle();
    say("Opening…");
    try {
      const u = JSON.parse(await ask("unlock", $("kit").value));
      if (mine !== turn) return;
      $("kit").value = "";
      faults = u.faults;
      rows = [];
      while (rows.length < u.count) {
        say(`Opening… ${rows.length} of ${u.count}`);
        const more = JSON.parse(await ask("list", rows.length, page));
        if (mine !== turn) return;
        if (more.length === 0) break;
        for (const r of more) {
          r.at = rows.length;
          r.text = (r.words + "\n" + r.answer + "\n" + r.did + "\n" + r.door + "\n" + r.vault).toLocaleLowerCase();
          faults.push(...r.faults);
          rows.push(r);
        }
      }
      $("step-kit").hidden = true;
      $("step-list").hidden = false;
      $("search").value = "";
      list("withheld", u.withheld);
      tell();
      search();
      $("list-title").focus();
      await check(mine);
    } catch (e) { if (mine === turn) fail(e); }
  }

  function list(id, sentences) {
    $(id).hidden = sentences.length === 0;
    $(id + "-list").replaceChildren(...sentences.slice(0, 200).map((s) => make("li", s)));
    if (sentences.length > 200) $(id + "-list").append(make("li", `and ${sentences.length - 200} more`));
  }

  function tell() {
    $("faults-title").textContent = faults.length === 1 ? "Something is wrong with this archive" : `${faults.length} things are wrong with this archive`;
    list("faults", faults);
  }

  // check opens all sounds, one after the other, while people look around.
  async function check(mine) {
    for (let i = 0; i < rows.length; i++) {
      if (i % 10 === 0) say(`Checking recordings… ${i} of ${rows.length}`);
      if (!rows[i].sound) continue;
      const wrong = JSON.parse(await ask("check", i));
      if (mine !== turn) return;
      for (const f of wrong.filter((f) => !rows[i].faults.includes(f))) {
        rows[i].faults.push(f);
        faults.push(f);
        mark(rows[i]);
        tell();
      }
    }
    say("");
    $("fine").textContent = faults.length ? "Everything was checked; what is wrong is named above. The rest is what was archived." :
      `All ${rows.length} recordings were checked, and open as they were sealed.`;
    $("fine").classList.toggle("good", faults.length === 0);
    $("fine").hidden = false;
  }

  function search() {
    const words = $("search").value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    found = rows.filter((r) => words.every((w) => r.text.includes(w)));
    $("found").textContent = words.length ? `${found.length} of ${rows.length} recordings` : `${rows.length} recordings, the oldest first`;
    quiet();
    $("rows").replaceChildren();
    shown = 0;
    more();
  }

  function more() {
    for (const r of found.slice(shown, shown + page)) $("rows").append(item(r));
    shown = Math.min(shown + page, found.length);
    $("more").hidden = shown === found.length;
  }

  function item(r) {
    const li = make("li");
    li.dataset.at = r.at;
    const when = make("time", new Date(r.start).toLocaleString());
    when.dateTime = r.start;
    const where = make("bdi", r.door);
    const meta = make("p", undefined, "meta");
    meta.append(when, " · ", where);
    if (r.vault) meta.append(" · ", make("bdi", r.vault));
    meta.append(` · number ${r.number} · ${r.seconds.toFixed(1)} s`);
    li.append(meta);
    li.append(r.hasWords ? make("p", r.words, "words") : make("p", r.note || "No words are kept of this.", "meta"));
    if (r.did || r.answer) {
      const p = make("p", undefined, "answer");
      if (r.did) p.append(make("span", r.did, "meta"), " ");
      if (r.answer) p.append(make("bdi", r.answer));
      li.append(p);
    }
    if (r.sound) {
      const box = make("div", undefined, "do");
      const label = `recording ${r.number} of ${r.door}`;
      const play = make("button", "Play");
      play.type = "button";
      play.setAttribute("aria-label", "Play " + label);
      play.addEventListener("click", () => sounding(r, box, play));
      const save = make("button", "Save sound", "plain");
      save.type = "button";
      save.setAttribute("aria-label", "Save the sound of " + label);
      save.addEventListener("click", () => saving(r));
      box.append(play, save);
      li.append(box);
    }
    for (const f of r.faults) li.append(make("p", f + ".", "fault"));
    li.classList.toggle("bad", r.faults.length > 0);
    return li;
  }

  const mark = (r) => {
    const old = $("rows").querySelector(`li[data-at="${r.at}"]`);
    if (old && !old.querySelector("audio")) old.replaceWith(item(r));
  };

  const quiet = () => {
    if (!playing) return;
    playing.audio.remove();
    URL.revokeObjectURL(playing.url);
    playing.play.hidden = false;
    playing = null;
  };

  const sound = async (r) => new Blob([await ask("sound", r.at)], { type: "audio/flac" });

  async function sounding(r, box, play) {
    settle();
    try {
      const blob = await sound(r);
      quiet();
      const audio = make("audio");
      audio.controls = true;
      audio.src = URL.createObjectURL(blob);
      audio.setAttribute("aria-label", `Recording ${r.number} of ${r.door}`);
      playing = { audio, play, url: audio.src };
      play.hidden = true;
      box.prepend(audio);
      audio.focus();
      await audio.play().catch(() => {});
    } catch (e) { fail(e); }
  }

  const name = (s) => s.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "door";

  function give(blob, file) {
    const a = make("a");
    a.href = URL.createObjectURL(blob);
    a.download = file;
    document.body.append(a);
    a.click();
    a.remove();
    setTimeout(() => URL.revokeObjectURL(a.href), 60000);
  }

  async function saving(r) {
    settle();
    try { give(await sound(r), `${r.start.slice(0, 19).replace(/[T:]/g, "-")}_${name(r.door)}_${r.number}.flac`); } catch (e) { fail(e); }
  }

  // What would begin a formula gets an apostrophe: at the start of a cell, and
  // after what starts one where another separator is set. As archive.Cell does.
  const cell = (v) => {
    const s = v.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, "\ufffd").replace(/^(?=[\t\r\n])/, "'")
      .replace(/(^|[;\t\r\n])([\s"']*)([=+\-@\uff1d\uff0b\uff0d\uff20])/g, "$1$2'$3");
    return `"${s.replaceAll('"', '""')}"`;
  };

  function csv() {
    const lines = [["time", "vault", "door", "number", "seconds", "words", "did", "answer"].map(cell).join(",")];
    for (const r of rows) lines.push([r.start, r.vault, r.door, String(r.number), r.seconds.toFixed(3), r.words, r.did, r.answer].map(cell).join(","));
    give(new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" }), "hearkeep-words.csv");
  }

  $("file").addEventListener("change", () => choose($("file").files[0]));
  $("kit-form").addEventListener("submit", (e) => { e.preventDefault(); unlock(); });
  $("search").addEventListener("input", search);
  $("more").addEventListener("click", more);
  $("csv").addEventListener("click", csv);
  const over = (on) => $("step-file").classList.toggle("over", on);
  addEventListener("dragover", (e) => { e.preventDefault(); over(true); });
  addEventListener("dragleave", () => over(false));
  addEventListener("drop", (e) => { e.preventDefault(); over(false); choose(e.dataTransfer.files[0]); });
})();
