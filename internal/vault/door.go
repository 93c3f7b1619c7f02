package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Door is what a keyholder says of a door. It lies sealed under the house key
// in the binding, whose signature covers it: where a listener listens and to
// whom it relays cannot be changed by writing rows.
type Door struct {
	Name   string         `json:"name"`             // of the room, or the terminal
	Listen string         `json:"listen,omitempty"` // host:port, of a Wyoming listener
	Allow  []netip.Prefix `json:"allow,omitempty"`  // who may connect beside this machine
	Relay  string         `json:"relay,omitempty"`  // host:port of another Wyoming engine to ask first
}

// setDoor is a door as it lies in its row, with who connected it: zero in rows
// that are older than that was noted.
type setDoor struct {
	Door
	By hearkeep.AccountID `json:"by,omitzero"`
}

const maxName = 64 // characters

// nameOf returns a name as it is stored, and whether it is one.
func nameOf(s string) (string, bool) {
	s = strings.Join(strings.Fields(s), " ")
	return s, s != "" && utf8.RuneCountInString(s) <= maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, steers)
}

// steers reports what would do something to a terminal, or to the order of the
// letters around it, instead of being shown.
func steers(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// check returns the door with its fields in order, or says what is wrong.
func (d Door) check(source hearkeep.Source) (Door, error) {
	var ok bool
	if d.Name, ok = nameOf(d.Name); !ok {
		return Door{}, hearkeep.Errorf(hearkeep.Invalid, "A door needs a name of at most %d characters.", maxName).WithHint("The room it is in, for instance.")
	}
	if source != hearkeep.SourceWyoming {
		return Door{Name: d.Name}, nil
	}
	host, _, err := net.SplitHostPort(d.Listen)
	if err != nil {
		return Door{}, hearkeep.Errorf(hearkeep.Invalid, "A listener needs an address and a port.").WithHint("Such as 127.0.0.1:10300.").Because(err)
	}
	if ip, err := netip.ParseAddr(host); len(d.Allow) == 0 && host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return Door{}, hearkeep.Errorf(hearkeep.Invalid, "Wyoming has no sign-in: a listener beyond this machine needs a list of who may connect.").
			WithHint("Write the addresses of the devices or of Home Assistant, such as 192.168.1.20, or listen on 127.0.0.1.")
	}
	if d.Relay != "" {
		if _, _, err := net.SplitHostPort(d.Relay); err != nil {
			return Door{}, hearkeep.Errorf(hearkeep.Invalid, "The other engine needs an address and a port.").WithHint("Such as 127.0.0.1:10301.").Because(err)
		}
	}
	return d, nil
}

// claim refuses a port at which another door listens, of whichever vault:
// what is said to this one would be heard, and kept, by that one.
func (k *Keep) claim(ctx context.Context, tx *store.Tx, id hearkeep.BindingID, d Door) error {
	if d.Listen == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(d.Listen)
	if err != nil {
		return err
	}
	rows, err := tx.Vaults.BindingsOfSource(ctx, hearkeep.SourceWyoming)
	if err != nil {
		return err
	}
	for _, b := range rows {
		other, err := k.openDoor(b)
		if err != nil || b.ID == id {
			continue // one that does not open does not listen
		}
		if _, taken, err := net.SplitHostPort(other.Listen); err == nil && taken == port {
			return hearkeep.Errorf(hearkeep.Conflict, "Another door listens at port %s.", port).
				WithHint("Choose another port: what is said to this door would be kept by that one.")
		}
	}
	return nil
}

func (k *Keep) sealDoor(id hearkeep.BindingID, d setDoor) ([]byte, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return seal.SealHouse(k.house, seal.HouseLabel, id, text)
}

// openDoor reads a door's settings; whether they are the signed ones,
// checkBinding says.
func (k *Keep) openDoor(b store.Binding) (Door, error) {
	d, err := k.openSet(b)
	return d.Door, err
}

// openSet is openDoor with who connected the door.
func (k *Keep) openSet(b store.Binding) (d setDoor, err error) {
	text, err := seal.OpenHouse(k.house, seal.HouseLabel, b.ID, b.Label)
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		return setDoor{}, fmt.Errorf("vault: door of binding %s: %w", b.ID, err)
	}
	return d, nil
}

// door is openDoor for pages. A door that is not what was signed is shown by
// its kind alone: its name may be somebody else's.
func (k *Keep) door(ctx context.Context, b store.Binding) Door {
	_, err := k.checkBinding(ctx, b)
	var d Door
	if err == nil {
		d, err = k.openDoor(b)
	}
	if err != nil {
		k.log.Error("a door is not what was signed", "binding", b.ID, "err", err)
		return Door{Name: string(b.Source)}
	}
	return d
}

// Listener is a door that the program opens by itself.
type Listener struct {
	Binding hearkeep.BindingID
	Door    Door
	Rule    hearkeep.RoomRule
}

// Listeners returns the Wyoming doors of every vault that are what their
// keyholders signed. Others are refused and logged.
func (k *Keep) Listeners(ctx context.Context) ([]Listener, error) {
	var rows []store.Binding
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Vaults.BindingsOfSource(ctx, hearkeep.SourceWyoming)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vault: listeners: %w", err)
	}
	var out []Listener
	for _, b := range rows {
		_, err := k.checkBinding(ctx, b)
		var d Door
		if err == nil {
			d, err = k.openDoor(b)
		}
		if err != nil {
			k.log.Error("a listener was refused", "binding", b.ID, "err", err)
			continue
		}
		out = append(out, Listener{b.ID, d, b.Rule})
	}
	return out, nil
}

// Listener returns the Inbox of a Wyoming door. It is asked for at each
// request, so that a changed rule holds from the next word on.
func (k *Keep) Listener(ctx context.Context, id hearkeep.BindingID) (*Inbox, error) {
	in, err := k.inbox(ctx, id)
	if err != nil {
		return nil, err
	}
	if in.Source() != hearkeep.SourceWyoming {
		return nil, hearkeep.Errorf(hearkeep.NotFound, "This door is not connected any more.")
	}
	return in, nil
}
