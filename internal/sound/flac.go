package sound

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
)

// decodeFLAC reads FLAC of 4 to 24 bits. Beyond the checksums of each frame it
// holds the stream against its own header: the number of samples, and the MD5
// of all of them where the encoder gave one.
func decodeFLAC(m *mixer, file []byte) error {
	stream, err := flac.New(bytes.NewReader(file))
	if err != nil {
		return badFLAC(err)
	}
	h := stream.Info
	info := Info{Format: formatFLAC, Rate: int(h.SampleRate), Channels: int(h.NChannels), Width: int(h.BitsPerSample)}
	if info.Width < 4 || info.Width > 24 {
		return invalid(fmt.Sprintf("This FLAC file claims samples of %d bits; 4 to 24 are read.", info.Width), convertHint)
	}
	if err := m.open(info, int64(h.NSamples)); err != nil {
		return err
	}
	sum := md5.New()
	var raw []byte
	var block []float32
	for h.NSamples == 0 || uint64(m.frames) < h.NSamples { // 0 is an unknown number
		f, err := nextFLAC(stream)
		if err == io.EOF {
			break
		}
		if err != nil {
			return badFLAC(err)
		}
		block, raw = interleaveFLAC(block[:0], raw[:0], f, info.Width)
		sum.Write(raw)
		if err := m.add(block); err != nil {
			return err
		}
	}
	switch {
	case uint64(m.frames) < h.NSamples:
		return truncated(formatFLAC, fmt.Errorf("sound: flac: %d samples declared, %d there", h.NSamples, m.frames))
	case h.NSamples != 0 && uint64(m.frames) > h.NSamples:
		return damaged(formatFLAC, fmt.Errorf("sound: flac: %d samples declared, %d there", h.NSamples, m.frames))
	case h.MD5sum != [md5.Size]byte{} && h.MD5sum != [md5.Size]byte(sum.Sum(nil)):
		return damaged(formatFLAC, errors.New("sound: flac: the samples do not have the declared MD5"))
	}
	return nil
}

// nextFLAC decodes one frame and holds it against the stream's header. io.EOF
// is the end of the stream.
func nextFLAC(stream *flac.Stream) (*frame.Frame, error) {
	f, err := stream.Next()
	if err != nil {
		return nil, err
	}
	h := stream.Info
	if f.BitsPerSample == 0 { // "as the stream says", which the decoder does not look up
		f.BitsPerSample = h.BitsPerSample
	}
	if f.SampleRate != 0 && f.SampleRate != h.SampleRate || f.BitsPerSample != h.BitsPerSample || f.Channels.Count() != int(h.NChannels) {
		return nil, errors.New("sound: flac: a frame is of another kind than its stream")
	}
	if err := f.Parse(); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if f.BlockSize == 0 {
		return nil, errors.New("sound: flac: a block of no or 65536 samples")
	}
	for _, s := range f.Subframes {
		if len(s.Samples) != int(f.BlockSize) {
			return nil, errors.New("sound: flac: a subframe of another length than its frame")
		}
	}
	return f, nil
}

// interleaveFLAC appends a frame in units of a 16-bit sample, and as the bytes
// of which the stream's MD5 is taken: little-endian, whole bytes a sample.
func interleaveFLAC(block []float32, raw []byte, f *frame.Frame, width int) ([]float32, []byte) {
	scale := float32(int32(1)<<(24-width)) / 256
	if width == 16 && len(f.Subframes) == 1 { // what is kept here, in one step a sample
		for _, v := range f.Subframes[0].Samples {
			block = append(block, float32(v))
			raw = append(raw, byte(v), byte(v>>8))
		}
		return block, raw
	}
	for i := range int(f.BlockSize) {
		for _, s := range f.Subframes {
			v := s.Samples[i]
			block = append(block, float32(v)*scale)
			for bits := 0; bits < width; bits += 8 {
				raw = append(raw, byte(v>>bits))
			}
		}
	}
	return block, raw
}

func badFLAC(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return truncated(formatFLAC, fmt.Errorf("sound: flac: %w", err))
	}
	return damaged(formatFLAC, fmt.Errorf("sound: flac: %w", err))
}
