package wyoming

import (
	"fmt"
	"slices"
)

// Detect asks for wake words to be listened for, in the audio that follows.
// No names mean any.
type Detect struct {
	Names []string `json:"names,omitempty"`
}

// Detection says that a wake word was heard. Who said it is a guess of the
// peer's and is not read.
type Detection struct {
	Name string `json:"name,omitempty"`
}

func (Detect) Type() string    { return "detect" }
func (Detection) Type() string { return "detection" }

// Stage is where a pipeline starts or ends.
type Stage string

// Stages, in their order.
const (
	StageWake   Stage = "wake"
	StageASR    Stage = "asr"
	StageIntent Stage = "intent"
	StageHandle Stage = "handle"
	StageTTS    Stage = "tts"
)

// RunPipeline is a satellite's request: what its audio is for.
type RunPipeline struct {
	StartStage    Stage    `json:"start_stage"`
	EndStage      Stage    `json:"end_stage"`
	RestartOnEnd  bool     `json:"restart_on_end"` // it goes on streaming after the transcript; listen for the wake word again
	WakeWordName  string   `json:"wake_word_name,omitempty"`
	WakeWordNames []string `json:"wake_word_names,omitempty"`
	AnnounceText  Text     `json:"announce_text,omitzero"`
}

func (RunPipeline) Type() string { return "run-pipeline" }
func (r RunPipeline) check() error {
	order := []Stage{StageWake, StageASR, StageIntent, StageHandle, StageTTS}
	start, end := slices.Index(order, r.StartStage), slices.Index(order, r.EndStage)
	if start < 0 || end < start {
		return fmt.Errorf("no such stages")
	}
	return nil
}

// TimerStarted tells a satellite of a timer that runs for TotalSeconds.
type TimerStarted struct {
	ID           string `json:"id"`
	TotalSeconds int    `json:"total_seconds"`
	Name         Text   `json:"name,omitzero"`
	StartHours   *int   `json:"start_hours,omitempty"` // as it was asked for
	StartMinutes *int   `json:"start_minutes,omitempty"`
	StartSeconds *int   `json:"start_seconds,omitempty"`
}

// TimerUpdated tells that a timer was paused, resumed, or changed.
type TimerUpdated struct {
	ID           string `json:"id"`
	IsActive     bool   `json:"is_active"`
	TotalSeconds int    `json:"total_seconds"` // what is left
}

// TimerCancelled tells that a timer will not ring.
type TimerCancelled struct {
	ID string `json:"id"`
}

// TimerFinished tells that a timer rings.
type TimerFinished struct {
	ID string `json:"id"`
}

func (TimerStarted) Type() string   { return "timer-started" }
func (TimerUpdated) Type() string   { return "timer-updated" }
func (TimerCancelled) Type() string { return "timer-cancelled" }
func (TimerFinished) Type() string  { return "timer-finished" }

func (t TimerStarted) check() error   { return timer(t.ID, t.TotalSeconds) }
func (t TimerUpdated) check() error   { return timer(t.ID, t.TotalSeconds) }
func (t TimerCancelled) check() error { return timer(t.ID, 0) }
func (t TimerFinished) check() error  { return timer(t.ID, 0) }

func timer(id string, seconds int) error {
	if id == "" || seconds < 0 {
		return fmt.Errorf("no timer: %d seconds", seconds)
	}
	return nil
}
