package hear

import (
	"context"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/understand"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Sentences that a turn answers by itself.
const (
	sayNoSpeech      = "I heard no speech."
	sayNotMeant      = "Sorry, I did not understand that."
	sayNotUnderstood = "Sorry, I do not know how to do that."
	sayNotHeard      = "Sorry, I could not make that out just now."
	sayFailed        = "Sorry, that did not work."
)

// Reasons for keeping nothing.
const (
	reasonNoSpeech = "There was no speech in it."
	reasonNotMeant = "It did not sound like a request, so it was not kept."
	reasonRule     = "This room keeps nothing."
)

// Intents that are about what was said before them, and wait until it is kept.
const (
	intentForget  = "HearkeepForgetLast"
	intentNotMine = "HearkeepNotMine"
)

// peaks is how many bars a waveform has.
const peaks = 200

// turn is one turn on its way.
type turn struct {
	ear    *Ear
	in     *vault.Inbox
	tell   func(Event)
	id     hearkeep.RecordingID
	start  time.Time
	clip   sound.Clip
	heard  speech.Heard
	match  understand.Match
	answer Answered
	turn   hearkeep.Turn

	ended   *speech.Endpoint // where its speech lies; nil where that was not found as it came in
	relayed *speech.Heard    // what another engine made of it; nil where none was asked
}

func newTurn(e *Ear, in *vault.Inbox, tell func(Event)) *turn {
	return &turn{ear: e, in: in, tell: tell, id: hearkeep.NewID[hearkeep.RecordingID](), start: time.Now()}
}

// timed runs a stage under its deadline and notes what it took.
func (t *turn) timed(ctx context.Context, stage hearkeep.Stage, within time.Duration, fn func(context.Context) (engine, note string)) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	begin := time.Now()
	engine, note := fn(ctx)
	t.turn.Stages = append(t.turn.Stages, hearkeep.StageTime{Stage: stage, Took: time.Since(begin), Engine: engine, Note: note})
}

// decode reads a file; the only stage whose failure is the caller's.
func (t *turn) decode(data []byte) (err error) {
	t.timed(context.Background(), hearkeep.StageDecode, recogniseWithin, func(context.Context) (string, string) {
		t.clip, _, err = sound.Decode(data, sound.Limits{MaxBytes: MaxBytes, MaxDuration: MaxDuration, MaxSamples: MaxSamples})
		return "", ""
	})
	return err
}

// speak makes the audio of a text instead.
func (t *turn) speak(ctx context.Context, text hearkeep.Words) (err error) {
	t.timed(ctx, hearkeep.StageDecode, answerWithin, func(ctx context.Context) (string, string) {
		var s speech.Sound
		if s, err = t.ear.engine.Synthesise(ctx, text, "en"); err != nil {
			err = hearkeep.Errorf(hearkeep.Unavailable, "That could not be spoken: the speech engine did not answer.").
				WithHint("Give a recording instead, or see whether flite or espeak-ng is installed.").Because(err)
			return "", speechError(err)
		}
		t.clip = sound.Clip{Samples: sound.Resample(s.Samples, s.Rate)}
		return s.Engine, ""
	})
	return err
}

// run carries the turn from PCM to its end.
func (t *turn) run(ctx context.Context) {
	if no := t.listen(ctx); no != nil {
		t.dismiss(ctx, no)
		return
	}
	understood := t.understand()
	t.tell(Heard{Words: t.heard.Words, Speech: true, Understood: understood})
	t.act(ctx, understood)
	t.giveNotice(ctx)
	t.giveAloud(ctx)
	t.speakAnswer(ctx)
	defer t.ear.begin(t.in.Binding())() // before the answer: who hears it may ask to forget at once
	t.tell(t.answer)
	t.keep(ctx)
}

// dismissal is why nothing of a turn is kept.
type dismissal struct {
	heard    Heard
	counter  string
	sentence string // the answer
	reason   string
}

// listen finds the speech and its words. What voice activity or the
// recogniser says was not speech to it is dismissed.
func (t *turn) listen(ctx context.Context) *dismissal {
	nothing := &dismissal{Heard{}, CountNoSpeech, sayNoSpeech, reasonNoSpeech}
	if !t.endpoint() {
		return nothing
	}
	t.recognise(ctx)
	if t.turn.Note == "" && !t.heard.Speech {
		return nothing
	}
	if t.heard.Rejected && t.in.Source() != hearkeep.SourceUpload {
		return &dismissal{Heard{Speech: true}, CountNotMeant, sayNotMeant, reasonNotMeant}
	}
	return nil
}

// endpoint finds where speech begins and ends, and keeps no more than that.
func (t *turn) endpoint() (speaks bool) {
	t.timed(context.Background(), hearkeep.StageEndpoint, recogniseWithin, func(context.Context) (string, string) {
		var begin, end int
		if t.ended != nil { // found while it came in
			begin, end, speaks = t.ended.Begin, t.ended.End, t.ended.Event != speech.EndpointNothing
		} else {
			begin, end, speaks = t.ear.activity(t.clip.Samples)
		}
		if speaks {
			t.clip = sound.Trim(t.clip, begin, end)
		}
		return "", ""
	})
	return speaks
}

// recognise turns PCM into words. What fails here costs the words, not the
// turn. Words that another engine has sent already are taken as they are.
func (t *turn) recognise(ctx context.Context) {
	if t.relayed != nil {
		t.heard = *t.relayed
		return
	}
	t.timed(ctx, hearkeep.StageRecognise, recogniseWithin+t.clip.Duration(), func(ctx context.Context) (string, string) {
		heard, err := t.ear.engine.Recognise(ctx, speech.Audio{Samples: t.clip.Samples})
		if err != nil {
			t.ear.log.Error("recognition failed", "recording", t.id, "err", err)
			t.turn.Note = "not transcribed"
			return "", speechError(err)
		}
		t.heard = heard
		if heard.Rejected {
			t.heard.Words, t.turn.Note = hearkeep.Words{}, "not transcribed: speech, but not a request"
			return heard.Engine, "not a request"
		}
		return heard.Engine, ""
	})
}

func (t *turn) understand() (understood bool) {
	if t.heard.Words.IsEmpty() {
		return false
	}
	t.timed(context.Background(), hearkeep.StageUnderstand, understandWithin, func(context.Context) (string, string) {
		if t.match, understood = t.ear.sentences.Match(t.heard.Words); understood {
			t.turn.Intent, t.turn.Slots = t.match.Intent, t.match.Slots
			return "", ""
		}
		return "", "no sentence fits"
	})
	return understood
}

// act does what was asked, and finds the answer's words either way.
func (t *turn) act(ctx context.Context, understood bool) {
	switch {
	case t.heard.Words.IsEmpty() && t.heard.Rejected:
		t.say("", sayNotMeant)
		return
	case t.heard.Words.IsEmpty():
		t.say("", sayNotHeard)
		return
	case !understood:
		t.say("", sayNotUnderstood)
		return
	}
	t.timed(ctx, hearkeep.StageAct, actWithin, func(ctx context.Context) (string, string) {
		if t.match.Intent == intentForget || t.match.Intent == intentNotMine {
			if err := t.ear.settle(ctx, t.in.Binding()); err != nil {
				t.ear.log.Warn("an earlier keep is still under way", "binding", t.in.Binding(), "err", err)
			}
		}
		done, err := t.ear.act.Do(ctx, act.Order{
			Intent: t.match.Intent, Slots: t.match.Slots, Vault: t.in.Vault(),
			Binding: t.in.Binding(), Recording: t.id, At: t.start,
		})
		if err != nil {
			t.ear.log.Error("an act failed", "recording", t.id, "err", err)
			t.say("", sayFailed)
			return "", "failed"
		}
		t.answer.Words, t.answer.Did, t.turn.Did = done.Answer, done.Did, done.Did
		return "", ""
	})
}

func (t *turn) say(did, sentence string) {
	t.answer.Words, t.answer.Did, t.turn.Did = hearkeep.NewWords(sentence), did, did
}

// giveNotice puts a short notice of what is kept here before the first answer
// of a new or changed door, which is before its first kept recording (V1).
func (t *turn) giveNotice(ctx context.Context) {
	due, err := t.in.TakeNotice(ctx)
	if err != nil {
		t.ear.log.Warn("a notice was not given", "binding", t.in.Binding(), "err", err)
	}
	if !due {
		return
	}
	retention, err := t.in.Retention(ctx)
	if err != nil {
		t.ear.log.Warn("a notice does not say how long", "binding", t.in.Binding(), "err", err)
	}
	t.answer.Words = hearkeep.NewWords(notice(t.in.Rule().Keep, retention) + " " + t.answer.Words.Reveal())
}

// sayAloud is all that a door says of a notice: people at home are an audience.
const sayAloud = "There is an important notice in your keep."

// giveAloud says after the answer that a notice waits, where one does whose
// person chose this door for it (B5).
func (t *turn) giveAloud(ctx context.Context) {
	if t.ear.aloud == nil {
		return
	}
	due, err := t.ear.aloud(ctx, t.in.Binding())
	if err != nil {
		t.ear.log.Warn("a notice was not said", "binding", t.in.Binding(), "err", err)
		return
	}
	if due {
		t.answer.Words = hearkeep.NewWords(t.answer.Words.Reveal() + " " + sayAloud)
	}
}

func notice(keep hearkeep.Keeping, r store.Retention) string {
	days := func(d time.Duration) int { return int(d / (24 * time.Hour)) }
	switch keep {
	case hearkeep.KeepAll:
		return fmt.Sprintf("This is Hearkeep. What is said here is kept for its keepers alone, and deleted after %d days.", days(max(r.Audio, r.Words, r.Turn)))
	case hearkeep.KeepWords:
		return fmt.Sprintf("This is Hearkeep. Only the words of what is said here are kept, for their keepers alone, and deleted after %d days.", days(max(r.Words, r.Turn)))
	}
	return "This is Hearkeep. Nothing of what is said here is kept."
}

// speakAnswer makes the answer's sound; without an engine it stays in words.
func (t *turn) speakAnswer(ctx context.Context) {
	t.timed(ctx, hearkeep.StageAnswer, answerWithin, func(ctx context.Context) (string, string) {
		s, err := t.ear.engine.Synthesise(ctx, t.answer.Words, "en")
		if err != nil {
			t.ear.log.Warn("an answer was not spoken", "recording", t.id, "err", err)
			return "", speechError(err)
		}
		t.answer.Sound = sound.EncodeWAV(s.Samples, s.Rate)
		return s.Engine, ""
	})
	t.turn.Answer, t.answer.Stages = t.answer.Words, t.turn.Stages
}

// dismiss ends a turn of which nothing is kept but a count.
func (t *turn) dismiss(ctx context.Context, no *dismissal) {
	t.ear.count(ctx, t.in.Binding(), no.counter)
	t.tell(no.heard)
	t.say("", no.sentence)
	t.speakAnswer(ctx)
	t.tell(t.answer)
	t.tell(NotKept{Reason: no.reason})
}

// keep seals the recording after the answer was given. The asker may have
// gone by then; what was said is kept all the same.
func (t *turn) keep(ctx context.Context) {
	if t.in.Keeps(t.start) == hearkeep.KeepNothing {
		t.tell(NotKept{Reason: reasonRule})
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepWithin)
	defer cancel()
	taken, err := t.taken()
	if err == nil {
		err = t.in.Keep(ctx, taken)
	}
	if err != nil {
		t.ear.log.Error("a recording was not kept", "recording", t.id, "err", err)
		_, sentence, hint := hearkeep.Explain(err)
		t.tell(NotKept{Reason: sentence + " " + hint, Failed: hearkeep.CodeOf(err) != hearkeep.Forbidden})
		return
	}
	t.tell(Kept{t.id})
}

// keepLater keeps while the asker goes on.
func (t *turn) keepLater() {
	done := t.ear.begin(t.in.Binding())
	t.ear.later.Go(func() {
		defer done()
		t.keep(context.Background())
	})
}

// taken is what there is to keep: without audio where words came alone.
func (t *turn) taken() (vault.Taken, error) {
	taken := vault.Taken{
		ID: t.id, Start: t.start, Duration: t.clip.Duration(), Words: t.heard.Words,
		HasWords: !t.heard.Words.IsEmpty(), Turn: t.turn,
	}
	if len(t.clip.Samples) == 0 {
		return taken, nil
	}
	taken.Waveform = sound.Peaks(t.clip, peaks)
	var err error
	taken.Audio, err = sound.EncodeFLAC(t.clip)
	return taken, err
}
