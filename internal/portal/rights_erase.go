package portal

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// eraseRequestPage shows what an erasure would take, before anything goes.
type eraseRequestPage struct {
	frame
	ID       string
	Vaults   []goesView
	KeysGone *clock // when the last backup copy of the keys is destroyed; nil for at once
	KeysWait bool   // after the next verified backup, and not before KeysGone
	Told     []string
	Problem  *problem
}

// goesView is what one vault would lose.
type goesView struct {
	ID, Name     string
	Count        int
	What         string
	Speech, Size string
	Oldest       *clock
	Others       string // "2 other people": for them it goes too; empty for none
	Ticked       bool
}

// eraseWord is what somebody types who means it.
const eraseWord = "erase"

func (p *portal) eraseRequestForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.eraseRequestPage(r, v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "eraserequest", page)
	return nil
}

func (p *portal) eraseRequestPage(r *http.Request, v *visit) (*eraseRequestPage, error) {
	id, err := pathID[hearkeep.RequestID](r)
	if err != nil {
		return nil, err
	}
	goes, err := p.Rights.PreviewErasure(r.Context(), v.who, id)
	if err != nil {
		return nil, err
	}
	page := &eraseRequestPage{frame: p.frameOf(v, "What would go", "rights"), ID: id.String(), KeysGone: p.clockOf(goes.KeysGone), KeysWait: goes.KeysWait, Told: goes.Told}
	for _, g := range goes.Vaults {
		view := goesView{
			ID: g.ID.String(), Name: g.Name, Count: g.Totals.Recordings, What: countText(g.Totals.Recordings, "recording"),
			Speech: lengthText(g.Totals.Speech), Size: sizeText(g.Totals.Bytes), Oldest: p.clockOf(g.Totals.Oldest), Ticked: g.Totals.Recordings > 0,
		}
		if view.Name == "" {
			view.Name = "Your keep"
		}
		if view.Others = fmt.Sprint(g.Others, " other people"); g.Others < 2 {
			view.Others = []string{"", "1 other person"}[g.Others]
		}
		page.Vaults = append(page.Vaults, view)
	}
	return page, nil
}

// erasedView is a receipt among others.
type erasedView struct {
	Vault, What, Number string
	When, KeysGone      clock
	Entry               int64
	Waits, Later        bool // as on a receipt: after the next backup; copies in backups until KeysGone
}

// erasedPage is the receipts of an erasure that somebody asked for.
type erasedPage struct {
	frame
	ID       string
	Receipts []erasedView
	Later    bool // copies of keys in backups go later
}

func (p *portal) eraseRequest(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RequestID](r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	if _, err := p.Rights.Request(r.Context(), v.who, id); err != nil {
		return err
	}
	ids, err := v.chosen(r)
	if err == nil && !strings.EqualFold(strings.TrimSpace(r.PostFormValue("sure")), eraseWord) {
		err = hearkeep.Errorf(hearkeep.Invalid, "Nothing was erased: the word was not typed.").WithHint("Type %s if you are sure.", eraseWord)
	}
	if hearkeep.CodeOf(err) == hearkeep.Invalid {
		page, pageErr := p.eraseRequestPage(r, v)
		if pageErr != nil {
			return pageErr
		}
		for i, g := range page.Vaults {
			page.Vaults[i].Ticked = slices.ContainsFunc(ids, func(id hearkeep.VaultID) bool { return id.String() == g.ID })
		}
		pr := explain(err)
		page.Problem = &pr
		p.show(w, pr.Status, "eraserequest", page)
		return nil
	}
	if err != nil {
		return err
	}
	receipts, err := p.eraseFor(r.Context(), v, id, ids)
	if err != nil {
		return err
	}
	page := &erasedPage{frame: p.frameOf(v, "Erased", "rights"), ID: id.String()}
	names := map[string]string{}
	for _, view := range v.vaults() {
		names[view.ID] = view.Name
	}
	for _, rc := range receipts {
		page.Receipts = append(page.Receipts, erasedView{names[rc.Vault.String()], countText(rc.Count, "recording"), rc.ID.String(), p.clock(rc.At), p.clock(rc.KeysGone), rc.Entry, rc.KeysWait, rc.KeysGone.After(rc.At)})
		page.Later = page.Later || rc.KeysWait || rc.KeysGone.After(rc.At)
	}
	p.show(w, http.StatusOK, "requesterased", page)
	return nil
}

// eraseFor carries an erasure request out.
func (p *portal) eraseFor(ctx context.Context, v *visit, id hearkeep.RequestID, ids []hearkeep.VaultID) ([]vault.Receipt, error) {
	ctx = context.WithoutCancel(ctx)
	receipts, err := p.Rights.Erase(ctx, v.who, id, ids)
	if err != nil {
		return nil, err
	}
	if err := p.Act.Follow(ctx); err != nil { // the desk looks again by itself
		p.Log.Warn("timers do not yet forget what was erased", "request", id, "err", err)
	}
	return receipts, nil
}
