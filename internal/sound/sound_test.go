package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
)

// sine is n samples of hz at rate, at a level of 0 to 1.
func sine(n int, hz, level float64, rate int) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(math.Round(level * 32767 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return s
}

// snr is how far got lies below want, in decibels.
func snr(want, got []int16) float64 {
	signal, noise := 0.0, 0.0
	for i := range min(len(want), len(got)) {
		w, d := float64(want[i]), float64(got[i])-float64(want[i])
		signal += w * w
		noise += d * d
	}
	return 10 * math.Log10((signal+1)/(noise+1))
}

// run executes a real tool and returns what it writes.
func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, stderr.String())
	}
	return out
}

// voice is a human recording of about four seconds, 16 kHz, mono, as a WAV file's path.
func voice(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "voice.wav")
	run(t, "ffmpeg", "-v", "error", "-f", "g722", "-i", "/usr/share/asterisk/sounds/en_US_f_Allison/conf-invalid.g722", path)
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustDecode(t testing.TB, data []byte) (Clip, Info) {
	t.Helper()
	clip, info, err := Decode(data, Limits{})
	if err != nil {
		t.Fatalf("Decode: %v (%v)", err, errors.Unwrap(err))
	}
	return clip, info
}

// refused checks that err is one sentence with a hint, under code, and returns the sentence.
func refused(t testing.TB, err error, code hearkeep.Code) string {
	t.Helper()
	var e *hearkeep.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *hearkeep.Error", err)
	}
	if e.Code != code || e.Hint == "" || !strings.HasSuffix(e.Message, ".") || strings.Contains(err.Error(), "panicked") {
		t.Errorf("got code %q, sentence %q, hint %q, chain %v; want code %q, a sentence and a hint", e.Code, e.Message, e.Hint, e.Err, code)
	}
	return e.Message
}

func TestDecodeWhatToolsWrite(t *testing.T) {
	wav := voice(t)
	original, _ := mustDecode(t, read(t, wav))
	dir := t.TempDir()
	file := func(name string, args ...string) []byte {
		path := filepath.Join(dir, name)
		run(t, "ffmpeg", append(append([]string{"-v", "error", "-i", wav}, args...), path)...)
		return read(t, path)
	}
	tests := []struct {
		name string
		data []byte
		want Info
		snr  float64 // against the original, in decibels; lossless is exact
	}{
		{"WAV 8 bit", file("u8.wav", "-c:a", "pcm_u8"), Info{"WAV", 16000, 1, 8, 0}, 25},
		{"WAV 24 bit", file("s24.wav", "-c:a", "pcm_s24le"), Info{"WAV", 16000, 1, 24, 0}, 200},
		{"WAV 32 bit", file("s32.wav", "-c:a", "pcm_s32le"), Info{"WAV", 16000, 1, 32, 0}, 200},
		{"WAV float 32", file("f32.wav", "-c:a", "pcm_f32le"), Info{"WAV", 16000, 1, 32, 0}, 200},
		{"WAV float 64", file("f64.wav", "-c:a", "pcm_f64le"), Info{"WAV", 16000, 1, 64, 0}, 200},
		{"WAV 48 kHz", file("48.wav", "-ar", "48000"), Info{"WAV", 48000, 1, 16, 0}, 30},
		{"WAV 44.1 kHz stereo", file("441.wav", "-ar", "44100", "-af", "pan=stereo|c0=c0|c1=c0"), Info{"WAV", 44100, 2, 16, 0}, 30},
		{"WAV 6 channels, extensible", file("6.wav", "-af", "pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0"), Info{"WAV", 16000, 6, 16, 0}, 200},
		{"WAV from ffmpeg's pipe", run(t, "ffmpeg", "-v", "error", "-i", wav, "-f", "wav", "-"), Info{"WAV", 16000, 1, 16, 0}, 200},
		{"WAV from sox's pipe", run(t, "sh", "-c", `sox "$1" -t wav - | cat`, "sh", wav), Info{"WAV", 16000, 1, 16, 0}, 200},
		{"FLAC", file("16.flac"), Info{"FLAC", 16000, 1, 16, 0}, 200},
		{"FLAC 24 bit", file("24.flac", "-c:a", "flac", "-sample_fmt", "s32", "-bits_per_raw_sample", "24"), Info{"FLAC", 16000, 1, 24, 0}, 200},
		{"FLAC 44.1 kHz stereo", file("st.flac", "-ar", "44100", "-af", "pan=stereo|c0=c0|c1=c0"), Info{"FLAC", 44100, 2, 16, 0}, 30},
		{"FLAC by flac -8", run(t, "flac", "-8", "-s", "-c", wav), Info{"FLAC", 16000, 1, 16, 0}, 200},
		{"FLAC from a pipe, length unknown", run(t, "sh", "-c", `ffmpeg -v error -i "$1" -f flac - | cat`, "sh", wav), Info{"FLAC", 16000, 1, 16, 0}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clip, info := mustDecode(t, tt.data)
			tt.want.Duration = info.Duration
			if diff := cmp.Diff(tt.want, info); diff != "" {
				t.Errorf("info (-want +got):\n%s", diff)
			}
			if d := (info.Duration - original.Duration()).Abs(); d > time.Millisecond {
				t.Errorf("got duration %v, want %v", info.Duration, original.Duration())
			}
			if tt.snr >= 200 && !slices.Equal(clip.Samples, original.Samples) {
				t.Errorf("got other samples than were encoded")
			}
			if got := snr(original.Samples, clip.Samples); got < tt.snr && tt.snr < 200 {
				t.Errorf("got %.1f dB to the original, want %v", got, tt.snr)
			}
		})
	}
}

func TestDecodeSynthesisers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flite.wav")
	run(t, "flite", "-voice", "slt", "-t", "set a timer for ten minutes", "-o", path)
	for name, data := range map[string][]byte{
		"flite":     read(t, path),
		"espeak-ng": run(t, "espeak-ng", "--stdout", "set a timer for ten minutes"),
	} {
		clip, info := mustDecode(t, data)
		if clip.Duration() < time.Second || clip.Duration() > 4*time.Second {
			t.Errorf("%s: got %v of %+v, want one to four seconds", name, clip.Duration(), info)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	wav := EncodeWAV(sine(1600, 440, .5, 16000), 16000)
	patch := func(at int, b ...byte) []byte {
		c := slices.Clone(wav)
		copy(c[at:], b)
		return c
	}
	tests := []struct {
		name string
		data []byte
		want string // in the sentence
	}{
		{"nothing", nil, "empty"},
		{"no samples", EncodeWAV(nil, 16000), "no sound at all"},
		{"a header alone", wav[:44], "cut off"},
		{"half a WAV", wav[:1000], "cut off"},
		{"half a sample", append(patch(40, 0x7f, 0x0c), 0), "damaged"},
		{"no data chunk", wav[:36], "cut off"},
		{"a billion channels", patch(22, 0xff, 0xff), "65535 channels"},
		{"no channels", patch(22, 0, 0), "0 channels"},
		{"12 bits", patch(34, 12, 0), "12 bits"},
		{"rate 0", patch(24, 0, 0, 0, 0), "rate of 0 Hz"},
		{"rate 3999", patch(24, 0x9f, 0x0f), "rate of 3999 Hz"},
		{"rate 4 GHz", patch(24, 0xff, 0xff, 0xff, 0xff), "rate of 4294967295 Hz"},
		{"wrong alignment", patch(32, 7, 0), "damaged"},
		{"mu-law", patch(20, 7, 0), "kind 0x0007"},
		{"short fmt", append(append([]byte("RIFF\x1c\x00\x00\x00WAVEfmt \x04\x00\x00\x00\x01\x00\x01\x00"), "data\x02\x00\x00\x00"...), 1, 2), "damaged"},
		{"PDF", []byte("%PDF-1.7\n%..."), "a PDF, not audio"},
		{"HTML", []byte("\n <!DOCTYPE html><html>"), "an HTML page, not audio"},
		{"ZIP", []byte("PK\x03\x04abcdefgh"), "a ZIP archive"},
		{"PNG", []byte("\x89PNG\r\n\x1a\n"), "a PNG picture"},
		{"Ogg", []byte("OggS\x00\x02"), "Ogg"},
		{"M4A", []byte("\x00\x00\x00\x20ftypM4A "), "M4A"},
		{"AAC", []byte("\xff\xf1\x50\x80\x00\x00"), "AAC"},
		{"AVI", []byte("RIFF\x00\x00\x00\x00AVI LIST"), "AVI"},
		{"text", []byte("set a timer for ten minutes"), "not audio"},
		{"one byte", []byte{0}, "not audio"},
		{"an ID3 tag alone", []byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"), "cut off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clip, info, err := Decode(tt.data, Limits{})
			if got := refused(t, err, hearkeep.Invalid); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
			if clip.Samples != nil || info != (Info{}) {
				t.Errorf("got %d samples, %+v beside the error", len(clip.Samples), info)
			}
		})
	}
}

func TestDecodeLimits(t *testing.T) {
	second := sine(16000, 440, .5, 16000)
	encoded, err := EncodeFLAC(Clip{make([]int16, 60*16000)}) // silence: small file, long sound
	if err != nil {
		t.Fatal(err)
	}
	unknown := slices.Clone(encoded)
	clear(unknown[22:42]) // the low 32 bits of the number of samples, and the MD5
	tests := []struct {
		name  string
		data  []byte
		limit Limits
		ok    bool
	}{
		{"just the bytes", EncodeWAV(second, 16000), Limits{MaxBytes: 32044}, true},
		{"a byte too many", EncodeWAV(second, 16000), Limits{MaxBytes: 32043}, false},
		{"just the duration", EncodeWAV(second, 16000), Limits{MaxDuration: time.Second}, true},
		{"too long", EncodeWAV(second, 16000), Limits{MaxDuration: 999 * time.Millisecond}, false},
		{"FLAC, just the duration", encoded, Limits{MaxDuration: time.Minute}, true},
		{"FLAC that says it is too long", encoded, Limits{MaxDuration: 59 * time.Second}, false},
		{"FLAC that does not say it", unknown, Limits{MaxDuration: 59 * time.Second}, false},
		{"FLAC that does not say how long", unknown, Limits{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Decode(tt.data, tt.limit)
			if tt.ok && err != nil {
				t.Errorf("got %v, want it decoded", err)
			}
			if !tt.ok {
				refused(t, err, hearkeep.TooLarge)
			}
		})
	}
}

// A few bytes that claim an hour must not buy an hour's memory.
func TestDecodeAllocatesForWhatIsThere(t *testing.T) {
	encoded, err := EncodeFLAC(Clip{make([]int16, 100)})
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint32(encoded[22:], 3600*16000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err = Decode(encoded, Limits{})
	runtime.ReadMemStats(&after)
	if got := refused(t, err, hearkeep.Invalid); !strings.Contains(got, "cut off") {
		t.Errorf("got %q, want it cut off", got)
	}
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(4<<20); got > most {
		t.Errorf("got %d bytes allocated for a file of %d, want at most %d", got, len(encoded), most)
	}
}

func TestWAVChunks(t *testing.T) {
	samples := sine(1601, 300, .3, 16000)
	wav := EncodeWAV(samples, 16000)
	chunk := func(id string, body []byte) []byte {
		b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
		if b = append(b, body...); len(body)%2 == 1 {
			b = append(b, 0)
		}
		return b
	}
	head, format, pcm := wav[:12], wav[12:36], wav[44:]
	list := chunk("LIST", []byte("INFOISFT\x05\x00\x00\x00made\x00"))
	sized := func(size uint32, body []byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte("data"), size), body...)
	}
	zeroRIFF := append([]byte("RIFF\x00\x00\x00\x00"), head[8:]...)
	tests := []struct {
		name string
		data []byte
		want int // samples
	}{
		{"as it is", wav, 1601},
		{"LIST of odd length before data", slices.Concat(head, format, list, chunk("data", pcm)), 1601},
		{"data before fmt", slices.Concat(head, chunk("data", pcm), list, format), 1601},
		{"LIST behind", slices.Concat(wav, list), 1601},
		{"LIST behind, cut off", slices.Concat(wav, list[:len(list)-5]), 1601},
		{"size 0", slices.Concat(zeroRIFF, format, sized(0, pcm)), 1601},
		{"size 0xFFFFFFFF", slices.Concat(head, format, sized(math.MaxUint32, pcm)), 1601},
		{"size 0x7FFFF000", slices.Concat(head, format, sized(0x7ffff000, pcm)), 1601},
		{"size 0x7FFFFFFF and half a sample", slices.Concat(head, format, sized(math.MaxInt32, pcm[:len(pcm)-1])), 1600},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clip, _ := mustDecode(t, tt.data)
			if !slices.Equal(clip.Samples, samples[:tt.want]) {
				t.Errorf("got %d samples, want the first %d", len(clip.Samples), tt.want)
			}
		})
	}
}

// A proper beginning of a file is refused, whatever the format and wherever it ends.
func TestDecodeRefusesTruncated(t *testing.T) {
	clip := Clip{sine(3000, 440, .5, 16000)}
	encoded, err := EncodeFLAC(clip)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"WAV":  EncodeWAV(clip.Samples, 16000),
		"FLAC": encoded,
		"MP3":  read(t, "testdata/sine-16k-mono.mp3"),
	} {
		t.Run(name, func(t *testing.T) {
			mustDecode(t, data)
			for n := 0; n < len(data); n += 1 + n/100 {
				if _, _, err := Decode(data[:n], Limits{}); err == nil {
					t.Fatalf("the first %d of %d bytes were accepted", n, len(data))
				} else {
					refused(t, err, hearkeep.Invalid)
				}
			}
		})
	}
}

func TestWAVNotFinite(t *testing.T) {
	head := EncodeWAV(make([]int16, 2), 16000) // four bytes: one float sample
	copy(head[20:], []byte{tagFloat, 0})
	copy(head[32:], []byte{4, 0, 32, 0})
	for _, v := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
		binary.LittleEndian.PutUint32(head[44:], math.Float32bits(v))
		_, _, err := Decode(head, Limits{})
		refused(t, err, hearkeep.Invalid)
	}
	binary.LittleEndian.PutUint32(head[44:], math.Float32bits(-7)) // louder than full scale is clipped
	if clip, _ := mustDecode(t, head); clip.Samples[0] != math.MinInt16 {
		t.Errorf("got %d, want full scale", clip.Samples[0])
	}
}

func TestEncodeWAV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	data := EncodeWAV(sine(22050, 440, .5, 22050), 22050)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(run(t, "soxi", "-r", path)) + string(run(t, "soxi", "-c", path)) + string(run(t, "soxi", "-b", path)) + string(run(t, "soxi", "-s", path)))
	if diff := cmp.Diff([]string{"22050", "1", "16", "22050"}, got); diff != "" {
		t.Errorf("soxi's rate, channels, bits, samples (-want +got):\n%s", diff)
	}
	if got, want := len(data), 44+2*22050; got != want {
		t.Errorf("got %d bytes, want %d", got, want)
	}
}

func TestPeaks(t *testing.T) {
	tests := []struct {
		name    string
		samples []int16
		n       int
		want    []byte
	}{
		{"none asked", []int16{1}, 0, nil},
		{"no samples", nil, 3, []byte{0, 0, 0}},
		{"silence and full scale", []int16{0, 0, math.MinInt16, 5, 0, math.MaxInt16}, 3, []byte{0, 255, 255}},
		{"-20 dB", []int16{3277, -3277}, 2, []byte{170, 170}},
		{"-60 dB and less", []int16{32, 1}, 2, []byte{0, 0}},
		{"fewer samples than buckets", []int16{math.MaxInt16, 0}, 4, []byte{255, 255, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Peaks(Clip{tt.samples}, tt.n)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTrim(t *testing.T) {
	c := Clip{[]int16{1, 2, 3, 4}}
	tests := []struct {
		begin, end int
		want       []int16
	}{
		{1, 3, []int16{2, 3}},
		{-5, 99, []int16{1, 2, 3, 4}},
		{3, 1, []int16{}},
		{9, 12, []int16{}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.begin, tt.end), func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Trim(c, tt.begin, tt.end).Samples); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	Trim(c, 0, 2).Samples[0] = 9
	if c.Samples[0] != 1 {
		t.Error("the trimmed clip shares memory with what was cut")
	}
}
