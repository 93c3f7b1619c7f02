package hearkeep

import (
	"fmt"
	"time"
)

// Part names one separately sealed, separately erasable piece of a recording.
type Part string

// Parts.
const (
	PartAudio    Part = "audio"    // FLAC, 16 kHz, mono
	PartWords    Part = "words"    // the transcript; each correction is a new version
	PartTurn     Part = "turn"     // what was understood, done and answered: a Turn as JSON
	PartWaveform Part = "waveform" // peaks for drawing, one byte each
)

// Parts lists all parts in the order in which they are sealed.
func Parts() []Part { return []Part{PartAudio, PartWords, PartTurn, PartWaveform} }

// Valid reports whether p is one of the parts above.
func (p Part) Valid() bool {
	return p == PartAudio || p == PartWords || p == PartTurn || p == PartWaveform
}

// Stage is a step of a turn.
type Stage string

// Stages in their order.
const (
	StageDecode     Stage = "decode"     // the file or stream to PCM
	StageEndpoint   Stage = "endpoint"   // where speech begins and ends
	StageRecognise  Stage = "recognise"  // PCM to words
	StageUnderstand Stage = "understand" // words to an intent
	StageAct        Stage = "act"        // the intent done
	StageAnswer     Stage = "answer"     // the answer's words to sound
)

// StageTime is how long one stage took and what carried it out (V17).
type StageTime struct {
	Stage  Stage
	Took   time.Duration
	Engine string // "pocketsphinx en-us", "flite slt"; empty where it is Hearkeep itself
	Note   string // "timed out", "engine absent"; empty where all went well
}

// Slot is one named value of an intent, as spoken and as understood.
type Slot struct {
	Name   string
	Spoken Words
	Value  Words // canonical form: a number in digits, a list's out value
}

// Turn is what became of one utterance. It is sealed as a recording's turn
// part and reaches a person only through an opened Room.
type Turn struct {
	Intent string // "HassStartTimer"; empty where nothing was understood
	Slots  []Slot
	Did    string // what was done, for people: "started a timer"; holds no words
	Answer Words
	Stages []StageTime
	Note   string // "not transcribed"; empty where all went well
}

// Outcome is how a number of a binding ended when no recording stands under it.
type Outcome string

// Outcomes of tombstones.
const (
	OutcomeErased  Outcome = "erased"  // a person's or a voice's wish
	OutcomeExpired Outcome = "expired" // retention
	OutcomeFailed  Outcome = "failed"  // handed out, but nothing was kept
)

// Run is the numbers From to To of one binding, both included.
type Run struct {
	Binding  BindingID `json:"binding"`
	From, To Number
}

// String is for operators: ids and numbers only.
func (r Run) String() string { return fmt.Sprintf("%s:%d-%d", r.Binding, r.From, r.To) }

// Runs packs numbers, which must ascend within each binding, into runs.
func Runs(binding BindingID, numbers []Number) []Run {
	var runs []Run
	for _, n := range numbers {
		if k := len(runs); k > 0 && runs[k-1].To+1 == n {
			runs[k-1].To = n
			continue
		}
		runs = append(runs, Run{binding, n, n})
	}
	return runs
}
