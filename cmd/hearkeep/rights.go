package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

// rightsCmd is what a person asks for of what is kept of them.
type rightsCmd struct {
	List      rightsListCmd      `cmd:"" default:"1" help:"List your requests, newest first."`
	Ask       rightsAskCmd       `cmd:"" help:"Make a request: access, portability, erasure, restriction, rectification or objection."`
	Show      rightsShowCmd      `cmd:"" help:"Show a request, and what there is to do."`
	Confirm   rightsConfirmCmd   `cmd:"" help:"Make a request that was spoken, or told by an agent, your own."`
	Withdraw  rightsWithdrawCmd  `cmd:"" help:"Withdraw a request."`
	Archive   rightsArchiveCmd   `cmd:"" help:"Get an open archive: checked whole, then downloaded. Run again, it resumes."`
	Code      rightsCodeCmd      `cmd:"" help:"Have the one-time code for your sealed archive sent to your addresses."`
	Sealed    rightsSealedCmd    `cmd:"" help:"Get a sealed archive, which opens with your recovery kit alone. Run again, it resumes."`
	Erase     rightsEraseCmd     `cmd:"" help:"Have vaults erased for good, after a look at what would go."`
	Restrict  rightsRestrictCmd  `cmd:"" help:"Freeze vaults: nothing of them expires or leaves."`
	Frozen    rightsFrozenCmd    `cmd:"" help:"List what is frozen in a vault."`
	Lift      rightsLiftCmd      `cmd:"" help:"Free what you had frozen."`
	Object    rightsObjectCmd    `cmd:"" help:"Let all doors of your own vaults keep nothing."`
	Rectified rightsRectifiedCmd `cmd:"" help:"Say that what was wrong is corrected (hearkeep correct)."`
	Answer    rightsAnswerCmd    `cmd:"" help:"Print the signed note that answers a request."`
}

// asked is a request as the API gives it.
type asked struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	State    string    `json:"state"`
	Via      string    `json:"via"`
	Received time.Time `json:"received"`
	Due      time.Time `json:"due"`
	Extended time.Time `json:"extended"`
	Reason   string    `json:"reason"`
	Ended    time.Time `json:"ended"`
	Answer   bool      `json:"answer"`
}

func (a asked) over() bool { return !a.Ended.IsZero() }

// next is the line that goes on with a request; empty where nothing is to be done.
func (a asked) next() string {
	id := printable(a.ID)
	switch {
	case a.State == "asked":
		return "hearkeep rights confirm " + id
	case a.over() && a.Answer:
		return "hearkeep rights answer " + id
	case a.over():
		return ""
	}
	switch hearkeep.RequestKind(a.Kind) {
	case hearkeep.RequestAccess, hearkeep.RequestPortability:
		return "hearkeep rights archive " + id
	case hearkeep.RequestErasure:
		return "hearkeep rights erase " + id
	case hearkeep.RequestRestriction:
		return "hearkeep rights restrict " + id
	case hearkeep.RequestRectification:
		return "hearkeep correct RECORDING \"what was said\", then hearkeep rights rectified " + id
	case hearkeep.RequestObjection:
		return "hearkeep rights object " + id
	}
	return ""
}

func (a asked) tell(w io.Writer) {
	t := table(w, "REQUEST", printable(a.ID))
	row := func(name, value string) { fmt.Fprintf(t, "%s\t%s\n", name, value) }
	row("kind", printable(a.Kind))
	row("state", printable(a.State))
	row("received", a.Received.Local().Format("2006-01-02 15:04")+", by "+printable(a.Via))
	row("due", a.Due.Local().Format("2 January 2006"))
	if !a.Extended.IsZero() {
		row("extended", a.Extended.Local().Format("2 January 2006")+": "+printable(a.Reason))
	}
	if a.over() {
		row("ended", a.Ended.Local().Format("2006-01-02 15:04"))
	}
	t.Flush()
	if a.State == "stopped" {
		fmt.Fprintln(w, "It was stopped: something did not add up, so nothing was handed over. A report is open; nothing is for you to do.")
	}
	if next := a.next(); next != "" {
		fmt.Fprintf(w, "Next: %s\n", next)
	}
}

type rightsListCmd struct{ listFlags }

func (cmd rightsListCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	var all struct{ Requests []asked }
	raw, err := cl.call(ctx, http.MethodGet, "/v1/requests", nil, &all)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		if len(all.Requests) == 0 {
			fmt.Fprintln(w, "You have made no request. hearkeep rights ask access asks for a copy of everything.")
			return
		}
		t := table(w, "ID", "KIND", "STATE", "RECEIVED", "DUE")
		for _, a := range all.Requests {
			due := a.Due.Local().Format("2006-01-02")
			if a.over() {
				due = "-"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", printable(a.ID), printable(a.Kind), printable(a.State), a.Received.Local().Format("2006-01-02"), due)
		}
		t.Flush()
	})
}

type rightsAskCmd struct {
	Kind string `arg:"" help:"access, portability, erasure, restriction, rectification or objection." enum:"access,portability,erasure,restriction,rectification,objection"`
	listFlags
}

func (cmd rightsAskCmd) Run(ctx context.Context, c *console) error {
	return toRequest(ctx, c, cmd.listFlags, http.MethodPost, "", map[string]string{"kind": cmd.Kind})
}

// requestFlags names a request.
type requestFlags struct {
	ID string `arg:"" help:"The request, as hearkeep rights lists it."`
	listFlags
}

func (f requestFlags) path() string { return "/" + url.PathEscape(f.ID) }

type rightsShowCmd struct{ requestFlags }

func (cmd rightsShowCmd) Run(ctx context.Context, c *console) error {
	return toRequest(ctx, c, cmd.listFlags, http.MethodGet, cmd.path(), nil)
}

type rightsConfirmCmd struct{ requestFlags }

func (cmd rightsConfirmCmd) Run(ctx context.Context, c *console) error {
	return toRequest(ctx, c, cmd.listFlags, http.MethodPost, cmd.path()+"/confirm", nil)
}

type rightsWithdrawCmd struct{ requestFlags }

func (cmd rightsWithdrawCmd) Run(ctx context.Context, c *console) error {
	return toRequest(ctx, c, cmd.listFlags, http.MethodDelete, cmd.path(), nil)
}

type rightsRectifiedCmd struct{ requestFlags }

func (cmd rightsRectifiedCmd) Run(ctx context.Context, c *console) error {
	return toRequest(ctx, c, cmd.listFlags, http.MethodPost, cmd.path()+"/rectified", nil)
}

// toRequest makes a call whose answer is a request, and tells of it.
func toRequest(ctx context.Context, c *console, l listFlags, method, path string, in any) error {
	cl, err := l.open(c)
	if err != nil {
		return err
	}
	var a asked
	raw, err := cl.call(ctx, method, "/v1/requests"+path, in, &a)
	if err != nil {
		return err
	}
	return cl.print(l.JSON, raw, a.tell)
}

// ongoing is the request that a command is about: the one that was named, else
// the open one of a kind, which is made where there is none.
func (c *client) ongoing(ctx context.Context, id string, kind hearkeep.RequestKind) (asked, error) {
	var a asked
	if id != "" {
		_, err := c.call(ctx, http.MethodGet, "/v1/requests/"+url.PathEscape(id), nil, &a)
		return a, err
	}
	_, err := c.call(ctx, http.MethodPost, "/v1/requests", map[string]any{"kind": kind}, &a)
	if err == nil && a.over() {
		a.tell(c.console.out)
		return a, hearkeep.Errorf(hearkeep.NotFound, "Nothing is kept of you, so there is nothing more to do.").WithHint("The signed answer: %s", a.next())
	}
	return a, err
}

type rightsAnswerCmd struct {
	ID string `arg:"" help:"The request, as hearkeep rights lists it."`
	sessionFile
}

func (cmd rightsAnswerCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	raw, err := cl.call(ctx, http.MethodGet, "/v1/requests/"+url.PathEscape(cmd.ID)+"/answer", nil, nil)
	if err != nil {
		return err
	}
	if !isTerminal(c.out) { // the note as it was signed
		_, err = c.out.Write(raw)
		return err
	}
	for line := range strings.Lines(string(raw)) {
		fmt.Fprintln(c.out, printable(strings.TrimRight(line, "\n")))
	}
	return nil
}

type rightsArchiveCmd struct {
	ID  string `arg:"" optional:"" help:"The request; by default your open request for access, which is made where there is none."`
	Out string `help:"The file to write; by default as the keep calls it, in this folder." type:"path" placeholder:"FILE"`
	sessionFile
}

// Run goes on with what an earlier run began, or has an archive prepared.
func (cmd rightsArchiveCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	return cl.archive(ctx, cmd.ID, cmd.Out, false)
}

// archive fetches an archive in this terminal's session.
func (c *client) archive(ctx context.Context, id, out string, sealed bool) error {
	ask := func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+c.Session) }
	if out != "" {
		if d := resumable(out, c.URL); d != nil && d.Ticket == "" && d.Sealed == sealed {
			d.ask, d.keep, d.told = ask, device{URL: c.URL, CA: c.CA}, c.console
			err := d.run(ctx)
			if !errors.Is(err, errOver) {
				return toldOf(c.console, d, err)
			}
			fmt.Fprintln(c.console.err, "The archive that was begun is there no more (a sign-in, a step-up, or an hour in which nobody read it ended it): it is prepared anew.")
			if err := d.forget(); err != nil {
				return err
			}
		}
	}
	a, err := c.ongoing(ctx, id, hearkeep.RequestAccess)
	if err != nil {
		return err
	}
	of, how := "/v1/requests/"+url.PathEscape(a.ID), "/archive"
	if sealed {
		how = "/sealed"
	}
	fmt.Fprintln(c.console.err, "Everything is accounted for before the first byte leaves; with many recordings that takes minutes.")
	var made struct {
		ID, Name, ETag string
		Bytes          int64
		Recordings     int
	}
	if _, err := c.call(ctx, http.MethodPost, of+how, nil, &made); err != nil {
		return err
	}
	if out, err = outFile(out, made.Name); err != nil {
		return err
	}
	fmt.Fprintf(c.console.err, "Recordings: %d, %.1f MB.\n", made.Recordings, float64(made.Bytes)/1e6)
	d := &download{
		Path: "/v1/archives/" + url.PathEscape(made.ID), Name: made.Name, ETag: made.ETag, Bytes: made.Bytes, URL: c.URL, Sealed: sealed,
		out: out, ask: ask, keep: device{URL: c.URL, CA: c.CA}, told: c.console,
	}
	if sealed {
		d.Path = of + how
	}
	if err := d.forget(); err != nil {
		return err
	}
	return toldOf(c.console, d, d.run(ctx))
}

// toldOf says where a download went.
func toldOf(c *console, d *download, err error) error {
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s, %d bytes\n", d.out, d.Bytes)
	if d.Sealed {
		fmt.Fprintf(c.err, "It opens with your recovery kit: hearkeep archive open %s\n", d.out)
		return nil
	}
	fmt.Fprintf(c.err, "Check it with hearkeep archive verify %s; unpacked, index.html plays it.\n", d.out)
	return nil
}

type rightsCodeCmd struct {
	ID string `arg:"" optional:"" help:"The request; by default your open request for access, which is made where there is none."`
	sessionFile
}

func (cmd rightsCodeCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	a, err := cl.ongoing(ctx, cmd.ID, hearkeep.RequestAccess)
	if err != nil {
		return err
	}
	if _, err := cl.call(ctx, http.MethodPost, "/v1/requests/"+url.PathEscape(a.ID)+"/code", nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "A code is on its way to all your addresses. It works once, for seven days: hearkeep fetch %s --code CODE\n", cl.URL)
	return nil
}

type rightsSealedCmd struct {
	ID  string `arg:"" optional:"" help:"The request; by default your open request for access, which is made where there is none."`
	Out string `help:"The file to write; by default as the keep calls it, in this folder." type:"path" placeholder:"FILE"`
	sessionFile
}

// Run fetches the sealed archive in this terminal's session. With a code,
// hearkeep fetch does so anywhere.
func (cmd rightsSealedCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	return cl.archive(ctx, cmd.ID, cmd.Out, true)
}
