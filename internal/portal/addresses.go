package portal

import (
	"context"
	"net/http"
	"unicode"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// addressView is where letters go, or will when it is confirmed.
type addressView struct {
	ID        string
	Kind      string // "E-mail", "Webhook", "Said at a door"
	Channel   string // the same, as identity names it
	Address   string
	Created   clock
	Confirmed bool
}

func (p *portal) addresses(ctx context.Context, who identity.Verified) ([]addressView, error) {
	all, err := p.Identity.Addresses(ctx, who)
	if err != nil {
		return nil, err
	}
	var views []addressView
	for _, a := range all {
		if a.Kind == notify.Spoken {
			a.Address = doorText(a.Address)
		}
		views = append(views, addressView{a.ID.String(), channelKind(a.Kind), a.Kind, a.Address, p.clock(a.Created), !a.Confirmed.IsZero()})
	}
	return views, nil
}

func channelKind(kind string) string {
	switch kind {
	case notify.Webhook:
		return "Webhook"
	case notify.Spoken:
		return "Said at a door"
	}
	return "E-mail"
}

// doorText names the door of a spoken notice by its number: which vault it is
// of, and so its name, is for that vault's pages.
func doorText(address string) string {
	id, err := hearkeep.ParseID[hearkeep.BindingID](address)
	if err != nil {
		return "A door"
	}
	return "Door " + rights.DoorNumber(id)
}

// addressPage is one address: to confirm, or to remove.
type addressPage struct {
	frame
	Address addressView
	Problem *problem
}

func (p *portal) addressOf(r *http.Request, v *visit) (addressView, hearkeep.ChannelID, error) {
	id, err := pathID[hearkeep.ChannelID](r)
	if err != nil {
		return addressView{}, id, err
	}
	all, err := p.addresses(r.Context(), v.who)
	if err != nil {
		return addressView{}, id, err
	}
	for _, a := range all {
		if a.ID == id.String() {
			return a, id, nil
		}
	}
	return addressView{}, id, errNowhere
}

func (p *portal) address(w http.ResponseWriter, r *http.Request, v *visit) error {
	a, _, err := p.addressOf(r, v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "address", &addressPage{frame: p.frameOf(v, a.Address, "account"), Address: a})
	return nil
}

// newAddressPage asks for an address.
type newAddressPage struct {
	frame
	NoMail  bool // this keep sends no e-mail
	Kind    string
	Given   string
	Problem *problem
	Doors   []doorChoice // of the vault that is open, which could say a notice
}

// doorChoice is a door that could say that there is a notice.
type doorChoice struct {
	ID     string
	Name   string
	Number string
}

// speakingDoors are the doors of the open vault that answer.
func (p *portal) speakingDoors(ctx context.Context, v *visit) ([]doorChoice, error) {
	all, err := v.room.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	var doors []doorChoice
	for _, b := range all {
		if b.Ended.IsZero() && b.Source != hearkeep.SourceUpload {
			doors = append(doors, doorChoice{b.ID.String(), b.Door.Name, rights.DoorNumber(b.ID)})
		}
	}
	return doors, nil
}

func (p *portal) newAddressPage(ctx context.Context, v *visit) (*newAddressPage, error) {
	page := &newAddressPage{frame: p.frameOf(v, "Add an address", "account"), NoMail: !p.Identity.CanWrite(notify.Email), Kind: notify.Email}
	if page.NoMail {
		page.Kind = notify.Webhook
	}
	var err error
	page.Doors, err = p.speakingDoors(ctx, v)
	return page, err
}

func (p *portal) newAddressForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.newAddressPage(r.Context(), v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "newaddress", page)
	return nil
}

func (p *portal) addAddress(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	page, err := p.newAddressPage(r.Context(), v)
	if err != nil {
		return err
	}
	if r.PostFormValue("kind") == notify.Spoken {
		return p.addSpoken(w, r, v, page)
	}
	page.Given = r.PostFormValue("address")
	if kind := r.PostFormValue("kind"); kind == notify.Email || kind == notify.Webhook {
		page.Kind = kind
	}
	id, err := p.Identity.AddAddress(r.Context(), v.who, page.Kind, page.Given)
	if page.Problem = mendable(err); page.Problem != nil {
		p.show(w, page.Problem.Status, "newaddress", page)
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/account/addresses/"+id.String(), http.StatusSeeOther)
	return nil
}

// addSpoken has a door say that there is a notice.
func (p *portal) addSpoken(w http.ResponseWriter, r *http.Request, v *visit, page *newAddressPage) error {
	door, err := hearkeep.ParseID[hearkeep.BindingID](r.PostFormValue("door"))
	if err != nil {
		err = hearkeep.Errorf(hearkeep.Invalid, "Choose a door.")
	}
	var in identity.SignedIn
	if err == nil {
		in, err = p.Identity.AddSpoken(r.Context(), v.who, door, p.visitor(r))
	}
	if page.Problem = mendable(err); page.Problem != nil {
		p.show(w, page.Problem.Status, "newaddress", page)
		return nil
	}
	if err != nil {
		return err
	}
	p.goOn(w, v, in)
	http.Redirect(w, r, "/account?done=spoken#letters", http.StatusSeeOther)
	return nil
}

func (p *portal) confirmAddress(w http.ResponseWriter, r *http.Request, v *visit) error {
	a, id, err := p.addressOf(r, v)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	in, err := p.Identity.ConfirmAddress(r.Context(), v.who, id, r.PostFormValue("code"), p.visitor(r))
	if pr := mendable(err); pr != nil {
		p.show(w, pr.Status, "address", &addressPage{p.frameOf(v, a.Address, "account"), a, pr})
		return nil
	}
	if err != nil {
		return err
	}
	p.goOn(w, v, in)
	http.Redirect(w, r, "/account?done=address#letters", http.StatusSeeOther)
	return nil
}

func (p *portal) removeAddressForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	a, _, err := p.addressOf(r, v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "removeaddress", &addressPage{frame: p.frameOf(v, "Remove this address?", "account"), Address: a})
	return nil
}

func (p *portal) removeAddress(w http.ResponseWriter, r *http.Request, v *visit) error {
	a, id, err := p.addressOf(r, v)
	if err != nil {
		return err
	}
	in, err := p.Identity.RemoveAddress(r.Context(), v.who, id, p.visitor(r))
	if pr := mendable(err); pr != nil {
		p.show(w, pr.Status, "removeaddress", &addressPage{p.frameOf(v, "Remove this address?", "account"), a, pr})
		return nil
	}
	if err != nil {
		return err
	}
	p.goOn(w, v, in)
	http.Redirect(w, r, "/account?done=no-address#letters", http.StatusSeeOther)
	return nil
}

// topicText is a letter's topic as a line of the log.
func topicText(topic string) string {
	r, size := utf8.DecodeRuneInString(topic)
	return string(unicode.ToUpper(r)) + topic[size:]
}

// lettersPage is the delivery log.
type lettersPage struct {
	frame
	Letters []letterView
}

type letterView struct {
	Topic string
	Kind  string
	State string
	When  clock
}

func (p *portal) letters(w http.ResponseWriter, r *http.Request, v *visit) error {
	all, err := p.Identity.Letters(r.Context(), v.who)
	if err != nil {
		return err
	}
	page := &lettersPage{frame: p.frameOf(v, "What was sent", "account")}
	for _, s := range all {
		view := letterView{topicText(s.Topic), channelKind(s.Kind), "Waits to be sent", p.clock(s.Created)}
		switch s.State {
		case "sent":
			view.State, view.When = "Sent", p.clock(s.Sent)
		case "failed":
			view.State = "Could not be delivered"
		}
		page.Letters = append(page.Letters, view)
	}
	p.show(w, http.StatusOK, "letters", page)
	return nil
}
