package main

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

type fetchCmd struct {
	URL  string `arg:"" optional:"" help:"Where the keep is; by default where this terminal is signed in, else http://localhost:8484."`
	Code string `help:"The one-time code that a letter brought; asked for where it is not given." env:"-" placeholder:"CODE"`
	Out  string `help:"The file to write; by default as the keep calls it, in this folder." type:"path" placeholder:"FILE"`
	CA   string `name:"ca" help:"Trust this keep by its own certificate authority: hearkeep-ca.crt of its trust page." type:"path" placeholder:"FILE"`
	sessionFile
}

// Run fetches a sealed archive with a one-time code. Nobody signs in for it.
func (cmd fetchCmd) Run(ctx context.Context, c *console) error {
	known, err := cmd.read()
	if err != nil {
		return err
	}
	keep := device{URL: known.URL, CA: known.CA}
	if cmd.URL != "" || keep.URL == "" {
		if cmd.URL == "" {
			cmd.URL = "http://localhost:8484"
		}
		if keep.URL, err = keepURL(cmd.URL); err != nil {
			return err
		}
		if keep.URL != known.URL {
			keep.CA = ""
		}
	}
	if cmd.CA != "" {
		certs, err := os.ReadFile(cmd.CA)
		if err != nil {
			return hearkeep.Errorf(hearkeep.Invalid, "The file %s cannot be read.", cmd.CA).Because(err)
		}
		keep.CA = string(certs)
	}
	return cmd.fetch(ctx, c, keep)
}

func (cmd fetchCmd) fetch(ctx context.Context, c *console, keep device) (err error) {
	if cmd.Out != "" && cmd.Code == "" {
		if d := resumable(cmd.Out, keep.URL); d != nil && d.Ticket != "" {
			d.keep, d.told, d.ask = keep, c, asTicket(d.Ticket)
			return toldOf(c, d, d.run(ctx))
		}
	}
	if cmd.Code == "" {
		if cmd.Code, err = c.line(ctx, "The code: "); err != nil {
			return err
		}
	}
	ticket, err := redeem(ctx, keep, cmd.Code)
	if err != nil {
		return err
	}
	d := &download{Path: "/fetch/archive", URL: keep.URL, Ticket: ticket, Sealed: true, ask: asTicket(ticket), keep: keep, told: c}
	if err := d.look(ctx); err != nil {
		return err
	}
	if d.out, err = outFile(cmd.Out, d.Name); err != nil {
		return err
	}
	fmt.Fprintf(c.err, "%.1f MB, sealed.\n", float64(d.Bytes)/1e6)
	if err := d.forget(); err != nil {
		return err
	}
	return toldOf(c, d, d.run(ctx))
}

// fetchCookie is the end of the name of the cookie that holds a ticket; over
// https its name begins with __Secure-.
const fetchCookie = "hearkeep-fetch"

// asTicket lets a request bear a ticket, under both names.
func asTicket(ticket string) func(*http.Request) {
	return func(req *http.Request) {
		req.AddCookie(&http.Cookie{Name: fetchCookie, Value: ticket})
		req.AddCookie(&http.Cookie{Name: "__Secure-" + fetchCookie, Value: ticket})
	}
}

// redeem gives a one-time code away for a ticket.
func redeem(ctx context.Context, keep device, code string) (ticket string, err error) {
	form := strings.NewReader(url.Values{"code": {code}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, keep.URL+"/fetch", form)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := keep.send(req, time.Minute)
	if err != nil {
		return "", err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return "", problemOf(keep.URL, resp)
	}
	defer resp.Body.Close()
	for _, c := range resp.Cookies() {
		if strings.HasSuffix(c.Name, fetchCookie) && c.Value != "" {
			return c.Value, nil
		}
	}
	return "", notHearkeep(keep.URL, fmt.Errorf("status %s, no ticket", resp.Status))
}

// look finds out what a ticket stands for.
func (d *download) look(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, d.keep.URL+d.Path, nil)
	if err != nil {
		return err
	}
	d.ask(req)
	resp, err := d.keep.send(req, 10*time.Minute)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return hearkeep.Errorf(hearkeep.Unavailable, "The keep has no archive for this code now: %s.", resp.Status).
			WithHint("Look at %s/fetch, or have a new code sent.", d.keep.URL)
	}
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil {
		d.Name = params["filename"]
	}
	if d.ETag, d.Bytes = resp.Header.Get("ETag"), resp.ContentLength; d.ETag == "" || d.Bytes <= 0 {
		return notHearkeep(d.keep.URL, fmt.Errorf("no size or no tag"))
	}
	return nil
}
