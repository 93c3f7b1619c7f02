package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hearkeep/hearkeep"
)

// incidentDrillCmd plays the case of 2018 on made-up people: two ask for their
// data, and one of them is sent what is the other's.
type incidentDrillCmd struct {
	Entries int           `help:"Put so many made-up entries of others into the ledger first." default:"10000"`
	Open    bool          `help:"Anna's archive is an open one, which whoever has it can play; by default it is sealed."`
	Out     string        `help:"Leave the letters and the draft of the notification in this folder, which must not be there or be empty." type:"path" placeholder:"DIR"`
	Target  time.Duration `help:"What everything but human decisions may take." default:"60s"`
	JSON    bool          `name:"json" help:"Print JSON."`
}

// Help says what is real in it and what is not.
func (incidentDrillCmd) Help() string {
	return "It runs on a scratch keep in a temporary folder, with a mail server of its own on loopback, and touches nothing else. " +
		"Accounts, vaults, keys, archives, ledger, letters and documents are real; what is spoken is a tone, since nothing here depends on words. " +
		"That Anna's file reaches Ben is done by copying a file: Hearkeep has no way to hand anything to another. " +
		"It ends with 1 where a step took too long or did not come out as it should. See docs/drill.md."
}

// drillStep is a line of the timeline. Times are in seconds.
type drillStep struct {
	Name   string  `json:"step"`
	Human  bool    `json:"human,omitempty"` // a person's part, which the drill does at once; it is not counted
	After  float64 `json:"after_seconds"`   // since the report
	Took   float64 `json:"took_seconds"`
	Detail string  `json:"detail"`
	Failed string  `json:"failed,omitempty"`
}

// drillResult is what the drill found.
type drillResult struct {
	Entries int64       `json:"entries"`
	Filled  float64     `json:"filled_seconds"` // how long the made-up entries took
	Sealed  bool        `json:"sealed"`
	Before  []string    `json:"before"`
	Steps   []drillStep `json:"steps"`
	Total   float64     `json:"total_seconds"` // without human decisions
	Target  float64     `json:"target_seconds"`
	Met     bool        `json:"met"`
}

// Run plays the case, prints it, and fails where a target was missed.
func (cmd incidentDrillCmd) Run(ctx context.Context, c *console) (err error) {
	if cmd.Entries < 0 || cmd.Target <= 0 {
		return hearkeep.Errorf(hearkeep.Invalid, "--entries and --target are not below zero.")
	}
	if cmd.Out != "" {
		if _, _, err := (demoCmd{Keep: cmd.Out}).scratch(); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "hearkeep-drill-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	show := c.out
	if cmd.JSON {
		show = io.Discard
	}
	log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d, err := openDrill(ctx, dir, cmd, show, log)
	if err != nil {
		return err
	}
	err = d.play(ctx)
	if err == nil && cmd.Out != "" {
		err = d.leave(cmd.Out)
	}
	if err := errors.Join(err, d.close()); err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	if cmd.JSON {
		out := json.NewEncoder(c.out)
		out.SetIndent("", "  ")
		if err := out.Encode(d.result); err != nil {
			return err
		}
	}
	if !d.result.Met {
		return hearkeep.Errorf(hearkeep.Internal, "The drill did not come out as it should: look at the lines marked with !.")
	}
	return nil
}

// play is the case from its begin to what everybody sees.
func (d *drill) play(ctx context.Context) error {
	for _, part := range []func(context.Context) error{d.fill, d.settle, d.mistake, d.answer} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	d.sum()
	return nil
}

// sum adds up what is not a person's part.
func (d *drill) sum() {
	r := &d.result
	r.Met = true
	var total float64
	for _, s := range r.Steps {
		if s.Failed != "" {
			r.Met = false
		}
		if !s.Human {
			total += s.Took
		}
	}
	if r.Total, r.Target = total, d.cmd.Target.Seconds(); r.Total > r.Target {
		r.Met = false
	}
	verdict := "met"
	if !r.Met {
		verdict = "! missed"
	}
	fmt.Fprintf(d.show, "\nEverything but human decisions: %.2f s, of %.0f s at most: %s. Ledger: %d entries.\n", r.Total, r.Target, verdict, r.Entries)
}

// step does something and prints its line.
func (d *drill) step(name string, human bool, do func() (detail string, err error)) error {
	begin := time.Now()
	detail, err := do()
	s := drillStep{Name: name, Human: human, After: time.Since(d.reported).Seconds(), Took: time.Since(begin).Seconds(), Detail: detail}
	var wrong wrongError
	if errors.As(err, &wrong) {
		s.Failed, err = string(wrong), nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d.result.Steps = append(d.result.Steps, s)
	mark := " "
	if human {
		mark = "·"
	}
	fmt.Fprintf(d.show, "%s %8.3f s  %-32s %s\n", mark, s.After, name, detail)
	if s.Failed != "" {
		fmt.Fprintf(d.show, "!             %-32s %s\n", "", s.Failed)
	}
	return nil
}

// wrongError is that a step ran, and what came out is not what it should be.
type wrongError string

func (w wrongError) Error() string { return string(w) }

func wrongf(format string, args ...any) error { return wrongError(fmt.Sprintf(format, args...)) }

// leave writes letters and documents into a folder.
func (d *drill) leave(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, data := range d.papers {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	for i, l := range d.post.all() {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("letter-%02d-to-%s.eml", i+1, l.to)), l.raw, 0o600); err != nil {
			return err
		}
	}
	return nil
}
