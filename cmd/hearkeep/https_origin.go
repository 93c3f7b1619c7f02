package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// kept are the settings that a keep holds by itself, because they were fixed
// when it was set up. They are JSON in its folder, mode 0600.
type kept struct {
	// Origin is where people reach the portal. Browsers bind cookies and
	// passkeys to its scheme and host name.
	Origin string `json:"origin"`
}

func readKept(folder string) (kept, error) {
	var k kept
	data, err := os.ReadFile(filepath.Join(folder, fileKept))
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	if err != nil {
		return k, hearkeep.Errorf(hearkeep.Invalid, "The file %s cannot be read.", filepath.Join(folder, fileKept)).
			WithHint(`It holds {"origin": "…"}, the address that the keep was set up at. Mend it, or remove it to have it written anew.`).Because(err)
	}
	return k, nil
}

// fixOrigin refuses an origin other than the one that the keep was set up at,
// unless change says that it is meant. Until somebody has an account the
// origin may be any. A port may always change: neither cookies nor passkeys
// are bound to it.
func fixOrigin(ctx context.Context, folder string, st store.Store, origin *url.URL, change bool, out io.Writer) error {
	k, err := readKept(folder)
	if err != nil {
		return err
	}
	accounts := 0
	if err := st.View(ctx, func(tx *store.Tx) error {
		accounts, err = tx.Identity.CountAccounts(ctx)
		return err
	}); err != nil {
		return err
	}
	if k.Origin == origin.String() {
		return nil
	}
	if k.Origin != "" && accounts > 0 && !sameSite(k.Origin, origin) {
		if !change {
			return hearkeep.Errorf(hearkeep.Conflict, "This keep was set up at %s, and would now be at %s.", k.Origin, origin).
				WithHint("Browsers bind sign-ins and passkeys to the address. Start with --origin %s, or add --change-origin once: everybody signs in again, by passphrase or recovery kit, and passkeys made there stop working.", k.Origin)
		}
		fmt.Fprintf(out, "\nWARNING: the origin changes from %s to %s.\nEverybody must sign in again, by passphrase or recovery kit. Passkeys made at the old\naddress do not work at the new one. Terminals must be paired again.\n\n", k.Origin, origin)
	}
	data, err := json.MarshalIndent(kept{Origin: origin.String()}, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(folder, fileKept), append(data, '\n'))
}

// sameSite reports whether cookies and passkeys of one origin work at the other.
func sameSite(old string, origin *url.URL) bool {
	u, err := url.Parse(old)
	return err == nil && u.Scheme == origin.Scheme && u.Hostname() == origin.Hostname()
}

// writeWhole writes a file, mode 0600, whole or not at all.
func writeWhole(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
