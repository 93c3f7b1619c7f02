package ledger

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"strings"
	"unicode/utf8"
)

// What bounds a receipt, and how its address and its page begin.
const (
	maxPage    = 4 << 20 // bytes
	maxDigits  = 10_000  // no QR code holds more than 7,089
	linkHead   = "r1."
	digitsHead = "d1."
	pageKey    = `<code id="key">`
	pageText   = `<pre id="proof">`
)

// Receipt is a proof with the key that its log says is its own. As the key is
// only the receipt's word, a reader compares it with one from elsewhere.
type Receipt struct {
	Key   string // a vkey; empty where the receipt is a proof's text alone
	Proof Proof
}

// ReadReceipt reads a receipt in any of its forms: the text of a proof, a page,
// or an address. It fails with ErrMalformed. What it returns is only a claim.
func ReadReceipt(data []byte) (Receipt, error) {
	switch begin := bytes.TrimSpace(data[:min(len(data), 64)]); {
	case bytes.HasPrefix(data, []byte(proofHead)):
		p, err := ParseProof(data)
		return Receipt{Proof: p}, err
	case len(begin) > 14 && strings.EqualFold(string(begin[:14]), "<!doctype html"):
		return parsePage(data)
	case bytes.HasPrefix(begin, []byte("https://")) || bytes.HasPrefix(begin, []byte("http://")):
		_, fragment, _ := strings.Cut(string(bytes.TrimSpace(data)), "#")
		return ParseLink(fragment)
	}
	return Receipt{}, fmt.Errorf("%w: it is no receipt", ErrMalformed)
}

// parsePage finds the receipt in an HTML page. What else the page says is not
// looked at.
func parsePage(html []byte) (Receipt, error) {
	if len(html) > maxPage || !utf8.Valid(html) {
		return Receipt{}, fmt.Errorf("%w: it is too long, or not text", ErrMalformed)
	}
	text, err := onlyIn(string(html), pageText, "</pre>")
	if err != nil {
		return Receipt{}, err
	}
	key, err := onlyIn(string(html), pageKey, "</code>")
	if err != nil {
		return Receipt{}, err
	}
	p, err := ParseProof([]byte(text))
	return Receipt{key, p}, err
}

// onlyIn is what stands between begin, which stands there once, and end.
func onlyIn(html, begin, end string) (string, error) {
	_, rest, ok := strings.Cut(html, begin)
	text, _, ended := strings.Cut(rest, end)
	if !ok || !ended || strings.Contains(rest, begin) {
		return "", fmt.Errorf("%w: it is a page without a receipt, or with more than one", ErrMalformed)
	}
	names := strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&#43;", "+")
	left := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "", "&#34;", "", "&#39;", "", "&#43;", "").Replace(text)
	if strings.ContainsAny(left, `&<>"'`) {
		return "", fmt.Errorf("%w: its receipt is spelled otherwise", ErrMalformed)
	}
	return names.Replace(text), nil
}

// Link is the part of an address, after #, that holds the whole receipt. A
// browser sends nothing after # to a server.
func (r Receipt) Link() (string, error) {
	packed, err := r.pack()
	return linkHead + base64.RawURLEncoding.EncodeToString(packed), err
}

// Digits is Link in decimal digits behind its first letters, which take a
// quarter less room in a QR code than letters do.
func (r Receipt) Digits() (head, digits string, err error) {
	packed, err := r.pack()
	return digitsHead, new(big.Int).SetBytes(packed).String(), err
}

func (r Receipt) pack() ([]byte, error) {
	var packed bytes.Buffer
	w, err := zlib.NewWriterLevel(&packed, zlib.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("ledger: pack: %w", err)
	}
	fmt.Fprintf(w, "%s\n%d\n%s\n%s\n", r.Key, r.Proof.Index, base64.StdEncoding.EncodeToString(r.Proof.Salt), r.Proof.Body)
	for _, h := range r.Proof.Path {
		fmt.Fprintf(w, "%s\n", h)
	}
	fmt.Fprintf(w, "\n%s", r.Proof.Checkpoint)
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("ledger: pack: %w", err)
	}
	return packed.Bytes(), nil
}

// fromFragment is what pack made, out of letters or digits.
func fromFragment(fragment string) ([]byte, bool) {
	if digits, ok := strings.CutPrefix(fragment, digitsHead); ok {
		if len(digits) == 0 || len(digits) > maxDigits || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
			return nil, false
		}
		n, ok := new(big.Int).SetString(digits, 10)
		return n.Bytes(), ok
	}
	packed, ok := strings.CutPrefix(fragment, linkHead)
	data, err := base64.RawURLEncoding.Strict().DecodeString(packed)
	return data, ok && err == nil && !strings.ContainsAny(packed, "\r\n")
}

// ParseLink reads what Link writes, and Digits.
func ParseLink(fragment string) (Receipt, error) {
	data, ok := fromFragment(fragment)
	if !ok {
		return Receipt{}, fmt.Errorf("%w: it is no address of a receipt", ErrMalformed)
	}
	text, err := unpack(data)
	if err != nil {
		return Receipt{}, err
	}
	head, checkpoint, ok := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 4 {
		return Receipt{}, fmt.Errorf("%w: it has not the lines of a receipt", ErrMalformed)
	}
	p := Proof{Body: []byte(lines[3]), Checkpoint: checkpoint}
	if p.Index, err = parseCount(lines[1]); err != nil {
		return Receipt{}, err
	}
	salt, err := parseHash(lines[2]) // a salt is as long
	if err != nil {
		return Receipt{}, err
	}
	p.Salt = salt[:]
	for _, line := range lines[4:] {
		h, err := parseHash(line)
		if err != nil {
			return Receipt{}, err
		}
		p.Path = append(p.Path, h)
	}
	p, err = ParseProof(p.Text())
	return Receipt{lines[0], p}, err
}

func unpack(data []byte) ([]byte, error) {
	in := bytes.NewReader(data)
	r, err := zlib.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be unpacked", ErrMalformed)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxProof+1))
	if err != nil || len(text) > maxProof || in.Len() > 0 {
		return nil, fmt.Errorf("%w: it cannot be unpacked", ErrMalformed)
	}
	return text, nil
}
