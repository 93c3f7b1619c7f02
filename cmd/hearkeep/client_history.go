package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hearkeep/hearkeep"
)

// recorded is a recording as the API gives it.
type recorded struct {
	ID       string    `json:"id"`
	From     string    `json:"from"`
	Start    time.Time `json:"start"`
	Seconds  float64   `json:"seconds"`
	HasAudio bool      `json:"has_audio"`
	HasWords bool      `json:"has_words"`
	Words    string    `json:"words"`
	Until    time.Time `json:"until"`
	Damaged  bool      `json:"damaged"`
	Turn     *struct {
		Intent string `json:"intent"`
		Did    string `json:"did"`
		Answer string `json:"answer"`
		Note   string `json:"note"`
		Stages []struct {
			Stage  string  `json:"stage"`
			TookMS float64 `json:"took_ms"`
			Engine string  `json:"engine"`
		} `json:"stages"`
	} `json:"turn"`
}

func (r recorded) when() string { return r.Start.Local().Format("2006-01-02 15:04:05") }

// heard is what was said, or why there are no words.
func (r recorded) heard() string {
	switch {
	case r.Words != "":
		return printable(r.Words)
	case r.Damaged:
		return "(damaged)"
	case r.Turn != nil && r.Turn.Note != "":
		return "(" + printable(r.Turn.Note) + ")"
	case !r.HasWords:
		return "(the words are no longer kept)"
	}
	return "(no words)"
}

type historyCmd struct {
	Limit int  `help:"How many, newest first." default:"20"`
	All   bool `help:"All of them."`
	JSON  bool `name:"json" help:"Print JSON."`
	vaultFlag
	sessionFile
}

// Run lists recordings, page by page.
func (cmd historyCmd) Run(ctx context.Context, c *console) error {
	cl, of, err := cmd.enter(ctx, c, cmd.sessionFile)
	if err != nil {
		return err
	}
	all := []json.RawMessage{}
	for next := ""; cmd.All || len(all) < cmd.Limit; {
		limit := 200
		if !cmd.All {
			limit = min(limit, cmd.Limit-len(all))
		}
		query := url.Values{"limit": {fmt.Sprint(limit)}}
		if next != "" {
			query.Set("before", next)
		}
		var page struct {
			Recordings []json.RawMessage
			Next       string
		}
		if _, err := cl.call(ctx, http.MethodGet, of+"/recordings?"+query.Encode(), nil, &page); err != nil {
			return err
		}
		all = append(all, page.Recordings...)
		if next = page.Next; next == "" {
			break
		}
	}
	raw, err := json.Marshal(map[string]any{"recordings": all})
	if err != nil {
		return err
	}
	var list struct{ Recordings []recorded }
	if err := json.Unmarshal(raw, &list); err != nil {
		return notHearkeep(cl.URL, err)
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		if len(list.Recordings) == 0 {
			fmt.Fprintln(w, "Nothing is kept.")
			return
		}
		t := table(w, "ID", "WHEN", "LENGTH", "FROM", "HEARD")
		for _, r := range list.Recordings {
			fmt.Fprintf(t, "%s\t%s\t%.1f s\t%s\t%s\n", printable(r.ID), r.when(), r.Seconds, printable(r.From), r.heard())
		}
		t.Flush()
	})
}

func table(w io.Writer, columns ...string) *tabwriter.Writer {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(columns, "\t"))
	return t
}

type showCmd struct {
	ID   string `arg:"" help:"The recording, as hearkeep history lists it."`
	JSON bool   `name:"json" help:"Print JSON."`
	vaultFlag
	sessionFile
}

// Run shows one recording.
func (cmd showCmd) Run(ctx context.Context, c *console) error {
	cl, of, err := cmd.enter(ctx, c, cmd.sessionFile)
	if err != nil {
		return err
	}
	var r recorded
	raw, err := cl.call(ctx, http.MethodGet, of+"/recordings/"+url.PathEscape(cmd.ID), nil, &r)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "recording\t%s\nwhen\t%s\nlength\t%.1f s\nfrom\t%s\nheard\t%s\n", printable(r.ID), r.when(), r.Seconds, printable(r.From), r.heard())
		if r.Turn != nil {
			for _, line := range [][2]string{{"intent", r.Turn.Intent}, {"did", r.Turn.Did}, {"answered", r.Turn.Answer}, {"note", r.Turn.Note}} {
				if line[1] != "" {
					fmt.Fprintf(t, "%s\t%s\n", line[0], printable(line[1]))
				}
			}
			for _, s := range r.Turn.Stages {
				fmt.Fprintf(t, "%s\t%.1f ms\t%s\n", printable(s.Stage), s.TookMS, printable(s.Engine))
			}
		}
		kept := "words only"
		if r.HasAudio {
			kept = "with its sound"
		}
		fmt.Fprintf(t, "kept\t%s, until %s\n", kept, r.Until.Local().Format("2 January 2006"))
		t.Flush()
	})
}

type listenCmd struct {
	ID  string `arg:"" help:"The recording, as hearkeep history lists it."`
	Out string `help:"The file to write its sound to (FLAC); - for standard output. By default the id with .flac, in this folder." placeholder:"FILE"`
	vaultFlag
	sessionFile
}

// Run saves a recording's sound.
func (cmd listenCmd) Run(ctx context.Context, c *console) error {
	cl, of, err := cmd.enter(ctx, c, cmd.sessionFile)
	if err != nil {
		return err
	}
	resp, err := cl.request(ctx, http.MethodGet, of+"/recordings/"+url.PathEscape(cmd.ID)+"/audio", nil, false)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if cmd.Out == "-" {
		_, err := io.Copy(c.out, resp.Body)
		return err
	}
	name := cmd.Out
	if name == "" {
		id, err := hearkeep.ParseID[hearkeep.RecordingID](cmd.ID) // it becomes a file's name
		if err != nil {
			return err
		}
		name = id.String() + ".flac"
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return hearkeep.Errorf(hearkeep.Conflict, "There is a file %s already.", name).WithHint("Remove it, or name another with --out.")
	}
	if err != nil {
		return err
	}
	size, err := io.Copy(file, resp.Body)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	fmt.Fprintf(c.out, "%s, %d bytes\n", name, size)
	return nil
}

type eraseCmd struct {
	IDs  []string `arg:"" optional:"" name:"id" help:"The recordings, as hearkeep history lists them."`
	All  bool     `help:"Everything that the vault keeps." env:"-"`
	Yes  bool     `help:"Do not ask." env:"-"`
	JSON bool     `name:"json" help:"Print the receipt as JSON."`
	vaultFlag
	sessionFile
}

// Run erases for good, after asking.
func (cmd eraseCmd) Run(ctx context.Context, c *console) error {
	if cmd.All == (len(cmd.IDs) > 0) {
		return codedError{exitUsage, hearkeep.Errorf(hearkeep.Invalid, "Name recordings, or --all.").WithHint("hearkeep history lists them.")}
	}
	cl, of, err := cmd.enter(ctx, c, cmd.sessionFile)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d recordings", len(cmd.IDs))
	if len(cmd.IDs) == 1 {
		what = "this recording"
	}
	if cmd.All {
		var v struct {
			Name string
			Kept struct{ Recordings int }
		}
		if _, err := cl.call(ctx, http.MethodGet, of, nil, &v); err != nil {
			return err
		}
		if v.Kept.Recordings == 0 {
			return hearkeep.Errorf(hearkeep.NotFound, "There is nothing to erase: %q is empty.", printable(held{Name: v.Name}.Title()))
		}
		what = fmt.Sprintf("everything in %q (recordings: %d)", printable(held{Name: v.Name}.Title()), v.Kept.Recordings)
	}
	if !cmd.Yes {
		said, err := c.line(ctx, "Erase "+what+" for good? Type yes: ")
		if err != nil {
			return err
		}
		if said = strings.ToLower(strings.TrimSpace(said)); said != "yes" && said != "y" {
			return hearkeep.Errorf(hearkeep.Invalid, "Nothing was erased.")
		}
	}
	in := map[string]any{"recordings": cmd.IDs}
	if cmd.All {
		in = map[string]any{"everything": true}
	}
	var rc struct {
		ID    string    `json:"id"`
		Count int       `json:"count"`
		At    time.Time `json:"at"`
		Entry int64     `json:"entry"`

		KeysGone time.Time `json:"keys_gone"`
		KeysWait bool      `json:"keys_wait"`
	}
	raw, err := cl.call(ctx, http.MethodPost, of+"/erase", in, &rc)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		fmt.Fprintf(w, "Erased for good: %d.\nReceipt %s, ledger entry %d: %s/receipts/%s\n", rc.Count, printable(rc.ID), rc.Entry, cl.URL, printable(rc.ID))
		switch later := rc.KeysGone.After(rc.At); {
		case rc.KeysWait && later:
			fmt.Fprintf(w, "A backup still holds its keys: that copy is destroyed after the next verified backup, and not before %s.\n", rc.KeysGone.Local().Format(time.RFC3339))
		case rc.KeysWait:
			fmt.Fprintln(w, "A backup still holds its keys: that copy is destroyed after the next verified backup.")
		case later:
			fmt.Fprintf(w, "A backup holds its keys until %s.\n", rc.KeysGone.Local().Format(time.RFC3339))
		}
	})
}
