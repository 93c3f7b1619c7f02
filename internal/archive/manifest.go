package archive

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// The tag files that BagIt 1.0 prescribes (RFC 8493, section 2).
const (
	bagitName       = "bagit.txt"
	infoName        = "bag-info.txt"
	manifestName    = "manifest-sha256.txt"
	tagManifestName = "tagmanifest-sha256.txt"
	bagitText       = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
)

// escaped is a path as manifests have it: RFC 8493, section 2.1.3.
func escaped(name string) string {
	if !strings.ContainsAny(name, "%\r\n") {
		return name
	}
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(name)
}

func manifestLine(w *bufio.Writer, sum [32]byte, name string) {
	w.Write(hex.AppendEncode(w.AvailableBuffer(), sum[:]))
	w.WriteString("  ")
	w.WriteString(escaped(name))
	w.WriteByte('\n')
}

// payloadManifest writes the hashes of the payload: of the files made from words, and
// of the sounds.
func payloadManifest(files []*file, t *table) func(context.Context, Content, io.Writer) error {
	return func(_ context.Context, _ Content, w io.Writer) error {
		out := bufio.NewWriter(w)
		for _, f := range files {
			manifestLine(out, f.sum, f.name)
		}
		for _, i := range t.sounds {
			manifestLine(out, t.rows[i].sum, t.soundName(&t.rows[i]))
			if err := failure(out); err != nil {
				return err
			}
		}
		return out.Flush()
	}
}

// tagManifest writes the hashes of all other files.
func tagManifest(files []*file) []byte {
	var b strings.Builder
	out := bufio.NewWriter(&b)
	for _, f := range files {
		manifestLine(out, f.sum, f.name)
	}
	out.Flush() // into memory, which never fails
	return []byte(b.String())
}

// info is bag-info.txt. Payload-Oxum is bytes and files of the payload.
func info(f *Facts, octets int64, streams int) []byte {
	var b strings.Builder
	for _, l := range [][2]string{
		{"Source-Organization", f.Service},
		{"External-Identifier", f.Archive.String()},
		{"External-Description", "What Hearkeep keeps of one person: recordings, transcripts, and who opened them."},
		{"Internal-Sender-Identifier", f.Request.String()},
		{"Bagging-Date", f.Made.In(f.Zone).Format("2006-01-02")},
		{"Bag-Software-Agent", "Hearkeep <https://github.com/hearkeep/hearkeep>"},
		{"Payload-Oxum", fmt.Sprintf("%d.%d", octets, streams)},
	} {
		if value := inOneLine(l[1]); value != "" {
			fmt.Fprintf(&b, "%s: %s\n", l[0], value)
		}
	}
	return []byte(b.String())
}

// inOneLine keeps a value from becoming a second line of a tag file.
func inOneLine(s string) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
}

func hexOf(sum [32]byte) []byte { return hex.AppendEncode(nil, sum[:]) }
