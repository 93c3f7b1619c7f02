package speech

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The grammar and sentences of these tests: commands of a voice assistant.
const testJSGF = `#JSGF V1.0;
grammar test;
public <hearkeep> = <timer> | <alarm> | <ask> | <privacy>;
<timer> = set (a|another) timer for <number> <unit> [called <name>]
        | set a <number> (second|minute|hour) timer
        | (cancel|stop|pause|resume) (the|my) [<name>] timer
        | cancel all timers
        | add <number> <unit> to the timer
        | how (long|much time) is left on the [<name>] timer;
<alarm> = (set an alarm|wake me up) (for|at) <time> [tomorrow]
        | (cancel|stop|change) (the|my) alarm [to <time>]
        | what alarms are set;
<ask> = what time is it | what is the (time|date) | what day is it [today] | never mind
      | what timers are running;
<privacy> = delete (what i just said|everything i said today) | what do you keep of me
          | (stop|start) listening | who has heard me;
<name> = pasta | egg | tea | laundry | bread | zbigniew | pizza;
<unit> = second | seconds | minute | minutes | hour | hours;
<time> = <hour> [<minutes>] (a m | p m | o'clock) | half past <hour> | quarter (past|to) <hour> | noon | midnight;
<hour> = one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve;
<minutes> = fifteen | thirty | forty five;
<number> = <digit> | <teen> | (twenty|thirty|forty|fifty) [<digit>] | sixty;
<digit> = one | two | three | four | five | six | seven | eight | nine;
<teen> = ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen;
`

// testGrammar is the grammar above with the words found in it.
func testGrammar() Grammar {
	var rule, body strings.Builder
	in := false
	_, text, _ := strings.Cut(testJSGF, "grammar test;")
	for _, r := range strings.ReplaceAll(text, "public", "") {
		switch {
		case r == '<':
			in = true
		case r == '>':
			in = false
			rule.Reset()
		case in:
			rule.WriteRune(r)
		case strings.ContainsRune("=|()[];\n", r):
			body.WriteByte(' ')
		default:
			body.WriteRune(r)
		}
	}
	words := strings.Fields(body.String())
	slices.Sort(words)
	return Grammar{JSGF: testJSGF, Words: slices.Compact(words)}
}

// testCommands are sentences of the grammar.
var testCommands = strings.Split(strings.TrimSpace(`
set a timer for ten minutes
set a timer for one hour
set a timer for forty five seconds
set another timer for twenty minutes
set a timer for three minutes called egg
set a timer for twelve minutes called pasta
set a timer for fifty minutes called bread
set a timer for nineteen minutes called laundry
set a thirty second timer
set a five minute timer
set a two hour timer
cancel the timer
cancel my egg timer
stop the timer
stop the pasta timer
pause the laundry timer
resume my timer
cancel all timers
add five minutes to the timer
add sixteen seconds to the timer
how long is left on the timer
how much time is left on the pizza timer
set an alarm for seven o'clock
set an alarm for six thirty a m
set an alarm for half past eight tomorrow
wake me up at seven fifteen a m tomorrow
wake me up at quarter to nine
wake me up at noon
set an alarm for midnight
cancel the alarm
stop my alarm
change the alarm to nine forty five a m
change my alarm to eleven p m
what alarms are set
what time is it
what is the time
what is the date
what day is it
what day is it today
never mind
what timers are running
delete what i just said
delete everything i said today
what do you keep of me
stop listening
start listening
who has heard me
set a timer for twenty seven minutes
set a timer for fifty eight seconds
set a timer for sixty minutes called tea
`), "\n")

// testChatter are sentences outside it, some of them of its words.
var testChatter = strings.Split(strings.TrimSpace(`
we should go to the market before it rains
did you remember to call your mother
the meeting was moved to thursday afternoon
i think the red one looks better on you
where did i leave my keys again
this soup needs a little more salt
she told him that she would be late
have you seen the new neighbours yet
the train from the north was cancelled this morning
can you pass me the butter please
i have been working on this all day
he said it would take ten minutes but it took an hour
they never mind waiting in the rain
everything i own is in that box
we set the table for seven people
the alarm went off in the middle of the night
my sister wants to study medicine
turn left at the second traffic light
it was the best holiday we have ever had
no that is not what i meant
yes
okay thank you
play some music by the beatles
what a lovely day for a walk
the children are playing in the garden
please close the window it is cold
let us have dinner at that italian place
how much did you pay for the car
tell me when you are ready
good morning everybody
`), "\n")

// A voice says sentences.
type voice struct{ engine, name string }

var testVoices = []voice{
	{"flite", "slt"}, {"flite", "rms"}, {"flite", "awb"}, {"flite", "kal16"},
	{"espeak-ng", "en-us"}, {"espeak-ng", "en-us+f3"}, {"espeak-ng", "en-gb"}, {"espeak-ng", "en-us+m3"},
}

func (v voice) String() string { return v.engine + " " + v.name }

// say gives 16 kHz mono samples of a sentence.
func (v voice) say(t testing.TB, sentence string) []int16 {
	t.Helper()
	wav := filepath.Join(t.TempDir(), "say.wav")
	cmd := exec.Command("flite", "-voice", v.name, "-o", wav, "-")
	if v.engine == "espeak-ng" {
		cmd = exec.Command("espeak-ng", "-v", v.name, "-w", wav, "--stdin")
	}
	cmd.Stdin = strings.NewReader(sentence)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", v, err, out)
	}
	return load(t, wav)
}

// load decodes a file of any kind to 16 kHz mono samples.
func load(t testing.TB, file string) []int16 {
	t.Helper()
	args := []string{"-loglevel", "error"}
	if filepath.Ext(file) == ".raw" {
		args = append(args, "-f", "s16le", "-ar", "16000")
	}
	out, err := exec.Command("ffmpeg", append(args, "-i", file, "-ar", "16000", "-ac", "1", "-f", "s16le", "-")...).Output()
	if err != nil {
		t.Fatalf("decode %s: %v", file, err)
	}
	samples := make([]int16, len(out)/2)
	if err := binary.Read(bytes.NewReader(out), binary.LittleEndian, samples); err != nil {
		t.Fatal(err)
	}
	return samples
}

// humans lists recordings of people saying other things.
func humans(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{
		"/usr/share/asterisk/sounds/en_US_f_Allison/*.g722",
		"/usr/share/asterisk/sounds/en_US_f_Allison/*/*.g722",
		"/usr/share/pocketsphinx/test/data/librivox/*.wav",
		"/usr/share/pocketsphinx/test/data/cards/*.wav",
		"/usr/share/pocketsphinx/test/data/*.raw",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	files = slices.DeleteFunc(files, func(f string) bool {
		return strings.Contains(f, "/silence/") || strings.Contains(f, "beep") || strings.Contains(f, "tone")
	})
	if len(files) < 400 {
		t.Fatalf("got %d recordings, want those of asterisk-core-sounds-en-g722 and pocketsphinx-testdata", len(files))
	}
	return files
}

// withNoise adds pink noise at a signal-to-noise ratio in dB.
func withNoise(samples []int16, ratio float64, seed uint64) []int16 {
	var power float64
	for _, s := range samples {
		power += float64(s) * float64(s)
	}
	power /= float64(len(samples))
	noise := pink(len(samples), seed)
	gain := math.Sqrt(power / math.Pow(10, ratio/10))
	out := make([]int16, len(samples))
	for i, s := range samples {
		out[i] = int16(max(-32768, min(32767, float64(s)+gain*noise[i])))
	}
	return out
}

// pink is noise of unit power whose energy falls by 3 dB an octave (Kellet's
// filter).
func pink(n int, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b0, b1, b2, power float64
	out := make([]float64, n)
	for i := range out {
		white := rng.NormFloat64()
		b0 = 0.99765*b0 + white*0.0990460
		b1 = 0.96300*b1 + white*0.2965164
		b2 = 0.57000*b2 + white*1.0526913
		out[i] = b0 + b1 + b2 + white*0.1848
		power += out[i] * out[i] / float64(n)
	}
	for i := range out {
		out[i] /= math.Sqrt(power)
	}
	return out
}

// tone is a sum of sinusoids.
func tone(seconds, amplitude float64, hertz ...float64) []int16 {
	out := make([]int16, int(seconds*16000))
	for i := range out {
		var x float64
		for _, f := range hertz {
			x += math.Sin(2 * math.Pi * f * float64(i) / 16000)
		}
		out[i] = int16(amplitude * x / float64(len(hertz)))
	}
	return out
}
