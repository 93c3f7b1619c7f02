#!/usr/bin/env node
// node verify/cli.mjs [--key VKEY]... [--witness VKEY]... [--json] FILE|FOLDER|ADDRESS...
// node verify/cli.mjs [--key VKEY]... --old FILE --new FILE [--proof FILE|FOLDER]
//
// Says of receipts, files of entries, folders of tiles and pairs of checkpoints
// whether what they claim is proven. Ends with 0 where all is, 11 where
// something is not, 1 where something could not be read, 2 where it was called
// otherwise.

import { createHash, webcrypto } from 'node:crypto'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { textOf } from './bytes.mjs'
import { facts, sentence, visible } from './say.mjs'
import { checkTiles } from './tiles.mjs'
import {
  False, LOG, Malformed, UnknownKey, checkConsistency, checkEntries, checkReceipt, limits, openCheckpoint, readConsistency, readKey, readLink,
  readPage, readReceipt, webCrypt,
} from './verify.mjs'

const crypt = {
  ...(await webCrypt(webcrypto.subtle)),
  sha256: (bytes) => createHash('sha256').update(bytes).digest(),
}

// kinds of what can be verified, by how they begin.
function kindOf(path) {
  if (/^https?:\/\/[^#]*#/.test(path)) return 'address'
  if (statSync(path).isDirectory()) return 'tiles'
  const begin = readFileSync(path).subarray(0, 64).toString('latin1')
  if (begin.startsWith('c2sp.org/tlog-proof@')) return 'receipt'
  if (begin.startsWith('{"format":"hearkeep-entries/')) return 'entries'
  if (/^\s*<!doctype html/i.test(begin)) return 'page'
  if (/^[^\n]+\n[0-9]+\n/.test(begin)) return 'checkpoint'
  throw new Malformed('it is nothing that can be verified here')
}

const small = (path) => {
  if (statSync(path).size > limits.page) throw new Malformed('it is too long')
  return textOf(readFileSync(path))
}

const found = (under) => ({ origin: under.origin, size: String(under.size), root: Buffer.from(under.root).toString('base64'), witnesses: under.witnesses })

// Verifier checks one thing after the other under the keys that were given.
class Verifier {
  constructor(keys, witnesses) {
    this.keys = keys
    this.witnesses = witnesses
  }

  // trusted gives the keys that count for a file that names a key itself.
  async trusted(named) {
    if (!this.keys.length) return [await readKey(crypt, named), ...this.witnesses]
    if (named !== undefined && !this.keys.some((k) => k.vkey === named)) throw new UnknownKey('it is of another key than was given')
    return [...this.keys, ...this.witnesses]
  }

  // shown is the key that a file names, where nothing else vouches for it.
  shown(named) {
    return this.keys.length ? undefined : named
  }

  async verify(path) {
    const kind = kindOf(path)
    switch (kind) {
      case 'receipt':
        if (!this.keys.length) throw new UnknownKey('a receipt’s text names no key: give --key')
        return this.receipt(small(path))
      case 'page': {
        const { proof, key } = readPage(small(path))
        return { ...(await this.receipt(proof, key)), key: this.shown(key) }
      }
      case 'address': {
        const { proof, key } = await readLink(path.slice(path.indexOf('#')))
        return { ...(await this.receipt(proof, key)), key: this.shown(key) }
      }
      case 'checkpoint':
        if (!this.keys.length) throw new UnknownKey('a checkpoint names no key: give --key')
        return { kind, ...found(await openCheckpoint(crypt, small(path), [...this.keys, ...this.witnesses])) }
      case 'entries': {
        const got = await checkEntries(crypt, createReadStream(path), (named) => this.trusted(named))
        return { kind, ...found(got.under), entries: got.entries, expired: got.expired, key: this.shown(got.head.key) }
      }
    }
    const got = await checkTiles(crypt, reader(path), this.keys, this.witnesses)
    return { kind, ...found(got.under), kept: got.kept, lost: got.lost, key: this.shown(got.under.key) }
  }

  async receipt(text, named) {
    const got = await checkReceipt(crypt, readReceipt(text), await this.trusted(named))
    return { kind: 'receipt', ...found(got.under), index: String(got.index), entry: got.entry }
  }

  // between checks that one checkpoint's log goes on in another.
  async between(olderPath, newerPath, proofPath) {
    if (!this.keys.length) throw new UnknownKey('two checkpoints name no key: give --key')
    const open = async (path) => openCheckpoint(crypt, small(path), [...this.keys, ...this.witnesses])
    const older = await open(olderPath), newer = await open(newerPath)
    if (older.size > newer.size) throw new False('the newer checkpoint is of fewer entries')
    if (proofPath && statSync(proofPath).isDirectory()) {
      await checkTiles(crypt, reader(proofPath), this.keys, this.witnesses, [older, newer])
    } else {
      const proof = proofPath ? readConsistency(small(proofPath)) : { old: older.size, path: [], checkpoint: newer.signed }
      if (proof.old !== older.size || proof.checkpoint !== newer.signed) throw new Malformed('the proof is between other checkpoints')
      await checkConsistency(crypt, older, newer, proof.path)
    }
    return { kind: 'consistency', from: String(older.size), ...found(newer) }
  }
}

const reader = (folder) => async (path) => {
  try {
    const info = statSync(join(folder, path))
    if (!info.isFile() || info.size > limits.kept) throw new Malformed(`${path} is no file, or too long`)
    return readFileSync(join(folder, path))
  } catch (err) {
    if (err.code === 'ENOENT') return null
    throw err
  }
}

// tell says in plain words what was proven.
function tell(path, got) {
  const proven = got.key ? 'Consistent' : 'Proven'
  const under = `of the log ${got.origin}, which had ${got.size} entries then`
  const lines = {
    receipt: () => [`${proven}: entry ${got.index} ${under}, says:`, `  ${sentence(got.entry)}`, ...facts(got.entry).map(([n, v]) => `  ${n}: ${v}`)],
    entries: () => [`${proven}: ${got.entries} entries, ${got.expired} of which without what they said, ${under}.`, '  Not proven: what those said, why that is gone, and whose they are.', '  Not proven: that these are all there are.'],
    tiles: () => [`${proven}: the whole log ${got.origin} of ${got.size} entries leads to its signed root; so do ${got.kept} checkpoints that were kept.`],
    checkpoint: () => [`Proven: the log ${got.origin} had ${got.size} entries with the root ${got.root}.`],
    consistency: () => [`Proven: the log ${got.origin} of ${got.size} entries begins with what it was at ${got.from} entries.`],
  }[got.kind]()
  if (got.key) lines.push(`  Nothing vouches for the key but this file: ${got.key}`, '  Compare it with one that you have from elsewhere, and give that with --key.')
  for (const w of got.witnesses) lines.push(`  Cosigned by ${w.name}, ${new Date(w.time * 1000).toISOString()}.`)
  console.log(`${visible(path)}\n${lines.join('\n')}`)
}

const verdicts = new Map([[False, 'false'], [Malformed, 'malformed'], [UnknownKey, 'unknown-key']])

async function main() {
  const options = {
    key: { type: 'string', multiple: true, default: [] }, witness: { type: 'string', multiple: true, default: [] },
    old: { type: 'string' }, new: { type: 'string' }, proof: { type: 'string' }, json: { type: 'boolean', default: false },
  }
  let args
  try {
    args = parseArgs({ options, allowPositionals: true })
    if (!args.values.old !== !args.values.new || !args.values.old === !args.positionals.length) throw new Error('give files, or --old and --new')
  } catch (err) {
    console.error(`verify: ${err.message}`)
    return 2
  }
  if (!crypt.ed25519) {
    console.error('verify: this Node has no Ed25519; it takes version 18 or newer')
    return 1
  }
  const read = (vkeys) => Promise.all(vkeys.map((k) => readKey(crypt, k)))
  let verifier
  try {
    verifier = new Verifier(await read(args.values.key), await read(args.values.witness))
    if (verifier.keys.some((k) => k.type !== LOG) || verifier.witnesses.some((k) => k.type === LOG)) throw new Malformed('--key is of a log, --witness of a witness')
  } catch (err) {
    console.error(`verify: ${err.message}`)
    return 2
  }
  const tasks = args.values.old
    ? [[args.values.new, () => verifier.between(args.values.old, args.values.new, args.values.proof)]]
    : args.positionals.map((path) => [path, () => verifier.verify(path)])
  let code = 0
  for (const [path, run] of tasks) {
    try {
      const got = await run()
      const plain = (_, v) => (typeof v === 'bigint' ? String(v) : v)
      if (args.values.json) console.log(JSON.stringify({ path, verdict: got.key ? 'consistent' : 'proven', ...got }, plain))
      else tell(path, got)
    } catch (err) {
      const verdict = verdicts.get(err.constructor)
      code = Math.max(code, verdict ? 11 : 1)
      if (args.values.json) console.log(JSON.stringify({ path, verdict: verdict ?? 'unread', why: err.message }))
      else console.log(`${visible(path)}\n${verdict ? 'NOT proven' : 'Could not be read'}: ${visible(err.message)}.`)
    }
  }
  return code
}

process.exitCode = await main()
