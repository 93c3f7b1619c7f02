package sound

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// unpack decodes through the one decoder, length 0 included.
func unpack(t interface{ Fatal(...any) }, encoded []byte) []int16 {
	m := &mixer{maxDuration: DefaultMaxDuration}
	if err := decodeFLAC(m, encoded); err != nil {
		t.Fatal(err)
	}
	return m.close()
}

func TestFLACRoundTrip(t *testing.T) {
	noise := rand.New(rand.NewChaCha8([32]byte{1}))
	full := make([]int16, 3000)
	for i := range full {
		full[i] = int16(noise.Uint32())
	}
	square := make([]int16, 4096)
	for i := range square {
		square[i] = math.MaxInt16
		if i%2 == 1 {
			square[i] = math.MinInt16
		}
	}
	tests := map[string][]int16{
		"full-scale noise": full,
		"full-scale square at the Nyquist frequency, the worst for prediction": square,
		"lowest value": slices.Repeat([]int16{math.MinInt16}, 2048),
	}
	for _, n := range []int{0, 1, 2, 3, 4, 5, 15, 16, 1023, 1024, 1025, 2049} {
		tests["silence of "+strconv.Itoa(n)] = make([]int16, n)
		tests["sine of "+strconv.Itoa(n)] = sine(n, 440, .9, 16000)
	}
	for name, samples := range tests {
		encoded, err := EncodeFLAC(Clip{samples})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := unpack(t, encoded); !slices.Equal(got, samples) {
			t.Errorf("%s: got other samples back", name)
		}
		if most := len(samples)*2 + 64*(len(samples)/flacBlock+2); len(encoded) > most {
			t.Errorf("%s: got %d bytes for %d samples, want at most %d", name, len(encoded), len(samples), most)
		}
	}
}

func TestFLACRoundTripProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Stretches of different character, so that predictors change inside and between blocks.
		var samples []int16
		for range rapid.IntRange(0, 4).Draw(t, "stretches") {
			n := rapid.IntRange(0, 1500).Draw(t, "length")
			level := rapid.Float64Range(0, 1).Draw(t, "level")
			switch rapid.SampledFrom([]string{"silence", "constant", "sine", "noise"}).Draw(t, "kind") {
			case "silence":
				samples = append(samples, make([]int16, n)...)
			case "constant":
				samples = append(samples, slices.Repeat([]int16{int16(level * math.MinInt16)}, n)...)
			case "sine":
				samples = append(samples, sine(n, 50+7000*level, level, 16000)...)
			case "noise":
				r := rand.New(rand.NewPCG(uint64(n), 1))
				for range n {
					samples = append(samples, int16(level*float64(int16(r.Uint32()))))
				}
			}
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

// A flipped bit is found, or does not touch the sound: nobody is given other
// audio than was kept.
func TestFLACFindsFlippedBits(t *testing.T) {
	samples := sine(1500, 440, .5, 16000)
	encoded, err := EncodeFLAC(Clip{samples})
	if err != nil {
		t.Fatal(err)
	}
	for at := range encoded {
		bad := slices.Clone(encoded)
		bad[at] ^= 1 << (at % 8)
		clip, info, err := Decode(bad, Limits{})
		if err == nil && (info.Format != formatFLAC || info.Rate == 16000 && !slices.Equal(clip.Samples, samples)) {
			t.Errorf("byte %d changed unnoticed", at)
		}
	}
}

func TestFLACByOtherPrograms(t *testing.T) {
	original, _ := mustDecode(t, read(t, voice(t)))
	path := filepath.Join(t.TempDir(), "a.flac")
	for _, n := range []int{1, 15, 1023, 1024, 1025, len(original.Samples)} {
		encoded, err := EncodeFLAC(Clip{original.Samples[:n]})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, encoded, 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "flac", "-t", "-s", "-w", path) // -w: warnings fail too
		var want []byte
		for _, s := range original.Samples[:n] {
			want = append(want, byte(s), byte(uint16(s)>>8))
		}
		if got := run(t, "flac", "-d", "-s", "-c", "--force-raw-format", "--endian=little", "--sign=signed", path); !bytes.Equal(got, want) {
			t.Errorf("flac -d gives other samples of %d", n)
		}
		probed := strings.TrimSpace(string(run(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels,duration_ts", "-of", "csv=p=0", path)))
		if want := "flac,16000,1," + strconv.Itoa(n); probed != want {
			t.Errorf("ffprobe: got %q, want %q", probed, want)
		}
	}
}

// On a human voice the size is near what notes and limits count on.
func TestFLACSize(t *testing.T) {
	original, _ := mustDecode(t, read(t, voice(t)))
	encoded, err := EncodeFLAC(original)
	if err != nil {
		t.Fatal(err)
	}
	pcm := 2 * len(original.Samples)
	if ratio := float64(len(encoded)) / float64(pcm); ratio < .4 || ratio > .75 {
		t.Errorf("got %.0f %% of PCM, want 40 to 75 %%", 100*ratio)
	}
	best := len(run(t, "flac", "-8", "-s", "-c", voice(t)))
	t.Logf("%d bytes: %.1f %% of PCM, %.2f times flac -8", len(encoded), 100*float64(len(encoded))/float64(pcm), float64(len(encoded))/float64(best))
}

func BenchmarkEncodeFLAC(b *testing.B) {
	path := voice(b)
	original, _ := mustDecode(b, read(b, path))
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			if _, err := EncodeFLAC(original); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(original.Duration().Seconds()*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
	})
	b.Run("flac-8", func(b *testing.B) { // the C encoder, its start included
		for b.Loop() {
			run(b, "flac", "-8", "-s", "-c", path)
		}
		b.ReportMetric(original.Duration().Seconds()*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
	})
}

func BenchmarkDecodeFLAC(b *testing.B) {
	original, _ := mustDecode(b, read(b, voice(b)))
	encoded, err := EncodeFLAC(original)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		mustDecode(b, encoded)
	}
	b.ReportMetric(original.Duration().Seconds()*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
}
