package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
)

// controlIncident is what a command wants of the breach desk.
type controlIncident struct {
	Do   string `json:"do"` // "list", "show", "tell", "hold", "decide", "close"
	ID   string `json:"id,omitempty"`
	Text string `json:"text,omitempty"`
	Yes  bool   `json:"yes,omitempty"`
}

// shownCases is how many cases a list has at most.
const shownCases = 1000

// run does it, and answers with what there is then.
func (a controlIncident) run(ctx context.Context, desk *incident.Desk) (told incidentTold, err error) {
	cases, err := desk.Cases(ctx, store.IncidentCursor{}, shownCases)
	if err != nil {
		return told, err
	}
	if a.Do == "list" {
		for _, s := range cases {
			told.Cases = append(told.Cases, lineOf(s))
		}
		return told, nil
	}
	id, err := caseCalled(cases, a.ID)
	if err != nil {
		return told, err
	}
	switch a.Do {
	case "show":
	case "tell":
		err = desk.Tell(ctx, id)
	case "hold":
		err = desk.Hold(ctx, id, a.Text)
	case "decide":
		err = desk.Decide(ctx, id, a.Yes, a.Text)
	case "close":
		err = desk.Close(ctx, id, a.Text)
	default:
		err = hearkeep.Errorf(hearkeep.Invalid, "The server is of another version than this command.")
	}
	if err != nil {
		return told, err
	}
	c, err := desk.Case(ctx, id)
	told.Case = shownOf(c)
	return told, err
}

// caseCalled finds the one case whose id begins with what was typed.
func caseCalled(cases []incident.Summary, typed string) (id hearkeep.IncidentID, err error) {
	if id, err := hearkeep.ParseID[hearkeep.IncidentID](typed); err == nil {
		return id, nil // it may be older than those that are listed
	}
	found := 0
	for _, s := range cases {
		if typed != "" && strings.HasPrefix(s.ID.String(), strings.ToLower(typed)) {
			id, found = s.ID, found+1
		}
	}
	switch found {
	case 1:
		return id, nil
	case 0:
		return id, hearkeep.Errorf(hearkeep.NotFound, "There is no such case.").WithHint("hearkeep incident lists them.")
	}
	return id, hearkeep.Errorf(hearkeep.Invalid, "%d cases begin like that.", found).WithHint("Type more of the id.")
}

// ask has it done by the server that runs on the folder, or here.
func (on incidentOn) ask(ctx context.Context, c *console, a controlIncident) (incidentTold, error) {
	told, err := askAboutCases(ctx, on.Keep, a)
	if !errors.Is(err, errNoServer) {
		return told, err
	}
	return on.offline(ctx, c, a)
}

// askAboutCases asks the server that runs on a folder; errNoServer where none does.
func askAboutCases(ctx context.Context, keep string, a controlIncident) (told incidentTold, err error) {
	dir, path, err := shortPath(keep, fileControl)
	if err != nil {
		return told, folderError(keep, err)
	}
	defer dir.Close()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return told, errNoServer
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(controlAsk{Incident: &a}); err != nil {
		return told, fmt.Errorf("ask the server: %w", err)
	}
	var reply controlReply
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return told, fmt.Errorf("ask the server: %w", errors.Join(err, ctx.Err()))
	}
	if reply.Error != nil || reply.Incident == nil {
		return told, reply.Error.err()
	}
	return *reply.Incident, nil
}

// err is the failure that a server told.
func (e *controlError) err() error {
	if e == nil {
		return hearkeep.Errorf(hearkeep.Invalid, "The server is of another version than this command.")
	}
	err := hearkeep.Errorf(e.Code, "%s", e.Message).WithHint("%s", e.Hint)
	if e.Cause != "" {
		err = err.Because(errors.New(e.Cause))
	}
	return err
}

// offline takes the folder for itself for as long as it takes.
func (on incidentOn) offline(ctx context.Context, c *console, a controlIncident) (told incidentTold, err error) {
	settings, err := on.incidents()
	if err != nil {
		return told, err
	}
	if _, err := os.Stat(filepath.Join(on.Keep, fileHouse)); err != nil {
		return told, folderError(on.Keep, err)
	}
	known, err := readKept(on.Keep)
	if err != nil {
		return told, err
	}
	log := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	origin := cmp.Or(known.Origin, "http://localhost:8484")
	f, err := openFolder(ctx, on.Keep, time.Local, notify.Config{Origin: origin}, log)
	if err != nil {
		return told, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	settings.Store, settings.Ledger, settings.Letters, settings.House = f.pressing(), f.ledger, f.letters, f.house
	settings.Origin, settings.Zone, settings.Log = origin, time.Local, log
	desk, err := incident.New(settings)
	if err != nil {
		return told, err
	}
	return a.run(ctx, desk)
}
