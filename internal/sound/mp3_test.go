package sound

import (
	"encoding/binary"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// reference decodes with ffmpeg, without its trimming of the encoder's
// silence, into interleaved samples at the file's own rate.
func reference(t testing.TB, path string) []int16 {
	t.Helper()
	raw := run(t, "ffmpeg", "-v", "error", "-flags2", "+skip_manual", "-i", path, "-f", "s16le", "-")
	s := make([]int16, len(raw)/2)
	for i := range s {
		s[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return s
}

func TestMP3AgainstFFmpeg(t *testing.T) {
	wav := voice(t)
	tests := []struct {
		name     string
		args     []string
		rate     int
		channels int
		refused  bool
	}{
		{"16 kHz mono", []string{"-ar", "16000", "-b:a", "32k"}, 16000, 1, false},
		{"22.05 kHz mono 64k", []string{"-ar", "22050", "-b:a", "64k"}, 22050, 1, false},
		{"22.05 kHz mono 32k", []string{"-ar", "22050", "-b:a", "32k"}, 22050, 1, true},
		{"24 kHz stereo", []string{"-ar", "24000", "-ac", "2", "-b:a", "48k"}, 24000, 2, false},
		{"32 kHz mono", []string{"-ar", "32000", "-b:a", "48k"}, 32000, 1, false},
		{"44.1 kHz stereo", []string{"-ar", "44100", "-ac", "2", "-b:a", "128k"}, 44100, 2, false},
		{"44.1 kHz variable", []string{"-ar", "44100", "-q:a", "4"}, 44100, 1, false},
		{"48 kHz, no information frame", []string{"-ar", "48000", "-b:a", "96k", "-write_xing", "0"}, 48000, 1, false},
		{"48 kHz, ID3v1 behind", []string{"-ar", "48000", "-b:a", "96k", "-write_id3v1", "1", "-metadata", "title=x"}, 48000, 1, false},
		{"8 kHz, MPEG 2.5", []string{"-ar", "8000", "-b:a", "16k"}, 8000, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.mp3")
			run(t, "ffmpeg", append(append([]string{"-v", "error", "-i", wav}, tt.args...), path)...)
			if tt.refused {
				_, _, err := Decode(read(t, path), Limits{})
				refused(t, err, hearkeep.Invalid)
				return
			}
			clip, info := mustDecode(t, read(t, path))
			if info.Format != formatMP3 || info.Rate != tt.rate || info.Channels != tt.channels || info.Width != 0 {
				t.Errorf("got %+v, want MP3, %d Hz, %d channels", info, tt.rate, tt.channels)
			}
			want := reference(t, path)
			m := &mixer{maxDuration: time.Hour}
			if err := m.open(info, 0); err != nil {
				t.Fatal(err)
			}
			var block []float32
			for _, s := range want {
				block = append(block, float32(s))
			}
			if err := m.add(block); err != nil {
				t.Fatal(err)
			}
			if got := snr(m.close(), clip.Samples); got < 45 {
				t.Errorf("got %.1f dB to ffmpeg's decoder, want at least 45", got)
			}
		})
	}
}

func TestMP3Damage(t *testing.T) {
	whole := read(t, "testdata/sine-44k-stereo.mp3")
	audio := skipID3(whole)
	h := readMPEGHeader(audio)
	gap := slices.Clone(audio)
	copy(gap[2*h.size():], make([]byte, 300))
	copy(gap[2*h.size():], "not a frame")
	other := slices.Clone(audio)
	other[2*h.size()+2] ^= 0x04 // another rate
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"a gap", gap, "damaged"},
		{"a frame of another rate", other, "damaged"},
		{"the last frame missing", audio[:len(audio)-h.size()], "cut off"},
		{"layer II", []byte("\xff\xfd\x80\x04\x00\x00\x00\x00"), "layer II"},
		{"free format", []byte("\xff\xfb\x00\x04\x00\x00\x00\x00"), "free format"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Decode(tt.data, Limits{})
			if got := refused(t, err, hearkeep.Invalid); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}

func BenchmarkDecodeMP3(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.mp3")
	run(b, "ffmpeg", "-v", "error", "-i", voice(b), "-ar", "44100", "-ac", "2", "-b:a", "128k", path)
	data := read(b, path)
	clip, _ := mustDecode(b, data)
	for b.Loop() {
		mustDecode(b, data)
	}
	b.ReportMetric(clip.Duration().Seconds()*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
}
