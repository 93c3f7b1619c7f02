package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"
)

// Limits of the ZIP files that are read, so that a small file cannot ask for
// much memory.
const (
	maxBagMembers   = 1 << 20
	maxBagDirectory = 256 << 20 // bytes
	maxBody         = 1 << 36   // bytes; as many of these as there may be can be added up
)

// zipFile is a ZIP that is, header by header and byte for byte, what zipLayout
// writes for the members it names. Nothing else is read: no compressed member,
// no comment, nothing before, between or after the members, no header that
// says something else than the directory. So none of the many ways in which
// two programs can see different files in one ZIP is left.
type zipFile struct {
	r       io.ReaderAt
	size    int64
	members []zipMember
	layout  *zipLayout
}

// openZIP reads a ZIP of size bytes and fails with a Fault where it is another.
// Bodies are not read, but for the headers between them.
func openZIP(r io.ReaderAt, size int64) (*zipFile, error) {
	z := &zipFile{r: r, size: size}
	count, start, end, err := z.readEnd()
	if err != nil {
		return nil, err
	}
	offsets, err := z.readDirectory(count, start, end)
	if err != nil {
		return nil, err
	}
	z.layout, err = newZipLayout(len(z.members), func(i int) zipMember { return z.members[i] })
	if err != nil {
		return nil, faultIn("", "has a member without a name")
	}
	for i, at := range offsets {
		if at != z.layout.offsets[i] {
			return nil, faultIn(z.members[i].name, "does not begin where the member before it ends: members overlap, or something lies between them")
		}
	}
	if z.layout.size != size || z.layout.offsets[count] != start {
		return nil, faultIn("", "is not filled by its parts: something lies before, between or after them")
	}
	return z, z.checkHeaders(start, end)
}

// body reads the i-th member's own bytes.
func (z *zipFile) body(i int) *io.SectionReader {
	return io.NewSectionReader(z.r, z.layout.body(i), z.members[i].size)
}

// readEnd reads where the directory lies, and how many members it has.
func (z *zipFile) readEnd() (count int, start, end int64, err error) {
	var b [endSize]byte
	if z.size < endSize || !z.read(b[:], z.size-endSize) || binary.LittleEndian.Uint32(b[:]) != signEnd {
		return 0, 0, 0, faultIn("", "is no ZIP file, is cut off, or has something after its end")
	}
	n := uint64(binary.LittleEndian.Uint16(b[10:]))
	length, from := uint64(binary.LittleEndian.Uint32(b[12:])), uint64(binary.LittleEndian.Uint32(b[16:]))
	end = z.size - endSize
	if n == max16 || length == max32 || from == max32 {
		var large [end64Size]byte
		end -= end64Size + locatorSize
		if end < 0 || !z.read(large[:], end) || binary.LittleEndian.Uint32(large[:]) != signEnd64 {
			return 0, 0, 0, faultIn("", "says ZIP64 at its end, and there is none")
		}
		n, length, from = binary.LittleEndian.Uint64(large[32:]), binary.LittleEndian.Uint64(large[40:]), binary.LittleEndian.Uint64(large[48:])
	}
	switch {
	case n > maxBagMembers || length > maxBagDirectory:
		return 0, 0, 0, faultIn("", fmt.Sprintf("has more than %d members", maxBagMembers))
	case from > uint64(end) || from+length != uint64(end):
		return 0, 0, 0, faultIn("", "has a directory elsewhere than its end says")
	case length < n*centralSize:
		return 0, 0, 0, faultIn("", "has a directory too short for its members")
	}
	return int(n), int64(from), end, nil
}

func (z *zipFile) read(b []byte, at int64) bool {
	n, _ := z.r.ReadAt(b, at)
	return n == len(b)
}

// readDirectory reads the members and returns where each says it begins.
func (z *zipFile) readDirectory(count int, start, end int64) ([]int64, error) {
	in := bufio.NewReader(io.NewSectionReader(z.r, start, end-start))
	z.members = make([]zipMember, 0, count)
	offsets := make([]int64, 0, count)
	for range count {
		m, at, err := readCentral(in)
		if err != nil {
			return nil, err
		}
		z.members, offsets = append(z.members, m), append(offsets, at)
	}
	return offsets, nil
}

// readCentral reads one entry of the directory, as far as it makes a member.
// That the rest of it is as written is seen when it is written again.
func readCentral(in *bufio.Reader) (m zipMember, offset int64, err error) {
	var b [centralSize]byte
	if _, err := io.ReadFull(in, b[:]); err != nil || binary.LittleEndian.Uint32(b[:]) != signCentral {
		return m, 0, faultIn("", "has a directory that is cut off or not one")
	}
	name := make([]byte, binary.LittleEndian.Uint16(b[28:]))
	extra := make([]byte, int(binary.LittleEndian.Uint16(b[30:]))+int(binary.LittleEndian.Uint16(b[32:])))
	if _, err := io.ReadFull(in, name); err != nil {
		return m, 0, faultIn("", "has a directory that is cut off")
	}
	if _, err := io.ReadFull(in, extra); err != nil {
		return m, 0, faultIn(string(name), "has an entry that is cut off")
	}
	m = zipMember{name: string(name), crc: binary.LittleEndian.Uint32(b[16:]), when: binary.LittleEndian.Uint32(b[12:])}
	flags := binary.LittleEndian.Uint16(b[8:])
	m.late = flags&flagLate != 0
	size, stored := uint64(binary.LittleEndian.Uint32(b[24:])), uint64(binary.LittleEndian.Uint32(b[20:]))
	at := uint64(binary.LittleEndian.Uint32(b[42:]))
	switch mode := binary.LittleEndian.Uint32(b[38:]); {
	case !utf8.Valid(name) || flags&flagUTF8 == 0:
		return m, 0, faultIn(m.name, "has a name that is not UTF-8")
	case flags&1 != 0:
		return m, 0, faultIn(m.name, "is encrypted")
	case binary.LittleEndian.Uint16(b[10:]) != 0:
		return m, 0, faultIn(m.name, "is compressed, and nothing in an archive of Hearkeep is")
	case mode != plainFile:
		return m, 0, faultIn(m.name, "is a link, a folder or a special file")
	case size != stored:
		return m, 0, faultIn(m.name, "has two sizes")
	}
	if len(extra) > 4 {
		wide := extra[4:]
		if size == max32 && len(wide) >= 16 {
			size, wide = binary.LittleEndian.Uint64(wide), wide[16:]
		}
		if at == max32 && len(wide) >= 8 {
			at = binary.LittleEndian.Uint64(wide)
		}
	}
	if size > maxBody || at > maxBody*maxBagMembers {
		return m, 0, faultIn(m.name, "says a size that nothing has")
	}
	m.size = int64(size)
	return m, int64(at), nil
}

// checkHeaders holds all that is not a body against what would be written.
func (z *zipFile) checkHeaders(start, end int64) error {
	for i, m := range z.members {
		local := m.local()
		if !z.same(local, z.layout.offsets[i]) {
			return faultIn(m.name, "has a header that disagrees with the directory")
		}
		if m.late && !z.same(m.descriptor(m.crc), z.layout.body(i)+m.size) {
			return faultIn(m.name, "is followed by sizes that disagree with the directory")
		}
	}
	at := start
	for i, m := range z.members {
		entry := m.central(z.layout.offsets[i])
		if !z.same(entry, at) {
			return faultIn(m.name, "has an entry in the directory that Hearkeep does not write")
		}
		at += int64(len(entry))
	}
	if at != end || !z.same(z.layout.endRecords(), at) {
		return faultIn("", "has an end that Hearkeep does not write")
	}
	return nil
}

func (z *zipFile) same(want []byte, at int64) bool {
	got := make([]byte, len(want))
	return z.read(got, at) && bytes.Equal(got, want)
}
