package portal

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"rsc.io/qr/coding"
)

// receiptRoutes: proofs of what the ledger says, to take away, and the page
// that checks them.
func (p *portal) receiptRoutes() []route {
	return []route{
		{method: "GET", pattern: "/entries/{id}/receipt", on: entry, keyholder: p.entryReceipt},
		{method: "GET", pattern: "/account/entries", on: account, keyholder: p.entriesFile},
		{method: "GET", pattern: "/v1/entries", on: account, scope: scopePerson, api: sends("All that the ledger has about you and your vaults, with a proof of each, as a file that `hearkeep verify` checks.", entriesType, p.apiEntriesFile)},
		{method: "GET", pattern: "/v1/entries/{id}/receipt", on: entry, scope: scopePerson, api: sends("The receipt of one entry, as a C2SP tlog-proof.", proofType, p.apiEntryReceipt)},
		{method: "GET", pattern: "/verify", anyone: p.verify},
	}
}

// Media types of what is taken away.
const (
	entriesType = "application/jsonl"
	proofType   = "text/plain; charset=utf-8"
)

//go:embed standalone/receipt.html
var standalone embed.FS

// receiptFile is a receipt as a page that stands alone.
type receiptFile struct {
	Index    int64
	Sentence string
	Facts    []ledger.Fact
	Ledger   string
	Size     string
	QR       *qrCode // nil where the receipt is too long for one
	Page     string
	Key      string
	Proof    string
}

// qrCode is a QR code as the path of an SVG, in modules.
type qrCode struct {
	Side int // of the square, with its margin
	Path string
}

// entryReceipt gives the receipt of an entry that concerns who asks.
func (p *portal) entryReceipt(w http.ResponseWriter, r *http.Request, v *visit) error {
	proof, err := p.ownProof(r.Context(), r, v)
	if err != nil {
		return err
	}
	file, err := p.receiptFile(proof)
	if err != nil {
		return err
	}
	t, err := template.ParseFS(standalone, "standalone/receipt.html")
	if err != nil {
		return fmt.Errorf("portal: template of receipts: %w", err)
	}
	attach(w, "text/html; charset=utf-8", fmt.Sprintf("hearkeep-receipt-%d.html", proof.Index))
	if err := t.Execute(w, file); err != nil {
		p.Log.Warn("a receipt was not sent whole", "entry", proof.Index, "err", err)
	}
	return nil
}

func (p *portal) apiEntryReceipt(c *call) error {
	v, err := p.caller(c.r.Context(), c)
	if err != nil {
		return err
	}
	proof, err := p.ownProof(c.r.Context(), c.r, v)
	if err != nil {
		return err
	}
	attach(c.w, proofType, fmt.Sprintf("hearkeep-entry-%d.tlog-proof", proof.Index))
	_, err = c.w.Write(proof.Text())
	return sent(err)
}

// ownProof is the proof of an entry that concerns the caller's account or a
// vault that they hold. To all others it is not there.
func (p *portal) ownProof(ctx context.Context, r *http.Request, v *visit) (ledger.Proof, error) {
	text := r.PathValue("id")
	seq, err := strconv.ParseInt(text, 10, 63)
	if err != nil || seq < 0 || strconv.FormatInt(seq, 10) != text {
		return ledger.Proof{}, errNowhere
	}
	own, err := p.Ledger.EntriesOf(ctx, v.who.Account(), v.vaultIDs(), seq+1, 1)
	if err != nil {
		return ledger.Proof{}, err
	}
	if len(own) == 0 || own[0].Seq != seq {
		return ledger.Proof{}, errNowhere
	}
	proof, err := p.Ledger.Proof(ctx, seq)
	if errors.Is(err, ledger.ErrExpired) {
		return proof, hearkeep.Errorf(hearkeep.NotFound, "What this entry said is forgotten, after a year: there is nothing left to give a receipt of.").
			WithHint("That something happened is proven by the file of all your entries.").Because(err)
	}
	return proof, err
}

// vaultIDs are all vaults of who asks.
func (v *visit) vaultIDs() []hearkeep.VaultID {
	ids := make([]hearkeep.VaultID, len(v.held))
	for i, h := range v.held {
		ids[i] = h.ID
	}
	return ids
}

func (p *portal) receiptFile(proof ledger.Proof) (*receiptFile, error) {
	proven, err := p.Ledger.Check(proof)
	if err != nil {
		return nil, fmt.Errorf("portal: receipt of entry %d: %w", proof.Index, err)
	}
	receipt := ledger.Receipt{Key: p.keyOf(proven.Under.Origin), Proof: proof}
	head, digits, err := receipt.Digits()
	if err != nil {
		return nil, err
	}
	page := p.origin.String() + "/verify"
	return &receiptFile{
		Index: proof.Index, Sentence: proven.Entry.Sentence(), Facts: proven.Entry.Facts(), Ledger: proven.Under.Origin,
		Size: entriesText(proven.Under.Size), QR: qrOf(page+"#"+head, digits), Page: page, Key: receipt.Key, Proof: string(proof.Text()),
	}, nil
}

func entriesText(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return countText(int(n), "entrie")
}

// keyOf is the log's key of that name.
func (p *portal) keyOf(origin string) string {
	for _, key := range p.Ledger.Keys() {
		if strings.HasPrefix(key, origin+"+") {
			return key
		}
	}
	return ""
}

// qrMargin is the quiet zone around a QR code, in modules: ISO/IEC 18004.
const qrMargin = 4

// qrOf draws a text and the digits behind it as the smallest QR code that holds
// them; nil where none does.
func qrOf(text, digits string) *qrCode {
	parts := []coding.Encoding{coding.String(text), coding.Num(digits)}
	version := coding.Version(coding.MinVersion)
	for ; ; version++ {
		if version > coding.MaxVersion {
			return nil
		}
		if parts[0].Bits(version)+parts[1].Bits(version) <= version.DataBytes(coding.L)*8 {
			break
		}
	}
	plan, err := coding.NewPlan(version, coding.L, 0)
	if err != nil {
		return nil
	}
	code, err := plan.Encode(parts...)
	if err != nil {
		return nil
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+qrMargin, y+qrMargin, x-from, x-from)
			}
		}
	}
	return &qrCode{Side: code.Size + 2*qrMargin, Path: path.String()}
}

// entriesFile streams everything that concerns who asks, with proofs.
func (p *portal) entriesFile(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.sendEntries(w, r, v)
}

func (p *portal) apiEntriesFile(c *call) error {
	v, err := p.caller(c.r.Context(), c)
	if err != nil {
		return err
	}
	return p.sendEntries(c.w, c.r, v)
}

// sendEntries writes the file. What fails after the first byte breaks the
// connection off, so that nobody takes a part for the whole.
func (p *portal) sendEntries(w http.ResponseWriter, r *http.Request, v *visit) error {
	leave, err := p.downloads.enter(v.who.Account().String())
	if err != nil {
		return err
	}
	defer leave()
	attach(w, entriesType, "hearkeep-"+p.Now().In(p.Zone).Format(time.DateOnly)+".hearkeep-entries")
	out := &timely{w: w, to: http.NewResponseController(w)}
	err = p.Ledger.WriteEntries(r.Context(), out, v.who.Account(), v.vaultIDs())
	if err != nil && !out.begun {
		w.Header().Del("Content-Disposition")
		return err
	}
	if err != nil {
		p.Log.Warn("a file of entries was not sent whole", "account", v.who.Account(), "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// timely is a body of which each piece has to be taken in time.
type timely struct {
	w     io.Writer
	to    *http.ResponseController
	begun bool
}

func (t *timely) Write(data []byte) (int, error) {
	t.begun = true
	if err := t.to.SetWriteDeadline(time.Now().Add(pieceWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return t.w.Write(data)
}

// attach says that the answer is a file.
func attach(w http.ResponseWriter, mediaType, name string) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "private, no-store")
}

func sent(err error) error {
	if err != nil {
		return hearkeep.Errorf(hearkeep.Unavailable, "The file could not be sent.").Because(err)
	}
	return nil
}
