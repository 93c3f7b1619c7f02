// Bytes, text, and the spellings of numbers and hashes; and the three ways in
// which a verification fails.

// Malformed: it is not what it should be. False: it is, and what it claims does
// not follow from what was signed. UnknownKey: no key that was given signed it.
export class Malformed extends Error {}
export class False extends Error {}
export class UnknownKey extends Error {}

const encoder = new TextEncoder()

export const bytesOf = (text) => encoder.encode(text)

export function textOf(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new Malformed('it is not text')
  }
}

export function joined(...parts) {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    all.set(p, at)
    at += p.length
  }
  return all
}

export function equal(a, b) {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

// base64 reads RFC 4648 section 4, with padding, in its one spelling.
export function base64(text) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4) throw new Malformed('it has base64 that cannot be read')
  const raw = atob(text)
  if (btoa(raw) !== text) throw new Malformed('it has base64 that is spelled otherwise')
  return Uint8Array.from(raw, (c) => c.charCodeAt(0))
}

export function toBase64(bytes) {
  let raw = ''
  for (const b of bytes) raw += String.fromCharCode(b)
  return btoa(raw)
}

export function hash32(text) {
  const h = base64(text)
  if (h.length !== 32) throw new Malformed('a hash has not 32 bytes')
  return h
}

// count reads a decimal number from 0 to 2^63-1 without leading zeros.
export function count(text) {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) >= 2n ** 63n) throw new Malformed('a number cannot be read')
  return BigInt(text)
}
