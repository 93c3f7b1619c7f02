package main

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/hear"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/portal"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/understand"
)

// rooms are what hears, answers and admits people, on an opened folder.
type rooms struct {
	folder *folder
	zone   *time.Location
	log    *slog.Logger

	desk      *identity.Desk
	rights    *rights.Desk
	incidents *incident.Desk
	engine    *speech.Engine
	acts      *act.Desk
	ear       *hear.Ear
	doors     *hear.Doors
}

// openRooms builds the rooms in order and passes them down. wait is the
// waiting time after a change of ways in; zero is identity's. breach is the
// settings of the breach desk.
func openRooms(ctx context.Context, f *folder, zone *time.Location, wait time.Duration, breach incident.Config, ringer act.Ringer, log *slog.Logger) (*rooms, error) {
	r := &rooms{folder: f, zone: zone, log: log}
	var err error
	r.desk, err = identity.New(identity.Config{
		Store: f.pressing(), Ledger: f.ledger, House: f.house, Log: log,
		Letters: f.letters, Vaults: f.keep, Origin: f.letters.Origin, Wait: wait,
	})
	if err != nil {
		return nil, err
	}
	sentences, err := understand.English()
	if err != nil {
		return nil, err
	}
	voice, err := speech.NewVoiceActivity()
	if err != nil {
		return nil, err
	}
	r.rights = rights.New(rights.Config{
		Store: f.pressing(), Keep: f.keep, Ledger: f.ledger, Letters: f.letters, House: f.house,
		Origin: f.letters.Origin, Zone: zone, Wait: r.desk.Wait(), Log: log,
	})
	breach.Store, breach.Ledger, breach.Letters, breach.House = f.pressing(), f.ledger, f.letters, f.house
	breach.Origin, breach.Zone, breach.Log = f.letters.Origin, zone, log
	if r.incidents, err = incident.New(breach); err != nil {
		return nil, err
	}
	r.acts, err = act.New(ctx, act.Config{
		Store: f.store, House: f.house, Location: zone, Log: log,
		Forgetter: byVoice{f.keep}, Counter: byVoice{f.keep}, Requester: r.rights, Listener: r.incidents, Reporter: r.incidents, Ringer: ringer, DoorNumber: rights.DoorNumber,
	})
	if err != nil {
		return nil, err
	}
	if r.engine, err = startEngine(ctx, sentences, log); err != nil {
		return nil, err
	}
	r.ear = hear.New(hear.Config{
		Engine: r.engine, Voice: voice, Sentences: sentences, Act: r.acts, Store: f.store, Log: log,
		Aloud: f.letters.Aloud,
		Peer: func(ctx context.Context, binding hearkeep.BindingID, from netip.Addr) {
			if err := r.incidents.HeardPeer(ctx, binding, from); err != nil {
				log.Error("who speaks at a door was not looked at", "binding", binding, "err", err)
			}
		},
	})
	r.doors = hear.NewDoors(r.ear, f.keep, log)
	return r, nil
}

// close ends the engines; the folder is for whoever opened it to close.
func (r *rooms) close() { r.engine.Close() }

// portal is what the pages stand on.
func (r *rooms) portal(origin string, trust *portal.Trust) portal.Config {
	return portal.Config{
		Identity: r.desk, Keep: r.folder.keep, Ear: r.ear, Doors: r.doors, Act: r.acts, Ledger: r.folder.ledger,
		Rights: r.rights, Incidents: r.incidents, Log: r.log, Origin: origin, Trust: trust, Zone: r.zone,
	}
}
