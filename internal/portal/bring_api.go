package portal

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights/bring"
)

// bringItemJSON is one recording of an archive: the part "item" of a form, whose
// part "sound" is its file as it came.
type bringItemJSON struct {
	Provider string    `json:"provider" enum:"Alexa,Google,Hearkeep,Files"`
	Time     time.Time `json:"time,omitzero"`
	TimeFrom string    `json:"time_from,omitempty" enum:"list,name,file,none" doc:"What tells the time: a list of the provider's, the file's name, or the file's own date"`
	Words    string    `json:"words,omitempty"`
	Answer   string    `json:"answer,omitempty" doc:"What the assistant said to it"`
	Device   string    `json:"device,omitempty"`
	SHA256   string    `json:"sha256,omitempty" doc:"Of the sound, where the archive's list has it: another is refused"`
}

// broughtJSON says what became of it.
type broughtJSON struct {
	Kept bool `json:"kept" doc:"False where the vault has it already"`
}

// apiBring keeps one recording of an archive.
func (p *portal) apiBring(c *call) error {
	release, err := p.holdBrought(c)
	if err != nil {
		return err
	}
	defer release()
	in, data, err := readBrought(c.r)
	if err != nil {
		return err
	}
	it, err := in.item()
	if err == nil {
		err = it.Whole(data)
	}
	if err != nil {
		return err
	}
	taken, err := bring.Take(in.Provider, it, data)
	if err != nil {
		return err
	}
	box, err := c.room.Imports(c.r.Context(), in.Provider)
	if err != nil {
		return err
	}
	kept, err := c.room.Bring(context.WithoutCancel(c.r.Context()), box, taken) // whole, though its sender goes away
	if err != nil {
		return err
	}
	return reply(c.w, http.StatusOK, broughtJSON{kept})
}

// holdBrought waits for a place in memory: a light one for what is small, of
// which many are on their way at once.
func (p *portal) holdBrought(c *call) (release func(), err error) {
	if n := c.r.ContentLength; n >= 0 && n <= lightBytes {
		return p.hold(c.w, c.r, p.bringing, c.room.ID())
	}
	return p.hold(c.w, c.r, p.seats, c.room.ID())
}

var errBrought = hearkeep.Errorf(hearkeep.Invalid, "Send a form with the parts item (JSON) and sound.").
	WithHint("/v1/openapi.json describes each request.")

// readBrought reads the form of one recording.
func readBrought(r *http.Request) (in bringItemJSON, data []byte, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return in, nil, errBrought.Because(err)
	}
	given := false
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return in, nil, bodyError(err)
		}
		switch {
		case part.FormName() == "item" && !given:
			given = true
			text, err := upTo(part, 64<<10)
			if err != nil {
				return in, nil, err
			}
			if err := strictJSON(text, &in); err != nil {
				return in, nil, err
			}
		case part.FormName() == "sound" && given && data == nil:
			if data, err = upTo(part, bring.MaxSound); err != nil {
				return in, nil, err
			}
		default:
			return in, nil, errBrought
		}
	}
	if !given {
		return in, nil, errBrought
	}
	return in, data, nil
}

// upTo reads a part whole, or refuses one that is larger.
func upTo(part *multipart.Part, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(part, most+1))
	if err != nil {
		return nil, bodyError(err)
	}
	if int64(len(data)) > most {
		return nil, errTooLarge(most)
	}
	return data, nil
}

func strictJSON(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return hearkeep.Errorf(hearkeep.Invalid, "The request is not as described.").WithHint("/v1/openapi.json describes each request.").Because(err)
	}
	return nil
}

// item is what room bring makes of it.
func (in bringItemJSON) item() (bring.Item, error) {
	it := bring.Item{File: -1, List: -1, Time: in.Time.UTC(), TimeFrom: in.TimeFrom, Words: bring.Said(in.Words), Answer: bring.Said(in.Answer), Device: in.Device}
	if it.TimeFrom == "" || it.Time.IsZero() {
		it.TimeFrom = bring.FromNone
	}
	switch {
	case !slices.Contains(bring.Providers(), in.Provider):
		return it, hearkeep.Errorf(hearkeep.Invalid, "provider is one of %s.", strings.Join(bring.Providers(), ", "))
	case !slices.Contains([]string{bring.FromList, bring.FromName, bring.FromFile, bring.FromNone}, it.TimeFrom):
		return it, hearkeep.Errorf(hearkeep.Invalid, "time_from is list, name, file or none.")
	case !it.Time.IsZero() && (it.Time.Year() < 1970 || it.Time.Year() > 2200):
		return it, hearkeep.Errorf(hearkeep.Invalid, "time is no time at which something was recorded.")
	}
	if in.SHA256 != "" {
		it.Sum = new([32]byte)
		if n, err := hex.Decode(it.Sum[:], []byte(in.SHA256[:min(len(in.SHA256), 64)])); err != nil || n != 32 {
			return it, hearkeep.Errorf(hearkeep.Invalid, "sha256 is 64 hexadecimal digits.")
		}
	}
	return it, nil
}

// bringFileJSON is a file of an archive that lies elsewhere.
type bringFileJSON struct {
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified,omitempty"` // thousandths of a second since 1970
	Head     []byte `json:"head,omitempty"`     // its first 64 bytes
	Trouble  string `json:"trouble,omitempty"`  // why it cannot be read
}

// bringCheckJSON is what somebody sees before anything is kept.
type bringCheckJSON struct {
	Provider   string             `json:"provider"`
	Recordings int                `json:"recordings"`
	Bytes      int64              `json:"bytes" doc:"Of their sound, as the archive claims"`
	Seconds    float64            `json:"seconds" doc:"Of their sound, as its headers claim"`
	Unmeasured int                `json:"unmeasured" doc:"Sounds whose headers claim no length"`
	From       time.Time          `json:"from,omitzero"`
	To         time.Time          `json:"to,omitzero"`
	Days       int                `json:"days"`
	NoSound    int                `json:"no_sound"`
	NoWords    int                `json:"no_words"`
	NoTime     int                `json:"no_time"`
	Devices    []bringDeviceJSON  `json:"devices" doc:"The one with the most recordings first"`
	Accounts   []string           `json:"accounts"`
	Languages  []string           `json:"languages"`
	Empty      int                `json:"empty" doc:"Entries with neither sound nor words"`
	Other      int                `json:"other" doc:"Files that have nothing to do with speech"`
	Unread     []bringUnreadJSON  `json:"unread"`
	More       int                `json:"more" doc:"Unread beyond those listed"`
	Samples    []int              `json:"samples" doc:"Items to hear first: of different devices and days"`
	Items      []bringCheckedJSON `json:"items"`
}

type bringDeviceJSON struct {
	Name       string    `json:"name"`
	Recordings int       `json:"recordings"`
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
}

type bringUnreadJSON struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// bringCheckedJSON is a recording of the archive, and which file it is in.
type bringCheckedJSON struct {
	File int `json:"file" doc:"Of the files that were sent, from 0; -1 for words alone"`
	bringItemJSON
}

// apiBringCheck reads the lists of an archive, and tells what is in it. A form
// has the parts zone, the time zone of its person; files, a list of files; and
// then the lists among them, each as a part whose name is its number.
func (p *portal) apiBringCheck(c *call) error {
	release, err := p.hold(c.w, c.r, p.seats, c.room.ID())
	if err != nil {
		return err
	}
	defer release()
	zone, listed, err := p.readListed(c.r)
	if err != nil {
		return err
	}
	a, err := bring.Read(c.r.Context(), listed, zone)
	if err != nil {
		return err
	}
	return reply(c.w, http.StatusOK, bringChecked(a, zone))
}

func (p *portal) readListed(r *http.Request) (zone *time.Location, listed *bring.Listed, err error) {
	zone = p.Zone
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, errBrought.Because(err)
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, listsError(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, listsError(err)
		}
		switch name := part.FormName(); {
		case name == "zone" && listed == nil:
			if there, err := time.LoadLocation(string(text[:min(len(text), 64)])); err == nil && len(text) > 0 {
				zone = there
			}
		case name == "files" && listed == nil:
			if listed, err = readFiles(text); err != nil {
				return nil, nil, err
			}
		case listed != nil:
			n, err := strconv.Atoi(name)
			if err != nil {
				return nil, nil, errLists
			}
			if err := listed.Give(n, text); err != nil {
				return nil, nil, err
			}
		default:
			return nil, nil, errLists
		}
	}
	if listed == nil {
		return nil, nil, errLists
	}
	return zone, listed, nil
}

var errLists = hearkeep.Errorf(hearkeep.Invalid, "Send a form with the part files, and then the lists by their numbers.").
	WithHint("/v1/openapi.json describes each request.")

func listsError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return hearkeep.Errorf(hearkeep.TooLarge, "The lists of this archive are too long for a page.").
			WithHint("Bring it with hearkeep import, which reads it where it lies.")
	}
	return bodyError(err)
}

// readFiles reads a list of files one by one: in memory each is much larger
// than the shortest that can be written.
func readFiles(text []byte) (*bring.Listed, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return nil, errLists
	}
	var files []bring.File
	for d.More() {
		if len(files) > bring.MaxFiles {
			break // NewListed says so
		}
		var f bringFileJSON
		if err := d.Decode(&f); err != nil {
			return nil, errLists.Because(err)
		}
		one := bring.File{Name: f.Name, Size: max(f.Size, 0), Head: f.Head, Trouble: f.Trouble}
		if f.Modified > 0 {
			one.Modified = time.UnixMilli(f.Modified)
		}
		files = append(files, one)
	}
	return bring.NewListed(files)
}

func bringChecked(a *bring.Archive, zone *time.Location) bringCheckJSON {
	c := a.Check(zone)
	out := bringCheckJSON{
		Provider: c.Provider, Recordings: c.Recordings, Bytes: c.Bytes, Seconds: c.Length.Seconds(), Unmeasured: c.Unmeasured, From: utc(c.From), To: utc(c.To),
		Days: c.Days, NoSound: c.NoSound, NoWords: c.NoWords, NoTime: c.NoTime, Accounts: append([]string{}, c.Accounts...), Languages: append([]string{}, c.Languages...),
		Empty: c.Empty, Other: c.Other, More: a.More, Samples: append([]int{}, c.Samples...),
		Devices: []bringDeviceJSON{}, Unread: []bringUnreadJSON{}, Items: make([]bringCheckedJSON, 0, len(a.Items)),
	}
	for _, d := range c.Devices {
		out.Devices = append(out.Devices, bringDeviceJSON{d.Name, d.Recordings, utc(d.From), utc(d.To)})
	}
	for _, u := range a.Unread {
		out.Unread = append(out.Unread, bringUnreadJSON(u))
	}
	for _, it := range a.Items {
		one := bringCheckedJSON{it.File, bringItemJSON{Provider: c.Provider, Time: utc(it.Time), TimeFrom: it.TimeFrom, Words: it.Words.Reveal(), Answer: it.Answer.Reveal(), Device: it.Device}}
		if it.Sum != nil {
			one.SHA256 = hex.EncodeToString(it.Sum[:])
		}
		out.Items = append(out.Items, one)
	}
	return out
}
