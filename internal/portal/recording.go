package portal

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// recordingPage is everything that is kept of one recording.
type recordingPage struct {
	frame
	row
	Wave    string // the path of the waveform's drawing; empty where none is kept
	Intent  string
	Slots   []slotView
	Stages  []stageView
	Total   string
	Note    string
	Until   clock
	KeptFor string
	Number  uint64
	Kind    string      // of door
	Others  []vaultView // where it can be moved
	Frozen  *frozenView // what freezes it; nil for nothing
	Done    string
	Correct bool   // its words can be corrected
	Version uint64 // of the words: above 1 where their keyholder corrected them
}

type slotView struct{ Name, Spoken, Value string }

// stageView is one step of the turn and what carried it out (V17).
type stageView struct{ Stage, Took, Engine, Note string }

// recording shows one, of the vault that the address names with "of", else of
// the open one.
func (p *portal) recording(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RecordingID](r)
	if err != nil {
		return err
	}
	if v, err = p.named(w, r, v); err != nil {
		return err
	}
	it, err := v.room.Read(r.Context(), id)
	if err != nil {
		return err
	}
	page := p.recordingPage(v, it)
	if it.HasAudio && !it.Damaged {
		// Without its drawing a recording still plays.
		peaks, err := v.room.Waveform(r.Context(), id)
		if err != nil {
			p.Log.Warn("waveform not drawn", "recording", id, "err", err)
		}
		page.Wave = wavePath(peaks)
	}
	if page.Frozen, err = p.freezing(r.Context(), v, it); err != nil {
		return err
	}
	if r.URL.Query().Get("done") == "corrected" {
		page.Done = "The words are corrected. Those before are destroyed."
	}
	p.show(w, http.StatusOK, "recording", page)
	return nil
}

func (p *portal) recordingPage(v *visit, it vault.Item) *recordingPage {
	page := &recordingPage{
		frame: p.frameOf(v, "Recording", ""), row: p.row(it),
		Until: p.clock(it.Until), KeptFor: spanText(it.Until.Sub(it.Start).Round(24 * time.Hour)),
		Number: uint64(it.Number), Kind: sourceKind(it.Source), Others: v.others(),
		Correct: it.HasWords && !it.Damaged, Version: it.Version,
	}
	if !it.HasTurn {
		return page
	}
	page.Intent, page.Note = it.Turn.Intent, it.Turn.Note
	for _, s := range it.Turn.Slots {
		page.Slots = append(page.Slots, slotView{s.Name, s.Spoken.Reveal(), s.Value.Reveal()})
	}
	var total time.Duration
	for _, s := range it.Turn.Stages {
		total += s.Took
		page.Stages = append(page.Stages, stageView{stageText(s.Stage), tookText(s.Took), engineText(s.Engine), s.Note})
	}
	page.Total = tookText(total)
	return page
}

// stageText says what a stage did, in the words of somebody who looks.
func stageText(s hearkeep.Stage) string {
	switch s {
	case hearkeep.StageDecode:
		return "Read the sound"
	case hearkeep.StageEndpoint:
		return "Found the speech in it"
	case hearkeep.StageRecognise:
		return "Turned sound into words"
	case hearkeep.StageUnderstand:
		return "Understood the words"
	case hearkeep.StageAct:
		return "Did it"
	case hearkeep.StageAnswer:
		return "Spoke the answer"
	}
	return string(s)
}

func engineText(engine string) string {
	if engine == "" {
		return "Hearkeep itself"
	}
	return engine
}

// waveHeight is the height of the drawing in its own units; each peak is a
// bar of waveStep.
const (
	waveHeight = 64
	waveStep   = 4
)

// wavePath draws one upright bar a peak, as the d of an SVG path.
func wavePath(peaks []byte) string {
	var d strings.Builder
	for i, peak := range peaks {
		half := max(1, int(peak)*(waveHeight/2-2)/255)
		fmt.Fprintf(&d, "M%d %dV%d", i*waveStep+waveStep/2, waveHeight/2-half, waveHeight/2+half)
	}
	return d.String()
}

// WaveBox is the drawing's viewBox.
func (pg *recordingPage) WaveBox() string {
	return fmt.Sprintf("0 0 %d %d", strings.Count(pg.Wave, "M")*waveStep, waveHeight)
}

// audio sends the sound, whole or in ranges. Its ETag is of the sound itself,
// so that a range never joins two versions.
func (p *portal) audio(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RecordingID](r)
	if err != nil {
		return err
	}
	sound, err := v.room.Listen(r.Context(), id)
	if err != nil {
		return err
	}
	defer sound.Close()
	w.Header().Set("Content-Type", sound.MediaType())
	w.Header().Set("ETag", sound.ETag())
	w.Header().Set("Content-Disposition", `inline; filename="recording.flac"`)
	http.ServeContent(w, r, "", time.Time{}, sound)
	return nil
}
