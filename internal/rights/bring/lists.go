package bring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
)

// told is an error's sentence, or another.
func told(err error, other string) string {
	var e *hearkeep.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return other
}

// csv reads a list of rows. Whether the day or the month comes first in its
// dates is learned from all of them before one is read.
func (r *reader) csv(i int, f File, in io.Reader) (found int, err error) {
	t, err := newTable(in)
	if err != nil {
		return 0, nil // empty
	}
	c, ok := columnsOf(t.head)
	if !ok {
		return 0, nil
	}
	o, err := r.orderIn(i, c)
	if err != nil {
		return 0, err
	}
	wrong := 0
	for n := 2; ; n++ { // as spreadsheets count
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return found, err
		}
		found++
		it := Item{
			Words: Said(notHeard(cell(row, c.words))), Answer: Said(cell(row, c.answer)), Device: strings.Clone(cell(row, c.device)),
			Account: strings.Clone(cell(row, c.account)), Language: strings.Clone(cell(row, c.language)),
		}
		when := c.when(row)
		if it.Time, ok = parseTime(when, o, r.zone); !ok && when != "" && wrong < maxReasons {
			wrong++
			r.unread(f.Name+", "+nth(n), "Its time could not be read; the recording is there without it.")
		}
		ref := strings.Clone(cell(row, c.file))
		if ref == "" && it.Words.IsEmpty() {
			r.Empty++
			continue
		}
		if err := r.entry(i, ref, it); err != nil {
			return found, err
		}
	}
	r.rows = true
	return found, nil
}

// orderIn reads the dates of a list.
func (r *reader) orderIn(i int, c columns) (order, error) {
	in, err := r.Source.Open(i)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	t, err := newTable(in)
	for err == nil {
		var row []string
		if row, err = t.next(); err == nil {
			if o, sure := orderOf(c.when(row)); sure {
				return o, nil
			}
		}
	}
	return monthFirst, nil // as American lists write it, which Alexa's are
}

// notHeard blanks what lists say instead of words.
func notHeard(s string) string {
	switch strings.ToLower(strings.Trim(strings.TrimSpace(s), ".*[]()\"'")) {
	case "audio could not be understood", "audio was not intended for alexa", "audio was not intended for this device", "not available", "unknown", "null", "none", "n/a", "no text stored",
		"text not available", "text not available audio was not intended for alexa", "audio konnte nicht verstanden werden", "text nicht verfügbar", "no transcript", "no transcript available", "-":
		return ""
	}
	return s
}

// activity is an entry of Google's MyActivity.json.
type activity struct {
	Header     string   `json:"header"`
	Title      string   `json:"title"`
	Time       string   `json:"time"`
	Products   []string `json:"products"`
	AudioFiles []string `json:"audioFiles"`
	Subtitles  []struct {
		Name string `json:"name"`
	} `json:"subtitles"`
	Details []struct {
		Name string `json:"name"`
	} `json:"details"`
}

// row is an entry of a list as anybody may write it.
type row map[string]json.RawMessage

// json reads a list of objects: at the top, or in the first member of the top
// object that is a list.
func (r *reader) json(i int, f File, in io.Reader) (found int, err error) {
	limit := &limited{utf8Of(in), 4 * maxRecord}
	d := json.NewDecoder(limit)
	if err := openList(d); err != nil {
		return 0, nil // none of recordings
	}
	for d.More() {
		limit.left = 4 * maxRecord // the decoder reads ahead
		var entry row
		if err := d.Decode(&entry); err != nil {
			var type_ *json.UnmarshalTypeError
			if errors.As(err, &type_) {
				continue
			}
			return found, err
		}
		ok, err := r.object(i, f, found, entry)
		if err != nil {
			return found, err
		}
		if ok {
			found++
		} else if found == 0 { // a list of something else
			return 0, nil
		}
	}
	if _, err := d.Token(); err != nil {
		return found, err
	}
	return found, nil
}

// openList moves to the first element of the list.
func openList(d *json.Decoder) error {
	first, err := d.Token()
	if err != nil {
		return err
	}
	for first == json.Delim('{') && d.More() {
		if _, err := d.Token(); err != nil { // its name
			return err
		}
		next, err := d.Token()
		if err != nil {
			return err
		}
		switch next {
		case json.Delim('['):
			return nil
		case json.Delim('{'):
			return errors.New("bring: an object")
		}
	}
	if first != json.Delim('[') {
		return errors.New("bring: no list")
	}
	return nil
}

// object takes an entry of a JSON list; ok is false where it is none of speech.
func (r *reader) object(i int, f File, n int, entry row) (ok bool, err error) {
	if entry["header"] != nil && entry["title"] != nil && entry["time"] != nil {
		var a activity
		text, err := json.Marshal(entry)
		if err == nil {
			err = json.Unmarshal(text, &a)
		}
		if err != nil {
			return true, nil //nolint:nilerr // one entry of another form
		}
		return true, r.activity(i, f, a)
	}
	names, values := make([]string, 0, len(entry)), make([]string, 0, len(entry))
	for name, raw := range entry {
		names, values = append(names, name), append(values, plainJSON(raw))
	}
	c, fits := columnsOf(names)
	if !fits {
		return false, nil
	}
	it := Item{
		Words: Said(notHeard(cell(values, c.words))), Answer: Said(cell(values, c.answer)), Device: cell(values, c.device),
		Account: cell(values, c.account), Language: cell(values, c.language),
	}
	when := c.when(values)
	var timed bool
	if it.Time, timed = parseTime(when, dayFirst, r.zone); !timed && when != "" {
		r.unread(f.Name+", "+nth(n+1), "Its time could not be read; the recording is there without it.")
	}
	if cell(values, c.file) == "" && it.Words.IsEmpty() {
		r.Empty++
		return true, nil
	}
	r.rows = true
	return true, r.entry(i, cell(values, c.file), it)
}

// plainJSON is a text or a number as a cell of a table has it.
func plainJSON(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// saidFirst begins the title of an entry that was spoken, in the languages of
// Takeout.
var saidFirst = regexp.MustCompile(`^(?i:said|gesagt:|gesagt|du hast gesagt:|hai detto|ha detto|dijiste|has dicho|se dijo|vous avez dit|a dit|dit|disse|você disse|zei|gezegd|sa|powiedziano)[\s\x{a0}:]+`)

// ofAssistant tells folders and products of spoken activity.
var ofAssistant = regexp.MustCompile(`(?i)assistant|assistent|asistente|assistente|voice and audio|sprach|vocal|voz|audio`)

// activity takes an entry of Google's.
func (r *reader) activity(i int, f File, a activity) error {
	spoke := saidFirst.FindString(a.Title)
	if len(a.AudioFiles) == 0 && spoke == "" {
		if !ofAssistant.MatchString(f.Name + " " + a.Header + " " + strings.Join(a.Products, " ")) {
			return nil // what was read, watched or bought
		}
		r.Empty++
		r.voice = true
		return nil
	}
	r.voice = true
	it := Item{Device: label(a.Header)}
	if spoke != "" {
		it.Words = Said(a.Title[len(spoke):])
	}
	for _, d := range a.Details {
		if !strings.HasPrefix(d.Name, "From Google") && d.Name != "" {
			it.Device = d.Name
		}
	}
	var answer []string
	for _, s := range a.Subtitles {
		if s.Name != "" {
			answer = append(answer, s.Name)
		}
	}
	it.Answer = Said(strings.Join(answer, "\n"))
	it.Time, _ = parseTime(a.Time, dayFirst, r.zone)
	refs := a.AudioFiles
	if len(refs) == 0 {
		refs = []string{""}
	}
	for n, ref := range refs {
		if n > 0 { // the words are the first one's
			it.Words, it.Answer = hearkeep.Words{}, hearkeep.Words{}
		}
		if it.Time.IsZero() {
			it.Time, _ = timeInName(ref, time.UTC)
		}
		if err := r.entry(i, ref, it); err != nil {
			return err
		}
	}
	return nil
}

// counted is "1 recording", "2 recordings".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
