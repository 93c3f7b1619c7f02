package vault_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// Two hundred recordings an hour, and as many again for an unlocker. Words,
// and listening again, do not count.
func TestListeningToVeryMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := vaulttest.New(t)
		anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
		ctx := t.Context()
		short := func(p vaulttest.Person) hearkeep.RecordingID {
			r := taken("many")
			r.Audio = audio[:100]
			must(t, p.Inbox.Keep(ctx, r))
			return r.ID
		}
		var ids []hearkeep.RecordingID
		for range 402 {
			ids = append(ids, short(anna))
		}
		token, _ := makeToken(t, h, anna, false)
		listen := func(room *vault.Room, id hearkeep.RecordingID) error {
			a, err := room.Listen(ctx, id)
			if err == nil {
				must(t, a.Close())
			}
			return err
		}
		time.Sleep(6 * time.Minute) // the sign-in is not fresh any more
		room := h.Enter(t, anna)
		for range 2 {
			for _, id := range ids[:200] {
				must(t, listen(room, id))
			}
		}
		refused := listen(room, ids[200])
		wantCode(t, "the 201st", refused, hearkeep.StepUp)
		if _, words, hint := hearkeep.Explain(refused); !strings.Contains(words, "200") || hint == "" {
			t.Errorf("it says %q, %q", words, hint)
		}
		wantCode(t, "another session's", listen(h.Enter(t, anna), ids[200]), hearkeep.StepUp)
		refused = listen(program(t, h, token), ids[200])
		wantCode(t, "a program's", refused, hearkeep.StepUp)
		if _, _, hint := hearkeep.Explain(refused); !strings.Contains(hint, "browser") {
			t.Errorf("a program is told %q", hint)
		}
		must(t, listen(room, ids[7]))
		must(t, listen(program(t, h, token), ids[7]))
		if _, err := room.Read(ctx, ids[201]); err != nil {
			t.Errorf("words: %v", err)
		}
		must(t, listen(h.Enter(t, bert), short(bert))) // his own count

		in, err := h.Desk.StepUp(ctx, anna.Who, identity.Proof{Passphrase: "correct horse battery"}, identity.Visitor{})
		must(t, err)
		anna.Who = in.Who
		room = h.Enter(t, anna)
		for _, id := range ids[200:400] {
			must(t, listen(room, id))
		}
		wantCode(t, "the 201st after one step-up, fresh as it is", listen(room, ids[400]), hearkeep.StepUp)
		time.Sleep(time.Second)
		in, err = h.Desk.StepUp(ctx, anna.Who, identity.Proof{Passphrase: "correct horse battery"}, identity.Visitor{})
		must(t, err)
		anna.Who = in.Who
		must(t, listen(h.Enter(t, anna), ids[400]))
		time.Sleep(time.Hour)
		room = h.Enter(t, anna)
		for _, id := range ids[200:400] {
			must(t, listen(room, id))
		}
		wantCode(t, "an hour later, the 201st", listen(room, ids[400]), hearkeep.StepUp)
		entries, err := h.Ledger.Entries(ctx, anna.Vault, 0, 5000)
		must(t, err)
		n := 0
		for _, e := range entries {
			if e.Kind == ledger.KindOpened && e.Purpose == "listen" {
				n += e.Count
			}
		}
		// 200, one by the program, 200 by the next session and 1 by the one
		// after it, which an hour later listened to 200 more.
		if n != 602 {
			t.Errorf("the ledger counts %d, want 602: what was refused is no opening", n)
		}
	})
}
