// Package sound turns what people and devices send into the one form in which
// speech is recognised and kept, 16 kHz mono PCM, and that form into FLAC.
//
// It reads WAV, FLAC and MP3 by their content, mixes channels down, resamples,
// and draws waveforms. It promises that memory stays within Limits whatever a
// header claims, that a file is read whole or refused (a truncated one is
// refused: nothing may be half done), that no input makes it panic, and that
// EncodeFLAC gives back every sample. It refuses everything else with one
// sentence and a hint; its errors hold numbers and formats, never audio. It
// keeps nothing.
package sound

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
)

// What Decode and Resample accept.
const (
	MinRate     = 4000   // hertz
	MaxRate     = 192000 // hertz
	MaxChannels = 8
)

// What a zero field of Limits means.
const (
	DefaultMaxBytes    = 256 << 20
	DefaultMaxDuration = time.Hour
)

// Clip is mono audio of hearkeep.SampleRate, 16-bit signed.
type Clip struct{ Samples []int16 }

// Duration is the length of the audio.
func (c Clip) Duration() time.Duration { return duration(int64(len(c.Samples)), hearkeep.SampleRate) }

// Limits bound what Decode takes on. A field that is not positive means its
// default above.
type Limits struct {
	MaxBytes    int64         // of the file as it was sent
	MaxDuration time.Duration // of the audio in it
	MaxSamples  int64         // of all channels together, at the file's own rate; not positive: no bound
}

// Info tells what a decoded file was.
type Info struct {
	Format   string        // "WAV", "FLAC" or "MP3"
	Rate     int           // hertz
	Channels int           // before they were mixed down
	Width    int           // bits a sample; 0 for MP3, which has none
	Duration time.Duration // of the audio
}

// Decode reads a whole WAV, FLAC or MP3 file; names and media types play no
// part. On error nothing is returned but the error, which is a *hearkeep.Error
// with code Invalid or TooLarge.
func Decode(data []byte, limit Limits) (Clip, Info, error) {
	limit = limit.orDefault()
	switch {
	case len(data) == 0:
		return Clip{}, Info{}, invalid("This file is empty.", "Record again, and check that the recording has a length.")
	case int64(len(data)) > limit.MaxBytes:
		return Clip{}, Info{}, hearkeep.Errorf(hearkeep.TooLarge, "This file has %s; at most %s are accepted.", size(int64(len(data))), size(limit.MaxBytes)).
			WithHint("Send it in parts, or as FLAC or MP3, which are smaller.")
	}
	m := &mixer{maxDuration: limit.MaxDuration, maxSamples: limit.MaxSamples}
	if err := decodeInto(m, data); err != nil {
		return Clip{}, Info{}, err
	}
	clip := Clip{m.close()}
	if m.frames == 0 {
		return Clip{}, Info{}, invalid("This recording holds no sound at all.", "Record again, and check that the recording has a length.")
	}
	m.info.Duration = duration(m.frames, m.info.Rate)
	return clip, m.info, nil
}

// decodeInto picks the decoder by content. The recover is for the third-party
// decoders of FLAC and MP3, which index into tables by what a file says; a
// file that makes them panic is a damaged file.
func decodeInto(m *mixer, data []byte) (err error) {
	audio := skipID3(data)
	format := sniff(audio)
	if format == "" && len(audio) < len(data) {
		format = formatMP3 // an ID3 tag says so; decodeMP3 looks for the frames
	}
	defer func() {
		if r := recover(); r != nil {
			err = damaged(format, fmt.Errorf("sound: the decoder panicked: %v", r))
		}
	}()
	switch format {
	case formatWAV:
		return decodeWAV(m, audio)
	case formatFLAC:
		return decodeFLAC(m, audio)
	case formatMP3:
		return decodeMP3(m, audio)
	}
	return notAudio(audio)
}

func (l Limits) orDefault() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxDuration <= 0 {
		l.MaxDuration = DefaultMaxDuration
	}
	return l
}

// mixer takes decoded audio block by block, mixes it down and resamples it, so
// that memory holds one block of the source and the 16 kHz result, no more.
type mixer struct {
	maxDuration time.Duration
	maxSamples  int64

	info      Info
	frames    int64 // sample frames taken: one sample of each channel
	maxFrames int64
	resampler *resampler
	mono      []float32
}

// open checks what a header claims before anything is allocated for it. A
// length of 0 sample frames is one that the header does not know.
func (m *mixer) open(info Info, length int64) error {
	switch {
	case info.Channels < 1 || info.Channels > MaxChannels:
		return invalid(fmt.Sprintf("This %s file claims %d channels; 1 to %d are read.", info.Format, info.Channels, MaxChannels), convertHint)
	case info.Rate < MinRate || info.Rate > MaxRate:
		return invalid(fmt.Sprintf("This %s file claims a rate of %d Hz; %d to %d Hz are read.", info.Format, info.Rate, MinRate, MaxRate), convertHint)
	}
	m.info = info
	m.maxFrames = int64(m.maxDuration.Seconds() * float64(info.Rate))
	if dense := m.maxSamples / int64(info.Channels); m.maxSamples > 0 && dense < m.maxFrames {
		m.maxFrames = dense
	}
	if length > m.maxFrames {
		return m.tooLong()
	}
	m.resampler = newResampler(info.Rate)
	m.resampler.expect(length)
	return nil
}

// add takes sample frames, interleaved, in units of a 16-bit sample.
func (m *mixer) add(interleaved []float32) error {
	channels := m.info.Channels
	n := len(interleaved) / channels
	if m.frames += int64(n); m.frames > m.maxFrames {
		return m.tooLong()
	}
	if channels == 1 {
		m.resampler.write(interleaved)
		return nil
	}
	m.mono = m.mono[:0]
	for i := range n {
		var sum float32
		for _, v := range interleaved[i*channels : (i+1)*channels] {
			sum += v
		}
		m.mono = append(m.mono, sum/float32(channels))
	}
	m.resampler.write(m.mono)
	return nil
}

// close returns the result; the mixer is done.
func (m *mixer) close() []int16 { return m.resampler.close() }

func (m *mixer) tooLong() error {
	return hearkeep.Errorf(hearkeep.TooLarge, "This recording is longer than %s, which is the most that is accepted.", m.maxDuration).
		WithHint("Send it in parts, or with fewer channels and a lower rate.")
}

// Trim returns a copy of the samples begin to end, end excluded, both clamped
// to the clip. It is a copy so that what was cut away can be forgotten.
func Trim(c Clip, begin, end int) Clip {
	begin = min(max(begin, 0), len(c.Samples))
	end = min(max(end, begin), len(c.Samples))
	return Clip{slices.Clone(c.Samples[begin:end])}
}

// Peaks returns n bytes for drawing, one a bucket of equal length: 0 is -60 dB
// of full scale or less, 255 is full scale, and between them equal steps are
// equal decibels. With fewer samples than n, buckets share samples.
func Peaks(c Clip, n int) []byte {
	if n <= 0 {
		return nil
	}
	peaks := make([]byte, n)
	total := len(c.Samples)
	if total == 0 {
		return peaks
	}
	for i := range peaks {
		begin := i * total / n
		end := max((i+1)*total/n, begin+1)
		top := 0
		for _, s := range c.Samples[begin:end] {
			top = max(top, max(int(s), -int(s)))
		}
		peaks[i] = level(top)
	}
	return peaks
}

// level scales a peak of 0 to 32768 as Peaks says.
func level(peak int) byte {
	const floor = 60 // decibels below full scale
	if peak == 0 {
		return 0
	}
	db := 20 * math.Log10(float64(peak)/math.MaxInt16)
	return byte(math.Round(255 * min(max(1+db/floor, 0), 1)))
}

// duration is frames at rate hertz, without overflow for any real length.
func duration(frames int64, rate int) time.Duration {
	r := int64(rate)
	return time.Duration(frames/r)*time.Second + time.Duration(frames%r*int64(time.Second)/r)
}

// size is bytes for people.
func size(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d MB", (n+1<<20-1)>>20)
}
