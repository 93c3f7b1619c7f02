package portal

import (
	"context"
	"net/http"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// frozenView is a restriction as a keyholder sees it (GDPR Art. 18).
type frozenView struct {
	ID        string
	What      string // "Everything in “Living room”"
	Recording string // its id, where it is about one alone
	Since     clock
	Mine      bool // who looks asked for it, and may end it
}

// frozen lists what is frozen in one vault, oldest first.
func (p *portal) frozen(ctx context.Context, v *visit, room *vault.Room) ([]frozenView, error) {
	all, err := room.Restrictions(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	name := "what is kept"
	for _, view := range v.vaults() {
		if view.ID == room.ID().String() {
			name = "“" + view.Name + "”"
		}
	}
	views := make([]frozenView, 0, len(all))
	for _, r := range all {
		view := frozenView{ID: r.ID.String(), What: "Everything in " + name, Since: p.clock(r.At), Mine: r.Mine}
		switch {
		case !r.Recording.IsZero():
			view.What, view.Recording = "A recording in "+name, r.Recording.String()
		case !r.Binding.IsZero():
			view.What = "What came through one door, in " + name
		}
		views = append(views, view)
	}
	return views, nil
}

// frozenIn lists what is frozen in all vaults of a visit's person.
func (p *portal) frozenIn(ctx context.Context, v *visit) (all []frozenView, err error) {
	for _, h := range v.held {
		room := v.room
		if h.ID != room.ID() {
			if room, err = p.Keep.Enter(ctx, v.who, h.ID); err != nil {
				return nil, err
			}
		}
		views, err := p.frozen(ctx, v, room)
		if err != nil {
			return nil, err
		}
		all = append(all, views...)
	}
	return all, nil
}

// chosen reads which of the person's vaults a form names. A vault that is not
// theirs is nowhere.
func (v *visit) chosen(r *http.Request) ([]hearkeep.VaultID, error) {
	var ids []hearkeep.VaultID
	for _, text := range r.PostForm["vault"] {
		id, err := hearkeep.ParseID[hearkeep.VaultID](text)
		if err != nil || !slices.ContainsFunc(v.held, func(h vault.Held) bool { return h.ID == id }) {
			return nil, errNowhere
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "No vault was chosen, so nothing was done.").WithHint("Go back and tick at least one.")
	}
	return ids, nil
}

func (p *portal) restrictRequest(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.about(w, r, "frozen", func(ctx context.Context, id hearkeep.RequestID) error {
		if _, err := p.Rights.Request(ctx, v.who, id); err != nil {
			return err
		}
		ids, err := v.chosen(r)
		if err != nil {
			return err
		}
		return p.Rights.Restrict(ctx, v.who, id, ids)
	})
}

// lift ends a restriction that its person asked for, in whichever of their
// vaults it is.
func (p *portal) lift(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RestrictionID](r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context())
	for _, h := range v.held {
		room := v.room
		if h.ID != room.ID() {
			if room, err = p.Keep.Enter(ctx, v.who, h.ID); err != nil {
				return err
			}
		}
		all, err := room.Restrictions(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(one vault.Restriction) bool { return one.ID == id })
		if i < 0 {
			continue
		}
		if err := room.Lift(ctx, id); err != nil {
			return err
		}
		there := "/rights?done=lifted"
		if of := all[i].Recording; !of.IsZero() && r.PostFormValue("back") == "recording" {
			there = "/recordings/" + of.String()
		}
		http.Redirect(w, r, there, http.StatusSeeOther)
		return nil
	}
	return errNowhere
}

// objectRequest lets all doors of the person's own vaults keep nothing.
func (p *portal) objectRequest(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RequestID](r)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context())
	if _, err := p.Rights.Object(ctx, v.who, id); err != nil {
		return err
	}
	if err := p.changed(ctx); err != nil {
		return err
	}
	toRequest(w, r, id, "")
	return nil
}

// restrictRecording freezes one recording, as a request of its keyholder's.
func (p *portal) restrictRecording(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RecordingID](r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	if _, err := p.freeze(context.WithoutCancel(r.Context()), v, id, hearkeep.ViaPortal); err != nil {
		return err
	}
	http.Redirect(w, r, "/recordings/"+id.String(), http.StatusSeeOther)
	return nil
}

// wordsPage asks what was really said.
type wordsPage struct {
	frame
	row
	Given   string
	Problem *problem
}

func (p *portal) wordsForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.wordsPage(r, v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "words", page)
	return nil
}

func (p *portal) wordsPage(r *http.Request, v *visit) (*wordsPage, error) {
	id, err := pathID[hearkeep.RecordingID](r)
	if err != nil {
		return nil, err
	}
	it, err := v.room.Read(r.Context(), id)
	if err != nil {
		return nil, err
	}
	if !it.HasWords || it.Damaged {
		return nil, hearkeep.Errorf(hearkeep.Conflict, "There are no words of this recording to correct.")
	}
	view := p.row(it)
	return &wordsPage{frame: p.frameOf(v, "Correct the words", ""), row: view, Given: view.Heard}, nil
}

// correct takes the words that were really said in the place of those that
// were recognised (GDPR Art. 16).
func (p *portal) correct(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RecordingID](r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	words := r.PostFormValue("words")
	_, err = v.room.Correct(context.WithoutCancel(r.Context()), id, hearkeep.NewWords(words))
	if hearkeep.CodeOf(err) == hearkeep.Invalid {
		page, pageErr := p.wordsPage(r, v)
		if pageErr != nil {
			return pageErr
		}
		pr := explain(err)
		page.Given, page.Problem = words, &pr
		p.show(w, pr.Status, "words", page)
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/recordings/"+id.String()+"?done=corrected", http.StatusSeeOther)
	return nil
}

// freeze freezes one recording of the open vault.
func (p *portal) freeze(ctx context.Context, v *visit, id hearkeep.RecordingID, via hearkeep.Via) (hearkeep.RestrictionID, error) {
	if _, err := v.room.Read(ctx, id); err != nil { // nothing is asked for what is not there
		return hearkeep.RestrictionID{}, err
	}
	return p.Rights.RestrictRecording(ctx, v.who, v.room.ID(), id, via)
}

// freezing is what freezes a recording: a restriction of it alone, else of its
// door or its vault; nil for nothing.
func (p *portal) freezing(ctx context.Context, v *visit, it vault.Item) (*frozenView, error) {
	all, err := v.room.Restrictions(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(r vault.Restriction) bool {
		return !r.Recording.IsZero() && r.Recording != it.ID || !r.Binding.IsZero() && r.Binding != it.Binding
	})
	if len(all) == 0 {
		return nil, nil
	}
	one := all[0]
	if i := slices.IndexFunc(all, func(r vault.Restriction) bool { return r.Recording == it.ID }); i >= 0 {
		one = all[i]
	}
	view := &frozenView{ID: one.ID.String(), Since: p.clock(one.At), Mine: one.Mine}
	if one.Recording == it.ID {
		view.Recording = it.ID.String()
	}
	return view, nil
}
