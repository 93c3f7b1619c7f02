package portal

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// vaultView is a vault as its keyholder sees it.
type vaultView struct {
	ID    string
	Name  string
	Open  bool   // this page shows it
	Who   string // who opens it: "Shared with Ben"
	With  string // "with Ben"; empty where it is personal
	Waits bool   // new keys follow
}

// vaults lists what the visit's person holds, the first one first.
func (v *visit) vaults() []vaultView {
	views := make([]vaultView, len(v.held))
	for i, h := range v.held {
		views[i] = vaultView{h.ID.String(), h.Name, h.ID == v.room.ID(), whoHolds(h), withWhom(h), h.Waits}
		if h.Name == "" {
			views[i].Name = "Your keep"
		}
	}
	return views
}

// whoHolds says of a vault who opens it.
func whoHolds(h vault.Held) string {
	switch {
	case h.Kind == vault.Child && h.As == "child" && len(h.With) == 1:
		return "Yours, with your guardian " + h.With[0]
	case h.Kind == vault.Child && h.As == "child":
		return "Yours, with your guardians " + namesText(h.With)
	case h.Kind == vault.Child && len(h.With) > 0:
		return "A child’s, with " + namesText(h.With)
	case h.Kind == vault.Child:
		return "A child’s, so far with you alone"
	case h.Kind == vault.Shared && len(h.With) > 0:
		return "Shared with " + namesText(h.With)
	case h.Kind == vault.Shared:
		return "Shared, so far with nobody"
	}
	return "For you alone"
}

// withWhom is whoHolds within a sentence; empty where a vault is personal.
func withWhom(h vault.Held) string {
	switch {
	case h.Kind == vault.Personal:
		return ""
	case len(h.With) > 0:
		return "with " + namesText(h.With)
	case h.Kind == vault.Child:
		return "a child’s"
	}
	return "so far with nobody"
}

// namesText lists names: "Ben", "Ben and Carl", "Ben, Carl and 3 others".
func namesText(names []string) string {
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1:
		return names[0]
	case n <= 3:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	default:
		return fmt.Sprintf("%s, %s and %d others", names[0], names[1], n-2)
	}
}

// heldOpen is the visit's vault as the list of the person's vaults has it.
func (v *visit) heldOpen() vault.Held {
	if i := slices.IndexFunc(v.held, func(h vault.Held) bool { return h.ID == v.room.ID() }); i >= 0 {
		return v.held[i]
	}
	return vault.Held{ID: v.room.ID(), Kind: vault.Personal}
}

// awaitView is a vault that opens to the person once somebody who holds it
// gives them its keys.
type awaitView struct{ Vault, From string }

// awaits lists the invitations that the visit's person accepted and that
// nobody completed yet.
func (p *portal) awaits(ctx context.Context, v *visit) ([]awaitView, error) {
	offers, err := p.Identity.Awaits(ctx, v.who)
	if err != nil {
		return nil, err
	}
	var views []awaitView
	for _, o := range offers {
		from := o.From
		if from == "" {
			from = "somebody"
		}
		views = append(views, awaitView{o.VaultName, from})
	}
	return views, nil
}

// vaultsPage lists a person's vaults, and what they wait for.
type vaultsPage struct {
	frame
	Vaults []vaultView
	Awaits []awaitView
}

func (p *portal) vaultsList(w http.ResponseWriter, r *http.Request, v *visit) error {
	page := &vaultsPage{frame: p.frameOf(v, "Vaults", "vaults"), Vaults: v.vaults()}
	var err error
	if page.Awaits, err = p.awaits(r.Context(), v); err != nil {
		return err
	}
	p.show(w, http.StatusOK, "vaults", page)
	return nil
}

// newVaultPage asks what one more vault is to be.
type newVaultPage struct {
	frame
	Given   string // the name, as typed
	Kind    string
	OfAge   string // YYYY-MM-DD
	Problem *problem
}

func (p *portal) newVaultForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	page := &newVaultPage{frame: p.frameOf(v, "Add a vault", "vaults"), Kind: vault.Personal}
	if r.URL.Query().Get("kind") == vault.Shared {
		page.Kind = vault.Shared
	}
	p.show(w, http.StatusOK, "newvault", page)
	return nil
}

// addVault makes one more vault. A shared one is opened, to invite somebody;
// else the one that is open stays open.
func (p *portal) addVault(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	page := &newVaultPage{
		frame: p.frameOf(v, "Add a vault", "vaults"),
		Given: r.PostFormValue("name"), Kind: r.PostFormValue("kind"), OfAge: r.PostFormValue("of-age"),
	}
	if page.Kind == "" {
		page.Kind = vault.Personal
	}
	id, err := p.makeVault(context.WithoutCancel(r.Context()), v, page)
	if pr := told(err); pr != nil {
		page.Problem = pr
		p.show(w, pr.Status, "newvault", page)
		return nil
	}
	if err != nil {
		return err
	}
	there := "/vaults#v-" + id.String()
	if page.Kind != vault.Personal {
		there = "/sharing?of=" + id.String()
	}
	http.Redirect(w, r, there, http.StatusSeeOther)
	return nil
}

func (p *portal) makeVault(ctx context.Context, v *visit, page *newVaultPage) (hearkeep.VaultID, error) {
	made := vault.NewVault{Name: page.Given, Kind: page.Kind}
	if made.Kind == vault.Child {
		day, err := time.ParseInLocation(time.DateOnly, page.OfAge, p.Zone)
		if err != nil {
			return hearkeep.VaultID{}, hearkeep.Errorf(hearkeep.Invalid, "A child’s vault needs a day ahead, on which the child may take it over.").
				WithHint("Such as the child’s 16th or 18th birthday.").Because(err)
		}
		made.OfAge = day
	}
	return p.Keep.Add(ctx, v.who, made)
}

// told is what a page says of a failure that its person can mend there; nil
// for every other, and for what is not there: that has one answer for all.
func told(err error) *problem {
	if hearkeep.CodeOf(err) == hearkeep.NotFound {
		return nil
	}
	return mendable(err)
}
