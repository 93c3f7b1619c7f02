package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident/papers"
	"github.com/hearkeep/hearkeep/internal/store"
)

// settings returns what the impact assessment is filled in from: the flags
// that this server runs with, and counts of what it keeps. It reads no name.
func (cmd serveCmd) settings(r *rooms, origin string) func(context.Context) (papers.Settings, error) {
	return func(ctx context.Context) (papers.Settings, error) {
		s := papers.Settings{
			Version: version(), Origin: origin, Webhooks: cmd.WebhookHosts, BackupKeys: cmd.BackupKeysFor, HTTPS: cmd.protection(),
			Operator: cmd.Operator, Wait: r.desk.Wait(), Clock: r.incidents.Clock, TellWithin: r.incidents.TellWithin,
			Thresholds: r.incidents.Thresholds, Agents: cmd.Directory != "",
			Retention: []papers.Retention{
				{Of: "sound", For: hearkeep.DefaultRetention}, {Of: "words", For: hearkeep.DefaultRetention}, {Of: "what was done and answered", For: hearkeep.DefaultRetention},
			},
		}
		for _, w := range cmd.Witness {
			name, _, _ := strings.Cut(w, "+")
			s.Witnesses = append(s.Witnesses, name)
		}
		if server, err := cmd.mailServer(); err == nil && !server.IsZero() {
			s.Mail = server.Protection()
		}
		if cmd.BackupTo != "" {
			s.Backups = fmt.Sprintf("every %s, copies of the keys apart from the rest", everyText(cmd.BackupEvery))
		}
		if status, err := r.engine.Status(ctx); err == nil { // a keep without engines has none to name
			for _, e := range status {
				if e.Present {
					s.Engines = append(s.Engines, papers.Engine{Name: e.Name, Does: e.Does})
				}
			}
		}
		if err := r.relays(ctx, &s); err != nil {
			return s, err
		}
		err := r.folder.store.View(ctx, func(tx *store.Tx) error { return count(ctx, tx, &s) })
		return s, err
	}
}

// protection is how the network between people and this keep is protected.
func (f httpsFlags) protection() string {
	switch {
	case f.TLS == "local":
		return "HTTPS, with a certificate authority of this keep's own"
	case f.TLS == "acme":
		return "HTTPS, with a public certificate"
	case len(f.BehindProxy) > 0:
		return "HTTPS by a proxy; plain http between the proxy and this keep"
	}
	return "none: it answers on this machine only"
}

// relays adds the engines that doors hand sound to, as their keyholders chose.
func (r *rooms) relays(ctx context.Context, s *papers.Settings) error {
	doors, err := r.folder.keep.Listeners(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, d := range doors {
		if at := d.Door.Relay; at != "" && !known[at] {
			known[at] = true
			s.Engines = append(s.Engines, papers.Engine{Name: "an engine that keyholders chose", Does: "recognises speech for their doors", External: true, Where: at})
		}
	}
	return nil
}

// count adds how much there is of everything.
func count(ctx context.Context, tx *store.Tx, s *papers.Settings) (err error) {
	if s.Accounts, err = tx.Identity.CountAccounts(ctx); err != nil {
		return err
	}
	if s.Households, err = tx.Houses.CountHouseholds(ctx); err != nil {
		return err
	}
	vaults, err := tx.Vaults.AllVaults(ctx)
	if err != nil {
		return err
	}
	s.Vaults = len(vaults)
	for _, id := range vaults {
		v, err := tx.Vaults.Vault(ctx, id)
		if err != nil {
			return err
		}
		if max(v.Retention.Audio, v.Retention.Words, v.Retention.Turn) > hearkeep.DefaultRetention {
			s.LongVaults++
		}
	}
	for _, kind := range []struct {
		source hearkeep.Source
		of     string
	}{
		{hearkeep.SourceSay, "terminals"}, {hearkeep.SourceBrowser, "push to talk in browsers"}, {hearkeep.SourceWyoming, "Wyoming listeners, for Home Assistant"}, {hearkeep.SourceUpload, "uploads of files"},
	} {
		bound, err := tx.Vaults.BindingsOfSource(ctx, kind.source)
		if err != nil {
			return err
		}
		if len(bound) > 0 {
			s.Doors = append(s.Doors, papers.Count{Of: kind.of, N: len(bound)})
		}
	}
	return nil
}

// everyText is a setting's duration in its largest whole unit: "24 hours".
func everyText(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return d.String()
}
