package portal

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// doorPage is the form of one door: a new one, or one that is there.
type doorPage struct {
	frame
	ID      string // empty for a new one
	Number  string // by which somebody without an account names it; empty for a new one
	Source  hearkeep.Source
	Form    doorForm
	Connect *connectView
	Others  []vaultView // where the door can be moved
	Problem *problem
}

// doorForm is a door as somebody typed it.
type doorForm struct {
	Name, Listen, Allow, Relay string
	Keep                       hearkeep.Keeping // empty until chosen: nothing is chosen for a person
	From, To                   string           // quiet hours
}

// Choices are what a door may keep, in the order shown.
func (doorForm) Choices() []keepChoice {
	return []keepChoice{
		{hearkeep.KeepAll, "Sound and words", "You can play it and read it."},
		{hearkeep.KeepWords, "Words only", "You can read it; the sound is not kept."},
		{hearkeep.KeepNothing, "Nothing", "It is done and answered, and nothing of it is kept."},
	}
}

type keepChoice struct {
	Keep        hearkeep.Keeping
	Label, Says string
}

// Listener reports a door at which Home Assistant and its like connect.
func (pg *doorPage) Listener() bool { return pg.Source == hearkeep.SourceWyoming }

// Terminal reports a door of `hearkeep say`.
func (pg *doorPage) Terminal() bool { return pg.Source == hearkeep.SourceSay }

// Uploads reports the door for uploads, which stays in its vault.
func (pg *doorPage) Uploads() bool { return pg.Source == hearkeep.SourceUpload }

// Back is where the form's person came from.
func (pg *doorPage) Back() string {
	if pg.ID == "" {
		return "/doors"
	}
	return "/doors#d-" + pg.ID
}

// newDoorForm asks for what a new door needs.
func (p *portal) newDoorForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	page := &doorPage{frame: p.frameOf(v, "Add a door", "doors"), Source: hearkeep.Source(r.URL.Query().Get("kind"))}
	bindings, err := v.room.Bindings(r.Context())
	if err != nil {
		return err
	}
	switch page.Source {
	case hearkeep.SourceSay:
		page.Form.Name = terminalName(bindings)
	case hearkeep.SourceBrowser:
		if b, open, _, err := browserDoor(r.Context(), v); err != nil {
			return err
		} else if open { // there is one door of the browser: its settings
			http.Redirect(w, r, "/doors/"+b.ID.String(), http.StatusSeeOther)
			return nil
		}
		page.Form.Name = "Browser"
	case hearkeep.SourceWyoming:
		page.Form.Listen = freeListener(bindings)
	default:
		return errNowhere
	}
	p.show(w, http.StatusOK, "door", page)
	return nil
}

// freeListener is the habitual address of a Wyoming speech service, on the
// first port that no door of this keep has.
func freeListener(bindings []vault.Binding) string {
	taken := map[string]bool{}
	for _, b := range bindings {
		if _, port, err := net.SplitHostPort(b.Door.Listen); err == nil && b.Ended.IsZero() {
			taken[port] = true
		}
	}
	port := 10300
	for taken[strconv.Itoa(port)] {
		port++
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// terminalName is a name that no terminal has had.
func terminalName(bindings []vault.Binding) string {
	name, n := "Terminal", 1
	for _, b := range bindings {
		if b.Source == hearkeep.SourceSay {
			n++
			name = fmt.Sprintf("Terminal %d", n)
		}
	}
	return name
}

// newDoor binds a door. A terminal then waits for its line to be pasted.
func (p *portal) newDoor(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	page := &doorPage{frame: p.frameOf(v, "Add a door", "doors"), Source: hearkeep.Source(r.PostFormValue("kind")), Form: readDoorForm(r)}
	if page.Source != hearkeep.SourceSay && page.Source != hearkeep.SourceBrowser && page.Source != hearkeep.SourceWyoming {
		return errNowhere
	}
	id, err := p.bind(r.Context(), v, page.Source, page.Form)
	if err != nil {
		return p.askAgain(w, page, err)
	}
	if page.Source == hearkeep.SourceSay {
		if err := p.pairingOf(r.Context(), v, id); err != nil {
			return err
		}
	}
	if err := p.changed(r.Context()); err != nil {
		return err
	}
	http.Redirect(w, r, "/doors#d-"+id.String(), http.StatusSeeOther)
	return nil
}

// bind ties a door to the keep. There is one door of the browser at most: a
// second one changes the first.
func (p *portal) bind(ctx context.Context, v *visit, source hearkeep.Source, f doorForm) (hearkeep.BindingID, error) {
	door, rule, err := f.read(source)
	if err != nil {
		return hearkeep.BindingID{}, err
	}
	if source == hearkeep.SourceBrowser {
		b, open, _, err := browserDoor(ctx, v)
		if err != nil {
			return hearkeep.BindingID{}, err
		}
		if open {
			rule.Paused = b.Rule.Paused
			return b.ID, v.room.Change(ctx, b.ID, door, rule)
		}
	}
	return v.room.Bind(ctx, source, door, rule)
}

// askAgain shows a form with what was typed and what is wrong with it.
func (p *portal) askAgain(w http.ResponseWriter, page *doorPage, err error) error {
	if code := hearkeep.CodeOf(err); code != hearkeep.Invalid && code != hearkeep.Conflict {
		return err
	}
	pr := explain(err)
	page.Problem = &pr
	p.show(w, pr.Status, "door", page)
	return nil
}

// pairingOf makes a code for a terminal's door and shows it to this session.
func (p *portal) pairingOf(ctx context.Context, v *visit, id hearkeep.BindingID) error {
	code, err := p.Identity.PairingCode(ctx, v.who, id)
	if err != nil {
		return err
	}
	p.codes.put(v.cookie, shownCode{code, id, v.room.ID(), p.Now().Add(identity.PairingLife)})
	return nil
}

// pairAgain makes a new line to paste for a terminal's door. Once it is
// pasted, the token that the door had before is void.
func (p *portal) pairAgain(w http.ResponseWriter, r *http.Request, v *visit) error {
	b, err := doorOf(r, v)
	if err != nil {
		return err
	}
	if b.Source != hearkeep.SourceSay {
		return errNowhere
	}
	if err := p.pairingOf(r.Context(), v, b.ID); err != nil {
		return err
	}
	http.Redirect(w, r, "/doors#d-"+b.ID.String(), http.StatusSeeOther)
	return nil
}

// doorSettings shows a door's form.
func (p *portal) doorSettings(w http.ResponseWriter, r *http.Request, v *visit) error {
	b, err := doorOf(r, v)
	if err != nil {
		return err
	}
	page := p.doorPage(v, b)
	p.show(w, http.StatusOK, "door", page)
	return nil
}

func (p *portal) doorPage(v *visit, b vault.Binding) *doorPage {
	page := &doorPage{
		frame: p.frameOf(v, "Settings of a door", "doors"), ID: b.ID.String(), Number: rights.DoorNumber(b.ID), Source: b.Source, Connect: connection(b.Door.Listen),
		Form:   doorForm{Name: b.Door.Name, Listen: b.Door.Listen, Relay: b.Door.Relay, Keep: b.Rule.Keep},
		Others: v.others(),
	}
	var allow []string
	for _, prefix := range b.Door.Allow {
		if prefix.IsSingleIP() {
			allow = append(allow, prefix.Addr().String())
		} else {
			allow = append(allow, prefix.String())
		}
	}
	page.Form.Allow = strings.Join(allow, "\n")
	if !b.Rule.Quiet.IsZero() {
		page.Form.From, page.Form.To, _ = strings.Cut(b.Rule.Quiet.String(), "-")
	}
	return page
}

// changeDoor stores another name, settings or rule. Whether the door is
// paused is not of this form and stays.
func (p *portal) changeDoor(w http.ResponseWriter, r *http.Request, v *visit) error {
	b, err := doorOf(r, v)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	typed := readDoorForm(r)
	door, rule, err := typed.read(b.Source)
	if err == nil {
		rule.Paused = b.Rule.Paused
		err = v.room.Change(r.Context(), b.ID, door, rule)
	}
	if err != nil {
		page := p.doorPage(v, b)
		page.Form = typed
		return p.askAgain(w, page, err)
	}
	if err := p.changed(r.Context()); err != nil {
		return err
	}
	http.Redirect(w, r, "/doors#d-"+b.ID.String(), http.StatusSeeOther)
	return nil
}

func readDoorForm(r *http.Request) doorForm {
	value := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	return doorForm{
		Name: value("name"), Listen: value("listen"), Allow: value("allow"), Relay: value("relay"),
		Keep: hearkeep.Keeping(value("keep")), From: value("from"), To: value("to"),
	}
}

// read makes the door and its rule, or says what is wrong. What a door of its
// kind does not have, the vault drops.
func (f doorForm) read(source hearkeep.Source) (vault.Door, hearkeep.RoomRule, error) {
	door := vault.Door{Name: f.Name, Listen: f.Listen, Relay: f.Relay}
	rule := hearkeep.RoomRule{Keep: f.Keep}
	if !rule.Keep.Valid() {
		return door, rule, hearkeep.Errorf(hearkeep.Invalid, "Choose what this door may keep.").WithHint("Sound and words, words only, or nothing.")
	}
	var err error
	if rule.Quiet, err = readHours(f.From, f.To); err != nil {
		return door, rule, err
	}
	if source == hearkeep.SourceWyoming {
		door.Allow, err = readAllowed(f.Allow)
	}
	return door, rule, err
}

func readHours(from, to string) (hearkeep.Hours, error) {
	if from == "" && to == "" {
		return hearkeep.Hours{}, nil
	}
	h, err := hearkeep.ParseHours(from + "-" + to)
	if err != nil || h.IsZero() {
		return hearkeep.Hours{}, hearkeep.Errorf(hearkeep.Invalid, "Quiet hours need two different times.").
			WithHint("Such as from 22:00 to 07:00; leave both empty for none.").Because(err)
	}
	return h, nil
}

// readAllowed reads addresses and ranges, apart by spaces, commas or lines.
func readAllowed(s string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	apart := func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) }
	for i, word := range strings.FieldsFunc(s, apart) {
		prefix, err := readRange(word)
		if err != nil {
			return nil, hearkeep.Errorf(hearkeep.Invalid, "Entry %d of who may connect is not an address.", i+1).
				WithHint("Write addresses such as 192.168.1.20, or ranges such as 192.168.1.0/24.").Because(err)
		}
		if prefix.Bits() == 0 {
			return nil, hearkeep.Errorf(hearkeep.Invalid, "Entry %d of who may connect is everybody.", i+1).
				WithHint("Write the addresses of your devices, or the range of your own network, such as 192.168.1.0/24.")
		}
		all = append(all, prefix)
	}
	return all, nil
}

// readRange reads a range or a single address. IPv4 written as IPv6 becomes
// IPv4, as which connections are compared.
func readRange(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		ip = ip.Unmap().WithZone("")
		return ip.Prefix(ip.BitLen())
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if ip := prefix.Addr(); ip.Is4In6() {
		return ip.Unmap().Prefix(prefix.Bits() - 96) // fails where the range is wider than IPv4
	}
	return prefix.Masked(), nil
}

// disconnectPage asks before a door is closed for good.
type disconnectPage struct {
	frame
	doorView
	Source hearkeep.Source
}

func (p *portal) disconnectForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	b, err := doorOf(r, v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "disconnect", &disconnectPage{p.frameOf(v, "Disconnect this door?", "doors"), p.doorView(v, b), b.Source})
	return nil
}

func (p *portal) disconnect(w http.ResponseWriter, r *http.Request, v *visit) error {
	b, err := doorOf(r, v)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context())
	if err := v.room.Unbind(ctx, b.ID); err != nil {
		return err
	}
	p.codes.unbound(b.ID)
	if err := p.changed(ctx); err != nil {
		return err
	}
	http.Redirect(w, r, "/doors", http.StatusSeeOther)
	return nil
}
