package bring

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// card is an entry of Google's MyActivity.html while it is read.
type card struct {
	title  []string // lines of the first cell: what, answers, when
	header strings.Builder
	extra  []string // lines of the last cell: products, details
	audio  []string
	cell   string // "header", "body", "caption" or ""
}

func (c *card) text(s string) {
	switch c.cell {
	case "header":
		if c.header.Len()+len(s) <= maxWords {
			c.header.WriteString(s)
		}
	case "body":
		c.title = appendText(c.title, s)
	case "caption":
		c.extra = appendText(c.extra, s)
	}
}

func appendText(lines []string, s string) []string {
	if len(lines) == 0 {
		return []string{s}
	}
	if last := &lines[len(lines)-1]; len(*last)+len(s) <= maxWords {
		*last += s
	}
	return lines
}

// maxLines bounds the lines of a cell. What is beyond them stands in the last.
const maxLines = 1000

// line begins another line of the cell.
func (c *card) line() {
	switch {
	case c.cell == "body" && len(c.title) < maxLines:
		c.title = append(c.title, "")
	case c.cell == "caption" && len(c.extra) < maxLines:
		c.extra = append(c.extra, "")
	}
}

var mailAddress = regexp.MustCompile(`[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}`)

// html reads Google's activity as a page: a card for each entry. Of the page
// that describes the archive it reads whose it is.
func (r *reader) html(i int, f File, in io.Reader) (found int, err error) {
	z := html.NewTokenizer(utf8Of(in))
	z.SetMaxBuf(maxRecord)
	var c *card
	describes := strings.HasPrefix(strings.ToLower(f.base()), "archive_browser")
	for {
		kind := z.Next()
		switch kind {
		case html.ErrorToken:
			if err := r.card(i, f, c, &found); err != nil {
				return found, err
			}
			if errors.Is(z.Err(), io.EOF) {
				return found, nil
			}
			if errors.Is(z.Err(), html.ErrBufferExceeded) {
				return found, errRecord
			}
			return found, z.Err()
		case html.TextToken:
			switch text := z.Text(); {
			case c != nil:
				c.text(html.UnescapeString(string(text)))
			case describes && len(r.Accounts) < 5:
				if at := mailAddress.Find(text); at != nil && !slices.Contains(r.Accounts, string(at)) {
					r.Accounts = append(r.Accounts, string(at))
				}
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := string(name)
			class, link := attributes(z, more)
			if tag == "div" && strings.Contains(class, "outer-cell") {
				if err := r.card(i, f, c, &found); err != nil {
					return found, err
				}
				c = &card{}
			}
			if c != nil {
				c.open(tag, class, link)
			}
		}
	}
}

// attributes reads a tag's class and where it leads.
func attributes(z *html.Tokenizer, more bool) (class, link string) {
	for more {
		var name, value []byte
		name, value, more = z.TagAttr()
		switch {
		case bytes.Equal(name, []byte("class")):
			class = string(value)
		case bytes.Equal(name, []byte("src")), bytes.Equal(name, []byte("href")):
			link = string(value)
		}
	}
	return class, link
}

func (c *card) open(tag, class, link string) {
	switch {
	case tag == "br":
		c.line()
	case tag == "div" && strings.Contains(class, "header-cell"):
		c.cell = "header"
	case tag == "div" && strings.Contains(class, "content-cell"):
		switch {
		case strings.Contains(class, "text-right") && len(c.title) > 0:
			c.cell = ""
		case strings.Contains(class, "caption"):
			c.cell = "caption"
		case strings.Contains(class, "body-1"):
			c.cell = "body"
		}
	}
	if soundName(link) && !strings.Contains(link, "://") && len(c.audio) < 16 {
		if plain, err := url.PathUnescape(link); err == nil {
			link = plain
		}
		c.audio = append(c.audio, path.Base(link))
	}
}

// card takes an entry that was read.
func (r *reader) card(i int, f File, c *card, found *int) error {
	if c == nil {
		return nil
	}
	*found++
	a := activity{Header: strings.TrimSpace(c.header.String())}
	for _, line := range c.audio {
		if !slices.Contains(a.AudioFiles, line) {
			a.AudioFiles = append(a.AudioFiles, line)
		}
	}
	var lines []string
	for _, line := range c.title {
		if line = strings.TrimSpace(strings.ReplaceAll(line, "\u00a0", " ")); line != "" {
			lines = append(lines, line)
		}
	}
	for n := len(lines) - 1; n >= 0; n-- { // below it stand buttons
		if t, ok := parseTime(lines[n], dayFirst, r.zone); ok {
			a.Time, lines = t.Format(time.RFC3339), lines[:n]
			break
		}
	}
	if len(lines) > 0 {
		a.Title = lines[0]
		for _, line := range lines[1:] {
			a.Subtitles = append(a.Subtitles, struct {
				Name string `json:"name"`
			}{line})
		}
	}
	for _, line := range c.extra {
		if line = strings.TrimSpace(strings.ReplaceAll(line, "\u00a0", " ")); line != "" && !strings.HasSuffix(line, ":") {
			a.Products = append(a.Products, line)
		}
	}
	return r.activity(i, f, a)
}
