package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/note"
)

// Troubles with a witness, as they are stored and shown.
const (
	TroubleUnreachable = "unreachable"     // it did not answer, or with an error of its own
	TroubleUnknownLog  = "unknown-log"     // it was not told of this log's origin
	TroubleUnknownKey  = "unknown-key"     // it was told of another key
	TroubleAnswer      = "not-understood"  // an answer that the protocol does not have
	TroubleSignature   = "wrong-signature" // it did not sign this checkpoint with its key
	TroubleRewound     = "rewound"         // it has seen more of this log than there is
	TroubleForked      = "forked"          // it has seen another history of this log
)

// Witness is a setting: a witness' key (a vkey of type 0x04) and the prefix of
// its addresses.
type Witness struct{ Key, URL string }

// ParseWitness reads a setting "VKEY URL". The address is the operator's: it
// may lie inside the network, and is https, but on this machine.
func ParseWitness(setting string) (Witness, error) {
	key, address, _ := strings.Cut(strings.TrimSpace(setting), " ")
	address = strings.TrimSuffix(strings.TrimSpace(address), "/")
	v, err := trusted(key)
	if _, ok := v.(witness); err != nil || !ok {
		return Witness{}, hearkeep.Errorf(hearkeep.Invalid, "A witness begins with its key.").
			WithHint("Write name+hash+key, as the witness publishes it, a space, and its address. Keys of Ed25519 cosignatures (type 4) are understood.").Because(err)
	}
	u, err := url.Parse(address)
	plain := err == nil && u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
	if err != nil || u.Scheme != "https" && !plain || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Witness{}, hearkeep.Errorf(hearkeep.Invalid, "A witness' address begins with https://, and has no name, question or fragment in it.").Because(err)
	}
	return Witness{key, address}, nil
}

// WitnessConfig is what witnesses are asked with.
type WitnessConfig struct {
	Ledger    *Ledger
	Witnesses []Witness
	Log       *slog.Logger
	// Gone is told where a witness has seen more of this log than there is, or
	// other: the database was put back, or two keeps write one log.
	Gone func(ctx context.Context, what string) error
}

// Witnesses asks witnesses to cosign what the log signs: a client of C2SP
// tlog-witness. They see the number of entries, and nothing else.
type Witnesses struct {
	WitnessConfig
	client *http.Client
	asked  []attempt // by witness
}

// attempt is when a witness may be asked again, and has cosigned last.
type attempt struct {
	next   time.Time
	wait   time.Duration
	signed time.Time // zero before the first time in this process
}

// How often a witness is asked, and how long it is left alone when it fails.
const (
	askEach  = time.Minute
	askLeast = time.Hour
	askStill = 24 * time.Hour // where nothing is new
)

// maxAnswer bounds what is read of a witness' answer, in bytes.
const maxAnswer = 16 << 10

// NewWitnesses asks nobody yet. It follows no redirect and goes through no
// proxy: where a witness lives is for the operator to say, and not for it.
func NewWitnesses(c WitnessConfig) *Witnesses {
	client := &http.Client{
		Timeout:       15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 16 << 10, MaxIdleConnsPerHost: 1, IdleConnTimeout: 2 * askEach},
	}
	return &Witnesses{WitnessConfig: c, client: client, asked: make([]attempt, len(c.Witnesses))}
}

// Run asks once a minute where the log has grown, until the context ends.
func (w *Witnesses) Run(ctx context.Context) error {
	if len(w.Witnesses) == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(askEach)
	defer tick.Stop()
	defer w.client.CloseIdleConnections()
	for {
		w.Ask(ctx, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Ask asks each witness whose time has come for what it has not cosigned yet.
// What goes wrong is stored, and logged when it begins.
func (w *Witnesses) Ask(ctx context.Context, now time.Time) {
	for i, one := range w.Witnesses {
		if now.Before(w.asked[i].next) {
			continue
		}
		// At start it is asked in any case: what we know of it may have been
		// put back together with the log.
		trouble, err := w.one(ctx, one, now, &w.asked[i].signed)
		if ctx.Err() != nil {
			return
		}
		switch {
		case trouble != "":
			w.asked[i].wait = min(max(2*w.asked[i].wait, askEach), askLeast)
		case err != nil:
			w.Log.Error("witnesses were not asked", "err", err)
			continue
		default:
			w.asked[i].wait = 0
		}
		// A tick is never exactly on time.
		w.asked[i].next = now.Add(max(w.asked[i].wait, askEach) - askEach/10)
	}
}

// one asks one witness, and stores how that went. Where nothing is new it is
// asked if it has not cosigned for long.
func (w *Witnesses) one(ctx context.Context, one Witness, now time.Time, signedAt *time.Time) (trouble string, err error) {
	head, err := w.Ledger.Latest(ctx)
	if err != nil || head.Size == 0 {
		return "", err
	}
	state, err := w.state(ctx, one, head)
	if err != nil {
		return "", err
	}
	if state.Size == head.Size && state.Trouble == "" && now.Sub(*signedAt) < askStill {
		return "", nil
	}
	signed, trouble, err := w.cosign(ctx, one, head, state.Size)
	if err != nil || ctx.Err() != nil {
		return "", err
	}
	began := trouble != state.Trouble
	switch {
	case trouble == "":
		*signedAt = now
		state.Size, state.Note, state.At, state.Trouble, state.Since = head.Size, signed, now, "", time.Time{}
	case began:
		state.Trouble, state.Since = trouble, now
	}
	if err := w.note(ctx, state); err != nil {
		return trouble, err
	}
	if began && trouble != "" {
		w.Log.Warn("a witness did not cosign", "witness", nameOf(one.Key), "trouble", trouble)
	}
	if began && (trouble == TroubleRewound || trouble == TroubleForked) && w.Gone != nil {
		w.Log.Error("THE LEDGER WENT BACK: a witness has seen more of it, or other", "witness", nameOf(one.Key))
		return trouble, w.Gone(ctx, trouble)
	}
	return trouble, nil
}

// state is what is known of a witness. Of an earlier origin nothing counts.
func (w *Witnesses) state(ctx context.Context, one Witness, head Checkpoint) (store.LedgerWitness, error) {
	state := store.LedgerWitness{Key: one.Key, URL: one.URL}
	all, err := w.Ledger.Cosigned(ctx)
	for _, c := range all {
		if c.Key != one.Key {
			continue
		}
		state.Trouble, state.Since = c.Trouble, c.Since
		if c.Under.Origin == head.Origin {
			state.Size, state.Note, state.At = c.Under.Size, c.Under.Signed, c.At
		}
	}
	return state, err
}

// cosign asks for a cosignature, from the size that the witness has cosigned
// last, and once more where that is another than we know.
func (w *Witnesses) cosign(ctx context.Context, one Witness, head Checkpoint, old int64) ([]byte, string, error) {
	for again := false; ; again = true {
		status, kind, body, err := w.post(ctx, one, head, old)
		if err != nil {
			return nil, "", err
		}
		switch status {
		case http.StatusOK:
			signed, err := addCosignature(head.Signed, body, one.Key, time.Now())
			if err != nil {
				return nil, TroubleSignature, nil
			}
			return signed, "", nil
		case http.StatusConflict:
			size, ok := parseSize(kind, body)
			switch {
			case !ok || again && size <= head.Size:
				return nil, TroubleAnswer, nil
			case size > head.Size:
				return nil, TroubleRewound, nil
			}
			old = size
		case http.StatusUnprocessableEntity:
			return nil, TroubleForked, nil // our proof is right: see post
		case http.StatusNotFound:
			return nil, TroubleUnknownLog, nil
		case http.StatusForbidden:
			return nil, TroubleUnknownKey, nil
		case http.StatusBadRequest:
			return nil, TroubleAnswer, nil
		default:
			return nil, TroubleUnreachable, nil
		}
	}
}

// post sends add-checkpoint. Its errors are ours; a witness that does not
// answer has status 0.
func (w *Witnesses) post(ctx context.Context, one Witness, head Checkpoint, old int64) (status int, kind string, body []byte, _ error) {
	path, err := w.Ledger.Consistency(ctx, old, head.Size)
	if err != nil {
		return 0, "", nil, err
	}
	var ask bytes.Buffer
	fmt.Fprintf(&ask, "old %d\n", old)
	for _, h := range path {
		ask.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	ask.WriteString("\n")
	ask.Write(head.Signed)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, one.URL+"/add-checkpoint", &ask)
	if err != nil {
		return 0, "", nil, fmt.Errorf("ledger: witness: %w", err)
	}
	r.Header.Set("User-Agent", "Hearkeep")
	answer, err := w.client.Do(r)
	if err != nil {
		return 0, "", nil, nil
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return 0, "", nil, nil
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), body, nil
}

// parseSize reads the answer of a witness that has cosigned another size.
func parseSize(kind string, body []byte) (int64, bool) {
	if kind, _, err := mime.ParseMediaType(kind); err != nil || kind != "text/x.tlog.size" {
		return 0, false
	}
	line, ok := strings.CutSuffix(string(body), "\n")
	size, err := strconv.ParseInt(line, 10, 64)
	return size, ok && err == nil && size >= 0 && strconv.FormatInt(size, 10) == line
}

// ahead is how far a witness' clock may be before ours.
const ahead = 24 * time.Hour

// addCosignature appends to a signed checkpoint the lines by which a witness
// has cosigned it. Lines of other keys are left out; a wrong one of its own, or
// none, fails.
func addCosignature(signed, lines []byte, key string, now time.Time) ([]byte, error) {
	v, err := trusted(key)
	if err != nil {
		return nil, err
	}
	// Its answer alone, under the text: what others have signed already is not
	// its to give.
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok {
		return nil, errors.New("ledger: not a signed checkpoint")
	}
	answered := append(append(bytes.Clone(text), "\n\n"...), lines...)
	opened, err := note.Open(answered, note.VerifierList(v))
	if err != nil {
		return nil, fmt.Errorf("ledger: cosignature: %w", err)
	}
	raw, err := base64.StdEncoding.DecodeString(opened.Sigs[0].Base64)
	if err != nil || len(raw) < 4 || opened.Text != string(text)+"\n" {
		return nil, errors.New("ledger: cosignature cannot be read, or is of another text")
	}
	// In its one spelling: with another, our own checkpoint could not be read.
	opened.Sigs[0].Base64 = base64.StdEncoding.EncodeToString(raw)
	if at, ok := cosignedAt(raw[4:]); !ok || at == 0 || time.Unix(int64(at), 0).After(now.Add(ahead)) {
		return nil, errors.New("ledger: cosignature is of no time, or of one to come")
	}
	return withLine(signed, opened.Sigs[0]), nil
}

// withLine puts a signature at the end of a note, in the place of an earlier
// one by the same key.
func withLine(signed []byte, sig note.Signature) []byte {
	text, lines, _ := strings.Cut(string(signed), "\n\n")
	key := fmt.Sprintf("— %s ", sig.Name)
	var out strings.Builder
	out.WriteString(text + "\n\n")
	for line := range strings.Lines(lines) {
		if rest, ok := strings.CutPrefix(line, key); ok && sameKey(rest, sig.Base64) {
			continue
		}
		out.WriteString(line)
	}
	out.WriteString(key + sig.Base64 + "\n")
	return []byte(out.String())
}

// sameKey says whether two signatures begin with the same key hash.
func sameKey(a, b string) bool {
	x, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(a, "\n"))
	y, e := base64.StdEncoding.DecodeString(b)
	return err == nil && e == nil && len(x) >= 4 && len(y) >= 4 && bytes.Equal(x[:4], y[:4])
}

// note stores how it went, and puts the cosignature on the checkpoint that
// stands in the database, where that is still the one.
func (w *Witnesses) note(ctx context.Context, state store.LedgerWitness) error {
	l := w.Ledger
	err := l.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Ledger.SetWitness(ctx, state); err != nil {
			return err
		}
		if state.Trouble != "" || state.Note == nil {
			return nil
		}
		head, err := l.signedHead(ctx, tx)
		if err != nil || head.Size != state.Size {
			return err
		}
		own, err := trusted(state.Key)
		if err != nil {
			return err
		}
		opened, err := note.Open(state.Note, note.VerifierList(own))
		if err != nil {
			return err
		}
		return tx.Ledger.SetCheckpoint(ctx, head.Size, withLine(head.Signed, opened.Sigs[0]), l.kept.entries())
	})
	if err != nil {
		return fmt.Errorf("ledger: note of a witness: %w", err)
	}
	return nil
}

// Cosigned is what is known of a witness: the newest checkpoint that it has
// cosigned, with its cosignature, and what goes wrong since.
type Cosigned struct {
	Key, URL string
	Name     string
	Under    Checkpoint // zero before the first
	At       time.Time
	Trouble  string // of the Trouble constants; empty where the newest attempt went well
	Since    time.Time
}

// Cosigned lists the witnesses that were ever asked.
func (l *Ledger) Cosigned(ctx context.Context) ([]Cosigned, error) {
	var rows []store.LedgerWitness
	err := l.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Ledger.Witnesses(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: witnesses: %w", err)
	}
	all := make([]Cosigned, len(rows))
	for i, row := range rows {
		all[i] = Cosigned{Key: row.Key, URL: row.URL, Name: nameOf(row.Key), At: row.At, Trouble: row.Trouble, Since: row.Since}
		if row.Note == nil {
			continue
		}
		if all[i].Under, err = parseSigned(row.Note, l.known); err != nil {
			return nil, fmt.Errorf("ledger: witness %s: %w", all[i].Name, err)
		}
	}
	return all, nil
}

// nameOf is the name in a vkey.
func nameOf(key string) string {
	name, _, _ := strings.Cut(key, "+")
	return name
}
