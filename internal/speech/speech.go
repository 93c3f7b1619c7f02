// Package speech turns sound into words and words into sound.
//
// It runs the engines in worker processes: Hearkeep's own binary executed
// again, without keys, in a cage of system calls that leaves them no network,
// no files but their own and nothing to write to (Engine.Cage says what holds
// on this machine), and restarted when they die, hang or babble. Only a worker
// links native code, at run time; where that code is absent a call answers
// ErrAbsent and everything else goes on.
//
// It promises that every call ends within its deadline; that what one
// utterance sounded like is not carried into the next; and that neither sound
// nor words nor the grammar reach a disk, a command line or a log. It refuses
// to guess: speech that a grammar does not cover is Rejected, as well as a
// filter can tell (docs/speech.md has the figures), so that what destroys or
// unlocks must still be confirmed by other means.
package speech

import (
	"errors"

	"github.com/hearkeep/hearkeep"
)

// Errors that callers act on.
var (
	// ErrAbsent is an engine that is not installed; Status says how to mend it.
	ErrAbsent = errors.New("engine is not installed")
	// ErrWorker is a worker that died, hung or broke the protocol. The next
	// call has a new one.
	ErrWorker = errors.New("speech worker failed")
	// ErrNoGrammar is a recognition before the first SetGrammar.
	ErrNoGrammar = errors.New("no grammar is set")
)

// Audio is sound to recognise.
type Audio struct {
	Samples []int16 // mono, hearkeep.SampleRate
}

// Grammar is what can be recognised.
type Grammar struct {
	// JSGF is a grammar in the Java Speech Grammar Format, version 1.0, whose
	// first public rule, <hearkeep>, is matched. Its words are lower-case.
	JSGF string `json:"jsgf"`
	// Words is every word in it, for each of which a pronunciation is found.
	Words []string `json:"words"`
}

// Heard is what became of one utterance.
type Heard struct {
	// Words is the sentence of the grammar that fits best. It is there even
	// when Rejected, and then not what was said.
	Words hearkeep.Words
	// Score is what Rejected was judged by: how much worse than the best
	// sequence of sounds the sentence fits, 0 or less, in pocketsphinx's log
	// likelihood per frame of 10 ms.
	Score    float64
	Rejected bool   // there was speech, but outside the grammar
	Speech   bool   // voice activity found speech; otherwise nothing was recognised
	Engine   string // "pocketsphinx en-us"
}

// Sound is what a synthesiser made.
type Sound struct {
	Samples []int16 // mono; none where there was nothing to say
	Rate    int     // hertz
	Engine  string  // "flite slt"
}

// EngineStatus says whether an engine can be used.
type EngineStatus struct {
	Name    string // "pocketsphinx en-us"
	Does    string // "recognises English commands"
	Present bool
	Mend    string // the command that installs it; empty where it is present
}

// Native names the programs, libraries and models a worker uses. Empty fields
// are Debian's.
type Native struct {
	Sphinxbase   string `json:"sphinxbase,omitempty"`   // library
	Pocketsphinx string `json:"pocketsphinx,omitempty"` // library
	Model        string `json:"model,omitempty"`        // folder of the acoustic model and dictionary
	Flite        string `json:"flite,omitempty"`        // program
	Espeak       string `json:"espeak,omitempty"`       // program
}

// withDefaults fills empty fields.
func (n Native) withDefaults() Native {
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill(&n.Sphinxbase, "libsphinxbase.so.3")
	fill(&n.Pocketsphinx, "libpocketsphinx.so.3")
	fill(&n.Model, "/usr/share/pocketsphinx/model/en-us")
	fill(&n.Flite, "flite")
	fill(&n.Espeak, "espeak-ng")
	return n
}
