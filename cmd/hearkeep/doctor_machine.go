package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/understand"
	"github.com/hearkeep/hearkeep/internal/wyoming"
)

// written notes when the keep's files were last written, for the clock.
func (d *doctor) written() {
	for _, name := range []string{fileRows, fileRows + "-wal", fileKeys, fileJournal} {
		if info, err := os.Stat(filepath.Join(d.Keep, name)); err == nil {
			d.newest = later(d.newest, info.ModTime())
		}
	}
}

// clockSlack is how far the clock may stand behind what is recorded.
const clockSlack = 2 * time.Minute

// clock compares this machine's time with what the keep recorded last, and
// says which time zone alarms ring by.
func (d *doctor) clock() {
	if behind := d.newest.Sub(d.now); behind > clockSlack {
		d.problem("clock", "timedatectl set-ntp true   (and look at timedatectl status)",
			"The clock jumped back: it stands %s behind what this keep has recorded already.", behind.Round(time.Second))
	}
	zone, err := serveCmd{Timezone: d.Timezone}.zone()
	if err != nil {
		_, says, mend := hearkeep.Explain(err)
		d.problem("clock", mend, "%s", says)
		return
	}
	name, set := zone.String(), d.Timezone != ""
	if !set {
		name, set = machineZone()
	}
	if _, err := time.LoadLocation(name); err != nil && set {
		d.problem("clock", "apt-get install tzdata, or write the zone as Europe/Berlin", "There is no time zone called %s, so alarms ring by UTC.", name)
		return
	}
	says := d.now.In(zone).Format("Monday, 15:04") + " in " + name
	if !set || name == "UTC" || name == "Etc/UTC" {
		d.note("clock", "hearkeep serve --timezone Europe/Berlin, or timedatectl set-timezone Europe/Berlin", "It is %s, which is nobody's home: alarms ring and quiet hours hold by that.", says)
		return
	}
	d.ok("clock", "It is %s: alarms ring and quiet hours hold by that.", says)
}

// machineZone is the time zone that Go takes from the machine, and whether one
// is set at all: time.Local does not tell its name.
func machineZone() (name string, set bool) {
	if tz, ok := os.LookupEnv("TZ"); ok {
		tz = strings.TrimPrefix(tz, ":")
		return tz, tz != ""
	}
	path, err := filepath.EvalSymlinks("/etc/localtime")
	if err != nil {
		return "UTC", false
	}
	if _, name, ok := strings.Cut(path, "/zoneinfo/"); ok {
		return name, true
	}
	if text, err := os.ReadFile("/etc/timezone"); err == nil { // localtime is a copy
		return strings.TrimSpace(string(text)), true
	}
	return "Local", true
}

// engines looks whether speech can be recognised and made here, and tries it.
func (d *doctor) engines(ctx context.Context) {
	if _, err := speech.NewVoiceActivity(); err != nil {
		d.problem("speech", "install Hearkeep anew", "Where speech begins and ends is not found: %s.", firstLine(err))
	} else {
		d.ok("speech", "What finds where speech begins and ends loads; it is part of the program.")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*quickly)
	defer cancel()
	engine, err := speech.Start(ctx, d.speech)
	if err != nil {
		d.problem("speech", "install Hearkeep anew", "The speech engines' process does not start: %s.", firstLine(err))
		return
	}
	defer engine.Close()
	status, err := engine.Status(ctx)
	if err != nil {
		d.problem("speech", "hearkeep worker </dev/null   (says why, where it can)", "The speech engines' process does not answer: %s.", firstLine(err))
		return
	}
	for _, e := range status {
		if e.Present {
			d.ok("speech", "%s is there: %s.", e.Name, e.Does)
		} else {
			d.note("speech", e.Mend, "%s is not installed: %s.", e.Name, e.Does)
		}
	}
	d.cage(ctx, engine)
	d.trial(ctx, engine)
}

// cage says what keeps the engines, which are old C code that hears
// strangers, from the network, the disk and everything else.
func (d *doctor) cage(ctx context.Context, engine *speech.Engine) {
	cage, err := engine.Cage(ctx)
	if err != nil {
		d.problem("speech", "hearkeep serve --log-level debug", "The speech engines do not say whether they are confined: %s.", firstLine(err))
		return
	}
	for _, lack := range cage.Missing {
		d.note("speech", "docs/speech.md says what that means", "The speech engines are confined less than they should be. %s", lack)
	}
	if len(cage.Missing) == 0 {
		d.ok("speech", "The engines are confined: no network, no files but theirs, no privileges.")
	}
}

// trial has the engines speak a sentence to each other.
func (d *doctor) trial(ctx context.Context, engine *speech.Engine) {
	const sentence = "what time is it"
	begin := time.Now()
	said, err := engine.Synthesise(ctx, hearkeep.NewWords(sentence), "en")
	if errors.Is(err, speech.ErrAbsent) {
		d.problem("speech", "install what is named above", "Nothing speaks here: answers stay written.")
		return
	}
	if err != nil {
		d.problem("speech", "hearkeep serve --log-level debug", "Speaking failed: %s.", firstLine(err))
		return
	}
	heard, err := d.recognise(ctx, engine, said)
	switch {
	case errors.Is(err, speech.ErrAbsent):
		d.problem("speech", "install what is named above", "Nothing recognises speech here: recordings are kept, marked \"not transcribed\".")
	case err != nil:
		d.problem("speech", "hearkeep serve --log-level debug", "Recognising failed: %s.", firstLine(err))
	case heard.Rejected || heard.Words.Reveal() != sentence:
		d.problem("speech", "apt-get install --reinstall flite pocketsphinx-en-us", "A sentence that was spoken here was not recognised.")
	default:
		d.ok("speech", "A sentence was spoken and recognised, in %s.", took(begin))
	}
}

func (d *doctor) recognise(ctx context.Context, engine *speech.Engine, said speech.Sound) (speech.Heard, error) {
	sentences, err := understand.English()
	if err != nil {
		return speech.Heard{}, err
	}
	jsgf, words := sentences.Grammar()
	if err := engine.SetGrammar(ctx, speech.Grammar{JSGF: jsgf, Words: words}); err != nil {
		return speech.Heard{}, err
	}
	return engine.Recognise(ctx, speech.Audio{Samples: sound.Resample(said.Samples, said.Rate)})
}

// portal looks whether the portal's address is free, or who answers there.
func (d *doctor) portal(ctx context.Context) {
	free, err := d.free(d.Listen)
	switch {
	case err != nil:
		d.problem("portal", "choose another address with --listen", "Nothing can listen at %s: %v.", d.Listen, err)
	case free && d.running:
		d.problem("portal", "hearkeep doctor --listen ADDRESS   (if it listens elsewhere)", "A Hearkeep runs on this keep, and nothing answers at %s.", d.Listen)
	case free:
		d.ok("portal", "%s is free.", d.Listen)
	case !d.isHearkeep(ctx):
		d.problem("portal", "stop it, or choose another address with --listen", "Another program has %s.", d.Listen)
	case !d.running:
		d.note("portal", "name that keep with --keep, or choose another address with --listen", "At %s answers a Hearkeep that runs on another keep.", d.Listen)
	case !d.ours():
		d.note("portal", "name this keep's address with --listen", "At %s answers a Hearkeep, and this keep was last served at another port.", d.Listen)
	default:
		d.ok("portal", "The portal answers at %s.", d.Listen)
	}
}

// ours says whether the address has the port at which this keep was last
// served. Of an origin without a port, behind a proxy, it cannot tell.
func (d *doctor) ours() bool {
	k, err := readKept(d.Keep)
	if err != nil {
		return true // another finding says so
	}
	origin, err := url.Parse(k.Origin)
	if err != nil || origin.Port() == "" {
		return true
	}
	_, port, err := net.SplitHostPort(d.Listen)
	return err != nil || port == origin.Port()
}

// free reports whether an address can be listened at. Why not is an error
// unless somebody else listens there.
func (d *doctor) free(addr string) (bool, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return false, nil
	}
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return false, err
	}
	return true, l.Close()
}

// isHearkeep asks whoever listens at the portal's address how it is. Only its
// health is asked and nothing is sent, so that no certificate must be trusted;
// how long that lasts is said on the way.
func (d *doctor) isHearkeep(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	addr := reachable(d.Listen)
	scheme := "http"
	secure := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: d.host()}}
	if conn, err := secure.DialContext(ctx, "tcp", addr); err == nil {
		d.certificate("The portal's certificate", conn.(*tls.Conn).ConnectionState().PeerCertificates[0], leafSoon, "look at the server's log: a running server makes a new one in time")
		conn.Close()
		scheme = "https"
	}
	client := http.Client{
		Transport:     &http.Transport{TLSClientConfig: secure.Config, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+addr+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	healthy := resp.StatusCode == http.StatusOK && bytes.Equal(text, []byte("ok\n"))
	otherName := resp.StatusCode == http.StatusMisdirectedRequest && bytes.HasPrefix(text, []byte("Hearkeep "))
	elsewhere := resp.StatusCode == http.StatusTemporaryRedirect && d.host() != "" // its local name sends to its origin
	return err == nil && (healthy || otherName || elsewhere)
}

// reachable is an address to connect to where a program listens at addr.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// describeWithin is how long Home Assistant waits for a Wyoming service.
const describeWithin = time.Second

// listeners asks each Wyoming door what it offers, as Home Assistant does.
func (d *doctor) listeners(ctx context.Context) {
	for _, door := range d.doors {
		if door.Source != hearkeep.SourceWyoming || door.Refused != nil {
			continue
		}
		if d.running {
			d.describe(ctx, door.Binding, door.Listen)
			continue
		}
		switch free, err := d.free(door.Listen); {
		case err != nil:
			d.problem("listeners", "change its address on the keep's page", "Door %s cannot listen at %s: %v.", door.Binding, door.Listen, err)
		case !free:
			d.problem("listeners", "stop that program, or change the door's address on the keep's page", "Door %s cannot listen at %s: another program does.", door.Binding, door.Listen)
		default:
			d.ok("listeners", "%s is free for door %s.", door.Listen, door.Binding)
		}
	}
}

func (d *doctor) describe(ctx context.Context, id hearkeep.BindingID, addr string) {
	ctx, cancel := context.WithTimeout(ctx, describeWithin)
	defer cancel()
	begin := time.Now()
	client, err := wyoming.Dial(ctx, "tcp://"+reachable(addr), wyoming.Deadlines{})
	if err == nil {
		defer client.Close()
		_, err = client.Describe(ctx)
	}
	if err != nil {
		d.problem("listeners", "look at the door's line on the keep's page, and at the server's log", "Door %s does not answer at %s within %s, and Home Assistant waits no longer.", id, addr, describeWithin)
		return
	}
	d.ok("listeners", "Door %s answers at %s, in %s.", id, addr, time.Since(begin).Round(time.Millisecond))
}
