package hear

import (
	"encoding/binary"

	"github.com/hearkeep/hearkeep/internal/wyoming"
)

// mixDown reads little-endian PCM, signed (unsigned where a sample is one
// byte), as 16-bit mono.
func mixDown(c wyoming.AudioChunk) []int16 {
	frames := len(c.PCM) / c.Frame()
	out := make([]int16, frames)
	for i := range out {
		sum := 0
		for ch := range c.Channels {
			sum += sample(c.PCM[(i*c.Channels+ch)*c.Width:], c.Width)
		}
		out[i] = int16(sum / c.Channels)
	}
	return out
}

// sample reads one sample as 16 bits.
func sample(b []byte, width int) int {
	switch width {
	case 1:
		return (int(b[0]) - 128) << 8
	case 4:
		return int(int32(binary.LittleEndian.Uint32(b)) >> 16)
	}
	return int(int16(binary.LittleEndian.Uint16(b)))
}

func littleEndian(samples []int16) []byte {
	b := make([]byte, 0, 2*len(samples))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}
