package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	mp3 "github.com/hajimehoshi/go-mp3"
)

// mpegHeader is the four bytes before each frame of MPEG audio: ISO/IEC
// 11172-3, 2.4.1.3 and 13818-3, 2.4.1.3.
type mpegHeader uint32

// MPEG versions and layers as the header counts them.
const (
	mpeg25 = 0
	mpeg2  = 2
	mpeg1  = 3
	layer3 = 1
)

func (h mpegHeader) version() int { return int(h>>19) & 3 }
func (h mpegHeader) layer() int   { return int(h>>17) & 3 }
func (h mpegHeader) padding() int { return int(h>>9) & 1 }

// valid reports whether h can be a header of MPEG audio at all.
func (h mpegHeader) valid() bool {
	return h>>21 == 0x7ff && h.version() != 1 && h.layer() != 0 && h>>12&15 != 15 && h>>10&3 != 3 && h&3 != 2
}

func (h mpegHeader) channels() int {
	if h>>6&3 == 3 {
		return 1
	}
	return 2
}

// rate is in hertz.
func (h mpegHeader) rate() int {
	rate := [3]int{44100, 48000, 32000}[h>>10&3]
	switch h.version() {
	case mpeg2:
		return rate / 2
	case mpeg25:
		return rate / 4
	}
	return rate
}

// samples is how many a frame holds, of each channel.
func (h mpegHeader) samples() int {
	if h.version() == mpeg1 {
		return 1152
	}
	return 576
}

// bitrate of layer III in bits a second; 0 is the free format.
func (h mpegHeader) bitrate() int {
	if h.version() == mpeg1 {
		return 1000 * [15]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}[h>>12&15]
	}
	return 1000 * [15]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}[h>>12&15]
}

// size is the length of a layer III frame in bytes, header included.
func (h mpegHeader) size() int {
	return h.samples()/8*h.bitrate()/h.rate() + h.padding()
}

// decoderSize is the length that go-mp3 takes the frame to have. It halves
// MPEG-2's size after adding the padding, and so loses the padding byte where
// size is rounded down by less than a half: padded frames of 22,050 Hz at some
// bitrates. It decodes the rest of such a file into noise.
func (h mpegHeader) decoderSize() int {
	n := 144*h.bitrate()/h.rate() + h.padding()
	if h.version() == mpeg1 {
		return n
	}
	return n / 2
}

func readMPEGHeader(data []byte) mpegHeader {
	if len(data) < 4 {
		return 0
	}
	return mpegHeader(binary.BigEndian.Uint32(data))
}

// isMP3 reports whether data begins with a layer III frame and another frame,
// or the end, follows where it says. One header alone is found in any noise.
func isMP3(data []byte) bool {
	h := readMPEGHeader(data)
	if !h.valid() || h.layer() != layer3 {
		return false
	}
	if h.bitrate() == 0 {
		return true // decodeMP3 says what is wrong with it
	}
	if len(data) <= h.size() {
		return len(data) > 4 // one frame, whole or not
	}
	next := readMPEGHeader(data[h.size():])
	return next.valid() && next.layer() == layer3 && next.rate() == h.rate() || endsMP3(data[h.size():])
}

// mpegLayer names MPEG audio of a layer other than III.
func mpegLayer(data []byte) string {
	h := readMPEGHeader(data)
	switch {
	case h>>20 == 0xfff && h.layer() == 0:
		return "AAC"
	case h.valid() && h.layer() == 2:
		return "MPEG layer II"
	case h.valid() && h.layer() == 3:
		return "MPEG layer I"
	}
	return ""
}

// endsMP3 reports whether rest is what may follow the last frame: nothing,
// padding, or a tag.
func endsMP3(rest []byte) bool {
	for _, tag := range []string{"TAG", "APETAGEX", "LYRICSBEGIN", "ID3"} {
		if bytes.HasPrefix(rest, []byte(tag)) {
			return true
		}
	}
	return len(bytes.Trim(rest, "\x00")) == 0
}

// mp3Stream is the layer III frames of a file.
type mp3Stream struct {
	header mpegHeader // of the first
	frames []byte
	count  int
}

// scanMP3 walks the frames without decoding them, so that a truncated or
// damaged file and a wrong duration are known before work is done: go-mp3 by
// itself passes over gaps and stops at a cut in silence.
func scanMP3(file []byte) (mp3Stream, error) {
	file = bytes.TrimLeft(file, "\x00") // padding of a tag
	s := mp3Stream{header: readMPEGHeader(file)}
	declared := 0 // by the information frame, if there is one
	begin, at := 0, 0
	for at < len(file) {
		rest := file[at:]
		h := readMPEGHeader(rest)
		switch {
		case !h.valid() && endsMP3(rest):
			s.frames = file[begin:at]
			return s, s.complete(declared)
		case !h.valid() && len(rest) < 4:
			return s, truncated(formatMP3, fmt.Errorf("sound: mp3: %d bytes after frame %d", len(rest), s.count))
		case !h.valid():
			return s, damaged(formatMP3, fmt.Errorf("sound: mp3: no frame after frame %d", s.count))
		}
		if err := s.accepts(h); err != nil {
			return s, err
		}
		if len(rest) < h.size() {
			return s, truncated(formatMP3, fmt.Errorf("sound: mp3: frame %d has %d of %d bytes", s.count+1, len(rest), h.size()))
		}
		if n, is := informationFrame(h, rest[:h.size()]); is && at == 0 {
			declared, begin = n, h.size() // it would decode to silence
		} else {
			s.count++
		}
		at += h.size()
	}
	s.frames = file[begin:]
	return s, s.complete(declared)
}

// accepts refuses what go-mp3 cannot decode, or would decode wrongly.
func (s mp3Stream) accepts(h mpegHeader) error {
	switch {
	case h.layer() != layer3 || h.rate() != s.header.rate() || h.version() != s.header.version():
		return damaged(formatMP3, fmt.Errorf("sound: mp3: frame %d is of another kind than the first", s.count+1))
	case h.version() == mpeg25:
		return invalid(fmt.Sprintf("This MP3 file has a rate of %d Hz (MPEG 2.5), which is not read.", h.rate()), convertHint)
	case h.bitrate() == 0:
		return invalid("This MP3 file is in the free format, which is not read.", convertHint)
	case h.decoderSize() != h.size():
		return invalid(fmt.Sprintf("This MP3 file has %d Hz at %d kbit/s, which is not read.", h.rate(), h.bitrate()/1000), convertHint)
	}
	return nil
}

func (s mp3Stream) complete(declared int) error {
	switch {
	case s.count == 0:
		return truncated(formatMP3, errors.New("sound: mp3: no frames"))
	case s.count < declared:
		return truncated(formatMP3, fmt.Errorf("sound: mp3: %d frames declared, %d there", declared, s.count))
	}
	return nil
}

// informationFrame reports whether frame is a Xing, Info or VBRI frame, which
// stands before the audio, and the number of frames it declares, 0 if none.
func informationFrame(h mpegHeader, frame []byte) (frames int, is bool) {
	side := 32 // bytes of side information
	if h.version() != mpeg1 {
		side = 17
	}
	if h.channels() == 1 {
		side = (side + 1) / 2
		if h.version() == mpeg1 {
			side = 17
		}
	}
	if at := 4 + side; len(frame) >= at+12 {
		if id := string(frame[at : at+4]); id == "Xing" || id == "Info" {
			if frame[at+7]&1 != 0 {
				frames = int(binary.BigEndian.Uint32(frame[at+8:]))
			}
			return frames, true
		}
	}
	const vbri = 36 // wherever the side information ends
	if len(frame) >= vbri+18 && string(frame[vbri:vbri+4]) == "VBRI" {
		return int(binary.BigEndian.Uint32(frame[vbri+14:])), true
	}
	return 0, false
}

// decodeMP3 reads layer III of MPEG 1 and 2. The silence of up to some 50 ms
// that encoders put around the audio stays.
func decodeMP3(m *mixer, file []byte) error {
	s, err := scanMP3(file)
	if err != nil {
		return err
	}
	info := Info{Format: formatMP3, Rate: s.header.rate(), Channels: s.header.channels()}
	if err := m.open(info, int64(s.count)*int64(s.header.samples())); err != nil {
		return err
	}
	// Without Seek the decoder does not walk the file once more.
	d, err := mp3.NewDecoder(struct{ io.Reader }{bytes.NewReader(s.frames)})
	if err != nil {
		return damaged(formatMP3, fmt.Errorf("sound: mp3: %w", err))
	}
	raw := make([]byte, 4*1152) // 16-bit stereo, whatever the file has
	block := make([]float32, 0, 2*1152)
	for {
		n, err := io.ReadFull(d, raw)
		if err == io.EOF {
			break
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			return damaged(formatMP3, fmt.Errorf("sound: mp3: %w", err))
		}
		block = block[:0]
		for at := 0; at+4 <= n; at += 4 {
			left := float32(int16(binary.LittleEndian.Uint16(raw[at:])))
			if block = append(block, left); info.Channels == 2 {
				block = append(block, float32(int16(binary.LittleEndian.Uint16(raw[at+2:]))))
			}
		}
		if err := m.add(block); err != nil {
			return err
		}
	}
	if want := int64(s.count) * int64(s.header.samples()); m.frames != want {
		return damaged(formatMP3, fmt.Errorf("sound: mp3: %d samples in %d frames", m.frames, s.count))
	}
	return nil
}
