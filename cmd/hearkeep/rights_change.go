package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

// vaultsFlag chooses some vaults.
type vaultsFlag struct {
	Vaults []string `name:"vault" help:"Which vault, by name or id; may be given several times." placeholder:"VAULT" env:"-"`
	All    bool     `help:"All vaults that you hold." env:"-"`
}

// choose returns the ids of the chosen among those that there are.
func (f vaultsFlag) choose(there []held) (ids []string, err error) {
	for _, wanted := range f.Vaults {
		i := slices.IndexFunc(there, func(v held) bool { return v.ID == wanted || v.Title() == wanted })
		if i < 0 {
			return nil, hearkeep.Errorf(hearkeep.NotFound, "You hold no vault called %q.", wanted).WithHint("hearkeep vaults lists them.")
		}
		ids = append(ids, there[i].ID)
	}
	if f.All || len(there) == 1 && len(ids) == 0 {
		ids = ids[:0]
		for _, v := range there {
			ids = append(ids, v.ID)
		}
	}
	if len(ids) == 0 {
		return nil, codedError{exitUsage, hearkeep.Errorf(hearkeep.Invalid, "Say which vaults: --vault NAME, or --all.").WithHint("hearkeep vaults lists them.")}
	}
	return ids, nil
}

type rightsEraseCmd struct {
	ID   string `arg:"" optional:"" help:"The request; by default your open request for erasure, which is made where there is none."`
	Yes  bool   `help:"Do not ask." env:"-"`
	JSON bool   `name:"json" help:"Print the receipts as JSON."`
	vaultsFlag
	sessionFile
}

// preview is what an erasure would take.
type preview struct {
	Vaults []struct {
		held
		Others     int   `json:"others"`
		Recordings int   `json:"recordings"`
		Bytes      int64 `json:"bytes"`
	} `json:"vaults"`
	KeysGone time.Time `json:"keys_gone"`
	Told     []string  `json:"told"`
}

func (p preview) tell(w io.Writer, ids []string) {
	t := table(w, "VAULT", "RECORDINGS", "MB", "ALSO HELD BY")
	for _, v := range p.Vaults {
		if slices.Contains(ids, v.ID) {
			fmt.Fprintf(t, "%s\t%d\t%.1f\t%d\n", printable(v.Title()), v.Recordings, float64(v.Bytes)/1e6, v.Others)
		}
	}
	t.Flush()
	if !p.KeysGone.IsZero() {
		fmt.Fprintf(w, "The last backup copy of the keys is destroyed on %s.\n", p.KeysGone.Local().Format("2 January 2006"))
	}
	if len(p.Told) > 0 {
		fmt.Fprintf(w, "Who is told: %s\n", printable(strings.Join(p.Told, ", ")))
	}
}

// Run shows what would go, asks, and erases.
func (cmd rightsEraseCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	a, err := cl.ongoing(ctx, cmd.ID, hearkeep.RequestErasure)
	if err != nil {
		return err
	}
	of := "/v1/requests/" + url.PathEscape(a.ID)
	var goes preview
	if _, err := cl.call(ctx, http.MethodGet, of+"/preview", nil, &goes); err != nil {
		return err
	}
	there := make([]held, 0, len(goes.Vaults))
	for _, v := range goes.Vaults {
		there = append(there, v.held)
	}
	ids, err := cmd.choose(there)
	if err != nil {
		return err
	}
	if !cmd.Yes {
		goes.tell(c.err, ids)
		said, err := c.line(ctx, "All of it goes for good. Type erase: ")
		if err != nil {
			return err
		}
		if strings.ToLower(strings.TrimSpace(said)) != "erase" {
			return hearkeep.Errorf(hearkeep.Invalid, "Nothing was erased.")
		}
	}
	var done struct {
		Receipts []struct {
			ID       string    `json:"id"`
			Vault    string    `json:"vault"`
			Count    int       `json:"count"`
			Entry    int64     `json:"entry"`
			KeysGone time.Time `json:"keys_gone"`
		} `json:"receipts"`
	}
	raw, err := cl.call(ctx, http.MethodPost, of+"/erase", map[string]any{"vaults": ids}, &done)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		t := table(w, "RECEIPT", "ERASED", "LEDGER ENTRY", "LAST KEY COPY GONE")
		for _, rc := range done.Receipts {
			fmt.Fprintf(t, "%s\t%d\t%d\t%s\n", printable(rc.ID), rc.Count, rc.Entry, rc.KeysGone.Local().Format("2006-01-02 15:04"))
		}
		t.Flush()
	})
}

type rightsRestrictCmd struct {
	ID string `arg:"" optional:"" help:"The request; by default your open request for restriction, which is made where there is none."`
	vaultsFlag
	listFlags
}

func (cmd rightsRestrictCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	var all struct{ Vaults []held }
	if _, err := cl.call(ctx, http.MethodGet, "/v1/vaults", nil, &all); err != nil {
		return err
	}
	ids, err := cmd.choose(all.Vaults)
	if err != nil {
		return err
	}
	a, err := cl.ongoing(ctx, cmd.ID, hearkeep.RequestRestriction)
	if err != nil {
		return err
	}
	raw, err := cl.call(ctx, http.MethodPost, "/v1/requests/"+url.PathEscape(a.ID)+"/restrict", map[string]any{"vaults": ids}, &a)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		fmt.Fprintln(w, "Frozen. hearkeep rights frozen lists it, and hearkeep rights lift frees it.")
	})
}

type rightsFrozenCmd struct {
	vaultFlag
	listFlags
}

func (cmd rightsFrozenCmd) Run(ctx context.Context, c *console) error {
	cl, of, err := cmd.enter(ctx, c, cmd.sessionFile)
	if err != nil {
		return err
	}
	var all struct {
		Restrictions []struct {
			ID, Door, Recording string
			Yours               bool
			At                  time.Time
		}
	}
	raw, err := cl.call(ctx, http.MethodGet, of+"/restrictions", nil, &all)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		if len(all.Restrictions) == 0 {
			fmt.Fprintln(w, "Nothing is frozen.")
			return
		}
		t := table(w, "ID", "SINCE", "WHAT", "BY")
		for _, r := range all.Restrictions {
			what, by := "everything", "somebody else"
			switch {
			case r.Recording != "":
				what = "recording " + printable(r.Recording)
			case r.Door != "":
				what = "door " + printable(r.Door)
			}
			if r.Yours {
				by = "you"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", printable(r.ID), r.At.Local().Format("2006-01-02 15:04"), what, by)
		}
		t.Flush()
	})
}

type rightsLiftCmd struct {
	ID string `arg:"" help:"What is frozen, as hearkeep rights frozen lists it."`
	vaultFlag
	sessionFile
}

func (cmd rightsLiftCmd) Run(ctx context.Context, c *console) error {
	cl, of, err := cmd.enter(ctx, c, cmd.sessionFile)
	if err != nil {
		return err
	}
	if _, err := cl.call(ctx, http.MethodDelete, of+"/restrictions/"+url.PathEscape(cmd.ID), nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(c.out, "It is frozen no more.")
	return nil
}

type rightsObjectCmd struct {
	ID string `arg:"" optional:"" help:"The request; by default your open objection, which is made where there is none."`
	listFlags
}

func (cmd rightsObjectCmd) Run(ctx context.Context, c *console) error {
	cl, err := cmd.open(c)
	if err != nil {
		return err
	}
	a, err := cl.ongoing(ctx, cmd.ID, hearkeep.RequestObjection)
	if err != nil {
		return err
	}
	var done struct{ Doors int }
	raw, err := cl.call(ctx, http.MethodPost, "/v1/requests/"+url.PathEscape(a.ID)+"/object", nil, &done)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		fmt.Fprintf(w, "Doors that keep nothing from now on: %d. What is kept already stays until you erase it.\n", done.Doors)
	})
}

type correctCmd struct {
	ID    string `arg:"" help:"The recording, as hearkeep history lists it."`
	Words string `arg:"" help:"What was really said."`
	JSON  bool   `name:"json" help:"Print the receipt as JSON."`
	vaultFlag
	sessionFile
}

// Run puts words into the place of those that were made out.
func (cmd correctCmd) Run(ctx context.Context, c *console) error {
	cl, of, err := cmd.enter(ctx, c, cmd.sessionFile)
	if err != nil {
		return err
	}
	var rc struct {
		ID    string
		Entry int64
	}
	raw, err := cl.call(ctx, http.MethodPatch, of+"/recordings/"+url.PathEscape(cmd.ID)+"/words", map[string]string{"words": cmd.Words}, &rc)
	if err != nil {
		return err
	}
	return cl.print(cmd.JSON, raw, func(w io.Writer) {
		fmt.Fprintf(w, "Corrected. The words before are destroyed: receipt %s, ledger entry %d.\n", printable(rc.ID), rc.Entry)
	})
}
