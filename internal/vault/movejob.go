package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// jobMoved is the background work of erasing what has arrived elsewhere.
const jobMoved = "erase-moved"

type moveJob struct {
	Vault      hearkeep.VaultID       `json:"vault"`
	Recordings []hearkeep.RecordingID `json:"recordings"`
}

func (j moveJob) encode() []byte {
	b, err := json.Marshal(j)
	if err != nil {
		panic(err) // ids always encode
	}
	return b
}

// moveDone removes the job of a move whose erasure is done.
func (k *Keep) moveDone(ctx context.Context, j moveJob) error {
	return k.store.Update(ctx, func(tx *store.Tx) error {
		jobs, err := tx.Jobs.Due(ctx, jobMoved, time.Now(), 1000)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(jobs, func(o store.Job) bool { return bytes.Equal(o.Payload, j.encode()) })
		if at < 0 {
			return nil
		}
		return tx.Jobs.Done(ctx, jobs[at].ID)
	})
}

// finishMoves erases what has arrived in another vault and, because of a crash
// or a full disk, still lies in the one that it came from.
func (k *Keep) finishMoves(ctx context.Context) error {
	var jobs []store.Job
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		jobs, err = tx.Jobs.Due(ctx, jobMoved, time.Now(), 1000)
		return err
	})
	if err != nil {
		return fmt.Errorf("vault: finish moves: %w", err)
	}
	for _, j := range jobs {
		var job moveJob
		if err := json.Unmarshal(j.Payload, &job); err != nil {
			k.log.Error("a move that is not finished cannot be read", "job", j.ID, "err", err)
			continue
		}
		if slices.ContainsFunc(job.Recordings, k.flying) {
			continue // its Move is at work
		}
		if err := k.finishMove(ctx, job); err != nil {
			return fmt.Errorf("vault: finish move %d: %w", j.ID, err)
		}
		if err := k.store.Update(ctx, func(tx *store.Tx) error { return tx.Jobs.Done(ctx, j.ID) }); err != nil {
			return fmt.Errorf("vault: finish move %d: %w", j.ID, err)
		}
	}
	return nil
}

func (k *Keep) finishMove(ctx context.Context, job moveJob) error {
	e := store.Erasure{Vault: job.Vault, Outcome: hearkeep.OutcomeErased}
	err := k.store.View(ctx, func(tx *store.Tx) error {
		for _, id := range job.Recordings {
			_, err := tx.Vaults.Recording(ctx, job.Vault, id)
			if err == nil {
				e.Recordings = append(e.Recordings, id)
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil || len(e.Recordings) == 0 {
		return err
	}
	k.log.Warn("a move is finished now", "vault", job.Vault, "recordings", len(e.Recordings))
	e.Total = len(e.Recordings)
	_, err = k.erase(ctx, e, ledger.Entry{Kind: ledger.KindErased, Role: hearkeep.RoleSystem, Vault: &job.Vault, Purpose: "moved, finished later"})
	return err
}
