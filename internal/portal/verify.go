package portal

import "net/http"

// verifyPage checks receipts, and files of entries, in the browser. It is the
// same for everybody, and what is checked on it is not sent: its policy forbids
// every connection and every form.
type verifyPage struct {
	frame
	Keys []string // of this keep's ledger, oldest first
}

const verifyPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

func (p *portal) verify(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Security-Policy", verifyPolicy)
	p.show(w, http.StatusOK, "verify", &verifyPage{frame: p.frame("Check a receipt"), Keys: p.Ledger.Keys()})
	return nil
}
