package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/vault"
	"golang.org/x/sys/unix"
)

type doctorCmd struct {
	Keep     string `help:"The folder to look at; it may be in use." default:"./keep" type:"path"`
	Listen   string `help:"The portal's address and port, as serve has it." default:"127.0.0.1:8484"`
	Timezone string `help:"Where alarms ring, as serve has it." placeholder:"ZONE"`
	JSON     bool   `help:"Print one JSON object a line and finding." name:"json"`
	lettersFlags
	backupFlags
}

// Run looks at everything that somebody would ask who is up at three in the
// morning because of it, and changes nothing. It ends with 1 where it found a
// problem, and with 11 where something is damaged.
func (cmd doctorCmd) Run(ctx context.Context, c *console) error {
	d := newDoctor(cmd, c.out)
	d.look(ctx)
	return d.end()
}

// state says how one thing is.
type state string

const (
	stateOK      state = "ok"
	stateNote    state = "note"    // works, and somebody should know
	stateProblem state = "problem" // does not work, or soon will not
)

// finding is what doctor says of one thing: never words or names of people.
type finding struct {
	Area   string `json:"area"`
	State  state  `json:"state"`
	Says   string `json:"says"`             // one sentence, or two
	Mend   string `json:"mend,omitempty"`   // what mends it
	Damage bool   `json:"damage,omitempty"` // a problem that is damage of what is kept
}

// doctor goes from one area to the next; what one finds, later ones use.
type doctor struct {
	doctorCmd
	now    time.Time
	speech speech.Options
	page   page

	running bool      // a Hearkeep holds the folder
	newest  time.Time // of what the keep has recorded
	doors   []vault.CheckedDoor
	out     outbox
	counts  map[state]int
	damages int
}

func newDoctor(cmd doctorCmd, out io.Writer) *doctor {
	return &doctor{doctorCmd: cmd, now: time.Now(), page: newPage(out, cmd.JSON), counts: map[state]int{}}
}

func (d *doctor) look(ctx context.Context) {
	d.ok("program", "Hearkeep %s, built with %s for %s/%s.", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if d.folder() {
		d.disk()
		d.stored(ctx)
	}
	d.clock()
	d.engines(ctx)
	d.portal(ctx)
	d.https()
	d.letters(ctx)
	d.listeners(ctx)
	d.opener()
	d.notHere()
}

// notHere says plainly what nobody should rely on.
func (d *doctor) notHere() {
	for _, says := range []string{
		"Who spoke is not told apart: that needs an external engine. Whatever a door hears goes to that door's keeper, whoever said it.",
		"There are no wake words here: a door listens when its device, or Home Assistant, says so.",
		"Only English commands of the sentences in docs/sentences.md are understood; free dictation is not.",
	} {
		d.note("not here", "", "%s", says)
	}
}

func (d *doctor) ok(area, format string, args ...any) {
	d.tell(finding{Area: area, State: stateOK, Says: fmt.Sprintf(format, args...)})
}

func (d *doctor) note(area, mend, format string, args ...any) {
	d.tell(finding{Area: area, State: stateNote, Says: fmt.Sprintf(format, args...), Mend: mend})
}

func (d *doctor) problem(area, mend, format string, args ...any) {
	d.tell(finding{Area: area, State: stateProblem, Says: fmt.Sprintf(format, args...), Mend: mend})
}

func (d *doctor) damage(area, mend, format string, args ...any) {
	d.tell(finding{Area: area, State: stateProblem, Says: fmt.Sprintf(format, args...), Mend: mend, Damage: true})
}

func (d *doctor) tell(f finding) {
	d.counts[f.State]++
	if f.Damage {
		d.damages++
	}
	d.page.tell(f)
}

func (d *doctor) end() error {
	ok, notes, problems := d.counts[stateOK], d.counts[stateNote], d.counts[stateProblem]
	d.page.sum(fmt.Sprintf("%d ok, %s, %s.", ok, countOf(notes, "note"), countOf(problems, "problem")))
	switch {
	case d.damages > 0:
		return codedError{exitDamaged, hearkeep.Errorf(hearkeep.Conflict, "Something is damaged.").
			WithHint("Stop the server before anything else is lost, copy the whole folder, and read \"Damage\" in docs/operating.md.")}
	case problems > 0:
		return hearkeep.Errorf(hearkeep.Unavailable, "There %s.", isAre(problems, "problem"))
	}
	return nil
}

func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func isAre(n int, what string) string {
	if n == 1 {
		return "is 1 " + what
	}
	return "are " + countOf(n, what)
}

// page prints findings as they are found: aligned columns for people, one
// object a line for programs.
type page struct {
	out    io.Writer
	asJSON bool
	colour bool
	area   *string // the one printed last
}

// pageWidth is where lines end, in characters.
const pageWidth = 100

func newPage(out io.Writer, asJSON bool) page {
	return page{out: out, asJSON: asJSON, colour: isTerminal(out) && os.Getenv("NO_COLOR") == "", area: new(string)}
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil && os.Getenv("TERM") != "dumb"
}

func (p page) tell(f finding) {
	if p.asJSON {
		json.NewEncoder(p.out).Encode(f)
		return
	}
	area := f.Area
	if *p.area == area {
		area = ""
	}
	*p.area = f.Area
	lines := wrap(f.Says, pageWidth-20)
	fmt.Fprintf(p.out, "%-10s %s %s\n", area, p.paint(f.State), lines[0])
	for _, line := range lines[1:] {
		fmt.Fprintf(p.out, "%20s%s\n", "", line)
	}
	if f.Mend != "" { // one line however long: it is there to be copied
		fmt.Fprintf(p.out, "%20s-> %s\n", "", f.Mend)
	}
}

func (p page) sum(says string) {
	if !p.asJSON {
		fmt.Fprintf(p.out, "\n%s\n", says)
	}
}

func (p page) paint(s state) string {
	text := fmt.Sprintf("%-8s", s)
	if !p.colour {
		return text
	}
	colour := map[state]string{stateOK: "32", stateNote: "33", stateProblem: "1;31"}[s]
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// wrap breaks a sentence between words, so that lines fit.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
