package hear_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
	"github.com/hearkeep/hearkeep/internal/wyoming"
)

// byLoudness knows who speaks by the loudest sample, so that a mixed-up
// recording is noticed by its words.
type byLoudness struct{ engine }

const loudest, louder = 6000, 120

func (*byLoudness) Recognise(_ context.Context, a speech.Audio) (speech.Heard, error) {
	who := (int(slices.Max(a.Samples)) - loudest) / louder
	return says(fmt.Sprintf("set a timer for %d minutes", who)), nil
}

// speaker is a recording whose loudest sample says who speaks.
func speaker(t *testing.T, from []int16, who int) *stream {
	t.Helper()
	peak, want := int(slices.Max(from)), loudest+who*louder+louder/2
	out := make([]int16, len(from))
	for i, v := range from {
		out[i] = int16(int(v) * want / peak)
	}
	return &stream{samples: out}
}

// A hundred people speak at once at a hundred listeners of ten keeps, asr and
// handle on connections of their own: nothing is attributed to another's.
func TestHundredSpeakers(t *testing.T) {
	const people, rooms = 10, 10
	d := newDoorway(t, "")
	d.ear.Hears(&byLoudness{})
	audio := spoken(t).samples
	var homes []vaulttest.Person
	address := map[int]string{} // who speaks, by where
	for p := range people {
		person := d.anna
		if p > 0 {
			person = d.Person(t, fmt.Sprint("Person ", p))
		}
		homes = append(homes, person)
		for r := range rooms {
			address[p*rooms+r], _ = d.bind(t, person, "")
		}
	}
	must(t, d.doors.Refresh(t.Context()))
	var all sync.WaitGroup
	for who, where := range address {
		said := speaker(t, audio, who)
		all.Go(func() {
			want := fmt.Sprintf("set a timer for %d minutes", who)
			if err := turnAt(t.Context(), where, said, want); err != nil {
				t.Errorf("speaker %d: %v", who, err)
			}
		})
	}
	all.Wait()
	for p, home := range homes {
		items := d.items(t, home)
		if len(items) != rooms {
			t.Errorf("keep %d has %d recordings, want %d", p, len(items), rooms)
		}
		heard := map[string]bool{}
		for _, it := range items {
			heard[it.Words.Reveal()] = true
		}
		for r := range rooms {
			if words := fmt.Sprintf("set a timer for %d minutes", p*rooms+r); !heard[words] {
				t.Errorf("keep %d lacks what its speaker %d said", p, p*rooms+r)
			}
		}
	}
}

// turnAt is one utterance as Home Assistant carries it: transcribe on one
// connection, handle on the next.
func turnAt(ctx context.Context, address string, audio *stream, want string) error {
	c, err := wyoming.Dial(ctx, "tcp://"+address, wyoming.Deadlines{})
	if err != nil {
		return err
	}
	defer c.Close()
	got, err := c.Transcribe(ctx, wyoming.Transcribe{Language: "en"}, audio)
	if err != nil {
		return err
	}
	if got.Text.Plain() != want {
		return fmt.Errorf("transcript %q, want %q", got.Text.Plain(), want)
	}
	h, err := wyoming.Dial(ctx, "tcp://"+address, wyoming.Deadlines{})
	if err != nil {
		return err
	}
	defer h.Close()
	answer, err := h.Handle(ctx, got)
	if err == nil && !strings.Contains(answer.Text.Plain(), "starting now") && want != "set a timer for 0 minutes" {
		err = fmt.Errorf("answer %q", answer.Text.Plain())
	}
	return err
}
