package sound

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// checkDecode is what holds for any bytes: a clip within the limits, or one
// sentence with a hint, and never both. A panic of our own code, which the
// recover for the third-party decoders would hide, is found in the chain.
func checkDecode(t *testing.T, data []byte) {
	limit := Limits{MaxBytes: 1 << 20, MaxDuration: 5 * time.Second}
	clip, info, err := Decode(data, limit)
	if err == nil {
		if len(clip.Samples) == 0 || clip.Duration() > limit.MaxDuration+time.Millisecond || info.Duration > limit.MaxDuration {
			t.Fatalf("got %d samples, %+v", len(clip.Samples), info)
		}
		return
	}
	var e *hearkeep.Error
	if !errors.As(err, &e) || e.Message == "" || e.Hint == "" || clip.Samples != nil {
		t.Fatalf("got %v with %d samples", err, len(clip.Samples))
	}
	if strings.Contains(err.Error(), "panicked") && sniff(skipID3(data)) == formatWAV {
		t.Fatal(err)
	}
}

func FuzzDecodeWAV(f *testing.F) {
	samples := sine(50, 440, .5, 16000)
	wav := EncodeWAV(samples, 16000)
	f.Add(wav)
	f.Add(EncodeWAV(samples, 44100))
	f.Add(wav[:40])
	f.Add([]byte("RIFF\xff\xff\xff\xffWAVEfmt \x28\x00\x00\x00\xfe\xff\x02\x00\x44\xac\x00\x00\x20\x62\x05\x00\x08\x00\x20\x00\x16\x00\x20\x00\x03\x00\x00\x00" +
		"\x03\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71data\xff\xff\xff\xff\x00\x00\x80\x3f\x00\x00\x80\xbf"))
	f.Fuzz(checkDecode)
}

func FuzzDecodeFLAC(f *testing.F) {
	for _, n := range []int{1, 100, 1500} {
		encoded, err := EncodeFLAC(Clip{sine(n, 440, .5, 16000)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Add(read(f, "testdata/sine-44k-stereo.flac"))
	f.Add(read(f, "testdata/sine-24bit.flac"))
	f.Fuzz(checkDecode)
}

func FuzzDecodeMP3(f *testing.F) {
	f.Add(read(f, "testdata/sine-16k-mono.mp3"))
	f.Add(read(f, "testdata/sine-44k-stereo.mp3"))
	f.Fuzz(checkDecode)
}
