package sound

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// hard are signals at which an encoder goes wrong, by their name.
func hard() map[string][]int16 {
	r := rand.New(rand.NewPCG(3, 4))
	signals := map[string][]int16{"one sample": {-7}, "lowest and highest": {math.MinInt16, math.MaxInt16}}
	noise, square, quiet, steps := make([]int16, 4500), make([]int16, 4500), make([]int16, 4500), make([]int16, 4500)
	for i := range noise {
		noise[i] = int16(r.Uint32())
		square[i] = math.MaxInt16
		if i/(1+i/500)%2 == 1 { // of ever longer periods
			square[i] = math.MinInt16
		}
		quiet[i] = int16(r.IntN(3) - 1)
		steps[i] = int16(i / 700 * 1000)
	}
	spike := make([]int16, 2048)
	spike[1000], spike[1500] = math.MinInt16, math.MaxInt16
	loudInQuiet := slices.Clone(quiet)
	copy(loudInQuiet[1500:1600], noise)
	signals["noise"], signals["square"], signals["quiet"], signals["steps"] = noise, square, quiet, steps
	signals["spikes in silence"], signals["noise in quiet"] = spike, loudInQuiet
	signals["parabola"] = make([]int16, 1500)
	for i := range signals["parabola"] {
		signals["parabola"][i] = int16(i*i/40 - 20000)
	}
	for _, n := range []int{2, 3, 4, 5, 6, 255, 256, 257, 1023, 1025, 1040, 2047, 2048, 2049} {
		signals["noise of "+strconv.Itoa(n)] = noise[:n]
		signals["sine of "+strconv.Itoa(n)] = sine(n, 300, .3, 16000)
	}
	return signals
}

// Our files are read alike by the library, by flac and by ffmpeg.
func TestEncodedIsReadByAll(t *testing.T) {
	dir := t.TempDir()
	signals := hard()
	for _, name := range []string{"digits/7", "vm-intro", "beep", "auth-thankyou"} {
		path := filepath.Join(dir, "voice.wav")
		run(t, "ffmpeg", "-y", "-v", "error", "-f", "g722", "-i", "/usr/share/asterisk/sounds/en_US_f_Allison/"+name+".g722", path)
		clip, _ := mustDecode(t, read(t, path))
		signals["voice "+name] = clip.Samples
	}
	var names, paths, in, out []string
	for name, samples := range signals {
		encoded, err := EncodeFLAC(Clip{samples})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := unpack(t, encoded); !slices.Equal(got, samples) {
			t.Errorf("%s: the library gives other samples", name)
		}
		if most := 42 + 2*len(samples) + 20*(len(samples)/flacBlock+1); len(encoded) > most {
			t.Errorf("%s: got %d bytes, want at most %d", name, len(encoded), most)
		}
		path := filepath.Join(dir, strconv.Itoa(len(paths))+".flac")
		if err := os.WriteFile(path, encoded, 0o600); err != nil {
			t.Fatal(err)
		}
		in = append(in, "-i", path)
		out = append(out, "-map", strconv.Itoa(len(paths))+":a", "-f", "s16le", path+".ffmpeg")
		names, paths = append(names, name), append(paths, path)
	}
	run(t, "flac", slices.Concat([]string{"-d", "-s", "-w", "--force-raw-format", "--endian=little", "--sign=signed"}, paths)...)
	run(t, "ffmpeg", slices.Concat([]string{"-v", "error", "-xerror", "-err_detect", "crccheck+explode"}, in, out)...)
	for i, name := range names {
		want := EncodeWAV(signals[name], 16000)[44:]
		if !bytes.Equal(read(t, strings.TrimSuffix(paths[i], ".flac")+".raw"), want) {
			t.Errorf("%s: flac gives other samples", name)
		}
		if !bytes.Equal(read(t, paths[i]+".ffmpeg"), want) {
			t.Errorf("%s: ffmpeg gives other samples", name)
		}
	}
}

// Samples that no recording has: whatever they are, they come back.
func TestEncodeAnySamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var samples []int16
		for range rapid.IntRange(1, 3).Draw(t, "stretches") {
			some := rapid.SliceOfN(rapid.Int16(), 1, 40).Draw(t, "samples")
			for range rapid.IntRange(1, 60).Draw(t, "times") {
				samples = append(samples, some...)
			}
			width := rapid.IntRange(0, 15).Draw(t, "width")
			samples = append(samples, slices.Repeat([]int16{int16(1<<width - 1), int16(-1 << width)}, width)...)
		}
		encoded, err := EncodeFLAC(Clip{samples})
		if err != nil {
			t.Fatal(err)
		}
		if got := unpack(t, encoded); !slices.Equal(got, samples) {
			t.Fatalf("got other samples back: %d, want %d", len(got), len(samples))
		}
	})
}

// The same samples give the same bytes, on every machine and at every time; a
// change of them is one that somebody meant.
func TestEncodedBytes(t *testing.T) {
	samples := make([]int16, 150*flacBlock+77) // frame numbers of two bytes
	state, level := uint32(1), 0
	for i := range samples {
		if state = state*1664525 + 1013904223; i%5000 == 0 {
			level = int(state>>28) + 1 // from loud noise to next to nothing
		}
		samples[i] = int16(int32(state) >> (15 + level))
	}
	encoded, err := EncodeFLAC(Clip{samples})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(encoded)
	const want = "411afb2399be46f16f1179f00004a43ac7da9871abe8ee112ed73cd56d79d7d4"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("got %s, %d bytes, want %s", got, len(encoded), want)
	}
	if got := unpack(t, encoded); !slices.Equal(got, samples) {
		t.Error("got other samples back")
	}
}

func TestStreamInfo(t *testing.T) {
	samples := make([]int16, 3*flacBlock)
	for i := range flacBlock {
		samples[i] = int16(uint32(i) * 2654435761 >> 16)
	}
	encoded, err := EncodeFLAC(Clip{samples}) // a verbatim frame and two constant ones
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.flac")
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(run(t, "metaflac", "--show-min-blocksize", "--show-max-blocksize", "--show-min-framesize", "--show-max-framesize",
		"--show-sample-rate", "--show-channels", "--show-bps", "--show-total-samples", path)))
	want := []string{"1024", "1024", "11", strconv.Itoa(len(encoded) - 42 - 2*11), "16000", "1", "16", "3072"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFrameNumber(t *testing.T) {
	for _, n := range []uint32{0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff} {
		if got, want := appendNumber(nil, n), utf8.AppendRune(nil, rune(n)); !bytes.Equal(got, want) {
			t.Errorf("%#x: got % x, want % x", n, got, want)
		}
	}
	for n, want := range map[uint32]string{ // beyond characters, as RFC 9639 section 9.1.5 goes on
		0x1fffff: "f7bfbfbf", 0x200000: "f888808080", 0x3ffffff: "fbbfbfbfbf", 0x4000000: "fc8480808080", 0x7fffffff: "fdbfbfbfbfbf",
	} {
		if got := hex.EncodeToString(appendNumber(nil, n)); got != want {
			t.Errorf("%#x: got %s, want %s", n, got, want)
		}
	}
}

// The check values are those of CRC-8/SMBUS and CRC-16/UMTS, which are FLAC's.
func TestChecksums(t *testing.T) {
	c := newChecksums()
	data := []byte("123456789")
	if got := c.sum8(data); got != 0xf4 {
		t.Errorf("CRC-8: got %#x, want 0xf4", got)
	}
	if got := c.sum16(data); got != 0xfee8 {
		t.Errorf("CRC-16: got %#x, want 0xfee8", got)
	}
	long := bytes.Repeat(data, 5)
	sum := uint16(0)
	for _, b := range long {
		sum = sum<<8 ^ c.crc16[0][byte(sum>>8)^b]
	}
	if got := c.sum16(long); got != sum {
		t.Errorf("CRC-16, eight at once: got %#x, want %#x", got, sum)
	}
}
