// Brings an archive: reads it here, shows what is in it, and sends what its
// person says is theirs, several recordings at once. Nothing is shown as
// markup: an archive may be written by anybody.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);
  const root = $("bring");
  if (!root || typeof DecompressionStream === "undefined") return;
  const address = "/v1/vaults/" + root.dataset.vault + "/imports";
  const most = 32 << 20, mostList = 32 << 20, mostLists = 80 << 20, atOnce = 8;
  let sources = []; // files of the archive: {name, size, modified, trouble, get(first)}
  let check = null, queue = [], unread = [], state = {}, stopping = false;

  $("bring-choose").hidden = false;
  $("bring-files").addEventListener("change", (e) => choose(e.target.files));
  $("bring-folder").addEventListener("change", (e) => choose(e.target.files));

  const show = (id) => {
    for (const part of ["bring-choose", "bring-check", "bring-foreign", "bring-run", "bring-end"]) $(part).hidden = part !== id;
    $("bring-reading").hidden = true;
    $(id).focus();
  };
  const reading = (text) => { $("bring-reading").hidden = false; $("bring-reading").textContent = text; };
  const fault = (text) => {
    $("bring-fault").hidden = !text;
    $("bring-fault").firstElementChild.textContent = text;
    if (text) $("bring-reading").hidden = true;
  };
  const element = (name, text, of) => {
    const e = document.createElement(name);
    if (text !== undefined) e.textContent = text;
    if (of) of.append(e);
    return e;
  };
  const count = (n, what) => n.toLocaleString("en") + " " + what + (n === 1 ? "" : "s");
  const day = (iso) => (iso ? new Date(iso).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" }) : "");
  const span = (from, to) => (!from ? "no time is told" : day(from) === day(to) ? day(from) : day(from) + " to " + day(to));
  const length = (s) => (s < 90 ? Math.round(s) + " seconds" : s < 5400 ? Math.round(s / 60) + " minutes" : (s / 3600).toFixed(1) + " hours");
  const size = (n) => (n < 1e6 ? Math.ceil(n / 1e3) + " kB" : (n / 1e6).toFixed(1) + " MB");

  // choose reads what was chosen.
  async function choose(files) {
    if (!files.length) return;
    fault("");
    try {
      sources = [];
      for (const file of files) {
        reading("Reading " + file.name + " …");
        const head = new Uint8Array(await file.slice(0, 4).arrayBuffer());
        const zip = head[0] === 0x50 && head[1] === 0x4b && (head[2] === 3 || head[2] === 5);
        if (zip && !file.webkitRelativePath) {
          for (const m of await Zip.members(file)) sources.push({ ...m, get: (first) => Zip.bytes(m, most, first) });
          continue;
        }
        sources.push({
          name: (file.webkitRelativePath || file.name).replace(/^[^/]*\//, ""), size: file.size, modified: file.lastModified, trouble: "",
          get: async (first) => (first ? new Uint8Array(await file.slice(0, first).arrayBuffer()) : file),
        });
      }
      await look();
    } catch (e) {
      fault(e.message);
    }
  }

  const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
  const isList = (name) => /\.(csv|tsv|json|html?)$/i.test(name) && !/(^|\/)(__MACOSX\/|\.)/.test(name);

  // look sends what is in the archive, and shows what comes back.
  async function look() {
    const files = [];
    for (let i = 0; i < sources.length; i++) {
      if (i % 500 === 0) reading("Reading the archive: " + i.toLocaleString("en") + " of " + count(sources.length, "file") + " …");
      const s = sources[i], f = { name: s.name, size: s.size, modified: Math.round(s.modified) };
      if (s.trouble) f.trouble = s.trouble;
      else if (s.size > 0) {
        try { f.head = base64(await s.get(64)); } catch (e) { f.trouble = e.message; }
      }
      files.push(f);
    }
    const form = new FormData();
    form.append("zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "");
    form.append("files", JSON.stringify(files));
    let sent = 0;
    for (let i = 0; i < sources.length; i++) {
      if (!isList(sources[i].name) || files[i].trouble || sources[i].size > mostList || sent + sources[i].size > mostLists) continue;
      try {
        form.append(String(i), new Blob([await sources[i].get()]));
        sent += sources[i].size;
      } catch { /* the answer says that it was not read */ }
    }
    reading("Looking at what is in it …");
    const resp = await ask(address + "/check", form);
    if (!resp.ok) throw new Error(await sentence(resp));
    check = await resp.json();
    if (!check.items.length) throw new Error("There is nothing in it that can be brought." + (check.unread.length ? " " + check.unread[0].file + ": " + check.unread[0].reason : ""));
    draw();
  }

  const ask = (to, form) => fetch(to, { method: "POST", body: form, headers: { Accept: "application/json" } });
  async function sentence(resp) {
    try {
      const p = await resp.json();
      return [p.title, p.detail].filter(Boolean).join(" ");
    } catch {
      return "Your keep did not answer as expected.";
    }
  }

  const nameOf = (device) => device || "(no device is told)";

  // draw shows the check.
  function draw() {
    const facts = $("bring-facts"), c = check;
    facts.replaceChildren();
    const fact = (name, text) => {
      const d = element("div", undefined, facts);
      element("dt", name, d);
      element("dd", text, d);
    };
    fact("From", { Alexa: "Alexa", Google: "Google", Hearkeep: "a Hearkeep", Files: "files of recordings" }[c.provider]);
    fact("Recordings", count(c.recordings, "recording") + ", " + size(c.bytes) + (c.seconds ? ", " + (c.unmeasured ? "more than " : "") + length(c.seconds) : ""));
    fact("Days", span(c.from, c.to) + (c.days > 1 ? ", on " + count(c.days, "day") : ""));
    fact("Accounts named in it", c.accounts.length ? c.accounts.join(", ") : "none");
    if (c.languages.length) fact("Languages", c.languages.join(", "));
    const without = [[c.no_sound, "without sound"], [c.no_words, "without words"], [c.no_time, "whose time is only the file’s own date, or unknown"]];
    const some = without.filter(([n]) => n > 0).map(([n, what]) => n.toLocaleString("en") + " " + what);
    if (some.length) fact("Of them", some.join("; "));
    const left = [[c.empty, "entries with neither sound nor words"], [c.other, "files that have nothing to do with speech"]];
    const rest = left.filter(([n]) => n > 0).map(([n, what]) => n.toLocaleString("en") + " " + what);
    if (rest.length) fact("Left out", rest.join("; "));

    const devices = $("bring-devices"), ticks = $("bring-ticks");
    devices.replaceChildren();
    ticks.replaceChildren();
    c.devices.forEach((d, i) => {
      const li = element("li", undefined, devices);
      element("strong", nameOf(d.name), li);
      element("span", " " + count(d.recordings, "recording") + ", " + span(d.from, d.to), li).className = "faint";
      const tick = element("div", undefined, ticks);
      tick.className = "tick";
      const box = element("input", undefined, tick);
      box.type = "checkbox";
      box.id = "bring-device-" + i;
      box.dataset.device = i;
      const l = element("label", nameOf(d.name) + " (" + d.recordings.toLocaleString("en") + ")", tick);
      l.htmlFor = box.id;
    });
    const samples = $("bring-samples");
    samples.replaceChildren();
    for (const i of c.samples) sample(samples, c.items[i]);
    list($("bring-unread-before"), c.unread, c.more, " cannot be read");
    tally();
    show("bring-check");
  }

  // sample offers a recording to hear. It is read when it is wanted.
  function sample(into, it) {
    const li = element("li", undefined, into);
    element("strong", it.time ? new Date(it.time).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" }) : "no time is told", li);
    element("span", " " + nameOf(it.device), li).className = "faint";
    if (it.words) element("p", "“" + it.words + "”", li);
    const button = element("button", "Play", li);
    button.type = "button";
    button.className = "quiet";
    button.addEventListener("click", async () => {
      try {
        const blob = await sources[it.file].get();
        const head = new Uint8Array(await blob.slice(0, 4).arrayBuffer());
        const kind = head[0] === 0x52 ? "audio/wav" : head[0] === 0x66 ? "audio/flac" : "audio/mpeg";
        const audio = document.createElement("audio");
        audio.controls = true;
        audio.addEventListener("error", () => audio.replaceWith(element("em", "It cannot be played.")));
        audio.src = URL.createObjectURL(new Blob([blob], { type: kind }));
        button.replaceWith(audio);
        audio.play().catch(() => {});
      } catch (e) {
        button.replaceWith(element("em", e.message));
      }
    });
  }

  function list(details, what, more, says) {
    const n = what.length + more;
    details.hidden = n === 0;
    details.querySelector("summary").textContent = count(n, "file") + " or " + (n === 1 ? "entry" : "entries") + says;
    const ul = details.querySelector("ul");
    ul.replaceChildren();
    for (const u of what.slice(0, 200)) element("li", u.file + ": " + u.reason, ul);
    if (n > 200) element("li", "and " + (n - 200).toLocaleString("en") + " more", ul);
  }

  // chosen are the items of the ticked devices and days.
  function chosen() {
    const names = new Set([...$("bring-ticks").querySelectorAll("input:checked")].map((b) => check.devices[b.dataset.device].name));
    const from = $("bring-from").value ? new Date($("bring-from").value + "T00:00:00") : null;
    const to = $("bring-to").value ? new Date($("bring-to").value + "T00:00:00") : null;
    if (to) to.setDate(to.getDate() + 1);
    return check.items.filter((it) => {
      if (!names.has(it.device || "")) return false;
      if (!from && !to) return true;
      const at = it.time && new Date(it.time);
      return at && (!from || at >= from) && (!to || at < to);
    });
  }
  const tally = () => { $("bring-count").textContent = count(chosen().length, "recording") + " of " + check.recordings.toLocaleString("en") + " chosen. The rest is not sent."; };
  $("bring-part").addEventListener("input", tally);
  $("bring-part").addEventListener("submit", (e) => {
    e.preventDefault();
    delete e.target.dataset.sent;
    const items = chosen();
    if (items.length) start(items);
    else $("bring-count").textContent = "Nothing is chosen.";
  });
  $("bring-all").addEventListener("click", () => start(check.items));
  $("bring-none").addEventListener("click", () => {
    sources = [], check = null;
    show("bring-foreign");
  });

  function start(items) {
    queue = [...items].reverse();
    unread = [...check.unread];
    state = { of: items.length, done: 0, kept: 0, known: 0, refused: 0, broken: "" };
    go();
  }

  const leaving = (e) => e.preventDefault();

  async function go() {
    stopping = false, state.broken = "";
    fault("");
    $("bring-stop").hidden = false;
    $("bring-on").hidden = true;
    show("bring-run");
    progress();
    window.addEventListener("beforeunload", leaving);
    if (state.done === 0 && queue.length) await one(queue.pop()); // the first makes the door
    await Promise.all(Array.from({ length: atOnce }, worker));
    window.removeEventListener("beforeunload", leaving);
    if (queue.length) {
      $("bring-stop").hidden = true;
      $("bring-on").hidden = false;
      if (state.broken) fault(state.broken);
      return;
    }
    end();
  }
  $("bring-stop").addEventListener("click", () => { stopping = true; });
  $("bring-on").addEventListener("click", go);

  async function worker() {
    while (queue.length && !stopping && !state.broken) await one(queue.pop());
  }

  const wait = (ms) => new Promise((done) => setTimeout(done, ms));

  // one sends a recording. What is wrong with it alone is noted; else it goes
  // back into the queue, and the run stops.
  async function one(it) {
    const name = it.file >= 0 ? sources[it.file].name : "words of " + (it.time || "an unknown time");
    const form = new FormData();
    const { file, ...item } = it;
    form.append("item", JSON.stringify(item));
    try {
      if (file >= 0) form.append("sound", new Blob([await sources[file].get()]), "sound");
    } catch (e) {
      return refused(name, e.message);
    }
    for (let tries = 0; ; tries++) {
      let resp = null;
      try { resp = await ask(address, form); } catch { /* the connection broke */ }
      if (resp?.ok) {
        if ((await resp.json()).kept) state.kept++;
        else state.known++;
        state.done++;
        return progress();
      }
      if (resp && (resp.status === 422 || resp.status === 413)) return refused(name, await sentence(resp));
      const again = !resp || resp.status === 429 || resp.status === 503;
      if (!again || tries >= 5 || stopping) {
        queue.push(it);
        if (!stopping) state.broken = resp ? await sentence(resp) : "The connection to your keep broke off.";
        return;
      }
      await wait(Math.min(Number(resp?.headers.get("Retry-After")) * 1000 || 500 << tries, 30000));
    }
  }

  function refused(name, reason) {
    unread.push({ file: name, reason });
    state.refused++;
    state.done++;
    progress();
  }

  function progress() {
    const bar = $("bring-progress");
    bar.max = state.of;
    bar.value = state.done;
    $("bring-done").textContent = state.done.toLocaleString("en") + " of " + count(state.of, "recording");
  }

  function end() {
    const said = [count(state.kept, "recording") + (state.kept === 1 ? " is" : " are") + " kept."];
    if (state.known) said.push(count(state.known, "recording") + (state.known === 1 ? " was" : " were") + " here already.");
    if (state.refused) said.push(count(state.refused, "recording") + " could not be read.");
    $("bring-result").textContent = said.join(" ");
    list($("bring-unread"), unread, check.more, unread.length + check.more === 1 ? " was not brought" : " were not brought");
    const text = (s) => s.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, "\ufffd").replace(/^(?=[\t\r\n])/, "'")
      .replace(/(^|[;\t\r\n])([\s"']*)([=+\-@\uff1d\uff0b\uff0d\uff20])/g, "$1$2'$3"); // as archive.Cell does: no formula
    const cell = (s) => '"' + text(s).replaceAll('"', '""') + '"';
    const rows = [["file", "reason"], ...unread.map((u) => [u.file, u.reason])].map((r) => r.map(cell).join(",") + "\r\n");
    $("bring-save").href = URL.createObjectURL(new Blob(rows, { type: "text/csv" }));
    show("bring-end");
  }
})();
