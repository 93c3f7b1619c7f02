// Package verify holds the second verifier of what leaves a ledger, which is
// written in JavaScript: for `node verify/cli.mjs`, and for the page /verify,
// where it runs in the browser of whoever has a receipt.
//
// It is written from docs/ledger.md, the C2SP documents and RFC 6962, 9162 and
// 8032 alone, so that a mistake in internal/ledger is not made twice. It keeps
// nothing, and makes no request.
package verify

import (
	"embed"
	"io/fs"
)

//go:embed body.mjs bytes.mjs say.mjs verify.mjs
var modules embed.FS

// Modules are the files that a browser needs; the first to load is verify.mjs.
func Modules() fs.FS { return modules }
