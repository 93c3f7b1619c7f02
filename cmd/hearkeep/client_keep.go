package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

// listFlags is what the commands that list something share.
type listFlags struct {
	JSON bool `name:"json" help:"Print JSON."`
	sessionFile
}

type vaultsCmd struct{ listFlags }

// Run lists the vaults that the person holds.
func (cmd vaultsCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	var all struct{ Vaults []held }
	raw, err := cl.call(ctx, http.MethodGet, "/v1/vaults", nil, &all)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		t := table(w, "ID", "NAME", "KIND", "YOU", "HELD BY")
		for _, v := range all.Vaults {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\n", printable(v.ID), printable(v.Title()), printable(v.Kind), printable(v.As), v.Holders)
		}
		t.Flush()
	})
}

type doorsCmd struct {
	List   doorsListCmd   `cmd:"" default:"1" help:"List the doors of a vault."`
	Pause  doorsPauseCmd  `cmd:"" help:"Let doors hear nothing."`
	Listen doorsListenCmd `cmd:"" help:"Let doors listen again."`
}

type doorsListCmd struct {
	vaultFlag
	listFlags
}

type doorsPauseCmd struct {
	IDs []string `arg:"" optional:"" name:"id" help:"Which; all of the vault's where none is named."`
	vaultFlag
	listFlags
}

type doorsListenCmd struct{ doorsPauseCmd }

func (cmd doorsListCmd) Run(ctx context.Context, c *console) error {
	return doors(ctx, c, cmd.vaultFlag, cmd.listFlags, http.MethodGet, nil)
}

func (cmd doorsPauseCmd) Run(ctx context.Context, c *console) error {
	return doors(ctx, c, cmd.vaultFlag, cmd.listFlags, http.MethodPatch, turned{true, cmd.IDs})
}

func (cmd doorsListenCmd) Run(ctx context.Context, c *console) error {
	return doors(ctx, c, cmd.vaultFlag, cmd.listFlags, http.MethodPatch, turned{false, cmd.IDs})
}

type turned struct {
	Paused bool     `json:"paused"`
	Doors  []string `json:"doors,omitempty"`
}

// doors lists the doors of a vault, after turning them where that is asked.
func doors(ctx context.Context, c *console, of vaultFlag, l listFlags, method string, in any) error {
	cl, err := l.open(c)
	if err != nil {
		return err
	}
	path, err := of.in(ctx, cl)
	if err != nil {
		return err
	}
	var all struct {
		Doors []struct {
			ID, Name, Source, Keep, Quiet, Trouble string
			Paused                                 bool
			Ended                                  time.Time
		}
	}
	raw, err := cl.call(ctx, method, path+"/doors", in, &all)
	if err != nil {
		return err
	}
	return cl.print(l.JSON, raw, func(w io.Writer) {
		t := table(w, "ID", "NAME", "KIND", "KEEPS", "STATE")
		for _, d := range all.Doors {
			state := "listening"
			switch {
			case !d.Ended.IsZero():
				continue
			case d.Paused:
				state = "paused"
			case d.Trouble != "":
				state = "not listening: " + d.Trouble
			}
			if d.Quiet != "" {
				d.Keep += ", nothing " + d.Quiet
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", printable(d.ID), printable(d.Name), printable(d.Source), printable(d.Keep), printable(state))
		}
		t.Flush()
	})
}

type tokensCmd struct {
	List tokensListCmd `cmd:"" default:"1" help:"List your API tokens."`
	Make tokensMakeCmd `cmd:"" help:"Make a token for a program; it is printed once."`
	End  tokensEndCmd  `cmd:"" help:"End a token."`
}

type tokensListCmd struct{ listFlags }

// tokenRow is an API token as the API lists it.
type tokenRow struct {
	ID      string    `json:"id"`
	Vault   string    `json:"vault"`
	Name    string    `json:"name"`
	Scope   string    `json:"scope"`
	Expires time.Time `json:"expires"`
	Used    time.Time `json:"used"`
	Token   string    `json:"token"`
}

func (cmd tokensListCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	var all struct{ Tokens []tokenRow }
	raw, err := cl.call(ctx, http.MethodGet, "/v1/tokens", nil, &all)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		if len(all.Tokens) == 0 {
			fmt.Fprintln(w, "There are no tokens.")
			return
		}
		t := table(w, "ID", "NAME", "MAY", "ENDS", "LAST USED", "VAULT")
		for _, k := range all.Tokens {
			used := "never"
			if !k.Used.IsZero() {
				used = k.Used.Local().Format("2006-01-02 15:04")
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(k.ID), printable(k.Name), printable(k.Scope), k.Expires.Local().Format("2006-01-02"), used, printable(k.Vault))
		}
		t.Flush()
	})
}

type tokensMakeCmd struct {
	Name  string `arg:"" help:"What it is for."`
	Write bool   `help:"It may also change things: erase, end timers, pause doors, add recordings."`
	Days  int    `help:"For how long, at most 365." default:"90"`
	vaultFlag
	listFlags
}

func (cmd tokensMakeCmd) Run(ctx context.Context, c *console) error {
	cl, of, err := cmd.enter(ctx, c, cmd.sessionFile)
	if err != nil {
		return err
	}
	in := map[string]any{"name": cmd.Name, "days": cmd.Days, "scope": "read"}
	if cmd.Write {
		in["scope"] = "write"
	}
	var made tokenRow
	raw, err := cl.call(ctx, http.MethodPost, of+"/tokens", in, &made)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		fmt.Fprintf(c.err, "This is shown once. It may %s until %s; hearkeep tokens end %s ends it.\n", printable(made.Scope), made.Expires.Local().Format("2 January 2006"), printable(made.ID))
		fmt.Fprintln(w, printable(made.Token))
	})
}

type tokensEndCmd struct {
	ID string `arg:"" help:"The token, as hearkeep tokens lists it."`
	sessionFile
}

func (cmd tokensEndCmd) Run(ctx context.Context, c *console) error {
	return ended(ctx, c, cmd.sessionFile, "/v1/tokens/"+url.PathEscape(cmd.ID))
}

func ended(ctx context.Context, c *console, f sessionFile, path string) error {
	cl, err := f.open(c)
	if err != nil {
		return err
	}
	if _, err := cl.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "Ended.")
	return nil
}

type sessionsCmd struct {
	List   sessionsListCmd   `cmd:"" default:"1" help:"List where you are signed in."`
	End    sessionsEndCmd    `cmd:"" help:"Sign one of them out."`
	Others sessionsOthersCmd `cmd:"" help:"Sign all of them out but this one."`
}

type sessionsListCmd struct{ listFlags }

func (cmd sessionsListCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	var all struct {
		Sessions []struct {
			ID, Agent     string
			Created, Used time.Time
			Current       bool
		}
	}
	raw, err := cl.call(ctx, http.MethodGet, "/v1/sessions", nil, &all)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		t := table(w, "ID", "BEGAN", "LAST USED", "WHERE")
		for _, s := range all.Sessions {
			if s.Current {
				s.Agent += " (this one)"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", printable(s.ID), s.Created.Local().Format("2006-01-02 15:04"), s.Used.Local().Format("2006-01-02 15:04"), printable(s.Agent))
		}
		t.Flush()
	})
}

type sessionsEndCmd struct {
	ID string `arg:"" help:"The session, as hearkeep sessions lists it."`
	sessionFile
}

func (cmd sessionsEndCmd) Run(ctx context.Context, c *console) error {
	return ended(ctx, c, cmd.sessionFile, "/v1/sessions/"+url.PathEscape(cmd.ID))
}

type sessionsOthersCmd struct{ listFlags }

func (cmd sessionsOthersCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	var got struct{ Ended int }
	raw, err := cl.call(ctx, http.MethodDelete, "/v1/sessions", nil, &got)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) { fmt.Fprintf(w, "Ended: %d.\n", got.Ended) })
}

type eventsCmd struct {
	vaultFlag
	JSON bool `name:"json" help:"Print one JSON object a line."`
	sessionFile
}

// Run tells what happens in a vault until it is stopped. A stream that ends is
// asked for again; what happened in between is not told.
func (cmd eventsCmd) Run(ctx context.Context, c *console) error {
	cl, of, err := cmd.enter(ctx, c, cmd.sessionFile)
	if err != nil {
		return err
	}
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		resp, err := cl.request(ctx, http.MethodGet, of+"/events", nil, true)
		switch code := hearkeep.CodeOf(err); {
		case ctx.Err() != nil:
			return nil // it was stopped
		case err == nil:
			pause = time.Second
			fmt.Fprintln(c.err, "hearkeep: watching")
			if err := cmd.follow(c, resp.Body); err != nil {
				return err
			}
		case code != hearkeep.Unavailable && code != hearkeep.TooMany && code != hearkeep.Internal:
			return err
		default:
			_, sentence, _ := hearkeep.Explain(err)
			fmt.Fprintln(c.err, "hearkeep:", sentence, "Trying again.")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// happened is one event of the stream.
type happened struct {
	Event      string    `json:"event"`
	At         time.Time `json:"at,omitzero"`
	Count      int       `json:"count"`
	Recordings []string  `json:"recordings,omitempty"`
	By         string    `json:"by,omitempty"`
	Purpose    string    `json:"purpose,omitempty"`
}

// follow prints a stream until it ends.
func (cmd eventsCmd) follow(c *console, stream io.ReadCloser) error {
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	kind := ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			kind = value
		case "data":
			e := happened{}
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				return hearkeep.Errorf(hearkeep.Unavailable, "The stream of events is not understood.").Because(err)
			}
			e.Event = kind
			if err := cmd.tell(c.out, e); err != nil {
				return err
			}
		}
	}
	return nil // that it broke off is no failure: it is asked for again
}

func (cmd eventsCmd) tell(w io.Writer, e happened) error {
	if cmd.JSON {
		return json.NewEncoder(w).Encode(e)
	}
	if e.Event == "missed" {
		_, err := fmt.Fprintf(w, "missed    %d events: this terminal did not keep up\n", e.Count)
		return err
	}
	of := fmt.Sprintf("%d recordings", e.Count)
	if len(e.Recordings) == 1 {
		of = e.Recordings[0]
	}
	by := "by " + e.By
	if e.Purpose != "" {
		by += " to " + e.Purpose
	}
	_, err := fmt.Fprintf(w, "%s  %-7s %s %s\n", e.At.Local().Format("2006-01-02 15:04:05"), printable(e.Event), printable(of), printable(by))
	return err
}
