package storetest

import (
	"bytes"
	"context"
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
	update(t, st, func(tx *store.Tx) error {
		_, err := tx.Vaults.InsertErasure(ctx, store.Erasure{Receipt: receipt, Vault: b.ID, Outcome: hearkeep.OutcomeErased, At: noon})
		return err
	})

	type ids struct {
		recording hearkeep.RecordingID
		binding   hearkeep.BindingID
		envelope  hearkeep.EnvelopeID
		receipt   hearkeep.ReceiptID
		account   hearkeep.AccountID
	}
	calls := []struct {
		name string
		call func(context.Context, *store.Tx, ids) error
	}{
		{"Keyholder", func(ctx context.Context, tx *store.Tx, id ids) error {
			_, err := tx.Vaults.Keyholder(ctx, a.ID, id.account)
			return err
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
	theirs := ids{rec.ID, b.Binding, envelope, receipt, b.Account}
	absent := ids{hearkeep.NewID[hearkeep.RecordingID](), hearkeep.NewID[hearkeep.BindingID](),
		hearkeep.NewID[hearkeep.EnvelopeID](), hearkeep.NewID[hearkeep.ReceiptID](), hearkeep.NewID[hearkeep.AccountID]()}
	for _, c := range calls {
		for who, id := range map[string]ids{"theirs": theirs, "absent": absent} {
			update(t, st, func(tx *store.Tx) error {
				wantErr(t, c.name+", "+who, c.call(ctx, tx, id), store.ErrNotFound)
				return nil
			})
		}
	}

	view(t, st, func(tx *store.Tx) error {
		page, err := tx.Vaults.Recordings(ctx, a.ID, store.Span{}, store.Cursor{}, 10)
		equal(t, "A's recordings", page, []store.Recording{})
		if err != nil {
			return err
		}
		page, err = tx.Vaults.RecordingsByNumber(ctx, a.ID, b.Binding, 0, 10)
		equal(t, "A's recordings of B's binding", page, []store.Recording{})
		if err != nil {
			return err
		}
		of, err := tx.Vaults.PartsOf(ctx, a.ID, []hearkeep.RecordingID{rec.ID}, hearkeep.PartWords)
		equal(t, "A's parts of B's recording", of, map[hearkeep.RecordingID]store.Part{})
		if err != nil {
			return err
		}
		sum, err := tx.Vaults.Totals(ctx, a.ID, store.Span{})
		equal(t, "A's totals", sum, store.Totals{})
		return err
	})
	of, err := st.Keys().PartsOf(ctx, a.ID, []hearkeep.RecordingID{rec.ID}, hearkeep.PartAudio)
	equal(t, "A's keys of B's recording", of, map[hearkeep.RecordingID]store.PartKey{})
	wantErr(t, "Keys.PartsOf", err, nil)

	// Nothing of B's has changed, by destroying either.
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
