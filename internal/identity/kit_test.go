package identity_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

func TestKitIsInForceOnceChecked(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, first := k.create(t, "Anna")
	bert, _ := k.create(t, "Bert")
	kit, check, err := k.desk.NewKit(ctx, in.Who)
	if err != nil {
		t.Fatal(err)
	}
	printed := strings.Split(kit, "-")
	right := [2]string{strings.ToLower(printed[check.Groups[0]-1]), " " + printed[check.Groups[1]-1] + " "}

	_, err = k.desk.SignInWithKit(ctx, "Anna", kit, at("10.0.0.1"))
	wantCode(t, "a kit before its check", err, hearkeep.Unauthorized)
	_, err = k.desk.CheckKit(ctx, in.Who, check.Ticket, [2]string{right[1], right[0]}, at("10.0.0.1"))
	wantCode(t, "groups in the other order", err, hearkeep.Invalid)
	altered := "x"
	if strings.HasPrefix(check.Ticket, altered) {
		altered = "y"
	}
	_, err = k.desk.CheckKit(ctx, in.Who, altered+check.Ticket[1:], right, at("10.0.0.1"))
	wantCode(t, "an altered ticket", err, hearkeep.NotFound)
	_, err = k.desk.CheckKit(ctx, bert.Who, check.Ticket, right, at("10.0.0.1"))
	wantCode(t, "somebody else's ticket", err, hearkeep.NotFound)
	next, err := k.desk.CheckKit(ctx, in.Who, check.Ticket, right, at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	k.ended(t, "the cookie from before", in.Cookie)
	_, err = k.desk.CheckKit(ctx, next.Who, check.Ticket, right, at("10.0.0.1"))
	wantCode(t, "a used ticket", err, hearkeep.NotFound)
	_, err = k.desk.SignInWithKit(ctx, "Anna", first, at("10.0.0.1"))
	wantCode(t, "the kit from before", err, hearkeep.Unauthorized)
	if _, err = k.desk.SignInWithKit(ctx, "Anna", kit, at("10.0.0.1")); err != nil {
		t.Error(err)
	}
	if w := k.way(t, next.Who, identity.KindKit); !w.Checked || !w.Unlocks {
		t.Errorf("got %+v, want a kit that is checked and unlocks", w)
	}
}

func TestFirstKitIsChecked(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	link, err := k.desk.AnotherLink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	in, kit, check, err := k.desk.Create(ctx, link, "Anna", passphrase, at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if check.Groups[0] < 1 || check.Groups[0] >= check.Groups[1] || check.Groups[1] > 9 {
		t.Errorf("got groups %v", check.Groups)
	}
	if k.way(t, in.Who, identity.KindKit).Checked {
		t.Error("a kit counts as checked before it is")
	}
	printed := strings.Split(kit, "-")
	next, err := k.desk.CheckKit(ctx, in.Who, check.Ticket, [2]string{printed[check.Groups[0]-1], printed[check.Groups[1]-1]}, at("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if !k.way(t, next.Who, identity.KindKit).Checked {
		t.Error("a kit does not count as checked after it is")
	}
	if !next.Who.Waits().IsZero() {
		t.Error("a check of the first kit makes archives wait")
	}
	if _, err = k.desk.SignInWithKit(ctx, "Anna", kit, at("10.0.0.1")); err != nil {
		t.Error(err)
	}
}

func TestKitTicketEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, ctx := openKeep(t), t.Context()
		in, _ := k.create(t, "Anna")
		kit, check, err := k.desk.NewKit(ctx, in.Who)
		if err != nil {
			t.Fatal(err)
		}
		printed := strings.Split(kit, "-")
		time.Sleep(identity.KitCheckLife)
		_, err = k.desk.CheckKit(ctx, in.Who, check.Ticket, [2]string{printed[check.Groups[0]-1], printed[check.Groups[1]-1]}, at("10.0.0.1"))
		wantCode(t, "a ticket an hour later", err, hearkeep.NotFound)
	})
}

func TestKitTicketRow(t *testing.T) {
	k, ctx := openKeep(t), t.Context()
	in, _ := k.create(t, "Anna")
	kit, check, err := k.desk.NewKit(ctx, in.Who)
	if err != nil {
		t.Fatal(err)
	}
	printed := strings.Split(kit, "-")
	evil := seal.NewKit()
	id, uid := in.Who.Account(), hearkeep.NewID[hearkeep.UnlockerID]()
	list, err := seal.SealUnlockerList(seal.NewAccountKey(), id,
		[]seal.ListedUnlocker{{ID: uid, Public: seal.PublicOfUnlocker(seal.KitUnlocker(evil, id))}})
	if err != nil {
		t.Fatal(err)
	}
	hash := identity.SecretHash(check.Ticket)
	k.update(t, func(tx *store.Tx) error {
		link, err := tx.Identity.Link(ctx, "kit", hash, time.Now())
		if err != nil {
			return err
		}
		link.Payload = identity.AlterKitTicket(t, link.Payload, uid, list)
		return tx.Identity.PutLink(ctx, link)
	})
	_, err = k.desk.CheckKit(ctx, in.Who, check.Ticket, [2]string{printed[check.Groups[0]-1], printed[check.Groups[1]-1]}, at("10.0.0.1"))
	wantCode(t, "a ticket with another's public key", err, hearkeep.NotFound)
	_, err = k.desk.SignInWithKit(ctx, "Anna", evil.Reveal(), at("10.0.0.1"))
	wantCode(t, "the row writer's kit", err, hearkeep.Unauthorized)
}
