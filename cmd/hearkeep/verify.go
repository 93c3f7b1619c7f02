package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
)

// verifyCmd checks what left a keep, without the keep: it opens no connection.
type verifyCmd struct {
	Paths   []string `arg:"" optional:"" help:"Receipts, files of entries, folders of a whole log, checkpoints, archives, or a keep's folder; or the address that a receipt's QR code holds." placeholder:"PATH"`
	Key     []string `help:"Believe only this key of a ledger, which you have from elsewhere (name+hash+key); may be given again." placeholder:"KEY"`
	Witness []string `help:"Look for this witness' cosignature; may be given again." placeholder:"KEY"`
	Old     string   `help:"With --new: check that the log of this checkpoint goes on in the other." type:"path" placeholder:"FILE"`
	New     string   `help:"The newer checkpoint." type:"path" placeholder:"FILE"`
	Proof   string   `help:"What leads from one to the other: a consistency proof, a folder of the whole log, or a keep's." type:"path" placeholder:"PATH"`
	JSON    bool     `help:"Print one JSON object a line." name:"json"`
}

// Verdicts of hearkeep verify.
const (
	verdictProven     = "proven"      // under a key that was given
	verdictConsistent = "consistent"  // under the key that the file names
	verdictFalse      = "false"       // it claims what was not signed
	verdictMalformed  = "malformed"   // it is not what it should be
	verdictUnknown    = "unknown-key" // none of the keys that were given signed it
	verdictUnread     = "unread"
)

// checked is what came out of one path.
type checked struct {
	Path    string `json:"path"`
	Verdict string `json:"verdict"`
	Kind    string `json:"kind,omitempty"`
	Why     string `json:"why,omitempty"`

	Origin    string               `json:"origin,omitempty"`
	Size      int64                `json:"size,omitempty,string"`
	Root      []byte               `json:"root,omitempty"`
	Witnesses []ledger.Cosignature `json:"witnesses,omitempty"`
	Key       string               `json:"key,omitempty"` // that the file names, where none was given

	Index   *int64        `json:"index,omitempty,string"`
	Entry   *ledger.Entry `json:"entry,omitempty"`
	Entries int           `json:"entries,omitempty"`
	Expired int           `json:"expired,omitempty"`
	Kept    int           `json:"kept,omitempty"`
	Lost    int           `json:"lost,omitempty"`
	From    int64         `json:"from,omitempty,string"` // entries of the older checkpoint
	Before  string        `json:"before,omitempty"`      // its origin
}

// Run verifies one thing after the other. It ends with 11 where something is
// not proven, and with 1 where something cannot be read.
func (cmd verifyCmd) Run(ctx context.Context, c *console) error {
	v, err := cmd.verifier()
	if err != nil {
		return codedError{exitUsage, err}
	}
	if cmd.Old != "" {
		f, err := v.between(ctx, cmd.Old, cmd.New, cmd.Proof)
		return cmd.end(cmd.tell(c, cmd.New, f, err))
	}
	worst := exitDone
	for _, path := range cmd.Paths {
		if isArchive(path) {
			if err := (archiveVerifyCmd{Archive: path, JSON: cmd.JSON}).Run(ctx, c); err != nil {
				worst = max(worst, fail(c, err))
			}
			continue
		}
		f, err := v.verify(ctx, path)
		worst = max(worst, cmd.tell(c, path, f, err))
	}
	return cmd.end(worst)
}

func (cmd verifyCmd) verifier() (*verifier, error) {
	switch {
	case (cmd.Old == "") != (cmd.New == ""):
		return nil, hearkeep.Errorf(hearkeep.Invalid, "Two checkpoints are compared, --old and --new.")
	case (cmd.Old == "") == (len(cmd.Paths) == 0):
		return nil, hearkeep.Errorf(hearkeep.Invalid, "Name what to verify: files and folders, or --old and --new.")
	}
	for i, k := range cmd.Witness { // serve's flag of that name has an address behind the key
		cmd.Witness[i], _, _ = strings.Cut(k, " ")
	}
	for _, k := range slices.Concat(cmd.Key, cmd.Witness) {
		if _, err := ledger.Trust(k); err != nil {
			return nil, hearkeep.Errorf(hearkeep.Invalid, "This is not a key: %s.", quoted(k)).
				WithHint("A key is one word: a name, a plus, 8 digits, a plus, and the rest. `hearkeep ledger keys` prints a keep's.").Because(err)
		}
	}
	if slices.ContainsFunc(cmd.Key, ledger.IsWitness) {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "--key is of a ledger, and this is a witness' key.")
	}
	// One that is a ledger's would be believed as that.
	if slices.ContainsFunc(cmd.Witness, func(k string) bool { return !ledger.IsWitness(k) }) {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "--witness is of a witness, and this is a ledger's key.")
	}
	return &verifier{keys: cmd.Key, witnesses: cmd.Witness}, nil
}

// end turns an exit code into what main ends with. All has been said by then.
func (cmd verifyCmd) end(code int) error {
	switch code {
	case exitDone:
		return nil
	case exitDamaged:
		return codedError{code, hearkeep.Errorf(hearkeep.Invalid, "Not everything is proven; what stands above says what is not.")}
	}
	return codedError{code, hearkeep.Errorf(hearkeep.Invalid, "Not everything could be read; what stands above says what.")}
}

// tell prints what came out, and returns the exit code that it deserves.
func (cmd verifyCmd) tell(c *console, path string, f checked, err error) int {
	f.Path = path
	code := exitDone
	if err != nil {
		f = checked{Path: path, Why: err.Error(), Verdict: verdictUnread}
		code = exitFailed
		for verdict, kind := range map[string]error{verdictFalse: ledger.ErrFalse, verdictMalformed: ledger.ErrMalformed, verdictUnknown: ledger.ErrUnknownKey} {
			if errors.Is(err, kind) {
				f.Verdict, code = verdict, exitDamaged
			}
		}
		if errors.Is(err, ledger.ErrForked) {
			f.Verdict, code = verdictFalse, exitDamaged
		}
	} else if f.Verdict = verdictProven; f.Key != "" {
		f.Verdict = verdictConsistent
	}
	if cmd.JSON {
		if err := json.NewEncoder(c.out).Encode(f); err != nil {
			return exitFailed
		}
		return code
	}
	fmt.Fprint(c.out, f.text())
	return code
}

// verifier checks under the keys that were given.
type verifier struct{ keys, witnesses []string }

// verify recognises what lies at a path, and checks it.
func (v *verifier) verify(ctx context.Context, path string) (checked, error) {
	if address := fromAddress(path); address != "" {
		return v.receipt([]byte(address))
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return checked{}, err
	case info.IsDir() && hasFile(path, fileRows):
		return v.keep(ctx, path)
	case info.IsDir():
		return v.folder(ctx, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return checked{}, err
	}
	defer f.Close()
	begin := make([]byte, 64)
	n, _ := f.ReadAt(begin, 0)
	if bytes.HasPrefix(begin[:n], []byte(`{"format":"hearkeep-entries/`)) {
		return v.entries(f)
	}
	if info.Size() > maxVerified {
		return checked{}, fmt.Errorf("%w: it is too long", ledger.ErrMalformed)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return checked{}, err
	}
	if isCheckpoint(begin[:n]) {
		return v.checkpoint(data)
	}
	return v.receipt(data)
}

// maxVerified is the largest receipt or checkpoint, in bytes.
const maxVerified = 4 << 20

// fromAddress is path where it is the address of a receipt.
func fromAddress(path string) string {
	for _, scheme := range []string{"https://", "http://"} {
		if strings.HasPrefix(path, scheme) && strings.Contains(path, "#") {
			return path
		}
	}
	return ""
}

// isCheckpoint says whether data begins as one: a name, and a number.
func isCheckpoint(begin []byte) bool {
	lines := bytes.SplitN(begin, []byte("\n"), 3)
	return len(lines) == 3 && len(lines[0]) > 0 && len(lines[1]) > 0 && len(bytes.Trim(lines[1], "0123456789")) == 0
}

// isArchive recognises a ZIP file, and the folder that one was unpacked into.
func isArchive(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	if info.IsDir() {
		return !hasFile(path, "checkpoint") && !hasFile(path, fileRows) && hasFile(bagIn(path), "bagit.txt")
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	begin := make([]byte, 4)
	_, err = f.ReadAt(begin, 0)
	return err == nil && (string(begin) == "PK\x03\x04" || string(begin) == "PK\x05\x06")
}

// trusted are the keys that count for a file that names one itself.
func (v *verifier) trusted(named string) (keys []string, shown string, err error) {
	switch {
	case len(v.keys) == 0 && named == "":
		return nil, "", fmt.Errorf("%w: it names no key, and none was given with --key", ledger.ErrUnknownKey)
	case len(v.keys) == 0:
		return append([]string{named}, v.witnesses...), named, nil
	}
	keys = slices.Concat(v.keys, v.witnesses)
	for _, k := range v.keys {
		if named == "" || k == named {
			return keys, "", nil
		}
	}
	return nil, "", fmt.Errorf("%w: it is of another key", ledger.ErrUnknownKey)
}

func (v *verifier) receipt(data []byte) (checked, error) {
	r, err := ledger.ReadReceipt(data)
	if err != nil {
		return checked{}, err
	}
	keys, shown, err := v.trusted(r.Key)
	if err != nil {
		return checked{}, err
	}
	known, err := ledger.Trust(keys...)
	if err != nil {
		return checked{}, err
	}
	p, err := r.Proof.Check(known)
	if err != nil {
		return checked{}, err
	}
	f := found("receipt", p.Under, shown)
	f.Index, f.Entry, f.Witnesses = &p.Index, &p.Entry, p.Under.Cosignatures(known)
	return f, nil
}

func found(kind string, c ledger.Checkpoint, shown string) checked {
	return checked{Kind: kind, Origin: c.Origin, Size: c.Size, Root: c.Root[:], Key: shown}
}

func (v *verifier) checkpoint(data []byte) (checked, error) {
	c, by, err := v.open(data)
	if err != nil {
		return checked{}, err
	}
	f := found("checkpoint", c, "")
	f.Witnesses = by
	return f, nil
}

func (v *verifier) entries(file *os.File) (checked, error) {
	in, err := ledger.ReadEntries(file)
	if err != nil {
		return checked{}, err
	}
	keys, shown, err := v.trusted(in.Head.Key)
	if err != nil {
		return checked{}, err
	}
	known, err := ledger.Trust(keys...)
	if err != nil {
		return checked{}, err
	}
	c, end, err := in.Check(known, func(ledger.Recorded) error { return nil })
	if err != nil {
		return checked{}, err
	}
	f := found("entries", c, shown)
	f.Entries, f.Expired, f.Witnesses = end.Entries, end.Expired, c.Cosignatures(known)
	return f, nil
}

func (v *verifier) folder(ctx context.Context, path string) (checked, error) {
	got, err := ledger.CheckFolder(ctx, os.DirFS(path), nil, v.keys, v.witnesses)
	if err != nil {
		return checked{}, err
	}
	f := found("tiles", got.Under, "")
	if len(v.keys) == 0 {
		f.Key = got.Key
	}
	f.Kept, f.Lost = got.Kept, got.Lost
	if known, err := ledger.Trust(v.witnesses...); err == nil {
		f.Witnesses = got.Under.Cosignatures(known)
	}
	return f, nil
}
