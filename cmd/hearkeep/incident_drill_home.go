package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// drill is a scratch keep on which the case is played.
type drill struct {
	cmd       incidentDrillCmd
	show      io.Writer
	folder    *folder
	desk      *identity.Desk
	rights    *rights.Desk
	incidents *incident.Desk
	post      *drillPost
	stop      func()

	anna, ben, clara drillPerson
	sent             []byte             // the file that Ben has
	archive          hearkeep.ArchiveID // what it is
	reported         time.Time
	earlier          int // letters before that
	result           drillResult
	papers           map[string][]byte
	document         []byte // the notification, as it is frozen
}

// drillPerson is a made-up person.
type drillPerson struct {
	name, mail string
	who        identity.Verified
	kit        seal.Kit
	vault      hearkeep.VaultID
	door       hearkeep.BindingID
	kept       int
	fetch      func(context.Context) error // fetches their own archive, or goes on with it
}

// Of the people: what nobody but the drill knows, and where they are.
const (
	drillPassphrase = "a passphrase of the drill"
	drillWord       = "cardamom-zeppelin" // what they say; nothing else says it
	drillOrigin     = "http://localhost:8484"
)

func drillVisitor() identity.Visitor {
	return identity.Visitor{Addr: netip.IPv6Loopback(), Agent: "hearkeep drill"}
}

// openDrill makes the keep and the rooms that take part; nobody listens.
func openDrill(ctx context.Context, dir string, cmd incidentDrillCmd, show io.Writer, log *slog.Logger) (*drill, error) {
	d := &drill{cmd: cmd, show: show, papers: map[string][]byte{}}
	d.result.Sealed = !cmd.Open
	var err error
	if d.post, err = openPost(); err != nil {
		return nil, err
	}
	mail, err := notify.ParseMailServer("smtp://"+d.post.addr, "keep@drill.example", "")
	if err != nil {
		return nil, errors.Join(err, d.post.close())
	}
	d.folder, err = openFolder(ctx, filepath.Join(dir, "keep"), time.UTC, notify.Config{Origin: drillOrigin, Mail: mail}, log)
	if err != nil {
		return nil, errors.Join(err, d.post.close())
	}
	if err := d.rooms(log); err != nil {
		return nil, errors.Join(err, d.folder.close(), d.post.close())
	}
	letters, cancel := context.WithCancel(ctx)
	sending := make(chan error, 1)
	go func() { sending <- d.folder.letters.Run(letters) }()
	d.stop = func() { cancel(); <-sending }
	return d, nil
}

// rooms are those of a server, but for what hears. Archives leave at once after
// a kit was made, where people wait for days.
func (d *drill) rooms(log *slog.Logger) (err error) {
	f := d.folder
	d.desk, err = identity.New(identity.Config{
		Store: f.store, Ledger: f.ledger, House: f.house, Log: log, Letters: f.letters, Vaults: f.keep, Origin: drillOrigin, Wait: time.Millisecond,
	})
	if err != nil {
		return err
	}
	d.rights = rights.New(rights.Config{
		Store: f.store, Keep: f.keep, Ledger: f.ledger, Letters: f.letters, House: f.house, Origin: drillOrigin, Zone: time.UTC, Wait: d.desk.Wait(), Log: log,
	})
	d.incidents, err = incident.New(incident.Config{
		Store: f.store, Ledger: f.ledger, Letters: f.letters, House: f.house, Origin: drillOrigin, Zone: time.UTC, Log: log,
		Controller: incident.Controller{Name: "A made-up keep", Contact: "privacy@drill.example", Authority: "A made-up authority"},
	})
	return err
}

func (d *drill) close() error {
	d.stop()
	return errors.Join(d.folder.close(), d.post.close())
}

// before notes what was so before the report.
func (d *drill) before(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	d.result.Before = append(d.result.Before, line)
	fmt.Fprintln(d.show, line)
}

// settle makes three people with a keep each, who speak, and erase something.
func (d *drill) settle(ctx context.Context) (err error) {
	if d.anna, err = d.person(ctx, "Anna", "anna@drill.example", "de", 12); err != nil {
		return err
	}
	if d.ben, err = d.person(ctx, "Ben", "ben@drill.example", "en", 5); err != nil {
		return err
	}
	if d.clara, err = d.person(ctx, "Clara", "clara@drill.example", "fr", 4); err != nil {
		return err
	}
	d.before("Anna, Ben and Clara each hold a vault; %d, %d and %d recordings are sealed to them.", d.anna.kept, d.ben.kept, d.clara.kept)
	return nil
}

// person makes an account, a vault, a door, and recordings.
func (d *drill) person(ctx context.Context, name, mail string, l hearkeep.Language, n int) (p drillPerson, err error) {
	p.name, p.mail = name, mail
	link, err := d.desk.AnotherLink(ctx)
	if err != nil {
		return p, err
	}
	in, kit, check, err := d.desk.Create(ctx, link, name, drillPassphrase, drillVisitor())
	if err != nil {
		return p, err
	}
	if p.kit, err = seal.ParseKit(kit); err != nil {
		return p, err
	}
	groups := strings.Split(kit, "-")
	in, err = d.desk.CheckKit(ctx, in.Who, check.Ticket, [2]string{groups[check.Groups[0]-1], groups[check.Groups[1]-1]}, drillVisitor())
	if err != nil {
		return p, err
	}
	p.who = in.Who
	if p.vault, err = d.folder.keep.Create(ctx, p.who); err != nil {
		return p, err
	}
	room, err := d.folder.keep.Enter(ctx, p.who, p.vault)
	if err != nil {
		return p, err
	}
	inbox, err := room.Uploads(ctx)
	if err != nil {
		return p, err
	}
	p.door = inbox.Binding()
	for i := range n {
		if err := keepTone(ctx, inbox, name, i); err != nil {
			return p, err
		}
	}
	p.kept = n
	return p, d.reachable(ctx, p, l)
}

// keepTone keeps half a second of a tone that is nobody else's, with words.
func keepTone(ctx context.Context, in *vault.Inbox, name string, i int) error {
	samples := make([]int16, hearkeep.SampleRate/2)
	for s := range samples {
		samples[s] = int16(8000 * math.Sin(2*math.Pi*(200+40*float64(i)+float64(len(name)))*float64(s)/hearkeep.SampleRate))
	}
	flac, err := sound.EncodeFLAC(sound.Clip{Samples: samples})
	if err != nil {
		return err
	}
	words := fmt.Sprintf("%s, %s number %d", name, drillWord, i+1)
	return in.Keep(ctx, vault.Taken{
		ID: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Now(), Duration: 500 * time.Millisecond, Audio: flac,
		Waveform: bytes.Repeat([]byte{90}, 8), Words: hearkeep.NewWords(words), HasWords: true,
		Turn: hearkeep.Turn{Intent: "HassNevermind", Did: "nothing", Answer: hearkeep.NewWords("You said: " + words)},
	})
}

// reachable gives a person an e-mail address, as if they had typed the code
// that confirms it, and a language.
func (d *drill) reachable(ctx context.Context, p drillPerson, l hearkeep.Language) error {
	id := hearkeep.NewID[hearkeep.ChannelID]()
	sealed, err := d.folder.letters.Seal(id, p.mail)
	if err != nil {
		return err
	}
	err = d.folder.store.Update(ctx, func(tx *store.Tx) error {
		return tx.Letters.InsertChannel(ctx, store.Channel{
			ID: id, Account: p.who.Account(), Kind: notify.Email, Address: sealed, Created: time.Now(), Confirmed: time.Now(),
		})
	})
	if err != nil {
		return err
	}
	return d.incidents.SetLanguage(ctx, p.who.Account(), l)
}
