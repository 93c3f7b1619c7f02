// Verifies what leaves a Hearkeep's ledger: receipts, files of entries, folders
// of tiles, checkpoints. It is the second verifier: written from docs/ledger.md,
// C2SP (signed-note, tlog-checkpoint, tlog-proof, tlog-cosignature, tlog-tiles),
// RFC 6962 and RFC 9162, and from nothing of the program that writes these
// files. It runs in browsers and in Node, needs nothing besides them, and makes
// no request.
//
// SHA-256 and Ed25519 are the platform's, given as `crypt`:
//   sha256(bytes)                          -> 32 bytes, or a promise of them
//   ed25519(publicKey, message, signature) -> a truth value, or a promise of one

import { readBody } from './body.mjs'
import { Malformed, False, UnknownKey, base64, bytesOf, count, equal, hash32, joined, textOf, toBase64 } from './bytes.mjs'

export { Malformed, False, UnknownKey }

export const limits = { note: 64 << 10, signatures: 100, proof: 1 << 20, page: 4 << 20, line: 2 << 20, path: 63, digits: 10_000, kept: 256 << 20 }

// webCrypt makes a crypt of WebCrypto; null where it has no Ed25519, or is not
// there at all: pages have it over https and on localhost only.
export async function webCrypt(subtle = globalThis.crypto?.subtle) {
  const hex = (text) => Uint8Array.from(text.match(/../g), (h) => parseInt(h, 16))
  const crypt = {
    sha256: async (bytes) => new Uint8Array(await subtle.digest('SHA-256', bytes)),
    ed25519: async (publicKey, message, signature) => {
      const key = await subtle.importKey('raw', publicKey, { name: 'Ed25519' }, false, ['verify'])
      return subtle.verify({ name: 'Ed25519' }, key, signature, message)
    },
  }
  try { // RFC 8032 section 7.1, test 1
    const works = await crypt.ed25519(hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'), new Uint8Array(),
      hex('e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'))
    return works ? crypt : null
  } catch {
    return null
  }
}

// ---- keys, signed notes, checkpoints ----

export const LOG = 0x01, WITNESS = 0x04 // signature types
const mostSeconds = 253_402_300_800n // years of four digits
const noName = /[\p{White_Space}+\p{Cs}]/u

// readKey reads a vkey of signed-note: of a log, or of a witness.
export async function readKey(crypt, vkey) {
  const parts = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su.exec(vkey)
  if (!parts || noName.test(parts[1]) || /[\x00-\x1f]/.test(vkey)) throw new Malformed('a key cannot be read')
  if (!/^[!-~]+$/.test(parts[1])) throw new Malformed('a key’s name has other characters than letters')
  const material = base64(parts[3]), type = material[0]
  if ((type !== LOG && type !== WITNESS) || material.length !== 33) throw new Malformed('a key is of another type than Ed25519')
  const id = (await crypt.sha256(joined(bytesOf(parts[1] + '\n'), material))).slice(0, 4)
  if (!equal(id, Uint8Array.from(parts[2].match(/../g), (h) => parseInt(h, 16)))) throw new Malformed('a key has another hash than it says')
  return { vkey, name: parts[1], id, type, publicKey: material.slice(1) }
}

// openNote checks the signatures of a signed note under keys, and gives its text
// and the signatures that hold. One that does not, of a key that was given,
// makes the note false.
async function openNote(crypt, signed, keys) {
  const bytes = bytesOf(signed)
  if (bytes.length > limits.note) throw new Malformed('its checkpoint is too long')
  if (/[\x00-\x09\x0b-\x1f]/.test(signed)) throw new Malformed('its checkpoint has control characters')
  const cut = signed.lastIndexOf('\n\n')
  if (cut < 0 || !signed.endsWith('\n')) throw new Malformed('its checkpoint is no signed note')
  const text = signed.slice(0, cut + 1), lines = signed.slice(cut + 2, -1).split('\n')
  if (lines.length > limits.signatures) throw new Malformed('its checkpoint has too many signatures')
  const holds = [], seen = new Set()
  for (const line of lines) {
    const parts = /^\u2014 ([^ ]+) ([^ ]+)$/u.exec(line)
    if (!parts || noName.test(parts[1])) throw new Malformed('a signature line cannot be read')
    const signature = base64(parts[2])
    if (signature.length < 5) throw new Malformed('a signature is too short')
    const by = `${parts[1]} ${signature.slice(0, 4)}`
    if (seen.has(by)) throw new Malformed('a key has signed the checkpoint twice')
    seen.add(by)
    const key = keys.find((k) => k.name === parts[1] && equal(k.id, signature.slice(0, 4)))
    if (!key) continue
    holds.push(await checkSignature(crypt, key, text, signature.slice(4)))
  }
  return { text, holds }
}

async function checkSignature(crypt, key, text, signature) {
  let message = bytesOf(text), time
  if (key.type === WITNESS) { // tlog-cosignature: u64 timestamp, then the signature
    if (signature.length !== 72) throw new False(`the cosignature of ${key.name} does not fit`)
    time = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0)
    message = bytesOf(`cosignature/v1\ntime ${time}\n${text}`)
    signature = signature.slice(8)
    if (time >= mostSeconds) throw new False(`the cosignature of ${key.name} has no time`)
  }
  if (signature.length !== 64 || !(await crypt.ed25519(key.publicKey, message, signature))) {
    throw new False(`the signature of ${key.name} does not fit`)
  }
  return { name: key.name, type: key.type, vkey: key.vkey, time }
}

// openCheckpoint gives origin, size (a BigInt) and root (32 bytes) of a
// checkpoint that its log signed with one of keys, and which witnesses of keys
// cosigned it.
export async function openCheckpoint(crypt, signed, keys) {
  const { text, holds } = await openNote(crypt, signed, keys)
  if (holds.length === 0) throw new UnknownKey('none of the keys that were given signed it')
  const lines = text.slice(0, -1).split('\n')
  if (lines.length < 3 || lines.includes('')) throw new Malformed('a checkpoint is origin, size and root')
  const own = holds.find((h) => h.type === LOG && h.name === lines[0])
  if (!own) throw new UnknownKey(`the log ${lines[0]} has not signed it with a key that was given`)
  const witnesses = new Map(holds.filter((h) => h.type === WITNESS).map((h) => [h.vkey, { name: h.name, time: Number(h.time) }]))
  return { origin: lines[0], size: count(lines[1]), root: hash32(lines[2]), signed, key: own.vkey, witnesses: [...witnesses.values()] }
}

// ---- RFC 6962 and 9162: hashes, inclusion, consistency ----

const leafOf = async (crypt, salt, body) => crypt.sha256(joined(bytesOf('hearkeep/v1/leaf'), salt, body))
const recordHash = (crypt, leaf) => crypt.sha256(joined([0x00], leaf))
const nodeHash = (crypt, left, right) => crypt.sha256(joined([0x01], left, right))

// checkInclusion is RFC 9162 section 2.1.3.2.
async function checkInclusion(crypt, hash, index, path, size, root) {
  if (index >= size) throw new False(`there is no entry ${index} among ${size}`)
  let fn = index, sn = size - 1n, r = hash
  for (const p of path) {
    if (sn === 0n) throw new False('its path is too long')
    if (fn & 1n || fn === sn) {
      r = await nodeHash(crypt, p, r)
      while (!(fn & 1n) && fn !== 0n) fn >>= 1n, sn >>= 1n
    } else {
      r = await nodeHash(crypt, r, p)
    }
    fn >>= 1n
    sn >>= 1n
  }
  if (sn !== 0n || !equal(r, root)) throw new False(`entry ${index} does not lead to the signed root`)
}

// checkConsistency is RFC 9162 section 2.1.4.2, with the cases that have no
// proof: nothing, and the same size.
export async function checkConsistency(crypt, older, newer, path) {
  if (older.size > newer.size) throw new False('the newer checkpoint is of fewer entries')
  if (older.size === newer.size || older.size === 0n) {
    if (path.length) throw new Malformed('a proof where none is needed')
    if (older.size === newer.size && !equal(older.root, newer.root)) throw new False('two different logs of one size')
    return
  }
  let fn = older.size - 1n, sn = newer.size - 1n
  const hashes = fn & (fn + 1n) ? [...path] : [older.root, ...path] // a power of two begins with its root
  if (path.length === 0) throw new False('its proof is missing')
  while (fn & 1n) fn >>= 1n, sn >>= 1n
  let fr = hashes[0], sr = hashes[0]
  for (const c of hashes.slice(1)) {
    if (sn === 0n) throw new False('its proof is too long')
    if (fn & 1n || fn === sn) {
      fr = await nodeHash(crypt, c, fr)
      sr = await nodeHash(crypt, c, sr)
      while (!(fn & 1n) && fn !== 0n) fn >>= 1n, sn >>= 1n
    } else {
      sr = await nodeHash(crypt, sr, c)
    }
    fn >>= 1n
    sn >>= 1n
  }
  if (sn !== 0n || !equal(fr, older.root) || !equal(sr, newer.root)) throw new False('the newer log does not begin with the older one')
}

// readConsistency reads the text of a consistency proof: its first line
// "old SIZE", a hash a line, an empty line, and the newer checkpoint.
export function readConsistency(text) {
  const cut = text.indexOf('\n\n')
  const [first, ...lines] = text.slice(0, cut).split('\n')
  if (cut < 0 || !first.startsWith('old ') || lines.length > 2 * limits.path) throw new Malformed('it is no consistency proof')
  return { old: count(first.slice(4)), path: lines.map(hash32), checkpoint: text.slice(cut + 2) }
}

// ---- receipts: as text, as a page, in an address ----

// readReceipt reads a tlog-proof whose extra data is salt ‖ body.
export function readReceipt(text) {
  if (bytesOf(text).length > limits.proof) throw new Malformed('it is too long')
  const cut = text.indexOf('\n\n')
  const [first, extra, index, ...path] = text.slice(0, cut).split('\n')
  if (cut < 0 || first !== 'c2sp.org/tlog-proof@v1' || !extra?.startsWith('extra ') || !index?.startsWith('index ') || path.length > limits.path) {
    throw new Malformed('it has not the lines of a receipt')
  }
  const data = base64(extra.slice(6))
  if (data.length <= 32) throw new Malformed('it has no body')
  return { index: count(index.slice(6)), salt: data.slice(0, 32), body: data.slice(32), path: path.map(hash32), checkpoint: text.slice(cut + 2) }
}

// readPage finds the receipt and its log's key in an HTML page. What the page
// shows besides is not looked at.
export function readPage(html) {
  if (bytesOf(html).length > limits.page) throw new Malformed('it is too long')
  const only = (begin, end) => {
    const parts = html.split(begin)
    if (parts.length !== 2 || !parts[1].includes(end)) throw new Malformed('it is a page without a receipt, or with more than one')
    const text = parts[1].slice(0, parts[1].indexOf(end))
    if (/[<>"']|&(?!(amp|lt|gt|#34|#39|#43);)/.test(text)) throw new Malformed('its receipt is spelled otherwise')
    const plain = { amp: '&', lt: '<', gt: '>', '#34': '"', '#39': "'", '#43': '+' }
    return text.replace(/&([a-z]+|#[0-9]+);/g, (_, name) => plain[name])
  }
  return { proof: only('<pre id="proof">', '</pre>'), key: only('<code id="key">', '</code>') }
}

// readLink reads what stands after # in the address of a receipt.
export async function readLink(fragment) {
  const text = textOf(await inflate(packedIn(fragment), limits.proof))
  const cut = text.indexOf('\n\n')
  const [key, index, salt, body, ...path] = text.slice(0, cut).split('\n')
  if (cut < 0 || body === undefined) throw new Malformed('it is no receipt')
  const extra = toBase64(joined(base64(salt), bytesOf(body)))
  if (base64(salt).length !== 32) throw new Malformed('its salt has not 32 bytes')
  return { proof: ['c2sp.org/tlog-proof@v1', `extra ${extra}`, `index ${index}`, ...path].join('\n') + text.slice(cut), key }
}

// packedIn gives the zlib stream of an address, out of letters or of digits.
function packedIn(fragment) {
  const [, form, packed] = /^#?(?:(r1|d1)\.)([A-Za-z0-9_-]*)$/.exec(fragment) ?? []
  if (form === 'r1' && packed.length <= limits.proof * 2) {
    return base64(packed.replace(/-/g, '+').replace(/_/g, '/') + '='.repeat((4 - (packed.length % 4)) % 4))
  }
  if (form !== 'd1' || !/^[1-9][0-9]*$/.test(packed) || packed.length > limits.digits) throw new Malformed('it is no address of a receipt')
  const hex = BigInt(packed).toString(16)
  return Uint8Array.from((hex.length % 2 ? '0' + hex : hex).match(/../g), (h) => parseInt(h, 16))
}

async function inflate(packed, most) {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate')).getReader()
  const parts = []
  let length = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return joined(...parts)
      length += value.length
      if (length > most) throw new Malformed('it is too long')
      parts.push(value)
    }
  } catch (err) {
    if (err instanceof Malformed) throw err
    throw new Malformed('it cannot be unpacked')
  }
}

// checkReceipt computes everything anew and gives what the receipt shows.
export async function checkReceipt(crypt, receipt, keys) {
  const under = await openCheckpoint(crypt, receipt.checkpoint, keys)
  return { index: receipt.index, entry: await proveEntry(crypt, receipt, under), under }
}

async function proveEntry(crypt, { index, salt, body, path }, under) {
  const leaf = await leafOf(crypt, salt, body)
  await checkInclusion(crypt, await recordHash(crypt, leaf), index, path, under.size, under.root)
  return readBody(body)
}

// ---- files of entries ----

const wrote = (value) => JSON.stringify(value).replace(/[\u2028\u2029]/g, (c) => '\\u' + c.charCodeAt(0).toString(16))
const isText = (v) => typeof v === 'string' && !/\p{Cs}/u.test(v)
const isID = (v) => typeof v === 'string' && /^[0-9a-f]{32}$/.test(v)
const isList = (v, of) => Array.isArray(v) && v.every(of)
const isCount = (v) => Number.isSafeInteger(v) && v >= 0

// oneLine reads a line that has exactly the members of shape, in this order and
// in the one spelling.
function oneLine(text, shape) {
  let value
  try {
    value = JSON.parse(text)
  } catch {
    throw new Malformed('a line cannot be read')
  }
  const names = Object.keys(shape)
  if (value === null || typeof value !== 'object' || Object.keys(value).join() !== names.join() ||
    !names.every((n) => shape[n](value[n])) || wrote(value) !== text) {
    throw new Malformed('a line is spelled otherwise')
  }
  return value
}

const shapes = {
  head: { format: isText, key: isText, checkpoint: isText, account: isID, vaults: (v) => isList(v, isID) },
  entry: { index: isCount, salt: isText, body: isText, path: (v) => isList(v, isText) },
  expired: { index: isCount, leaf: isText, path: (v) => isList(v, isText) },
  end: { entries: isCount, expired: isCount },
}

// checkEntries checks a file of entries, given as an async iterable of its
// bytes. keysFor gives the keys that count, of the key that the file names; each
// is called with every entry as it was proven (entry null where it has expired).
export async function checkEntries(crypt, chunks, keysFor, each = () => {}) {
  let head, under, before, end
  const counted = { entries: 0, expired: 0 }
  for await (const line of linesOf(chunks)) {
    if (end) throw new Malformed('there is more after its last line')
    if (!head) {
      head = oneLine(line, shapes.head)
      if (head.format !== 'hearkeep-entries/v1') throw new Malformed('it is no file of entries')
      under = await openCheckpoint(crypt, head.checkpoint, await keysFor(head.key))
      before = under.size
    } else if (line.startsWith('{"entries":')) {
      end = oneLine(line, shapes.end)
    } else {
      const { index, entry } = await checkLine(crypt, line, head, under)
      if (index >= before) throw new False(`entry ${index} stands in the wrong place`)
      before = index
      counted.entries++
      if (!entry) counted.expired++
      await each(index, entry)
    }
  }
  if (!end) throw new Malformed('it was cut off')
  if (end.entries !== counted.entries || end.expired !== counted.expired) throw new False('it has not as many entries as it says')
  return { head, under, ...counted }
}

async function checkLine(crypt, line, head, under) {
  const gone = /^\{"index":[0-9]+,"leaf":/.test(line)
  const got = oneLine(line, gone ? shapes.expired : shapes.entry)
  const index = BigInt(got.index), path = got.path.map(hash32)
  if (path.length > limits.path) throw new Malformed('a path is too long')
  if (gone) {
    await checkInclusion(crypt, await recordHash(crypt, hash32(got.leaf)), index, path, under.size, under.root)
    return { index, entry: null }
  }
  const salt = hash32(got.salt)
  const entry = await proveEntry(crypt, { index, salt, body: bytesOf(got.body), path }, under)
  if (entry.account !== head.account && !head.vaults.includes(entry.vault)) throw new False(`entry ${index} is somebody else's`)
  return { index, entry }
}

async function* linesOf(chunks) {
  let rest = []
  let length = 0
  for await (let chunk of chunks) {
    for (let at; (at = chunk.indexOf(0x0a)) >= 0; chunk = chunk.subarray(at + 1)) {
      yield textOf(joined(...rest, chunk.subarray(0, at)))
      rest = []
      length = 0
    }
    rest.push(chunk)
    length += chunk.length
    if (length > limits.line) throw new Malformed('a line is too long')
  }
  if (length) throw new Malformed('its last line was cut off')
}
