// The offline player of an archive. It runs from a folder: nothing is fetched
// but the script files beside it, which call hearkeep.open and hearkeep.take.
// All text comes from outside and is set as text, never as markup.
"use strict";
(() => {
  const onPage = 50;       // recordings
  const keptScripts = 24;  // script files whose recordings are held
  const $ = id => document.getElementById(id);
  const number = new Intl.NumberFormat("en-GB");
  const dayName = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", dateStyle: "full" });

  let head, per, count, doors;             // what the archive says of itself
  let door, wall, tenths, has, num, gap;   // a number each for every recording
  let byTime;                              // recordings, the oldest first
  let folded;                              // their words as they are searched, once they were read
  let view = [], page = 0, run = 0, terms = [];
  let playing = -1;                        // a recording, or none
  const scripts = new Map(), waiting = new Map();

  // el makes an element. Children are elements or text.
  function el(name, props, ...children) {
    const e = document.createElement(name);
    for (const [k, v] of Object.entries(props || {})) e.setAttribute(k, v);
    e.append(...children);
    return e;
  }

  function svg(kind, box, d) {
    const s = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    s.setAttribute("viewBox", box);
    s.setAttribute("class", kind);
    s.setAttribute("aria-hidden", "true");
    if (kind === "wave") s.setAttribute("preserveAspectRatio", "none");
    const p = document.createElementNS(s.namespaceURI, "path");
    p.setAttribute("d", d);
    s.append(p);
    return s;
  }

  const icons = { play: "M4 2l10 6-10 6z", pause: "M3 2h4v12H3zM9 2h4v12H9z", next: "M2 2l8 6-8 6zM11 2h3v12h-3z", prev: "M14 2L6 8l8 6zM2 2h3v12H2z" };
  const icon = name => svg("icon", "0 0 16 16", icons[name]);

  // waveform draws peaks, one byte each, about a middle line.
  function waveform(base64) {
    let d = "";
    const peaks = base64 ? atob(base64) : "";
    for (let i = 0; i < peaks.length; i++) {
      const h = Math.max(1, peaks.charCodeAt(i) / 255 * 50);
      d += `M${i * 2} ${50 - h}h1.4v${2 * h}h-1.4z`;
    }
    return svg("wave", `0 0 ${Math.max(1, peaks.length * 2)} 100`, d);
  }

  const fold = s => s.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const pad = n => String(n).padStart(2, "0");
  const clock = at => { const d = new Date(at * 1000); return `${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())}`; };
  const dayOf = at => Math.floor(at / 86400);
  const length = t => t < 600 ? `${(t / 10).toFixed(1)} s` : `${Math.floor(t / 600)} min ${Math.round(t % 600 / 10)} s`;
  const many = (n, one) => `${number.format(n)} ${one}${n === 1 ? "" : "s"}`;

  // open is called by player/index.js: what the archive says of itself, how
  // many recordings a script file has, and five numbers of every recording.
  function open(h, perScript, flat) {
    head = h; per = perScript; count = h.count;
    doors = h.vaults.flatMap(v => v.doors.map(d => ({ vault: v, door: d })));
    [door, wall, tenths, has, num, gap] = [Int32Array, Float64Array, Int32Array, Uint8Array, Int32Array, Int32Array].map(T => new T(count));
    folded = new Array(count);
    for (let i = 0, j = 0, at = 0; i < count; i++) {
      door[i] = flat[j++]; at += flat[j++]; wall[i] = at;
      tenths[i] = flat[j++]; has[i] = flat[j++]; num[i] = flat[j++];
    }
    byTime = Array.from({ length: count }, (_, i) => i).sort((a, b) => wall[a] - wall[b] || a - b);
    findGaps();
    fillPage();
  }

  // findGaps says of each recording how many numbers before it are not here.
  function findGaps() {
    const byNumber = Array.from({ length: count }, (_, i) => i).sort((a, b) => door[a] - door[b] || num[a] - num[b]);
    byNumber.forEach((i, k) => {
      const before = k > 0 && door[byNumber[k - 1]] === door[i] ? num[byNumber[k - 1]] : 0;
      gap[i] = num[i] - before - 1;
    });
  }

  // take is called by a script file, with its recordings.
  function take(from, recordings) {
    const k = from / per;
    recordings.forEach((r, i) => { folded[from + i] = fold([r.words, r.turn && r.turn.answer].filter(Boolean).join(" \n ")); });
    scripts.set(k, recordings);
    const w = waiting.get(k);
    if (w) w(recordings);
  }

  const pending = new Map();

  // recordings resolves to those of the k-th script file.
  function recordings(k) {
    const there = scripts.get(k);
    if (there) {
      scripts.delete(k);
      scripts.set(k, there); // used last
      return Promise.resolve(there);
    }
    if (pending.has(k)) return pending.get(k);
    const p = new Promise((resolve, reject) => {
      const s = el("script", { src: `player/${String(k + 1).padStart(5, "0")}.js` });
      waiting.set(k, resolve);
      s.onerror = () => reject(new Error("missing"));
      s.onload = () => { s.remove(); if (!scripts.has(k)) reject(new Error("altered")); };
      document.head.append(s);
    }).finally(() => {
      pending.delete(k);
      waiting.delete(k);
      for (const old of scripts.keys()) {
        if (scripts.size <= keptScripts) break;
        if (old !== k) scripts.delete(old);
      }
    });
    pending.set(k, p);
    return p;
  }

  const recording = async i => (await recordings(Math.floor(i / per)))[i % per];

  // filtered are the recordings that the filters leave, in the order that is set.
  function filtered() {
    const v = $("vault").value, d = $("door").value, day = $("day").value;
    const want = day ? Date.parse(day + "T00:00:00Z") / 86400000 : null;
    const left = byTime.filter(i => (v === "" || doors[door[i]].vault.id === v) && (d === "" || door[i] === +d) && (want === null || dayOf(wall[i]) === want));
    return $("order").value === "new" ? left.reverse() : left;
  }

  // look filters, and searches where there is something to search for.
  async function look() {
    const mine = ++run;
    terms = fold($("q").value).split(/\s+/).filter(Boolean);
    page = 0;
    $("clear").hidden = !(terms.length || $("vault").value || $("door").value || $("day").value);
    const left = filtered();
    if (!terms.length) {
      view = left;
      return show();
    }
    view = [];
    let shown = -1;
    for (let n = 0; n < left.length; n++) {
      const i = left[n];
      if (folded[i] === undefined) {
        if (shown !== view.length && view.length < 2 * onPage) { show(true); shown = view.length; }
        status(n / left.length);
        try { await recordings(Math.floor(i / per)); } catch { folded[i] = ""; }
        if (mine !== run) return;
      }
      if (folded[i] !== undefined && terms.every(t => folded[i].includes(t))) view.push(i);
    }
    show();
  }

  function status(part) {
    const found = $("clear").hidden ? many(view.length, "recording") : `${number.format(view.length)} of ${many(count, "recording")}`;
    $("status").textContent = part === undefined ? found : `Searching, ${Math.floor(part * 100)} %. ${number.format(view.length)} found so far.`;
  }

  // show draws the page that is open.
  function show(searching) {
    const pages = Math.max(1, Math.ceil(view.length / onPage));
    page = Math.min(page, pages - 1);
    if (!searching) status();
    $("pager").hidden = pages < 2;
    $("page").textContent = `Page ${number.format(page + 1)} of ${number.format(pages)}`;
    $("back").disabled = page === 0;
    $("on").disabled = page === pages - 1;
    $("all").disabled = !view.some(i => has[i] & 1);
    const days = [];
    let day = null, list;
    for (const i of view.slice(page * onPage, (page + 1) * onPage)) {
      if (dayOf(wall[i]) !== day) {
        day = dayOf(wall[i]);
        list = el("ol");
        days.push(el("section", { class: "day" }, el("h3", {}, dayName.format(new Date(day * 86400000))), list));
      }
      const newest = $("order").value === "new", note = gapNote(i);
      if (note && !newest) list.append(note);
      list.append(row(i));
      if (note && newest) list.append(note);
    }
    $("list").replaceChildren(...days);
    mark();
  }

  // gapNote tells of the numbers before a recording that are not here.
  function gapNote(i) {
    if (!gap[i] || terms.length) return null;
    const from = num[i] - gap[i], to = num[i] - 1;
    const which = from === to ? `Number ${number.format(from)}` : `Numbers ${number.format(from)} to ${number.format(to)}`;
    return el("li", { class: "gap" }, `${which} of ${doors[door[i]].door.name} ${from === to ? "is" : "are"} not here. The table below says why.`);
  }

  function row(i) {
    const at = clock(wall[i]), name = doors[door[i]].door.name;
    const button = has[i] & 1
      ? el("button", { class: "play", type: "button", "aria-label": `Play ${at}, ${name}` }, icon("play"))
      : el("span", { class: "none", title: "No sound is kept" }, "–");
    const said = el("p", { class: "said nothing" }, "…");
    const meta = el("p", { class: "meta" }, el("time", {}, at), ` · ${name} · ${length(tenths[i])}`, has[i] & 1 ? "" : " · no sound is kept");
    const more = el("details", {}, el("summary", {}, "Details"));
    const li = el("li", { class: "rec", "data-i": i }, button, el("div", {}, said, meta), waveform(""), more);
    if (has[i] & 1) button.addEventListener("click", () => toggle(i));
    recording(i).then(r => fill(li, said, more, r, `${at}, ${name}`), () => {
      said.textContent = "What was said here cannot be read: a file of this folder is missing or altered.";
      said.classList.add("bad");
    });
    return li;
  }

  function fill(li, said, more, r, label) {
    said.classList.toggle("nothing", !r.words);
    if (r.words) said.replaceChildren(...marked(r.words));
    else said.textContent = r.words === null ? "No words are kept" : "Nothing was understood";
    const play = li.querySelector("button.play");
    if (play && r.words) play.setAttribute("aria-label", `Play ${label}: ${r.words}`);
    if (r.waveform) li.querySelector("svg.wave").replaceWith(waveform(r.waveform));
    more.addEventListener("toggle", () => { if (more.children.length === 1) more.append(details(r)); });
  }

  // marked is text with what was searched for marked, where folding keeps its length.
  function marked(text) {
    const low = fold(text);
    if (!terms.length || low.length !== text.length) return [text];
    const parts = [];
    let at = 0;
    while (at < text.length) {
      const hits = terms.map(t => [low.indexOf(t, at), t.length]).filter(h => h[0] >= 0).sort((a, b) => a[0] - b[0] || b[1] - a[1]);
      if (!hits.length) break;
      const [from, n] = hits[0];
      parts.push(text.slice(at, from), el("mark", {}, text.slice(from, from + n)));
      at = from + n;
    }
    return [...parts, text.slice(at)];
  }

  // details is what was understood, done and answered, where, and what is kept.
  function details(r) {
    const list = el("dl"), t = r.turn;
    const add = (name, ...value) => { if (value.some(Boolean)) list.append(el("dt", {}, name), el("dd", {}, ...value)); };
    if (t) {
      add("Understood as", [t.intent, ...t.slots.map(s => `${s.name}: ${s.value || s.spoken}`)].filter(Boolean).join("\n"));
      add("Done", t.did);
      add("Answered", t.answer);
      add("Note", t.note);
      add("Processed by", t.stages.map(s => `${s.stage}: ${s.engine || "Hearkeep"}, ${(s.milliseconds / 1000).toFixed(2)} s${s.note ? ` (${s.note})` : ""}`).join("\n"));
    }
    add("Words", r.version > 1 ? "corrected by a keyholder" : "");
    add("Vault", doors.find(d => d.vault.id === r.vault).vault.name);
    add("Number", `${r.number} of its door`);
    add("UTC", r.start);
    add("Kept until", r.until);
    if (r.sound) add("File", el("a", { href: "data/" + encodeURI(r.sound.file) }, r.sound.file));
    return list;
  }

  // Playing

  function toggle(i) {
    const audio = $("audio");
    if (i === playing && audio.src) return audio.paused ? audio.play().catch(silent) : audio.pause();
    return start(i);
  }

  const silent = () => {}; // the error event tells

  async function start(i) {
    playing = i;
    $("bar").hidden = false;
    mark();
    let r;
    try { r = await recording(i); } catch { return fault(); }
    if (playing !== i) return;
    $("now").textContent = `${clock(wall[i])} · ${doors[door[i]].door.name}${r.words ? " · " + r.words : ""}`;
    $("wave").replaceChildren(waveform(r.waveform));
    $("audio").src = "data/" + encodeURI(r.sound.file);
    $("audio").play().catch(silent);
  }

  // step goes to the next recording with sound, or the one before.
  function step(by) {
    let k = view.indexOf(playing);
    do k += by; while (k >= 0 && k < view.length && !(has[view[k]] & 1));
    if (k < 0 || k >= view.length) return;
    if (Math.floor(k / onPage) !== page) { page = Math.floor(k / onPage); show(); }
    start(view[k]);
    const li = document.querySelector(`[data-i="${view[k]}"]`);
    if (li) li.scrollIntoView({ block: "nearest" });
  }

  function fault() {
    $("now").textContent = "This sound cannot be played: its file is missing or altered.";
    $("now").classList.add("bad");
    if ($("go").checked) step(1);
  }

  // mark shows which recording is playing, and whether it is.
  function mark() {
    const going = !$("audio").paused;
    for (const li of document.querySelectorAll(".rec")) {
      const mine = +li.dataset.i === playing;
      li.classList.toggle("playing", mine);
      if (mine) li.setAttribute("aria-current", "true"); else li.removeAttribute("aria-current");
      const button = li.querySelector("button.play");
      if (button) button.replaceChildren(icon(mine && going ? "pause" : "play"));
    }
    $("play").replaceChildren(icon(going ? "pause" : "play"));
    $("play").setAttribute("aria-label", going ? "Pause" : "Play");
  }

  function wireAudio() {
    const audio = $("audio"), at = s => `${Math.floor(s / 60)}:${pad(Math.floor(s % 60))}`;
    const moved = () => {
      const all = audio.duration || 0;
      $("time").textContent = `${at(audio.currentTime)} / ${at(all)}`;
      if (document.activeElement !== $("seek") || !audio.paused) $("seek").value = all ? audio.currentTime / all * 1000 : 0;
      $("seek").setAttribute("aria-valuetext", $("time").textContent);
    };
    for (const e of ["timeupdate", "loadedmetadata", "seeked"]) audio.addEventListener(e, moved);
    for (const e of ["play", "pause"]) audio.addEventListener(e, mark);
    audio.addEventListener("playing", () => $("now").classList.remove("bad"));
    audio.addEventListener("error", fault);
    audio.addEventListener("ended", () => { mark(); if ($("go").checked) step(1); });
    $("seek").addEventListener("input", () => { if (audio.duration) audio.currentTime = $("seek").value / 1000 * audio.duration; });
    $("play").addEventListener("click", () => toggle(playing));
    $("prev").addEventListener("click", () => step(-1));
    $("next").addEventListener("click", () => step(1));
    $("prev").append(icon("prev"));
    $("next").append(icon("next"));
  }

  // The page

  function fillPage() {
    $("unpack").hidden = true;
    $("main").hidden = false;
    if (/^https?:\/\/[^\/?#]+$/.test(head.service || "")) { // an origin, and nothing that runs
      $("report").href = `${head.service}/report?archive=${encodeURIComponent(head.archive)}`;
      $("report").textContent = `${head.service}/report`;
    }
    $("about").textContent = [head.name && `For ${head.name}`, head.service && `from ${head.service}`, `made ${head.made.slice(0, 10)}`, many(count, "recording"), `times are local (${head.zone})`].filter(Boolean).join(" · ");
    $("vault").append(el("option", { value: "" }, "All"), ...head.vaults.map(v => el("option", { value: v.id }, v.name || "Your own")));
    if (count) {
      $("day").min = new Date(wall[byTime[0]] * 1000).toISOString().slice(0, 10);
      $("day").max = new Date(wall[byTime[count - 1]] * 1000).toISOString().slice(0, 10);
    }
    fillDoors();
    fillNumbers();
    wire();
    wireAudio();
    look();
  }

  function fillDoors() {
    const v = $("vault").value;
    const options = doors.map((d, i) => [d, i]).filter(([d]) => v === "" || d.vault.id === v);
    $("door").replaceChildren(el("option", { value: "" }, "All"), ...options.map(([d, i]) => el("option", { value: i }, d.door.name)));
  }

  function fillNumbers() {
    for (const { vault, door: d } of doors) {
      const name = head.vaults.length > 1 ? `${d.name} (${vault.name || "your own"})` : d.name;
      $("numbers").append(el("tr", {}, el("th", { scope: "row" }, name), ...[d.last, d.in, d.erased, d.expired, d.failed, d.withheld].map(n => el("td", {}, number.format(n)))));
    }
    for (const w of head.withheld) $("withheld").append(el("li", {}, `${many(w.count, "recording")} of ${w.door} withheld: ${w.why}`));
  }

  function wire() {
    let typing;
    $("q").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(look, 250); });
    $("vault").addEventListener("change", fillDoors);
    for (const id of ["vault", "door", "day", "order"]) $(id).addEventListener("change", look);
    $("filters").addEventListener("submit", e => { e.preventDefault(); look(); });
    $("clear").addEventListener("click", () => { for (const id of ["q", "vault", "door", "day"]) $(id).value = ""; fillDoors(); look(); $("q").focus(); });
    const turn = by => { page += by; show(); $("list").focus(); $("list").scrollIntoView(); };
    $("back").addEventListener("click", () => turn(-1));
    $("on").addEventListener("click", () => turn(1));
    $("all").addEventListener("click", () => { $("go").checked = true; playing = -1; step(1); });
    document.addEventListener("keydown", keys);
  }

  function keys(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea")) return;
    const on = e.target.closest("button, summary, a");
    if (e.key === "/") $("q").focus();
    else if (e.key === " " && !on && playing >= 0) toggle(playing);
    else if (e.key === "j" || e.key === "J") step(1);
    else if ((e.key === "k" || e.key === "K") && playing >= 0) step(-1);
    else return;
    e.preventDefault();
  }

  window.hearkeep = Object.freeze({ open, take });
})();
