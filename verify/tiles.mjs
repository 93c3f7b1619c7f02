// Verifies a whole log: a folder of C2SP tlog-tiles, with entry bundles of the
// 32-byte leaves, and the checkpoints that were kept of it.

import { Malformed, False, UnknownKey, count, equal, joined, textOf } from './bytes.mjs'
import { openCheckpoint, readKey } from './verify.mjs'

const WIDTH = 256
const most = 100_000_000 // entries: what fits in memory

// checkTiles reads a folder with read(path), which gives the bytes of a file or
// null, and computes all of the tree anew. keys are those that count; with none,
// those of the folder's own ledger.keys do, and nothing vouches for them.
// witnesses are keys of cosignatures that must be right where they are. older
// are checkpoints, opened before, that must be of this log.
export async function checkTiles(crypt, read, keys, witnesses = [], older = []) {
  const signed = await read('checkpoint')
  if (!signed) throw new Malformed('there is no checkpoint in the folder')
  const named = await readKeys(crypt, await read('ledger.keys'))
  const own = [...(keys.length ? keys : named.map((n) => n.key)), ...witnesses]
  const under = await openCheckpoint(crypt, textOf(signed), own)
  if (under.size > most) throw new Malformed('the log is larger than fits here')
  const tree = await grow(crypt, read, Number(under.size))
  await compareTiles(tree, read)
  const root = (size) => rootOf(crypt, tree, size)
  if (!equal(await root(Number(under.size)), under.root)) throw new False('the entries do not lead to the signed root')
  for (const old of older) await within(root, old, under.size)
  const kept = await checkKept(crypt, await read('checkpoints'), under, own, named, root)
  return { under, ...kept, keys: named }
}

// grow hashes the leaves of all bundles, and all complete subtrees above them:
// tree[h] holds the hashes of the subtrees of 2^h leaves, one after the other.
async function grow(crypt, read, size) {
  const tree = [new Uint8Array(size * 32)]
  for (let n = 0; n * WIDTH < size; n++) {
    const width = Math.min(WIDTH, size - n * WIDTH)
    const bundle = await read(pathOf('entries', n, width))
    if (bundle?.length !== width * 34) throw new Malformed(`the entry bundle ${n} is missing, or of a wrong length`)
    for (let i = 0; i < width; i++) {
      if (bundle[i * 34] !== 0 || bundle[i * 34 + 1] !== 32) throw new Malformed(`the entry bundle ${n} has an entry that is no leaf`)
      const hash = await crypt.sha256(joined([0x00], bundle.subarray(i * 34 + 2, i * 34 + 34)))
      tree[0].set(hash, (n * WIDTH + i) * 32)
    }
  }
  const pair = new Uint8Array(65).fill(0x01, 0, 1)
  for (let below = tree[0]; below.length >= 64; below = tree.at(-1)) {
    const level = new Uint8Array((below.length >> 6) << 5)
    for (let at = 0; at < level.length; at += 32) {
      pair.set(below.subarray(at * 2, at * 2 + 64), 1)
      level.set(await crypt.sha256(pair), at)
    }
    tree.push(level)
  }
  return tree
}

// compareTiles compares every tile with the hashes that it should have.
async function compareTiles(tree, read) {
  for (let level = 0; level * 8 < tree.length; level++) {
    const hashes = tree[level * 8], bytes = WIDTH * 32
    for (let at = 0; at < hashes.length; at += bytes) {
      const want = hashes.subarray(at, at + bytes), n = at / bytes
      const tile = await read(pathOf(level, n, want.length / 32))
      if (!tile) throw new Malformed(`the tile ${level}/${n} is missing`)
      if (!equal(tile, want)) throw new False(`the tile ${level}/${n} is not that of its entries`)
    }
  }
}

function pathOf(level, n, width) {
  const digits = String(n).padStart(Math.ceil(String(n).length / 3) * 3, '0').match(/.../g)
  const path = digits.map((d, i) => (i < digits.length - 1 ? 'x' + d : d)).join('/')
  return `tile/${level}/${path}${width < WIDTH ? `.p/${width}` : ''}`
}

// rootOf is the root of the first size entries: the complete subtrees that they
// are made of, from the right.
async function rootOf(crypt, tree, size) {
  if (size === 0) return crypt.sha256(new Uint8Array())
  let root, end = size
  for (let h = 0; end > 0; h++) {
    const width = 2 ** h
    if (Math.floor(size / width) % 2 === 0) continue
    end -= width
    const at = (end / width) * 32, left = tree[h].subarray(at, at + 32)
    root = root ? await crypt.sha256(joined([0x01], left, root)) : left
  }
  return root
}

async function within(root, old, size) {
  if (old.size > size) throw new False(`the log has fewer entries than the ${old.size} of an older checkpoint`)
  if (!equal(await root(Number(old.size)), old.root)) throw new False(`the log does not begin with the ${old.size} entries of an older checkpoint`)
}

// readKeys reads ledger.keys: which key signed from which entry on.
async function readKeys(crypt, bytes) {
  const keys = []
  for (const line of bytes ? textOf(bytes).split('\n') : []) {
    if (line === '' || line.startsWith('#')) continue
    const [vkey, first, more] = line.split(' ')
    if (more !== undefined || first === undefined) throw new Malformed('ledger.keys cannot be read')
    keys.push({ key: await readKey(crypt, vkey), first: count(first) })
  }
  return keys
}

// checkKept checks the checkpoints that were kept: each is of this log's first
// entries, but those of an older key beyond where the next one took over, whose
// entries were lost.
async function checkKept(crypt, bytes, under, own, named, root) {
  const found = { kept: 0, lost: 0 }
  if (!bytes?.length) return found
  const text = textOf(bytes)
  if (!text.endsWith('\n')) throw new Malformed('the file of kept checkpoints was cut off')
  let last
  for (const line of text.slice(0, -1).split('\n')) {
    const old = await openKept(crypt, line, under.origin, own, named)
    if (last?.origin === old.origin && old.size < last.size) throw new False('a kept checkpoint is of fewer entries than the one before')
    last = old
    const at = named.findIndex((n) => n.key.vkey === old.key)
    const until = at >= 0 && at < named.length - 1 ? named[at + 1].first : under.size
    if (old.origin !== under.origin && old.size > until) {
      found.lost++
      continue
    }
    await within(root, old, under.size)
    found.kept++
  }
  return found
}

async function openKept(crypt, line, origin, own, named) {
  let kept
  try {
    kept = JSON.parse(line)
  } catch {
    throw new Malformed('a kept checkpoint cannot be read')
  }
  if (typeof kept?.checkpoint !== 'string') throw new Malformed('a kept checkpoint cannot be read')
  const known = kept.checkpoint.startsWith(origin + '\n') ? own : [...own, ...named.map((n) => n.key)]
  try {
    return await openCheckpoint(crypt, kept.checkpoint, known)
  } catch (err) {
    if (err instanceof UnknownKey) throw new False('a kept checkpoint was not signed by this log')
    throw err
  }
}
