package storetest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// stranger asks, as vault A, for what vault B keeps: every method answers as
// it answers for an id that was never given out.
func stranger(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	a, b := NewVault(t, st), NewVault(t, st)
	rec, parts := keep(t, st, b, 1, noon)
	words := parts[1]
	envelope := hearkeep.NewID[hearkeep.EnvelopeID]()
	receipt := hearkeep.NewID[hearkeep.ReceiptID]()
	wrap := bytesOf(113)
	key := store.PartKey{Recording: rec.ID, Part: hearkeep.PartAudio, Version: 1, Wrap: wrap}
	if err := st.Keys().Put(ctx, b.ID, []store.PartKey{key}); err != nil {
		t.Fatal(err)
	}
	if err := st.Keys().PutEnvelope(ctx, b.ID, envelope, wrap); err != nil {
		t.Fatal(err)
	}
	ben := NewAccount("ben")
	ben.ID = b.Account
	token := store.APIToken{ID: hearkeep.NewID[hearkeep.TokenID](), Account: b.Account, Vault: b.ID, Generation: 1, Name: "Notes", Wrap: wrap, Created: noon, Expires: noon}
	channel := store.Channel{ID: hearkeep.NewID[hearkeep.ChannelID](), Account: b.Account, Kind: "email", Address: wrap, Created: noon}
	unlocker := store.Unlocker{ID: hearkeep.NewID[hearkeep.UnlockerID](), Account: b.Account, Kind: "kit", Wrap: wrap, Created: noon}
	departure := store.Departure{Vault: b.ID, Account: b.Account, By: b.Account, At: noon}
	update(t, st, func(tx *store.Tx) error {
		_, err := tx.Vaults.InsertErasure(ctx, store.Erasure{Receipt: receipt, Vault: b.ID, Outcome: hearkeep.OutcomeErased, At: noon})
		return errors.Join(err, tx.Identity.InsertAccount(ctx, ben), tx.Identity.InsertUnlocker(ctx, unlocker),
			tx.Letters.InsertChannel(ctx, channel), tx.Vaults.InsertAPIToken(ctx, token), tx.Vaults.PutDeparture(ctx, departure))
	})

	type ids struct {
		recording hearkeep.RecordingID
		binding   hearkeep.BindingID
		envelope  hearkeep.EnvelopeID
		receipt   hearkeep.ReceiptID
		account   hearkeep.AccountID
		token     hearkeep.TokenID
		channel   hearkeep.ChannelID
		unlocker  hearkeep.UnlockerID
	}
	calls := []struct {
		name string
		call func(context.Context, *store.Tx, ids) error
	}{
		{"Keyholder", func(ctx context.Context, tx *store.Tx, id ids) error {
			_, err := tx.Vaults.Keyholder(ctx, a.ID, id.account)
			return err
		}},
		{"SetKeyholder", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Vaults.SetKeyholder(ctx, store.Keyholder{Vault: a.ID, Account: id.account, Generation: 1, Wrap: []byte("wrap")})
		}},
		{"DeleteAPIToken", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Vaults.DeleteAPIToken(ctx, a.Account, id.token)
		}},
		{"SetChannel", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Letters.SetChannel(ctx, store.Channel{ID: id.channel, Account: a.Account, Confirmed: noon})
		}},
		{"DeleteChannel", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Letters.DeleteChannel(ctx, a.Account, id.channel)
		}},
		{"SetUnlocker", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Identity.SetUnlocker(ctx, store.Unlocker{ID: id.unlocker, Account: a.Account})
		}},
		{"DeleteUnlocker", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Identity.DeleteUnlocker(ctx, a.Account, id.unlocker)
		}},
		{"SetPin", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Vaults.SetPin(ctx, a.ID, id.binding, []byte("pin"))
		}},
		{"SetBinding", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Vaults.SetBinding(ctx, store.Binding{ID: id.binding, Vault: a.ID, Rule: hearkeep.RoomRule{Keep: hearkeep.KeepAll}})
		}},
		{"EndBinding", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Vaults.EndBinding(ctx, a.ID, id.binding, noon)
		}},
		{"HandOut", func(ctx context.Context, tx *store.Tx, id ids) error {
			_, err := tx.Vaults.HandOut(ctx, a.ID, id.binding)
			return err
		}},
		{"LastRecording", func(ctx context.Context, tx *store.Tx, id ids) error {
			_, err := tx.Vaults.LastRecording(ctx, a.ID, id.binding)
			return err
		}},
		{"Recording", func(ctx context.Context, tx *store.Tx, id ids) error {
			_, err := tx.Vaults.Recording(ctx, a.ID, id.recording)
			return err
		}},
		{"Parts", func(ctx context.Context, tx *store.Tx, id ids) error {
			_, err := tx.Vaults.Parts(ctx, a.ID, id.recording)
			return err
		}},
		{"InsertPart", func(ctx context.Context, tx *store.Tx, id ids) error {
			p := words
			p.Recording = id.recording
			return tx.Vaults.InsertPart(ctx, a.ID, p)
		}},
		{"DeletePart", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Vaults.DeletePart(ctx, a.ID, id.recording, hearkeep.PartWords)
		}},
		{"DeleteRecording", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Vaults.DeleteRecording(ctx, a.ID, id.recording)
		}},
		{"InsertRecording", func(ctx context.Context, tx *store.Tx, id ids) error {
			r := rec
			r.ID, r.Vault, r.Binding = hearkeep.NewID[hearkeep.RecordingID](), a.ID, id.binding
			return tx.Vaults.InsertRecording(ctx, r, nil)
		}},
		{"InsertTombstones", func(ctx context.Context, tx *store.Tx, id ids) error {
			return tx.Vaults.InsertTombstones(ctx, a.ID, hearkeep.OutcomeErased, noon, []hearkeep.Run{{Binding: id.binding, From: 1, To: 1}})
		}},
		{"Erasure", func(ctx context.Context, tx *store.Tx, id ids) error {
			_, err := tx.Vaults.Erasure(ctx, a.ID, id.receipt)
			return err
		}},
		{"Keys.Part", func(ctx context.Context, _ *store.Tx, id ids) error {
			_, err := st.Keys().Part(ctx, a.ID, id.recording, hearkeep.PartAudio, 1)
			return err
		}},
		{"Keys.Envelope", func(ctx context.Context, _ *store.Tx, id ids) error {
			_, err := st.Keys().Envelope(ctx, a.ID, id.envelope)
			return err
		}},
	}
	theirs := ids{rec.ID, b.Binding, envelope, receipt, b.Account, token.ID, channel.ID, unlocker.ID}
	absent := ids{hearkeep.NewID[hearkeep.RecordingID](), hearkeep.NewID[hearkeep.BindingID](),
		hearkeep.NewID[hearkeep.EnvelopeID](), hearkeep.NewID[hearkeep.ReceiptID](), hearkeep.NewID[hearkeep.AccountID](),
		hearkeep.NewID[hearkeep.TokenID](), hearkeep.NewID[hearkeep.ChannelID](), hearkeep.NewID[hearkeep.UnlockerID]()}
	for _, c := range calls {
		for who, id := range map[string]ids{"theirs": theirs, "absent": absent} {
			update(t, st, func(tx *store.Tx) error {
				wantErr(t, c.name+", "+who, c.call(ctx, tx, id), store.ErrNotFound)
				return nil
			})
		}
	}

	view(t, st, func(tx *store.Tx) error {
		for _, span := range []store.Span{{}, {From: 1, To: 1}} {
			page, err := tx.Vaults.Recordings(ctx, a.ID, span, store.Cursor{}, 10)
			wantErr(t, "Recordings", err, nil)
			equal(t, "A's recordings", page, []store.Recording{})
			sum, err := tx.Vaults.Totals(ctx, a.ID, span)
			wantErr(t, "Totals", err, nil)
			equal(t, "A's totals", sum, store.Totals{})
		}
		page, err := tx.Vaults.RecordingsByNumber(ctx, a.ID, b.Binding, 0, 10)
		equal(t, "A's recordings of B's binding", page, []store.Recording{})
		if err != nil {
			return err
		}
		of, err := tx.Vaults.PartsOf(ctx, a.ID, []hearkeep.RecordingID{rec.ID}, hearkeep.PartWords)
		equal(t, "A's parts of B's recording", of, map[hearkeep.RecordingID]store.Part{})
		return err
	})
	of, err := st.Keys().PartsOf(ctx, a.ID, []hearkeep.RecordingID{rec.ID}, hearkeep.PartAudio)
	equal(t, "A's keys of B's recording", of, map[hearkeep.RecordingID]store.PartKey{})
	wantErr(t, "Keys.PartsOf", err, nil)

	// Nothing of B's has changed, by destroying or deleting either.
	update(t, st, func(tx *store.Tx) error {
		n, err := tx.Vaults.DeleteAPITokensOf(ctx, a.ID)
		equal(t, "A's tokens", n, 0)
		return errors.Join(err, tx.Vaults.DeleteKeyholder(ctx, a.ID, b.Account), tx.Vaults.DeleteDeparture(ctx, a.ID, b.Account))
	})
	view(t, st, func(tx *store.Tx) error {
		held, err := tx.Vaults.Keyholder(ctx, b.ID, b.Account)
		wantErr(t, "B's keyholder", err, nil)
		if len(held) != 1 || len(held[0].Wrap) != 113 {
			t.Errorf("B's keyholder: got %d, want it as it was", len(held))
		}
		gone, err := tx.Vaults.Departures(ctx, b.ID)
		wantErr(t, "B's departures", err, nil)
		equal(t, "B's departures", gone, []store.Departure{departure})
		gone, err = tx.Vaults.Departures(ctx, a.ID)
		wantErr(t, "A's departures", err, nil)
		equal(t, "A's departures", gone, []store.Departure{})
		tokens, err := tx.Vaults.APITokens(ctx, b.Account)
		wantErr(t, "B's tokens", err, nil)
		equal(t, "B's tokens", tokens, []store.APIToken{token})
		addresses, err := tx.Letters.Channels(ctx, b.Account)
		wantErr(t, "B's channels", err, nil)
		equal(t, "B's channels", addresses, []store.Channel{channel})
		ways, err := tx.Identity.Unlockers(ctx, b.Account)
		wantErr(t, "B's unlockers", err, nil)
		equal(t, "B's unlockers", ways, []store.Unlocker{unlocker})
		who, err := tx.Vaults.Keyholders(ctx, a.ID, 1)
		if len(who) != 1 || who[0].Account != a.Account {
			t.Errorf("A's keyholders: got %d, want A alone", len(who))
		}
		return err
	})
	wantErr(t, "Keys.Destroy", st.Keys().Destroy(ctx, a.ID, []hearkeep.RecordingID{rec.ID}, nil), nil)
	if got, err := st.Keys().Part(ctx, b.ID, rec.ID, hearkeep.PartAudio, 1); err != nil || !bytes.Equal(got, wrap) {
		t.Errorf("B's key after A destroyed it: got error %v, want the key", err)
	}
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Vaults.Recording(ctx, b.ID, rec.ID)
		equal(t, "B's recording", got, rec)
		if err != nil {
			return err
		}
		left, err := tx.Vaults.Parts(ctx, b.ID, rec.ID)
		if len(left) != len(parts) {
			t.Errorf("B's parts: got %d, want %d", len(left), len(parts))
		}
		binding, berr := tx.Vaults.Binding(ctx, b.Binding)
		if berr != nil || binding.Next != 1 || !binding.Ended.IsZero() {
			t.Errorf("B's binding: got next %d, ended %v, error %v; want as it was", binding.Next, binding.Ended, berr)
		}
		return err
	})
}
