// Reads ZIP files in the browser, in place: only what is asked for is read of
// them, and nothing of them is held. Names are kept as they are written; who
// takes them checks them.
"use strict";

const Zip = (() => {
  const maxDirectory = 128 << 20;
  const maxMembers = 500000;
  const damaged = () => new Error("This ZIP file cannot be read: it is damaged, or not whole. Download it again.");

  const read = async (file, from, to) => new DataView(await file.slice(from, to).arrayBuffer());
  const long = (view, at) => {
    const n = view.getBigUint64(at, true);
    if (n > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged();
    return Number(n);
  };

  // find returns where the list of members begins and ends.
  async function find(file) {
    const tail = await read(file, Math.max(0, file.size - 65557), file.size);
    for (let at = tail.byteLength - 22; at >= 0; at--) {
      if (tail.getUint32(at, true) !== 0x06054b50) continue;
      let count = tail.getUint16(at + 10, true), size = tail.getUint32(at + 12, true), from = tail.getUint32(at + 16, true);
      const end = file.size - tail.byteLength + at;
      if (count === 0xffff || size === 0xffffffff || from === 0xffffffff) {
        if (end < 20) throw damaged();
        const locator = await read(file, end - 20, end);
        if (locator.getUint32(0, true) !== 0x07064b50) throw damaged();
        const where = long(locator, 8);
        const big = await read(file, where, where + 56);
        if (big.byteLength < 56 || big.getUint32(0, true) !== 0x06064b50) throw damaged();
        count = long(big, 32), size = long(big, 40), from = long(big, 48);
      }
      if (size > maxDirectory || count > maxMembers) throw new Error("There are too many files in this ZIP file. Bring it with hearkeep import.");
      if (from + size > end) throw damaged();
      return { from, size, count };
    }
    throw damaged();
  }

  // members lists what is in a ZIP file.
  async function members(file) {
    const { from, size, count } = await find(file);
    const list = await read(file, from, from + size);
    const utf8 = new TextDecoder("utf-8", { fatal: true }), old = new TextDecoder("windows-1252");
    const all = [];
    for (let at = 0; at + 46 <= size && list.getUint32(at, true) === 0x02014b50 && all.length < count; ) {
      const flags = list.getUint16(at + 8, true), method = list.getUint16(at + 10, true);
      const time = list.getUint16(at + 12, true), date = list.getUint16(at + 14, true);
      let packed = list.getUint32(at + 20, true), plain = list.getUint32(at + 24, true), offset = list.getUint32(at + 42, true);
      const nameLength = list.getUint16(at + 28, true), extraLength = list.getUint16(at + 30, true);
      const next = at + 46 + nameLength + extraLength + list.getUint16(at + 32, true);
      if (next > size) throw damaged();
      const bytes = new Uint8Array(list.buffer, at + 46, nameLength);
      let name;
      try { name = utf8.decode(bytes); } catch { name = old.decode(bytes); }
      for (let x = at + 46 + nameLength, end = x + extraLength; x + 4 <= end; x += 4 + list.getUint16(x + 2, true)) {
        if (list.getUint16(x, true) !== 1) continue; // ZIP64
        let y = x + 4;
        const stop = Math.min(end, y + list.getUint16(x + 2, true));
        const take = (n) => {
          if (n !== 0xffffffff) return n;
          if (y + 8 > stop) throw damaged();
          y += 8;
          return long(list, y - 8);
        };
        plain = take(plain), packed = take(packed), offset = take(offset);
      }
      const mode = list.getUint32(at + 38, true) >>> 16;
      let trouble = "";
      if (flags & 1) trouble = "It is encrypted. Unpack it with its password first.";
      else if ((mode & 0xf000) !== 0 && (mode & 0xf000) !== 0x8000 && (mode & 0xf000) !== 0x4000) trouble = "It is a link, not a file.";
      else if (method !== 0 && method !== 8) trouble = "It is packed in a way that is not read here.";
      const year = 1980 + (date >> 9);
      const modified = year < 1990 ? 0 : new Date(year, ((date >> 5) & 15) - 1, date & 31, time >> 11, (time >> 5) & 63, (time & 31) * 2).getTime() || 0;
      if (!name.endsWith("/")) all.push({ name, size: plain, packed, method, offset, trouble, modified, crc: list.getUint32(at + 16, true), file });
      at = next;
    }
    if (all.length > count) throw damaged();
    const spans = all.map((m) => [m.offset, m.offset + 30 + m.packed]).sort((a, b) => a[0] - b[0]);
    for (let i = 0; i < spans.length; i++) {
      // Members that share bytes claim to hold very much more than there is.
      if (spans[i][1] > from || (i > 0 && spans[i][0] < spans[i - 1][1])) throw damaged();
    }
    return all;
  }

  let table;
  function crc32(parts) {
    if (!table) {
      table = new Uint32Array(256);
      for (let n = 0; n < 256; n++) {
        let c = n;
        for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
        table[n] = c >>> 0;
      }
    }
    let c = 0xffffffff;
    for (const part of parts) for (let i = 0; i < part.length; i++) c = table[(c ^ part[i]) & 255] ^ (c >>> 8);
    return (c ^ 0xffffffff) >>> 0;
  }

  // bytes reads a member: whole, or only its first bytes. It refuses one that
  // is larger than most, whatever its header says.
  async function bytes(m, most, first) {
    if (m.trouble) throw new Error(m.trouble);
    if (!first && m.size > most) throw new Error("The recording is larger than " + (most >> 20) + " MB.");
    const local = await read(m.file, m.offset, m.offset + 30);
    if (local.byteLength < 30 || local.getUint32(0, true) !== 0x04034b50) throw new Error("It is damaged.");
    const from = m.offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    let stream = m.file.slice(from, from + m.packed).stream();
    if (m.method === 8) stream = stream.pipeThrough(new DecompressionStream("deflate-raw"));
    const reader = stream.getReader(), parts = [];
    let length = 0;
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        parts.push(value);
        length += value.length;
        if (first && length >= first) break;
        if (length > most) throw new Error("The recording is larger than " + (most >> 20) + " MB.");
      }
    } catch (e) {
      throw e instanceof TypeError ? new Error("It is damaged.") : e;
    } finally {
      reader.cancel().catch(() => {});
    }
    if (first) return new Uint8Array(await new Blob(parts).slice(0, first).arrayBuffer());
    if (length !== m.size || crc32(parts) !== m.crc) throw new Error("It is damaged.");
    return new Blob(parts);
  }

  return { members, bytes };
})();
