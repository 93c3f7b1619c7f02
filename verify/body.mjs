// Reads the body of an entry as docs/ledger.md says, and refuses one that two
// readers could read differently.

import { Malformed, base64, textOf } from './bytes.mjs'

const ids = ['account', 'vault', 'binding', 'receipt', 'request', 'archive', 'report', 'incident']
const words = ['kind', 'role', 'session', 'token', 'purpose', 'filter']
const most = { depth: 8 }

// readBody gives the members of a body. Those that are not known here stand in
// `other`, as they are written.
export function readBody(bytes) {
  const text = textOf(bytes)
  if (/[\x00-\x1f\x7f]/.test(text)) throw new Malformed('its body has control characters')
  const members = new Reader(text).whole()
  const entry = { other: Object.create(null) }
  for (const [name, raw] of members) {
    if (words.includes(name)) entry[name] = word(name, raw)
    else if (ids.includes(name)) entry[name] = id(raw)
    else if (name === 'at') entry.at = time(raw)
    else if (name === 'count') entry.count = whole(raw)
    else if (name === 'items') entry.items = items(raw)
    else if (name === 'continues') entry.continues = continues(raw)
    else if (name === 'expired') entry.expired = expired(raw)
    else if (name !== name.toLowerCase()) bad()
    else entry.other[name] = raw
  }
  if (!entry.kind || !entry.at || entry.role === undefined) bad()
  return entry
}

const bad = () => {
  throw new Malformed('its body is no entry, or is spelled otherwise')
}

function word(name, raw) {
  const value = raw.startsWith('"') ? JSON.parse(raw) : bad()
  const escapes = { '"': '\\"', '\\': '\\\\', '<': '\\u003c', '>': '\\u003e', '&': '\\u0026' }
  if (!/^[ -~]*$/.test(value) || (value === '' && name !== 'role')) bad()
  if (raw !== `"${value.replace(/["\\<>&]/g, (c) => escapes[c])}"`) bad()
  return value
}

const id = (raw) => (/^"[0-9a-f]{32}"$/.test(raw) ? raw.slice(1, -1) : bad())

function time(raw) {
  const parts = /^"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{0,2}[1-9]))?Z"$/.exec(raw) ?? bad()
  const when = new Date(raw.slice(1, -1))
  if (Number.isNaN(when.getTime()) || when.toISOString() !== `${parts[1]}.${(parts[2] ?? '').padEnd(3, '0')}Z`) bad()
  return when
}

function whole(raw) {
  if (!/^-?[1-9][0-9]{0,18}$/.test(raw)) bad()
  const n = BigInt(raw)
  if (n >= 2n ** 63n || n < -(2n ** 63n)) bad()
  return n
}

function items(raw) {
  const run = '\\{"binding":"([0-9a-f]{32})","From":(0|[1-9][0-9]{0,19}),"To":(0|[1-9][0-9]{0,19})\\}'
  if (!new RegExp(`^\\[${run}(?:,${run})*\\]$`).test(raw)) bad()
  return [...raw.matchAll(new RegExp(run, 'g'))].map(([, binding, from, to]) => {
    if (BigInt(from) >= 2n ** 64n || BigInt(to) >= 2n ** 64n) bad()
    return { binding, from: BigInt(from), to: BigInt(to) }
  })
}

function continues(raw) {
  const [, key, checkpoint] = /^\{"key":("(?:[^"\\]|\\.)*"),"checkpoint":"([A-Za-z0-9+/=]+)"\}$/.exec(raw) ?? bad()
  base64(checkpoint)
  return { key: word('key', key), checkpoint }
}

function expired(raw) {
  const run = '\\{"From":(0|[1-9][0-9]{0,18}),"To":(0|[1-9][0-9]{0,18}),"Digest":"([0-9a-f]{64})"\\}'
  if (!new RegExp(`^\\[${run}(?:,${run})*\\]$`).test(raw)) bad()
  return [...raw.matchAll(new RegExp(run, 'g'))].map(([, from, to, digest]) => {
    if (BigInt(to) >= 2n ** 63n || BigInt(from) > BigInt(to)) bad()
    return { from: BigInt(from), to: BigInt(to), digest }
  })
}

// Reader walks over one JSON object: JSON.parse would take the last of two
// members of one name, and others take the first.
class Reader {
  constructor(text) {
    this.text = text
    this.at = 0
  }

  // whole gives the members of the outermost object, each as it is written.
  whole() {
    const members = new Map()
    if (this.text[0] !== '{') bad()
    this.object(most.depth, (name, raw) => members.set(name, raw))
    if (this.at !== this.text.length) bad()
    return members
  }

  take(pattern) {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (!found) return null
    this.at = pattern.lastIndex
    return found[0]
  }

  skip() {
    this.take(/ */y)
  }

  expect(char) {
    this.skip()
    if (this.text[this.at] !== char) bad()
    this.at++
  }

  string() {
    return this.take(/"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y) ?? bad()
  }

  value(depth) {
    this.skip()
    switch (this.text[this.at]) {
      case '{':
        return this.object(depth)
      case '[':
        return this.list(depth)
      case '"':
        return this.string()
    }
    return this.take(/true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y) ?? bad()
  }

  object(depth, member = () => {}) {
    if (depth === 0) bad()
    const seen = new Set()
    this.expect('{')
    this.skip()
    if (this.text[this.at] === '}') return this.expect('}')
    for (;;) {
      this.skip()
      const name = JSON.parse(this.string())
      if (!/^[A-Za-z0-9_-]+$/.test(name) || seen.has(name.toLowerCase())) bad()
      seen.add(name.toLowerCase())
      this.expect(':')
      this.skip()
      const from = this.at
      this.value(depth - 1)
      member(name, this.text.slice(from, this.at))
      this.skip()
      if (this.text[this.at] !== ',') return this.expect('}')
      this.at++
    }
  }

  list(depth) {
    if (depth === 0) bad()
    this.expect('[')
    this.skip()
    if (this.text[this.at] === ']') return this.expect(']')
    for (;;) {
      this.value(depth - 1)
      this.skip()
      if (this.text[this.at] !== ',') return this.expect(']')
      this.at++
    }
  }
}
