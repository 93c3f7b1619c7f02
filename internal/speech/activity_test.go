package speech

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
)

// noSpeech is sound in which nobody speaks.
func noSpeech() map[string][]int16 {
	sounds := map[string][]int16{
		"digital silence": make([]int16, 32000),
		"a short click":   append(make([]int16, 8000), tone(0.005, 20000, 1000)...),
		"a long tone":     tone(3, 8000, 440),
		"dialling tone":   tone(2, 8000, 350, 440),
		"a key's tone":    tone(0.3, 12000, 770, 1336),
		"high beep":       tone(0.5, 12000, 2000),
		"low hum":         tone(2, 3000, 50, 100),
	}
	beeps := make([]int16, 0, 48000)
	for range 4 {
		beeps = append(append(beeps, tone(0.2, 12000, 1000)...), make([]int16, 6000)...)
	}
	sounds["beeps"] = beeps
	for i, amplitude := range []float64{30, 300, 3000} {
		noise := pink(32000, uint64(i))
		pinkNoise, burst := make([]int16, len(noise)), make([]int16, len(noise))
		for j, x := range noise {
			pinkNoise[j] = int16(amplitude * x)
			if j > 12000 && j < 20000 {
				burst[j] = pinkNoise[j]
			}
		}
		sounds[fmt.Sprintf("pink noise %g", amplitude)] = pinkNoise
		sounds[fmt.Sprintf("a burst of noise %g", amplitude)] = burst
		if amplitude < 100 { // louder noise hides that a tone is one: for the recogniser to reject
			sounds["beeps in noise"] = mix(beeps, pinkNoise)
		}
	}
	return sounds
}

// mix adds two sounds; the shorter is followed by silence.
func mix(a, b []int16) []int16 {
	out := make([]int16, max(len(a), len(b)))
	for i := range out {
		var sum int
		if i < len(a) {
			sum += int(a[i])
		}
		if i < len(b) {
			sum += int(b[i])
		}
		out[i] = int16(max(-32768, min(32767, sum)))
	}
	return out
}

func TestActivityFindsNoSpeech(t *testing.T) {
	for name, samples := range noSpeech() {
		if begin, end, speech := Activity(samples); speech {
			t.Errorf("%s: got speech from %d to %d, want none", name, begin, end)
		}
	}
	for n := range 2000 { // of any length, and none
		Activity(make([]int16, n))
	}
}

func TestActivityFindsSpeech(t *testing.T) {
	const lead, tail = 16000, 24000
	for i, v := range testVoices {
		said := v.say(t, testCommands[i*3])
		padded := append(append(make([]int16, lead), said...), make([]int16, tail)...)
		for name, samples := range map[string][]int16{
			"clean": padded, "20 dB": withNoise(padded, 20, 1), "10 dB": withNoise(padded, 10, 2),
		} {
			begin, end, speech := Activity(samples)
			if !speech {
				t.Errorf("%s, %s: got no speech", v, name)
				continue
			}
			// Synthesisers begin and end with some silence of their own.
			if begin < lead-8000 || begin > lead+8000 || end < lead+len(said)-10000 || end > lead+len(said)+8000 {
				t.Errorf("%s, %s: got %d to %d, want about %d to %d", v, name, begin, end, lead, lead+len(said))
			}
		}
		if begin, end, speech := Activity(said); !speech || begin < 0 || end > len(said) || end-begin < len(said)/2 {
			t.Errorf("%s, without silence around: got %d to %d of %d, %v", v, begin, end, len(said), speech)
		}
	}
}

func TestActivityFindsPeople(t *testing.T) {
	missed, all := 0, 0
	for i, file := range humans(t) {
		if i%20 != 0 {
			continue
		}
		all++
		if _, _, speech := Activity(load(t, file)); !speech {
			missed++
		}
	}
	if missed*20 > all {
		t.Errorf("got no speech in %d of %d recordings of people", missed, all)
	}
}

func procStatus(pid int) string { return fmt.Sprintf("/proc/%d/status", pid) }

// fieldKB reads a field of /proc/pid/status in KB; 0 if it is not there.
func fieldKB(status []byte, field string) float64 {
	_, rest, _ := bytes.Cut(status, []byte(field))
	rest, _, _ = bytes.Cut(rest, []byte("kB"))
	kb, _ := strconv.ParseFloat(string(bytes.TrimSpace(rest)), 64)
	return kb
}
