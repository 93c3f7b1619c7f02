// The page /verify: hands what it is given to the second verifier, and says in
// plain words what that found. Nothing leaves the page.
import { facts, sentence } from "./say.mjs";
import { False, Malformed, UnknownKey, checkEntries, checkReceipt, limits, readKey, readLink, readPage, readReceipt, webCrypt } from "./verify.mjs";

const at = (id) => document.getElementById(id);
const ours = [...document.querySelectorAll("#keys code")].map((code) => code.textContent);
const crypt = await webCrypt();
let asked = 0; // what was asked last is answered last

function show(kind, title, why, list = [], beware = "") {
  const answer = at("answer");
  answer.hidden = false;
  answer.dataset.verdict = kind;
  at("answer-title").textContent = title;
  at("why").textContent = why;
  at("facts").replaceChildren(...list.map(([name, text]) => {
    const row = document.createElement("div");
    row.append(Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: text }));
    return row;
  }));
  at("beware").textContent = beware;
}

// keysFor gives the keys to believe: the one that was noted; or the one that
// the receipt names, which is then compared with this keep's.
async function keysFor(named) {
  const pin = at("pin").value.trim();
  if (pin && named && pin !== named) throw new UnknownKey("it is of another key than the one that you noted");
  const vkeys = pin ? [pin] : named ? [named] : ours;
  return Promise.all(vkeys.map((vkey) => readKey(crypt, vkey)));
}

// vouched says what the key is worth that a receipt was signed with.
function vouched(key) {
  if (at("pin").value.trim()) return { kind: "proven", beware: "" };
  if (ours.includes(key)) return { kind: "proven", beware: "The key is one of those that this page shows. Compare it with one that you have from elsewhere." };
  return { kind: "consistent", beware: `The key is none of this keep’s: ${key}. Nothing but the receipt itself vouches for it.` };
}

async function checkText(text) {
  const trimmed = text.trim();
  let named, proof = text;
  if (/^https?:\/\/[^#]*#/.test(trimmed) || trimmed.startsWith("#")) {
    ({ proof, key: named } = await readLink(trimmed.slice(trimmed.indexOf("#"))));
  } else if (/^<!doctype html/i.test(trimmed)) {
    ({ proof, key: named } = readPage(text));
  } else if (trimmed.startsWith("c2sp.org/")) {
    proof = trimmed + "\n"; // what was pasted may have lost its last line feed
  }
  const { index, entry, under } = await checkReceipt(crypt, readReceipt(proof), await keysFor(named));
  const { kind, beware } = vouched(under.key);
  const title = kind === "proven" ? "This receipt is right" : "This receipt fits its own key";
  return () => show(kind, title, sentence(entry), [...facts(entry), ["Entry", `${index} of the ledger ${under.origin}, which had ${under.size} entries when it signed this`]],
    `${beware} Words around a receipt, on paper or on a page, are not proven: go by these.`.trim());
}

async function checkEntriesFile(file) {
  const shown = [];
  const got = await checkEntries(crypt, file.stream(), keysFor, (index, entry) => {
    if (shown.length < 100) shown.push([`Entry ${index}`, entry ? `${entry.at.toISOString().replace("T", " ").replace("Z", " UTC")}: ${sentence(entry)}` : "What it said is gone: that something stood there is proven, and not what, nor whose it is."]);
  });
  const { kind, beware } = vouched(got.under.key);
  return () => show(kind, kind === "proven" ? "These entries are right" : "These entries fit their own key",
    `${got.entries} entries, ${got.expired} of which without what they said, of the ledger ${got.under.origin}, which had ${got.under.size} entries when it signed this.${got.entries > 100 ? " The newest 100:" : ""}`,
    shown, `${beware} That these are all there are, no file can prove.`.trim());
}

async function answer(work) {
  const turn = ++asked;
  show("working", "Checking…", "");
  let done;
  try {
    done = await work();
  } catch (err) {
    const title = err instanceof False ? "This is false" : err instanceof UnknownKey ? "This is of another key" : err instanceof Malformed ? "This is no receipt as we write them" : "This could not be checked";
    done = () => show(err instanceof UnknownKey ? "unknown-key" : "false", title, `${err.message[0].toUpperCase()}${err.message.slice(1)}.`, [],
      "It may have been altered, or copied in part. Do not rely on anything that it says.");
  }
  if (turn === asked) done();
}

async function take(file) {
  const begin = await file.slice(0, 64).text();
  if (begin.startsWith('{"format":"hearkeep-entries/')) return answer(() => checkEntriesFile(file));
  return answer(async () => {
    if (file.size > limits.page) throw new Malformed("it is too long");
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer());
    } catch {
      throw new Malformed("it is not text");
    }
    return checkText(text);
  });
}

// again repeats what was asked last, where the key to believe has changed.
let again = () => {};
const ask = (work) => {
  again = work;
  work();
};

function begin() {
  at("cannot").hidden = true;
  at("give").hidden = false;
  at("file").addEventListener("change", (event) => event.target.files.length && ask(() => take(event.target.files[0])));
  at("paste").addEventListener("input", (event) => event.target.value.trim() && ask(() => answer(() => checkText(event.target.value))));
  at("pin").addEventListener("change", () => again());
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) ask(() => take(file));
  });
  const fromAddress = () => location.hash.length > 1 && ask(() => answer(() => checkText(location.hash)));
  addEventListener("hashchange", fromAddress);
  fromAddress();
}

if (crypt) begin();
else at("cannot").textContent = "This browser cannot check signatures here (it has no Ed25519, or this page was opened without HTTPS). hearkeep verify FILE checks the same on any computer.";
