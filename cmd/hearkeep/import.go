package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights/bring"
	"github.com/hearkeep/hearkeep/internal/sound"
	"golang.org/x/sys/unix"
)

type importCmd struct {
	Paths      []string `arg:"" name:"path" help:"The archive: a ZIP file, all parts of one, a folder, or recordings and their list."`
	YesAllMine bool     `help:"Do not ask: all of it is yours." env:"-"`
	Device     []string `help:"Only what is of this device, as the archive calls it; may be repeated. Do not ask." placeholder:"NAME" sep:"none" env:"-"`
	From       string   `help:"Only from this day on." placeholder:"YYYY-MM-DD" env:"-"`
	To         string   `help:"Only up to this day." placeholder:"YYYY-MM-DD" env:"-"`
	DryRun     bool     `help:"Show what is in it, and keep nothing." env:"-"`
	Report     string   `help:"Write what could not be read to this file (CSV)." type:"path" placeholder:"FILE" env:"-"`
	vaultFlag
	sessionFile
}

// Run shows what is in an archive, asks whether it is all theirs, and brings
// what is.
func (cmd importCmd) Run(ctx context.Context, c *console) error {
	choice, err := cmd.choice()
	if err != nil {
		return err
	}
	var to *sender
	if !cmd.DryRun { // before reading for minutes
		if to, err = cmd.sender(ctx, c); err != nil {
			return err
		}
	}
	source, err := bring.Open(cmd.Paths...)
	if err != nil {
		return err
	}
	defer source.Close()
	a, err := bring.Read(ctx, source, time.Local)
	if err != nil {
		return err
	}
	check := a.Check(time.Local)
	showCheck(c.out, check)
	if check.Recordings == 0 {
		showUnread(c, a, cmd.Report)
		return hearkeep.Errorf(hearkeep.Invalid, "There is nothing in it that can be brought.")
	}
	if cmd.DryRun {
		showUnread(c, a, cmd.Report)
		return nil
	}
	if !choice.All && len(choice.Devices) == 0 {
		asked, err := ask(ctx, c, a, check)
		if err != nil {
			return err
		}
		choice.All, choice.Devices = asked.All, asked.Devices
	}
	items := a.Chosen(choice)
	if len(items) == 0 {
		return hearkeep.Errorf(hearkeep.Invalid, "Nothing of it was chosen, and nothing was kept.").WithHint("Name a device as it is written above, and days within those above.")
	}
	err = to.bring(ctx, c, a, items)
	showUnread(c, a, cmd.Report)
	return err
}

// choice is what the flags say is theirs.
func (cmd importCmd) choice() (bring.Choice, error) {
	choice := bring.Choice{All: cmd.YesAllMine && len(cmd.Device) == 0, Devices: cmd.Device}
	for day, at := range map[string]*time.Time{cmd.From: &choice.From, cmd.To: &choice.To} {
		if day == "" {
			continue
		}
		t, err := time.ParseInLocation(time.DateOnly, day, time.Local)
		if err != nil {
			return choice, codedError{exitUsage, hearkeep.Errorf(hearkeep.Invalid, "%q is no day.", day).WithHint("Such as 2021-05-31.")}
		}
		*at = t
	}
	if !choice.To.IsZero() {
		choice.To = choice.To.AddDate(0, 0, 1)
	}
	return choice, nil
}

// showCheck writes what is in an archive, and no words.
func showCheck(w io.Writer, c bring.Check) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	length := ""
	if c.Length > 0 {
		length = ", " + c.Length.Round(time.Second).String()
		if c.Unmeasured > 0 {
			length = ", more than" + length[1:]
		}
	}
	fmt.Fprintf(t, "from\t%s\nrecordings\t%d, %.1f MB%s\n", c.Provider, c.Recordings, float64(c.Bytes)/1e6, length)
	if !c.From.IsZero() {
		fmt.Fprintf(t, "days\t%s to %s, on %s\n", c.From.Local().Format("2 January 2006"), c.To.Local().Format("2 January 2006"), countOf(c.Days, "day"))
	}
	accounts := "none"
	if len(c.Accounts) > 0 {
		accounts = printable(strings.Join(c.Accounts, ", "))
	}
	fmt.Fprintf(t, "accounts named in it\t%s\n", accounts)
	if len(c.Languages) > 0 {
		fmt.Fprintf(t, "languages\t%s\n", printable(strings.Join(c.Languages, ", ")))
	}
	for _, n := range []struct {
		what string
		n    int
	}{
		{"without sound", c.NoSound}, {"without words", c.NoWords}, {"without a time of their own", c.NoTime},
		{"entries with neither sound nor words", c.Empty}, {"files that are not speech", c.Other}, {"that cannot be read", c.Unread},
	} {
		if n.n > 0 {
			fmt.Fprintf(t, "%s\t%d\n", n.what, n.n)
		}
	}
	for i, d := range c.Devices {
		days := ""
		if !d.From.IsZero() {
			days = ", " + d.From.Local().Format("2 January 2006") + " to " + d.To.Local().Format("2 January 2006")
		}
		fmt.Fprintf(t, "device %d\t%s: %d recordings%s\n", i+1, printable(deviceName(d.Name)), d.Recordings, days)
	}
}

func deviceName(s string) string {
	if s == "" {
		return "(no device is told)"
	}
	return s
}

// ask plays samples, until the person says what of an archive is theirs.
func ask(ctx context.Context, c *console, a *bring.Archive, check bring.Check) (bring.Choice, error) {
	fmt.Fprintln(c.out, "\nIs this all yours? Archives have been handed to the wrong people. Listen to some first:")
	for n, i := range check.Samples {
		it := a.Items[i]
		when := "no time is told"
		if !it.Time.IsZero() {
			when = it.Time.Local().Format("2006-01-02 15:04:05")
		}
		said := ""
		if !it.Words.IsEmpty() {
			said = "  " + strconv.Quote(printable(it.Words.Reveal()))
		}
		fmt.Fprintf(c.out, "  %c  %s  %s%s\n", 'a'+n, when, printable(deviceName(it.Device)), said)
	}
	for {
		said, err := c.line(ctx, "Type a letter to hear it, \"all mine\", the numbers of the devices that are yours (1 3), or no: ")
		if err != nil {
			return bring.Choice{}, err
		}
		said = strings.ToLower(strings.TrimSpace(said))
		switch {
		case said == "all mine":
			return bring.Choice{All: true}, nil
		case said == "no" || said == "":
			return bring.Choice{}, hearkeep.Errorf(hearkeep.Invalid, "Nothing was kept.").
				WithHint("If these are somebody else's: tell who sent them, and do not pass them on.")
		case len(said) == 1 && said[0] >= 'a' && int(said[0]-'a') < len(check.Samples):
			if err := hearSample(ctx, a, a.Items[check.Samples[said[0]-'a']]); err != nil {
				fail(c, err)
			}
			continue
		}
		if devices, ok := numbered(said, check.Devices); ok {
			return bring.Choice{Devices: devices}, nil
		}
		fmt.Fprintln(c.err, "hearkeep: that was not understood.")
	}
}

// numbered reads the numbers of devices.
func numbered(said string, all []bring.Device) (names []string, ok bool) {
	for field := range strings.FieldsFuncSeq(said, func(r rune) bool { return r == ' ' || r == ',' }) {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > len(all) {
			return nil, false
		}
		names = append(names, all[n-1].Name)
	}
	return names, len(names) > 0
}

func hearSample(ctx context.Context, a *bring.Archive, it bring.Item) error {
	data, err := a.Sound(it)
	if err != nil {
		return err
	}
	clip, _, err := sound.Decode(data, sound.Limits{MaxBytes: bring.MaxSound, MaxDuration: bring.MaxLength})
	if err != nil {
		return err
	}
	if err := play(ctx, sound.EncodeWAV(clip.Samples, hearkeep.SampleRate)); err != nil {
		return hearkeep.Errorf(hearkeep.Unavailable, "It could not be played here.").
			WithHint("Install alsa-utils, or open it with another player: %s in the archive.", printable(a.NameOf(it)))
	}
	return nil
}

// showUnread tells what could not be read: all of it in a file, some of it
// here.
func showUnread(c *console, a *bring.Archive, file string) {
	const some = 20
	for i, u := range a.Unread {
		if i == some {
			fmt.Fprintf(c.err, "hearkeep: and %d more; --report FILE writes all of them\n", len(a.Unread)-some+a.More)
			break
		}
		fmt.Fprintf(c.err, "hearkeep: not brought: %s: %s\n", printable(u.File), u.Reason)
	}
	if file == "" {
		return
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // names of files may tell what was said
	if errors.Is(err, fs.ErrExist) {
		err = hearkeep.Errorf(hearkeep.Conflict, "There is a file %s already.", file).WithHint("Remove it, or name another with --report.")
	}
	if err == nil {
		err = errors.Join(a.Report(out), out.Close())
	}
	if err != nil {
		fail(c, err)
	}
}

// bar draws how far a run is, where a terminal shows it.
type bar struct {
	w     io.Writer
	drawn time.Time
}

func newBar(c *console) *bar {
	f, ok := c.err.(*os.File)
	if !ok {
		return &bar{}
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return &bar{}
	}
	return &bar{w: f}
}

func (b *bar) show(p bring.Progress) {
	const width = 30
	if b.w == nil || p.Done < p.Of && time.Since(b.drawn) < 100*time.Millisecond {
		return
	}
	b.drawn = time.Now()
	full := width * p.Done / max(p.Of, 1)
	fmt.Fprintf(b.w, "\r[%s%s] %d of %d", strings.Repeat("#", full), strings.Repeat(" ", width-full), p.Done, p.Of)
}

func (b *bar) end() {
	if b.w != nil && !b.drawn.IsZero() {
		fmt.Fprintln(b.w)
	}
}
