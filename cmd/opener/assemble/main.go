// Command assemble makes open.html, the page that opens a sealed archive, out
// of its parts: everything stands in one file, and its policy names by their
// hashes the only scripts and styles that may run in it.
//
//	assemble <wasm_exec.js> <opener.wasm> <open.html>
//
// It is run by `make opener`, from the root of the tree. What was made before
// stays untouched where it is the same, so that nothing is built anew.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: assemble <wasm_exec.js> <opener.wasm> <open.html>")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "assemble:", err)
		os.Exit(1)
	}
}

func run(goScript, wasm, to string) error {
	parts := os.DirFS("cmd/opener/page")
	loader, err := os.ReadFile(goScript)
	if err != nil {
		return err
	}
	code, err := os.ReadFile(wasm)
	if err != nil {
		return err
	}
	made, err := page(parts, loader, code)
	if err != nil {
		return err
	}
	if before, err := os.ReadFile(to); err == nil && bytes.Equal(before, made) {
		return nil
	}
	return os.WriteFile(to, made, 0o644)
}

// page puts the parts together.
func page(parts fs.FS, loader, code []byte) ([]byte, error) {
	text := map[string]string{}
	for _, name := range []string{"open.html", "page.css", "page.js"} {
		b, err := fs.ReadFile(parts, name)
		if err != nil {
			return nil, err
		}
		text[name] = string(b)
	}
	script := string(loader) + "\n" + text["page.js"]
	style := text["page.css"]
	for _, s := range []string{script, style} {
		if strings.Contains(strings.ToLower(s), "</s") {
			return nil, fmt.Errorf("a script or a style would end early")
		}
	}
	packed, err := pack(code)
	if err != nil {
		return nil, err
	}
	csp := strings.Join([]string{
		"default-src 'none'", "connect-src 'none'", "script-src 'wasm-unsafe-eval' " + hash(script), "style-src " + hash(style),
		"media-src blob:", "base-uri 'none'", "form-action 'none'",
	}, "; ")
	return []byte(strings.NewReplacer("{{csp}}", csp, "{{style}}", style, "{{wasm}}", packed, "{{script}}", script).Replace(text["open.html"])), nil
}

// hash is how a policy names a script or a style.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func pack(code []byte) (string, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := z.Write(code); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}
