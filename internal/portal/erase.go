package portal

import (
	"context"
	"net/http"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// erasePage asks before one recording goes.
type erasePage struct {
	frame
	row
}

func (p *portal) eraseForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RecordingID](r)
	if err != nil {
		return err
	}
	it, err := v.room.Read(r.Context(), id)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "erase", &erasePage{p.frameOf(v, "Erase this recording?", ""), p.row(it)})
	return nil
}

func (p *portal) erase(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RecordingID](r)
	if err != nil {
		return err
	}
	return p.erased(w, r, func(ctx context.Context) (vault.Receipt, error) { return v.room.Erase(ctx, id) })
}

// erased carries an erasure out and shows its receipt. A browser that goes
// away does not stop it half-way.
func (p *portal) erased(w http.ResponseWriter, r *http.Request, erase func(context.Context) (vault.Receipt, error)) error {
	ctx := context.WithoutCancel(r.Context())
	rc, err := erase(ctx)
	if err != nil {
		return err
	}
	if err := p.Act.Follow(ctx); err != nil { // the desk looks again by itself
		p.Log.Warn("timers do not yet forget what was erased", "receipt", rc.ID, "err", err)
	}
	http.Redirect(w, r, "/receipts/"+rc.ID.String(), http.StatusSeeOther)
	return nil
}

// eraseAllPage counts what would go, and asks for a tick.
type eraseAllPage struct {
	frame
	Of           string // the vault that the form is about
	Count        int
	Recordings   string
	Speech, Size string
	Oldest       *clock
	Problem      *problem
}

func (p *portal) eraseAllPage(ctx context.Context, v *visit) (*eraseAllPage, error) {
	page := &eraseAllPage{frame: p.frameOf(v, "Erase everything", "erase"), Of: v.room.ID().String()}
	totals, err := v.room.Totals(ctx)
	if err != nil {
		return nil, err
	}
	page.Count = totals.Recordings
	page.Recordings, page.Speech, page.Size = countText(totals.Recordings, "recording"), lengthText(totals.Speech), sizeText(totals.Bytes)
	if page.Count > 0 {
		oldest := p.clock(totals.Oldest)
		page.Oldest = &oldest
	}
	return page, nil
}

func (p *portal) eraseAllForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.eraseAllPage(r.Context(), v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "eraseall", page)
	return nil
}

func (p *portal) eraseAll(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	if len(v.held) > 1 && r.PostFormValue("of") != v.room.ID().String() {
		return hearkeep.Errorf(hearkeep.Conflict, "Nothing was erased: another vault was opened since that page was shown.").
			WithHint("Look at what would go, and decide again.")
	}
	if r.PostFormValue("sure") != "yes" {
		page, err := p.eraseAllPage(r.Context(), v)
		if err != nil {
			return err
		}
		pr := explain(hearkeep.Errorf(hearkeep.Invalid, "Nothing was erased: the box was not ticked.").
			WithHint("Tick it if you are sure."))
		page.Problem = &pr
		p.show(w, pr.Status, "eraseall", page)
		return nil
	}
	return p.erased(w, r, v.room.EraseAll)
}

// receiptPage is our declaration of an erasure, made to be printed.
type receiptPage struct {
	frame
	Number     string // the receipt's id, in groups
	Count      int
	What       string
	When       clock
	Entry      int64
	KeysGone   clock
	KeysWait   bool   // not before KeysGone, and after the next verified backup
	KeysLater  bool   // backups hold them until KeysGone
	Checkpoint string // the ledger's signed tree head; empty before the first
}

func (p *portal) receipt(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.ReceiptID](r)
	if err != nil {
		return err
	}
	rc, err := v.room.Receipt(r.Context(), id)
	if err != nil {
		return err
	}
	checkpoint, err := p.Ledger.Checkpoint(r.Context())
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "receipt", &receiptPage{
		frame: p.frameOf(v, "Erased", ""), Number: rc.ID.String(),
		Count: rc.Count, What: countText(rc.Count, "recording"), When: p.clock(rc.At), Entry: rc.Entry,
		KeysGone: p.clock(rc.KeysGone), KeysWait: rc.KeysWait, KeysLater: rc.KeysGone.After(rc.At), Checkpoint: string(checkpoint),
	})
	return nil
}
