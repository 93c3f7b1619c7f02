package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/hear"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// demoHome is a household in a keep, on the rooms that hear it.
type demoHome struct {
	*rooms
	passphrase string
	vault      hearkeep.VaultID
	doors      map[string]hearkeep.BindingID // by room
	tally      map[string]*tally             // by room
}

// tally counts what became of what was said in a room.
type tally struct{ said, kept, deleted, unmeant int }

// bind makes a Wyoming door of each room, on loopback.
func (h *demoHome) bind(ctx context.Context, room *vault.Room) error {
	ports, err := freePorts(len(demoRooms()))
	if err != nil {
		return err
	}
	for i, r := range demoRooms() {
		id, err := room.Bind(ctx, hearkeep.SourceWyoming, vault.Door{Name: r.name, Listen: ports[i]}, r.rule)
		if err != nil {
			return err
		}
		h.doors[r.name], h.tally[r.name] = id, &tally{}
	}
	return nil
}

// freePorts returns loopback addresses that were free a moment ago.
func freePorts(n int) ([]string, error) {
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // only then, so that no two are the same
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// fill lets the household speak, in order. The next sentences are synthesised
// while the last is heard.
func (h *demoHome) fill(ctx context.Context, all []utterance, show *progress) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sounds := make(chan spoken, 4)
	go speakAll(ctx, all, sounds)
	for _, u := range all {
		var s spoken
		select {
		case s = <-sounds:
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.err != nil {
			return s.err
		}
		if err := h.endTimers(ctx, u.at); err != nil {
			return err
		}
		if err := h.hear(ctx, u, s.wav); err != nil {
			return fmt.Errorf("demo: day %d: %w", u.day, err)
		}
		show.at(u.day)
	}
	h.ear.Settle()
	show.done()
	return h.endTimers(ctx, time.Now())
}

// spoken is an utterance's sound.
type spoken struct {
	wav []byte
	err error
}

// speakAll synthesises everything in order; what was said before by the same
// voice is not synthesised again.
func speakAll(ctx context.Context, all []utterance, sounds chan<- spoken) {
	type sentence struct {
		who  person
		text string
	}
	known := map[sentence]spoken{}
	for _, u := range all {
		key := sentence{u.who, u.text}
		s, ok := known[key]
		if !ok {
			s.wav, s.err = synthesise(ctx, voices()[u.who], u.text)
			known[key] = s
		}
		select {
		case sounds <- s:
		case <-ctx.Done():
			return
		}
	}
}

// synthesise has a voice say a text. That stands on the command line, where
// others can read it: it is made up.
func synthesise(ctx context.Context, voice []string, text string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "hearkeep-demo-voice-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "said.wav")
	args := append(voice[1:len(voice):len(voice)], "-w", file, text)
	if voice[0] == "flite" {
		args = append(voice[1:len(voice):len(voice)], "-o", file, "-t", text)
	}
	if out, err := exec.CommandContext(ctx, voice[0], args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("demo: %s: %w: %s", strings.Join(voice, " "), err, out)
	}
	return os.ReadFile(file)
}

// hear takes one utterance through the whole path, as if at its time. Once
// begun, it ends whatever happens to ctx.
func (h *demoHome) hear(ctx context.Context, u utterance, wav []byte) error {
	ctx = context.WithoutCancel(ctx)
	in, err := h.folder.keep.Listener(ctx, h.doors[u.room])
	if err != nil {
		return err
	}
	count := h.tally[u.room]
	count.said++
	return h.ear.HearAt(ctx, in, u.at, wav, func(e hear.Event) {
		switch e := e.(type) {
		case hear.Heard:
			if e.Words.IsEmpty() {
				count.unmeant++
			}
		case hear.Answered:
			if e.Did == "deleted the last recording" {
				count.deleted++
			}
		case hear.Kept:
			count.kept++
		}
	})
}

// endTimers removes what has rung by then: nobody was there to be woken.
func (h *demoHome) endTimers(ctx context.Context, by time.Time) error {
	var errs []error
	for _, t := range h.acts.Pending(ctx, h.vault) {
		if t.Due.Before(by) {
			errs = append(errs, h.acts.Cancel(ctx, h.vault, t.ID))
		}
	}
	return errors.Join(errs...)
}

// table prints what became of it all.
func (h *demoHome) table(out io.Writer) {
	fmt.Fprintf(out, "%-12s %5s %5s   %s\n", "", "said", "kept", "the rest")
	for _, r := range demoRooms() {
		t := h.tally[r.name]
		fmt.Fprintf(out, "%-12s %5d %5d   %s\n", r.name, t.said, t.kept-t.deleted, t.rest(r.rule))
	}
}

// rest says what was not kept, and why.
func (t *tally) rest(rule hearkeep.RoomRule) string {
	var parts []string
	if t.unmeant > 0 {
		parts = append(parts, fmt.Sprintf("%d not meant for it", t.unmeant))
	}
	if t.deleted > 0 {
		parts = append(parts, fmt.Sprintf("%d deleted by voice", t.deleted))
	}
	switch left := t.said - t.kept - t.unmeant; {
	case left > 0 && rule.Keep == hearkeep.KeepNothing:
		parts = append(parts, fmt.Sprintf("%d answered: this room keeps nothing", left))
	case left > 0:
		parts = append(parts, fmt.Sprintf("%d answered in quiet hours", left))
	}
	if rule.Keep == hearkeep.KeepWords {
		parts = append(parts, "words only, no sound")
	}
	return strings.Join(parts, ", ")
}

// progress shows how far the filling has come: in place on a terminal, a line
// a week elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	days     int
	day      int
	begin    time.Time
}

func newProgress(out io.Writer, days int) *progress {
	return &progress{out: out, terminal: isTerminal(out), days: days, begin: time.Now()}
}

func (p *progress) at(day int) {
	if day == p.day {
		return
	}
	p.day = day
	switch {
	case p.terminal:
		full := 30 * day / p.days
		fmt.Fprintf(p.out, "\r  day %2d of %d  [%s%s]", day, p.days, strings.Repeat("#", full), strings.Repeat(".", 30-full))
	case day%7 == 1 && p.days > 1:
		fmt.Fprintf(p.out, "  day %d of %d\n", day, p.days)
	}
}

func (p *progress) done() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	fmt.Fprintf(p.out, "Filled in %s.\n\n", time.Since(p.begin).Round(100*time.Millisecond))
}
