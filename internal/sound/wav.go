package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Format tags of a WAV file's fmt chunk.
const (
	tagPCM        = 1
	tagFloat      = 3
	tagExtensible = 0xfffe
)

// unknownSize is where sizes begin that streaming writers put where they
// cannot know better: 0xFFFFFFFF (ffmpeg), 0x7FFFF000 (espeak-ng), 0x80000000
// less some headers (arecord), 0x7FFFFFFF less some (sox).
const unknownSize = 0x7fff0000

// wavFormat is a fmt chunk that has been understood.
type wavFormat struct {
	float    bool
	channels int
	rate     int
	width    int // bits a sample
}

// decodeWAV reads canonical and extensible WAV. Chunks may stand in any order;
// all but fmt and data are passed over. A data chunk of unknown size reaches
// to the end of the file, and a partial sample frame there is dropped: the
// writer was stopped, which is how it ends. A known size must be there whole.
func decodeWAV(m *mixer, file []byte) error {
	fmtChunk, body, err := wavChunks(file)
	if err != nil {
		return err
	}
	f, err := parseWAVFormat(fmtChunk)
	if err != nil {
		return err
	}
	frame := f.channels * f.width / 8
	frames := len(body.data) / frame
	if len(body.data)%frame != 0 && !body.streamed {
		return damaged(formatWAV, fmt.Errorf("sound: wav: %d bytes of data in frames of %d", len(body.data), frame))
	}
	info := Info{Format: formatWAV, Rate: f.rate, Channels: f.channels, Width: f.width}
	if err := m.open(info, int64(frames)); err != nil {
		return err
	}
	const block = 4096 // sample frames
	buf := make([]float32, 0, block*f.channels)
	for data := body.data[:frames*frame]; len(data) > 0; {
		n := min(len(data), block*frame)
		if buf, err = f.samples(buf[:0], data[:n]); err != nil {
			return damaged(formatWAV, err)
		}
		if err := m.add(buf); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// wavBody is what a data chunk holds.
type wavBody struct {
	data     []byte
	streamed bool // its writer did not know its size
}

// wavChunks finds the first fmt and the first data chunk of a RIFF file.
func wavChunks(file []byte) (format []byte, body wavBody, err error) {
	riffSize := int64(binary.LittleEndian.Uint32(file[4:]))
	found := false
	for at := 12; at+8 <= len(file); {
		id, declared := string(file[at:at+4]), int64(binary.LittleEndian.Uint32(file[at+4:]))
		rest := file[at+8:]
		if id == "data" && !found {
			found = true
			streamed := declared >= unknownSize && declared > int64(len(rest)) ||
				declared == 0 && riffSize+8 != int64(at+8)
			if streamed {
				return format, wavBody{rest, true}, requireFormat(format)
			}
			if declared > int64(len(rest)) {
				return nil, wavBody{}, truncated(formatWAV, fmt.Errorf("sound: wav: data of %d bytes declared, %d there", declared, len(rest)))
			}
			body.data = rest[:declared]
		}
		if declared > int64(len(rest)) {
			break // a trailing chunk that nobody needs is cut off
		}
		if id == "fmt " && format == nil {
			format = rest[:declared]
		}
		at += 8 + int(declared) + int(declared&1) // chunks are padded to even lengths
	}
	if !found {
		return nil, wavBody{}, truncated(formatWAV, errors.New("sound: wav: no data chunk"))
	}
	return format, body, requireFormat(format)
}

func requireFormat(format []byte) error {
	if len(format) < 16 {
		return damaged(formatWAV, fmt.Errorf("sound: wav: fmt chunk of %d bytes", len(format)))
	}
	return nil
}

func parseWAVFormat(b []byte) (wavFormat, error) {
	le := binary.LittleEndian
	tag, align := le.Uint16(b), int(le.Uint16(b[12:]))
	f := wavFormat{
		channels: int(le.Uint16(b[2:])),
		rate:     int(le.Uint32(b[4:])),
		width:    int(le.Uint16(b[14:])),
	}
	if tag == tagExtensible {
		if len(b) < 40 {
			return wavFormat{}, damaged(formatWAV, fmt.Errorf("sound: wav: extensible fmt chunk of %d bytes", len(b)))
		}
		tag = le.Uint16(b[24:]) // the first two bytes of the sub-format's GUID
	}
	f.float = tag == tagFloat
	switch {
	case tag != tagPCM && tag != tagFloat:
		return wavFormat{}, invalid(fmt.Sprintf("This WAV file is encoded as kind %#04x; only PCM and float are read.", tag), convertHint)
	case tag == tagPCM && f.width != 8 && f.width != 16 && f.width != 24 && f.width != 32,
		tag == tagFloat && f.width != 32 && f.width != 64:
		return wavFormat{}, invalid(fmt.Sprintf("This WAV file claims samples of %d bits; PCM of 8, 16, 24 or 32 and float of 32 or 64 are read.", f.width), convertHint)
	case f.channels < 1 || f.channels > MaxChannels:
		return wavFormat{}, invalid(fmt.Sprintf("This WAV file claims %d channels; 1 to %d are read.", f.channels, MaxChannels), convertHint)
	case align != f.channels*f.width/8:
		return wavFormat{}, damaged(formatWAV, fmt.Errorf("sound: wav: block align %d for %d channels of %d bits", align, f.channels, f.width))
	}
	return f, nil
}

// samples appends data, which is whole samples, in units of a 16-bit sample.
func (f wavFormat) samples(to []float32, data []byte) ([]float32, error) {
	le := binary.LittleEndian
	switch {
	case f.float:
		for at := 0; at < len(data); at += f.width / 8 {
			var v float64
			if f.width == 32 {
				v = float64(math.Float32frombits(le.Uint32(data[at:])))
			} else {
				v = math.Float64frombits(le.Uint64(data[at:]))
			}
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, errors.New("sound: wav: a sample is not a finite number")
			}
			to = append(to, float32(min(max(v, -1), 1)*32768))
		}
	case f.width == 8: // the one unsigned width
		for _, b := range data {
			to = append(to, float32(int(b)-128)*256)
		}
	case f.width == 16:
		for at := 0; at < len(data); at += 2 {
			to = append(to, float32(int16(le.Uint16(data[at:]))))
		}
	case f.width == 24:
		for at := 0; at < len(data); at += 3 {
			v := int32(uint32(data[at])<<8|uint32(data[at+1])<<16|uint32(data[at+2])<<24) >> 8
			to = append(to, float32(v)/256)
		}
	default:
		for at := 0; at < len(data); at += 4 {
			to = append(to, float32(int32(le.Uint32(data[at:])))/65536)
		}
	}
	return to, nil
}

// EncodeWAV writes mono 16-bit PCM of rate hertz behind the canonical 44-byte
// header. The format ends at 4 GiB: 37 hours of 16 kHz.
func EncodeWAV(samples []int16, rate int) []byte {
	le := binary.LittleEndian
	n := uint32(2 * len(samples))
	out := make([]byte, 0, 44+2*len(samples))
	out = append(out, "RIFF"...)
	out = le.AppendUint32(out, 36+n)
	out = append(out, "WAVEfmt "...)
	out = le.AppendUint32(out, 16)
	out = le.AppendUint16(out, tagPCM)
	out = le.AppendUint16(out, 1) // channel
	out = le.AppendUint32(out, uint32(rate))
	out = le.AppendUint32(out, uint32(2*rate)) // bytes a second
	out = le.AppendUint16(out, 2)              // bytes a sample frame
	out = le.AppendUint16(out, 16)             // bits a sample
	out = append(out, "data"...)
	out = le.AppendUint32(out, n)
	for _, s := range samples {
		out = le.AppendUint16(out, uint16(s))
	}
	return out
}
