package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// open reads a checkpoint under the keys that were given, and who cosigned it.
func (v *verifier) open(signed []byte) (c ledger.Checkpoint, by []ledger.Cosignature, err error) {
	keys, _, err := v.trusted("")
	if err != nil {
		return c, nil, err
	}
	known, err := ledger.Trust(keys...)
	if err != nil {
		return c, nil, err
	}
	c, err = ledger.OpenCheckpoint(signed, known)
	return c, c.Cosignatures(known), err
}

// between checks that the log of an older checkpoint goes on in a newer one.
func (v *verifier) between(ctx context.Context, olderPath, newerPath, proof string) (checked, error) {
	var both [2]ledger.Checkpoint
	for i, path := range []string{olderPath, newerPath} {
		data, err := os.ReadFile(path)
		if err != nil {
			return checked{}, err
		}
		if both[i], _, err = v.open(data); err != nil {
			return checked{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	older, newer := both[0], both[1]
	if err := v.leads(ctx, older, newer, proof); err != nil {
		return checked{}, err
	}
	f := found("consistency", newer, "")
	f.From, f.Before = older.Size, older.Origin
	return f, nil
}

// leads follows a proof, of whichever kind it is.
func (v *verifier) leads(ctx context.Context, older, newer ledger.Checkpoint, proof string) error {
	info, err := os.Stat(proof)
	switch {
	case proof == "" || older.Size > newer.Size:
		return newer.CheckConsistency(older, nil)
	case err != nil:
		return err
	case info.IsDir() && hasFile(proof, fileRows):
		return inKeep(ctx, proof, func(l *ledger.Ledger) error {
			path, err := l.Consistency(ctx, older.Size, newer.Size)
			if err != nil {
				return err
			}
			return newer.CheckConsistency(older, path)
		})
	case info.IsDir():
		_, err := ledger.CheckFolder(ctx, os.DirFS(proof), []ledger.Checkpoint{older, newer}, v.keys, v.witnesses)
		return err
	}
	data, err := os.ReadFile(proof)
	if err != nil {
		return err
	}
	from, path, signed, err := ledger.ParseConsistency(data)
	if err != nil {
		return err
	}
	if from != older.Size || string(signed) != string(newer.Signed) {
		return fmt.Errorf("%w: the proof is between other checkpoints", ledger.ErrMalformed)
	}
	return newer.CheckConsistency(older, path)
}

// keep checks the whole ledger of a keep's folder, in use or not.
func (v *verifier) keep(ctx context.Context, path string) (f checked, err error) {
	err = inKeep(ctx, path, func(l *ledger.Ledger) error {
		if len(v.keys) > 0 && !slices.Contains(v.keys, l.Key()) {
			return fmt.Errorf("%w: the folder's is another", ledger.ErrUnknownKey)
		}
		if err := l.Verify(ctx); err != nil {
			return err
		}
		c, err := l.Latest(ctx)
		f = found("keep", c, "")
		if len(v.keys) == 0 {
			f.Key = l.Key()
		}
		return err
	})
	return f, err
}

// inKeep reads the ledger of a folder, and changes nothing there.
func inKeep(ctx context.Context, folder string, fn func(*ledger.Ledger) error) error {
	st, err := sqlite.OpenReadOnly(ctx, folder)
	if err != nil {
		return err
	}
	defer st.Close()
	l, err := ledger.Look(ctx, st, filepath.Join(folder, fileLedger))
	if err != nil {
		return err
	}
	return fn(l)
}
