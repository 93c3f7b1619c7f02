package sound

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/hearkeep/hearkeep"
)

// The encoder is our own, against the rule that a library beats our own code:
// an import has to reach half the speed of a plain copy, and 71 % of its
// processor time went to the encoder of mewkiz/flac. That makes 308 to 375
// seconds of speech a second, and this one 2,400 to 5,000, with files 3 %
// smaller (21 minutes of recorded speech: docs/performance.md).
//
// It writes what is kept here and no more of the format (RFC 9639): one
// channel, 16 bits, 16 kHz, blocks of flacBlock samples, and no escapes, since
// a block that is worse off than as it is stays as it is. Decoding, which
// meets what others wrote, stays with the library.
const (
	// flacBlock is the length of a FLAC block in samples, 64 ms. With fixed
	// predictors, shorter blocks follow speech better than the usual 4096.
	flacBlock = 1024

	maxOrder      = 4  // of the fixed predictors
	maxPartitions = 4  // in powers of two: how often Rice's parameter may change in a block
	maxRice       = 14 // the parameter's largest value; 15 would mark an escape
	maxFLAC       = 1<<36 - 1
)

// Subframes, as the seven bits after a zero name them; the eighth says that no
// bits are wasted.
const (
	subConstant = 0 << 1
	subVerbatim = 1 << 1
	subFixed    = 8 << 1 // and the order
)

// EncodeFLAC writes the clip as FLAC, which gives back every sample; the same
// samples give the same bytes. The header has the number of samples and their
// MD5, so that players show the duration and can seek, and so that Decode
// notices damage. It fails for more than 2^36-1 samples.
func EncodeFLAC(c Clip) ([]byte, error) {
	const info = 34 // bytes of STREAMINFO
	if len(c.Samples) > maxFLAC {
		return nil, fmt.Errorf("sound: flac: %d samples, at most %d", len(c.Samples), maxFLAC)
	}
	w := flacWriter{crc: newChecksums()}
	w.bits.out = make([]byte, 8+info, 64+3*len(c.Samples)/2)
	copy(w.bits.out, "fLaC\x80\x00\x00\x22") // the last block of metadata, STREAMINFO
	sum := md5.New()
	raw := make([]byte, 0, 2*flacBlock)
	smallest, largest := 0, 0
	for number, rest := 0, c.Samples; len(rest) > 0; number++ {
		block := rest[:min(len(rest), flacBlock)]
		rest = rest[len(block):]
		n := w.frame(uint32(number), block)
		if smallest = min(smallest, n); number == 0 {
			smallest = n
		}
		largest = max(largest, n)
		raw = raw[:0]
		for _, s := range block {
			raw = append(raw, byte(s), byte(uint16(s)>>8))
		}
		sum.Write(raw)
	}
	out := w.bits.out
	var header bitWriter
	for _, f := range []struct{ v, width int }{
		{flacBlock, 16}, {flacBlock, 16}, {smallest, 24}, {largest, 24},
		{hearkeep.SampleRate, 20}, {0, 3}, {15, 5}, // channels and bits count from 1
		{len(c.Samples) >> 32, 4}, {len(c.Samples) & (1<<32 - 1), 32},
	} {
		header.put(uint32(f.v), uint(f.width))
	}
	header.flush()
	sum.Sum(append(out[:8], header.out...))
	return out, nil
}

// flacWriter writes frames, and has room for what one needs.
type flacWriter struct {
	bits bitWriter
	crc  *checksums
	diff [maxOrder + 1][flacBlock]int32 // the differences of each order: what its predictor leaves
	fold [flacBlock]uint32
}

// frame appends a frame and returns its length in bytes.
func (w *flacWriter) frame(number uint32, samples []int16) int {
	b := &w.bits
	begin := len(b.out)
	b.out = append(b.out, 0xff, 0xf8) // sync, blocks of one size
	size, rest := blockSize(len(samples))
	b.out = append(b.out, size<<4|5, 0<<4|4<<1) // 16 kHz; one channel, 16 bits
	b.out = appendNumber(b.out, number)
	b.out = append(b.out, rest...)
	b.out = append(b.out, w.crc.sum8(b.out[begin:]))
	w.subframe(samples)
	b.out = binary.BigEndian.AppendUint16(b.out, w.crc.sum16(b.out[begin:]))
	return len(b.out) - begin
}

// blockSize is how a frame's header says its length.
func blockSize(n int) (code byte, rest []byte) {
	switch {
	case n == flacBlock:
		return 8 + byte(bits.TrailingZeros(flacBlock/256)), nil
	case n <= 256:
		return 6, []byte{byte(n - 1)}
	}
	return 7, []byte{byte((n - 1) >> 8), byte(n - 1)}
}

// appendNumber appends a frame's number of up to 31 bits as UTF-8 would a
// character, as FLAC extends it.
func appendNumber(out []byte, n uint32) []byte {
	if n < 0x80 {
		return append(out, byte(n))
	}
	more := (bits.Len32(n) - 2) / 5 // bytes of six bits; the first has what is left of seven less more
	out = append(out, byte(uint32(0xff80)>>more)|byte(n>>(6*more)))
	for more--; more >= 0; more-- {
		out = append(out, 0x80|byte(n>>(6*more))&0x3f)
	}
	return out
}

// subframe appends the samples, as a constant, by the predictor that leaves
// least, or as they are where that is shorter.
func (w *flacWriter) subframe(samples []int16) {
	b := &w.bits
	if constant(samples) {
		b.put(subConstant, 8)
		b.put(uint32(uint16(samples[0])), 16)
		b.flush()
		return
	}
	begin, plain := len(b.out), 1+2*len(samples)
	order := w.predict(samples)
	fold := w.fold[order:len(samples)]
	for i, e := range w.diff[order][order:len(samples)] {
		fold[i] = uint32(e<<1 ^ e>>31) // 0, -1, 1, -2, 2…
	}
	if p := planRice(fold, order); p.bits/8 < plain {
		b.put(uint32(subFixed|order<<1), 8)
		for _, s := range samples[:order] {
			b.put(uint32(uint16(s)), 16)
		}
		w.residual(fold, order, p)
		b.flush()
		if len(b.out)-begin <= plain {
			return
		}
		b.out = b.out[:begin]
	}
	b.out = append(b.out, subVerbatim)
	for _, s := range samples {
		b.out = binary.BigEndian.AppendUint16(b.out, uint16(s))
	}
}

func constant(samples []int16) bool {
	for _, s := range samples {
		if s != samples[0] {
			return false
		}
	}
	return true
}

// predict fills in what each predictor leaves, which are differences of its
// order, and returns the order whose absolute values have the least sum.
func (w *flacWriter) predict(samples []int16) (order int) {
	var p0, p1, p2, p3 int32 // of the sample before
	var sum [maxOrder + 1]uint32
	d := &w.diff
	for i, s := range samples {
		e0 := int32(s)
		e1 := e0 - p0
		e2 := e1 - p1
		e3 := e2 - p2
		e4 := e3 - p3
		p0, p1, p2, p3 = e0, e1, e2, e3
		d[0][i], d[1][i], d[2][i], d[3][i], d[4][i] = e0, e1, e2, e3, e4
		if i >= maxOrder {
			sum[0] += abs(e0)
			sum[1] += abs(e1)
			sum[2] += abs(e2)
			sum[3] += abs(e3)
			sum[4] += abs(e4)
		}
	}
	for o, s := range sum {
		if s < sum[order] {
			order = o
		}
	}
	return order
}

func abs(v int32) uint32 { return uint32((v ^ v>>31) - v>>31) }

// ricePlan is how a block's residual is written: in 2^order partitions, each
// with a parameter.
type ricePlan struct {
	order     int
	parameter [1 << maxPartitions]uint8
	bits      int // as estimated
}

// planRice estimates the shortest way to write what is left of a block behind
// the first samples, as many as the predictor's order.
func planRice(fold []uint32, order int) (best ricePlan) {
	n := len(fold) + order
	top := min(maxPartitions, bits.TrailingZeros(uint(n)))
	for n>>top <= order {
		top--
	}
	var sum [1 << maxPartitions]int // of the folded residuals of each partition
	for p, at := 0, 0; p < 1<<top; p++ {
		end := (p+1)*(n>>top) - order
		s := 0
		for _, u := range fold[at:end] {
			s += int(u)
		}
		sum[p], at = s, end
	}
	for o := top; o >= 0; o-- {
		plan := ricePlan{order: o, bits: 4 + 2 + 16*order}
		for p := range 1 << o {
			count := n >> o
			if p == 0 {
				count -= order
			}
			k, size := parameter(count, sum[p])
			plan.parameter[p] = k
			plan.bits += 4 + size
		}
		if o == top || plan.bits <= best.bits {
			best = plan
		}
		for p := range 1 << o / 2 {
			sum[p] = sum[2*p] + sum[2*p+1]
		}
	}
	return best
}

// parameter is Rice's for count numbers of a sum, and the bits that they are
// estimated to take: a one each, k low bits each, and what the numbers without
// these come to; to cut them off takes half a step each off their sum.
func parameter(count, sum int) (k uint8, size int) {
	estimate := func(k int) int {
		if k == 0 {
			return count + sum
		}
		return count*(k+1) + max(0, sum>>k-count/2)
	}
	at := min(max(bits.Len(uint(sum/count))-1, 0), maxRice)
	size = estimate(at)
	if at < maxRice {
		if next := estimate(at + 1); next < size {
			at, size = at+1, next
		}
	}
	return uint8(at), size
}

// residual appends the partitions of a plan.
func (w *flacWriter) residual(fold []uint32, order int, p ricePlan) {
	b := &w.bits
	b.put(0, 2) // parameters of four bits
	b.put(uint32(p.order), 4)
	size := (len(fold) + order) >> p.order
	for i := range 1 << p.order {
		end := size
		if i == 0 {
			end -= order
		}
		k := uint(p.parameter[i])
		b.put(uint32(k), 4)
		b.rice(fold[:end], k)
		fold = fold[end:]
	}
}

// bitWriter appends bits, most significant first.
type bitWriter struct {
	out     []byte
	pending uint64 // its lowest n bits are not in out yet
	n       uint   // below 32
}

// put appends the lowest width bits of v, 32 at most; those above must be 0.
func (b *bitWriter) put(v uint32, width uint) {
	b.pending = b.pending<<width | uint64(v)
	if b.n += width; b.n >= 32 {
		b.n -= 32
		b.out = binary.BigEndian.AppendUint32(b.out, uint32(b.pending>>b.n))
	}
}

// rice appends numbers in Rice's code: what lies above the k low bits as so
// many zeros and a one, then these.
func (b *bitWriter) rice(numbers []uint32, k uint) {
	for _, u := range numbers {
		zeros := uint(u >> k)
		for ; zeros+1+k > 32; zeros -= min(zeros, 32) {
			b.put(0, min(zeros, 32))
		}
		b.put(1<<k|u&(1<<k-1), zeros+1+k)
	}
}

// flush fills the last byte with zeros.
func (b *bitWriter) flush() {
	b.put(0, -b.n&7)
	for ; b.n > 0; b.n -= 8 {
		b.out = append(b.out, byte(b.pending>>(b.n-8)))
	}
}

// checksums are the tables of FLAC's two checksums: what a byte adds, and for
// the longer one also a byte with so many behind it, so that eight go at once.
type checksums struct {
	crc8  [256]uint8
	crc16 [8][256]uint16
}

func newChecksums() *checksums {
	var c checksums
	for i := range 256 {
		c8, c16 := uint8(i), uint16(i)<<8
		for range 8 {
			c8 = c8<<1 ^ 0x07*(c8>>7)
			c16 = c16<<1 ^ 0x8005*(c16>>15)
		}
		c.crc8[i], c.crc16[0][i] = c8, c16
	}
	for behind := 1; behind < len(c.crc16); behind++ {
		for i, v := range c.crc16[behind-1] {
			c.crc16[behind][i] = v<<8 ^ c.crc16[0][v>>8]
		}
	}
	return &c
}

func (c *checksums) sum8(data []byte) (sum uint8) {
	for _, b := range data {
		sum = c.crc8[sum^b]
	}
	return sum
}

func (c *checksums) sum16(data []byte) (sum uint16) {
	t := &c.crc16
	for ; len(data) >= 8; data = data[8:] {
		sum = t[7][data[0]^byte(sum>>8)] ^ t[6][data[1]^byte(sum)] ^ t[5][data[2]] ^ t[4][data[3]] ^
			t[3][data[4]] ^ t[2][data[5]] ^ t[1][data[6]] ^ t[0][data[7]]
	}
	for _, b := range data {
		sum = sum<<8 ^ t[0][byte(sum>>8)^b]
	}
	return sum
}
