package archive

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
)

// Sizes and limits of the ZIP format: PKWARE's APPNOTE 6.3.10, section 4.3.
const (
	localSize      = 30 // and the name, and zip64Local where needed
	centralSize    = 46 // and the name, and 4 to 28 bytes where needed
	descriptorSize = 16 // with its signature and sizes of 4 bytes
	descriptor64   = 24
	zip64Local     = 20
	endSize        = 22
	end64Size      = 56
	locatorSize    = 20

	signLocal      = 0x04034b50
	signDescriptor = 0x08074b50
	signCentral    = 0x02014b50
	signEnd64      = 0x06064b50
	signLocator    = 0x07064b50
	signEnd        = 0x06054b50

	flagLate = 1 << 3  // the checksum follows the body
	flagUTF8 = 1 << 11 // the name is UTF-8

	version20, version45 = 20, 45 // 45: ZIP64
	madeOnUnix           = 3 << 8
	plainFile            = 0o100644 << 16 // as Unix writes modes: a regular file, readable by all

	max16, max32 = 1<<16 - 1, 1<<32 - 1
)

// zipMember is one file of a ZIP. It is stored as it is, never compressed:
// FLAC and ciphertext do not get smaller, and sizes are known up front.
type zipMember struct {
	name string // UTF-8, with slashes
	size int64  // bytes
	crc  uint32 // CRC-32, IEEE
	late bool   // crc is not known before the body has been read
	when uint32 // as dosTime packs it
}

// zipBody writes the bytes [from, to) of the i-th member, and none besides.
type zipBody func(ctx context.Context, i int, w io.Writer, from, to int64) error

// zipLayout says where everything in a ZIP lies before a byte of it exists, so
// that its size can be told, and any range be written again.
//
// archive/zip is not used for writing: it keeps the header of every file in
// memory until the end, learns where the next one begins only by writing the
// one before, and cannot begin in the middle. Here a member costs eight bytes
// and what its owner keeps of it: members are asked for when they are needed.
//
// It may be used concurrently.
type zipLayout struct {
	member  func(i int) zipMember
	offsets []int64 // of every local header; the last is where the directory begins
	end     int64   // where the directory ends
	size    int64

	mu   sync.Mutex
	late map[int]uint32 // checksums learnt from bodies
}

// newZipLayout lays out n members. What member returns must never change.
func newZipLayout(n int, member func(i int) zipMember) (*zipLayout, error) {
	z := &zipLayout{member: member, offsets: make([]int64, n+1), late: make(map[int]uint32)}
	var at, directory int64
	for i := range n {
		m := member(i)
		if m.size < 0 || len(m.name) == 0 || len(m.name) > max16 || !utf8.ValidString(m.name) {
			return nil, fmt.Errorf("archive: member %d has no size or no name", i)
		}
		z.offsets[i] = at
		directory += m.centralSize(at)
		at += m.localSize() + m.size + m.descriptorSize()
	}
	z.offsets[n] = at
	z.end = at + directory
	z.size = z.end + endSize
	if z.large() {
		z.size += end64Size + locatorSize
	}
	return z, nil
}

func (z *zipLayout) count() int { return len(z.offsets) - 1 }

// body is where the i-th member's own bytes begin.
func (z *zipLayout) body(i int) int64 { return z.offsets[i] + z.member(i).localSize() }

// large reports whether the end needs ZIP64's records.
func (z *zipLayout) large() bool {
	start := z.offsets[z.count()]
	return z.count() >= max16 || start >= max32 || z.end-start >= max32
}

// write writes the bytes [from, to) of the ZIP, asking bodies only for what
// lies in them. A body that was written from its first byte to its last and
// that is not of its stated size and checksum fails with hearkeep.Changed.
func (z *zipLayout) write(ctx context.Context, w io.Writer, body zipBody, from, to int64) error {
	if from < 0 || from > to || to > z.size {
		return fmt.Errorf("archive: bytes %d to %d of %d", from, to, z.size)
	}
	out := &window{w: w, from: from, to: to}
	first := max(0, sort.Search(z.count(), func(i int) bool { return z.offsets[i] > from })-1)
	for i := first; i < z.count() && z.offsets[i] < to; i++ {
		if err := z.writeMember(ctx, out, body, i); err != nil {
			return err
		}
	}
	if to <= z.offsets[z.count()] {
		return nil
	}
	return z.writeDirectory(ctx, out, body)
}

func (z *zipLayout) writeMember(ctx context.Context, out *window, body zipBody, i int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := z.member(i)
	out.at = z.offsets[i]
	if err := out.put(m.local()); err != nil {
		return err
	}
	if err := z.writeBody(ctx, out, body, i, m); err != nil {
		return err
	}
	if !m.late || !out.wants(m.descriptorSize()) {
		return nil
	}
	crc, err := z.lateCRC(ctx, body, i, m)
	if err != nil {
		return err
	}
	return out.put(m.descriptor(crc))
}

// writeBody writes what of a body lies in the window.
func (z *zipLayout) writeBody(ctx context.Context, out *window, body zipBody, i int, m zipMember) error {
	start := out.at
	from, to := max(out.from-start, 0), min(out.to-start, m.size)
	if from < to {
		sum := &summing{w: out.w}
		if err := body(ctx, i, sum, from, to); err != nil {
			return err
		}
		_, err := fill(out.w, 0, func([]byte) error { return z.check(i, m, sum, from, to) })
		if err != nil {
			return err
		}
	}
	out.at = start + m.size
	return nil
}

// check holds what was written of a body against what was planned.
func (z *zipLayout) check(i int, m zipMember, sum *summing, from, to int64) error {
	whole := from == 0 && to == m.size
	if sum.n != to-from || whole && !m.late && sum.crc != m.crc {
		return changed(m.name)
	}
	if whole && m.late {
		return z.learn(i, m, sum.crc)
	}
	return nil
}

func (z *zipLayout) learn(i int, m zipMember, crc uint32) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	if before, known := z.late[i]; known && before != crc {
		return changed(m.name)
	}
	z.late[i] = crc
	return nil
}

// lateCRC is a late member's checksum, for which its body is read again unless
// it has been written in one piece before.
func (z *zipLayout) lateCRC(ctx context.Context, body zipBody, i int, m zipMember) (uint32, error) {
	z.mu.Lock()
	crc, known := z.late[i]
	z.mu.Unlock()
	if known || !m.late {
		return crc, nil
	}
	sum := &summing{w: io.Discard}
	if m.size > 0 {
		if err := body(ctx, i, sum, 0, m.size); err != nil {
			return 0, err
		}
	}
	if err := z.check(i, m, sum, 0, m.size); err != nil {
		return 0, err
	}
	return sum.crc, nil
}

func (z *zipLayout) writeDirectory(ctx context.Context, out *window, body zipBody) error {
	out.at = z.offsets[z.count()]
	for i := range z.count() {
		m := z.member(i)
		if n := m.centralSize(z.offsets[i]); !out.wants(n) {
			out.at += n
			continue
		}
		if m.late {
			crc, err := z.lateCRC(ctx, body, i, m)
			if err != nil {
				return err
			}
			m.crc = crc
		}
		if err := out.put(m.central(z.offsets[i])); err != nil {
			return err
		}
	}
	return out.put(z.endRecords())
}

// local is a member's header before its body. A late member's says no sizes
// either: that is how the format tells readers that a descriptor follows.
func (m zipMember) local() []byte {
	crc, size := m.crc, uint64(m.size)
	if m.late {
		crc, size = 0, 0
	}
	short := uint32(size)
	if m.large() {
		short = max32
	}
	b := make([]byte, 0, m.localSize())
	b = le32(b, signLocal)
	b = le16(b, m.version(), m.flags(), 0)
	b = le32(b, m.when, crc, short, short)
	b = le16(b, uint16(len(m.name)), uint16(m.localSize()-localSize-int64(len(m.name))))
	b = append(b, m.name...)
	if m.large() {
		b = le16(b, 1, zip64Local-4)
		b = le64(b, size, size)
	}
	return b
}

func (m zipMember) descriptor(crc uint32) []byte {
	b := le32(make([]byte, 0, descriptor64), signDescriptor, crc)
	if m.large() {
		return le64(b, uint64(m.size), uint64(m.size))
	}
	return le32(b, uint32(m.size), uint32(m.size))
}

// central is a member's entry in the directory; m.crc must be known.
func (m zipMember) central(offset int64) []byte {
	size, at, version := uint32(m.size), uint32(offset), m.version()
	if m.large() {
		size = max32
	}
	if offset >= max32 {
		at, version = max32, version45
	}
	extra := m.extraSize(offset)
	b := make([]byte, 0, m.centralSize(offset))
	b = le32(b, signCentral)
	b = le16(b, madeOnUnix|version45, version, m.flags(), 0)
	b = le32(b, m.when, m.crc, size, size)
	b = le16(b, uint16(len(m.name)), uint16(extra), 0, 0, 0)
	b = le32(b, plainFile, at)
	b = append(b, m.name...)
	if extra > 0 {
		b = le16(b, 1, uint16(extra-4))
	}
	if m.large() {
		b = le64(b, uint64(m.size), uint64(m.size))
	}
	if offset >= max32 {
		b = le64(b, uint64(offset))
	}
	return b
}

func (z *zipLayout) endRecords() []byte {
	n, start := uint64(z.count()), z.offsets[z.count()]
	size, b := z.end-start, []byte(nil)
	if z.large() {
		b = le32(b, signEnd64)
		b = le64(b, end64Size-12)
		b = le16(b, madeOnUnix|version45, version45)
		b = le32(b, 0, 0)
		b = le64(b, n, n, uint64(size), uint64(start))
		b = le32(b, signLocator, 0)
		b = le64(b, uint64(z.end))
		b = le32(b, 1)
	}
	short := uint16(min(n, max16))
	b = le32(b, signEnd)
	b = le16(b, 0, 0, short, short)
	b = le32(b, uint32(min(size, max32)), uint32(min(start, max32)))
	return le16(b, 0)
}

func (m zipMember) large() bool { return m.size >= max32 }

func (m zipMember) version() uint16 {
	if m.large() {
		return version45
	}
	return version20
}

func (m zipMember) flags() uint16 {
	if m.late {
		return flagUTF8 | flagLate
	}
	return flagUTF8
}

func (m zipMember) localSize() int64 {
	n := localSize + int64(len(m.name))
	if m.large() {
		n += zip64Local
	}
	return n
}

func (m zipMember) descriptorSize() int64 {
	switch {
	case !m.late:
		return 0
	case m.large():
		return descriptor64
	}
	return descriptorSize
}

func (m zipMember) centralSize(offset int64) int64 {
	return centralSize + int64(len(m.name)) + m.extraSize(offset)
}

// extraSize is the size of a directory entry's ZIP64 field.
func (m zipMember) extraSize(offset int64) int64 {
	var n int64
	if m.large() {
		n += 16
	}
	if offset >= max32 {
		n += 8
	}
	if n > 0 {
		n += 4
	}
	return n
}

// dosTime packs a time on the wall as ZIP has it, to two seconds. The format
// begins in 1980 and ends in 2107; what lies outside is moved to the nearer end.
func dosTime(t time.Time) uint32 {
	switch {
	case t.Year() < 1980:
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.Year() > 2107:
		t = time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	}
	day := uint32(t.Year()-1980)<<9 | uint32(t.Month())<<5 | uint32(t.Day())
	return day<<16 | uint32(t.Hour())<<11 | uint32(t.Minute())<<5 | uint32(t.Second()/2)
}

func le16(b []byte, vs ...uint16) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func le32(b []byte, vs ...uint32) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func le64(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// window passes on what lies in [from, to) of what is put one after the other
// from at on.
type window struct {
	w        io.Writer
	from, to int64
	at       int64
}

// wants reports whether any of the next n bytes are passed on.
func (o *window) wants(n int64) bool { return o.at < o.to && o.at+n > o.from }

func (o *window) put(b []byte) error {
	start, n := o.at, int64(len(b))
	o.at += n
	lo, hi := max(o.from-start, 0), min(o.to-start, n)
	if lo >= hi {
		return nil
	}
	_, err := o.w.Write(b[lo:hi])
	return err
}

// errEnough ends the making of a file of which no more is wanted.
var errEnough = errors.New("archive: no more is wanted")

// Write is put for what makes a whole file of which a range is wanted.
func (o *window) Write(b []byte) (int, error) {
	if o.at >= o.to {
		return 0, errEnough
	}
	if err := o.put(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func changed(name string) error {
	return hearkeep.Errorf(hearkeep.Changed, "What this archive holds has changed since it was prepared.").
		WithHint("Prepare it again.").Because(fmt.Errorf("archive: %s is not what was planned", name))
}
