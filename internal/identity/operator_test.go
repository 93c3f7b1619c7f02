package identity_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
)

func TestOperatorLinkWorksOnceAndForTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, ctx := openHouse(t), t.Context()
		link := func() string {
			t.Helper()
			secret, err := h.desk.OperatorLink(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return secret
		}
		gone := func(what string, err error) {
			t.Helper()
			if hearkeep.CodeOf(err) != hearkeep.NotFound {
				t.Errorf("%s: got %v, want NotFound", what, err)
			}
		}
		replaced, secret := link(), link()
		gone("a link that another replaced", h.desk.CheckOperatorLink(ctx, replaced))
		if err := h.desk.CheckOperatorLink(ctx, secret); err != nil {
			t.Fatalf("a new link: %v", err)
		}
		gone("a link in place of a cookie", h.desk.Operator(ctx, secret))
		cookie, expires, err := h.desk.UseOperatorLink(ctx, secret)
		if err != nil || !expires.Equal(time.Now().Add(identity.OperatorLife)) {
			t.Fatalf("using it: until %s, %v", expires, err)
		}
		_, _, err = h.desk.UseOperatorLink(ctx, secret)
		gone("using it again", err)
		if err := h.desk.Operator(ctx, cookie); err != nil {
			t.Errorf("its cookie: %v", err)
		}
		// It is nobody's session, and no set-up link.
		if _, err := h.desk.Authenticate(ctx, cookie); hearkeep.CodeOf(err) != hearkeep.Unauthorized {
			t.Errorf("signing in with it: got %v, want Unauthorized", err)
		}
		gone("setting up with it", h.desk.CheckSetup(ctx, cookie))
		for _, made := range []string{"", "x", secret} {
			gone("a made-up cookie", h.desk.Operator(ctx, made))
		}
		late := link()
		time.Sleep(identity.OperatorLinkLife)
		gone("a link after its time", h.desk.CheckOperatorLink(ctx, late))
		time.Sleep(identity.OperatorLife)
		gone("a cookie after its time", h.desk.Operator(ctx, cookie))

		// One link was used, and the record says so, in nobody's name.
		entries, err := h.ledger.Entries(ctx, hearkeep.VaultID{}, 0, 100)
		if err != nil || len(entries) != 1 {
			t.Fatalf("got %d entries, %v, want 1", len(entries), err)
		}
		e := entries[0]
		if e.Kind != ledger.KindOperator || e.Purpose != "signed in" || e.Role != hearkeep.RoleOperator || e.Account != nil || len(e.Session) != 16 || strings.Contains(e.Session, cookie[:8]) {
			t.Errorf("the record says %+v", e)
		}
	})
}
