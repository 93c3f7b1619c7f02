package vault

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
)

// A turn part is JSON: {"intent", "slots":[{"name","spoken","value"}], "did",
// "answer", "stages":[{"stage","took_us","engine","note"}], "note"}. Words are
// written out here, since what follows is sealing.
type storedTurn struct {
	Intent string        `json:"intent,omitempty"`
	Slots  []storedSlot  `json:"slots,omitempty"`
	Did    string        `json:"did,omitempty"`
	Answer string        `json:"answer,omitempty"`
	Stages []storedStage `json:"stages,omitempty"`
	Note   string        `json:"note,omitempty"`
}

type storedSlot struct {
	Name   string `json:"name"`
	Spoken string `json:"spoken"`
	Value  string `json:"value"`
}

type storedStage struct {
	Stage  hearkeep.Stage `json:"stage"`
	Took   int64          `json:"took_us"` // microseconds
	Engine string         `json:"engine,omitempty"`
	Note   string         `json:"note,omitempty"`
}

func encodeTurn(t hearkeep.Turn) ([]byte, error) {
	s := storedTurn{Intent: t.Intent, Did: t.Did, Answer: t.Answer.Reveal(), Note: t.Note}
	for _, slot := range t.Slots {
		s.Slots = append(s.Slots, storedSlot{slot.Name, slot.Spoken.Reveal(), slot.Value.Reveal()})
	}
	for _, stage := range t.Stages {
		s.Stages = append(s.Stages, storedStage{stage.Stage, stage.Took.Microseconds(), stage.Engine, stage.Note})
	}
	return json.Marshal(s)
}

func decodeTurn(b []byte) (hearkeep.Turn, error) {
	var s storedTurn
	if err := json.Unmarshal(b, &s); err != nil {
		return hearkeep.Turn{}, fmt.Errorf("vault: turn part is not what this program writes") // not %w: the error would quote speech
	}
	t := hearkeep.Turn{Intent: s.Intent, Did: s.Did, Answer: hearkeep.NewWords(s.Answer), Note: s.Note}
	for _, slot := range s.Slots {
		t.Slots = append(t.Slots, hearkeep.Slot{Name: slot.Name, Spoken: hearkeep.NewWords(slot.Spoken), Value: hearkeep.NewWords(slot.Value)})
	}
	for _, stage := range s.Stages {
		t.Stages = append(t.Stages, hearkeep.StageTime{Stage: stage.Stage, Took: time.Duration(stage.Took) * time.Microsecond, Engine: stage.Engine, Note: stage.Note})
	}
	return t, nil
}
