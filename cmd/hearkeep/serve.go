package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/portal"
	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/understand"
	"github.com/hearkeep/hearkeep/internal/vault"
	"golang.org/x/sys/unix"
)

type serveCmd struct {
	Keep     string     `help:"The folder to keep everything in." default:"./keep" type:"path"`
	Listen   string     `help:"Address and port of the portal. Without HTTPS it must be loopback." default:"127.0.0.1:8484"`
	Origin   string     `help:"Where people reach the portal; by default http://localhost and the port. Sign-ins and passkeys are bound to it." placeholder:"URL"`
	Timezone string     `help:"Where alarms ring and days begin, such as Europe/Berlin; by default the machine's." placeholder:"ZONE"`
	LogLevel slog.Level `help:"Least level to log: debug, info, warn, error." default:"info"`
	LogJSON  bool       `help:"Log as JSON." name:"log-json"`
	Operator bool       `help:"Show requests, cases with their clocks, the register and the impact assessment at /operator, to whoever has a link of hearkeep operator."`
	httpsFlags
	lettersFlags
	agentFlags
	backupFlags
	incidentFlags
	witnessFlags
}

// Run builds the rooms in order, passes them down, and serves until the
// context ends.
func (cmd serveCmd) Run(ctx context.Context, c *console) (err error) {
	zone, err := cmd.zone()
	if err != nil {
		return err
	}
	log := cmd.logger(c)
	keepMemoryPrivate(log)
	letters, err := cmd.letters()
	if err != nil {
		return err
	}
	places, err := cmd.places()
	if err != nil {
		return err
	}
	breach, err := cmd.incidents()
	if err != nil {
		return err
	}
	witnesses, err := cmd.witnesses()
	if err != nil {
		return err
	}
	front, err := cmd.listen(log)
	if err != nil {
		return err
	}
	defer front.close()
	letters.Origin = front.origin.String()
	f, err := openFolder(ctx, cmd.Keep, zone, letters, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := front.prepare(ctx, f, c.out); err != nil {
		return err
	}

	r, err := openRooms(ctx, f, zone, cmd.Wait, breach, bell{c.out}, log)
	if err != nil {
		return err
	}
	defer r.close()
	agents, err := cmd.agents(r.rights)
	if err != nil {
		return err
	}
	pages := r.portal(front.origin.String(), front.trust())
	pages.Agents = agents
	pages.Ending, pages.Operator, pages.Settings = ctx, cmd.Operator, cmd.settings(r, front.origin.String())
	handler, err := portal.New(pages)
	if err != nil {
		return err
	}
	front.tell(c.out)
	if err := greet(ctx, c, r.desk, r.engine, front.origin.String(), cmd.Keep); err != nil {
		return err
	}
	f.backups.KeysFor = cmd.BackupKeysFor
	backups := func(ctx context.Context) error { return f.backups.Run(ctx, places, cmd.BackupEvery) }
	tasks := schedule{log: log, jumped: r.incidents.ClockJumped, still: r.incidents.Expire, tasks: []task{
		{"expire recordings", 10 * time.Minute, func(ctx context.Context, now time.Time) error { _, err := f.keep.Expire(ctx, now); return err }},
		{"expire sessions, links and accounts that leave", time.Minute, r.desk.Expire},
		{"expire requests and archives", time.Hour, r.rights.Expire},
		{"follow the ledger", time.Minute, r.incidents.Follow},
		{"check numbers", 6 * time.Hour, f.keep.CheckNumbers},
		{"run the clocks of cases", time.Minute, r.incidents.Expire},
		{"expire ledger bodies", 24 * time.Hour, func(ctx context.Context, now time.Time) error { _, err := f.ledger.Expire(ctx, now); return err }},
		{"keep the ledger's head", time.Minute, func(ctx context.Context, _ time.Time) error { return f.ledger.Keep(ctx) }},
		{"expire the log of letters", 24 * time.Hour, f.letters.Expire},
		{"expire what agents asked", time.Hour, agents.Expire},
		{"sweep", time.Hour, sweep(f.keep)},
		{"refill the reserve", time.Hour, func(context.Context, time.Time) error { return f.reserve.Refill() }},
	}}
	return serve(ctx, front.secured(), front.guard(handler), log, r.acts.Run, r.doors.Run, f.letters.Run, tasks.run, front.run, runAgents(agents, log), backups, askWitnesses(f, r.incidents, witnesses, log), control(f, r.incidents, log))
}

func (cmd serveCmd) zone() (*time.Location, error) {
	if cmd.Timezone == "" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(cmd.Timezone)
	if err != nil {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "There is no time zone called %q.", cmd.Timezone).
			WithHint("Use a name such as Europe/Berlin.").Because(err)
	}
	return zone, nil
}

func (cmd serveCmd) logger(c *console) *slog.Logger {
	options := &slog.HandlerOptions{Level: cmd.LogLevel}
	if cmd.LogJSON {
		return slog.New(slog.NewJSONHandler(c.err, options))
	}
	return slog.New(slog.NewTextHandler(c.err, options))
}

// startEngine starts the worker and teaches it the sentences. A machine
// without engines still serves: recordings are kept, marked "not transcribed".
func startEngine(ctx context.Context, sentences *understand.Sentences, log *slog.Logger) (*speech.Engine, error) {
	engine, err := speech.Start(context.WithoutCancel(ctx), speech.Options{Log: log}) // turns under way end first
	if err != nil {
		return nil, err
	}
	jsgf, words := sentences.Grammar()
	if err := engine.SetGrammar(ctx, speech.Grammar{JSGF: jsgf, Words: words}); err != nil {
		log.Warn("the recogniser has no grammar", "err", err)
	}
	return engine, nil
}

// greet prints where to go, and the set-up link while nobody has an account.
func greet(ctx context.Context, c *console, desk *identity.Desk, engine *speech.Engine, origin, keep string) error {
	tellMissing(ctx, c, engine)
	secret, err := desk.SetupLink(ctx)
	if hearkeep.CodeOf(err) == hearkeep.Conflict {
		fmt.Fprintf(c.out, "Hearkeep keeps in %s and answers at %s\n", keep, origin)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Hearkeep keeps in %s\nSet it up here (this link works once, for one hour; a restart prints a new one):\n\n  %s/setup/%s\n\n", keep, origin, secret)
	return nil
}

// tellMissing names the engines that are not installed, with what installs
// them, and what the cage of the speech engine lacks on this machine.
func tellMissing(ctx context.Context, c *console, engine *speech.Engine) {
	status, err := engine.Status(ctx)
	if err != nil {
		fmt.Fprintln(c.out, "The speech engine does not answer: recordings are kept, marked \"not transcribed\".")
		return
	}
	for _, e := range status {
		if !e.Present {
			fmt.Fprintf(c.out, "Not installed: %s (%s). To install it: %s\n", e.Name, e.Does, e.Mend)
		}
	}
	cage, err := engine.Cage(ctx)
	if err != nil {
		fmt.Fprintln(c.out, "The speech engine does not say whether it is confined.")
		return
	}
	for _, lack := range cage.Missing {
		fmt.Fprintf(c.out, "The speech engine is confined less than it should be. %s\n", lack)
	}
}

// serve runs the HTTP server and what goes on beside it until the context
// ends, and then waits for turns that are under way.
func serve(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger, beside ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       5 * time.Minute, // a slow upload of hear.MaxBytes
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1+len(beside))
	var running sync.WaitGroup
	for _, run := range beside {
		running.Go(func() { ended <- run(ctx) })
	}
	go func() { ended <- server.Serve(l) }()
	var first error
	select {
	case <-ctx.Done():
	case first = <-ended:
		if ctx.Err() != nil {
			first = nil // it ended because it was told to
		}
	}
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer stop()
	err := server.Shutdown(grace)
	cancel()
	running.Wait()
	return errors.Join(first, err)
}

// keepMemoryPrivate keeps the keys of whoever is signed in out of core dumps
// and from other processes of the same user. Where a kernel pipes dumps, a
// limit of 0 is ignored and 1 means none.
func keepMemoryPrivate(log *slog.Logger) {
	err := errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
	if err != nil {
		log.Warn("core dumps are not switched off", "err", err)
	}
}

// byVoice lets room act forget and count without knowing vaults.
type byVoice struct{ keep *vault.Keep }

func (v byVoice) ForgetLast(ctx context.Context, id hearkeep.VaultID, binding hearkeep.BindingID) (string, error) {
	receipt, err := v.keep.Eraser(id).Last(ctx, binding)
	return receipt.ID.String(), err
}

func (v byVoice) Kept(ctx context.Context, id hearkeep.VaultID) (store.Totals, time.Duration, error) {
	totals, retention, err := v.keep.Eraser(id).Totals(ctx)
	return totals, retention.Audio, err
}
