package archive

import (
	"bufio"
	"encoding/json"
	"time"

	"github.com/hearkeep/hearkeep"
)

// formatName says which schema data.json follows; it changes with the schema.
const formatName = "hearkeep-archive/1"

// The shapes of data.json; schema.json describes them for everybody else.
type (
	headJSON struct {
		Schema   string               `json:"$schema"`
		Format   string               `json:"format"`
		Archive  hearkeep.ArchiveID   `json:"archive"`
		Request  hearkeep.RequestID   `json:"request"`
		Kind     hearkeep.RequestKind `json:"kind"`
		Account  hearkeep.AccountID   `json:"account"`
		Name     string               `json:"name"`
		Service  string               `json:"service"`
		Made     string               `json:"made"`
		Zone     string               `json:"zone"`
		Count    int                  `json:"count"`
		Notice   []sectionJSON        `json:"notice"`
		Vaults   []vaultJSON          `json:"vaults"`
		Withheld []withheldJSON       `json:"withheld"`
	}
	sectionJSON struct {
		Title string   `json:"title"`
		Text  []string `json:"text"`
	}
	vaultJSON struct {
		ID    hearkeep.VaultID `json:"id"`
		Name  string           `json:"name"`
		Kind  string           `json:"kind"`
		Doors []doorJSON       `json:"doors"`
	}
	doorJSON struct {
		Binding  hearkeep.BindingID `json:"binding"`
		Name     string             `json:"name"`
		Source   hearkeep.Source    `json:"source"`
		InNames  string             `json:"in_file_names"`
		Last     int                `json:"last"`
		In       int                `json:"in"`
		Erased   int                `json:"erased"`
		Expired  int                `json:"expired"`
		Failed   int                `json:"failed"`
		Withheld int                `json:"withheld"`
	}
	withheldJSON struct {
		Vault hearkeep.VaultID `json:"vault"`
		Door  string           `json:"door"`
		Count int              `json:"count"`
		Why   string           `json:"why"`
	}
	recordingJSON struct {
		ID       hearkeep.RecordingID `json:"id"`
		Vault    hearkeep.VaultID     `json:"vault"`
		Binding  hearkeep.BindingID   `json:"binding"`
		Number   hearkeep.Number      `json:"number"`
		From     string               `json:"from"`
		Source   hearkeep.Source      `json:"source"`
		Start    string               `json:"start"`
		Local    string               `json:"local"`
		Seconds  float64              `json:"seconds"`
		Until    *string              `json:"until"`
		Sound    *soundJSON           `json:"sound"`
		Words    *string              `json:"words"`
		Version  uint64               `json:"version,omitempty"`
		Turn     *turnJSON            `json:"turn"`
		Waveform []byte               `json:"waveform,omitempty"`
	}
	soundJSON struct {
		File      string `json:"file"`
		Bytes     int64  `json:"bytes"`
		SHA256    hexSum `json:"sha256"`
		MediaType string `json:"media_type"`
	}
	turnJSON struct {
		Intent string      `json:"intent"`
		Did    string      `json:"did"`
		Answer string      `json:"answer"`
		Note   string      `json:"note"`
		Slots  []slotJSON  `json:"slots"`
		Stages []stageJSON `json:"stages"`
	}
	slotJSON struct {
		Name   string `json:"name"`
		Spoken string `json:"spoken"`
		Value  string `json:"value"`
	}
	stageJSON struct {
		Stage        hearkeep.Stage `json:"stage"`
		Milliseconds float64        `json:"milliseconds"`
		Engine       string         `json:"engine"`
		Note         string         `json:"note"`
	}
	openingJSON struct {
		At      string           `json:"at"`
		Vault   hearkeep.VaultID `json:"vault"`
		Kind    string           `json:"kind"`
		Role    hearkeep.Role    `json:"role"`
		Who     string           `json:"who"`
		Purpose string           `json:"purpose"`
		Count   int              `json:"count"`
		Items   []runJSON        `json:"items"`
		Entry   int64            `json:"entry"`
	}
	runJSON struct {
		Binding hearkeep.BindingID `json:"binding"`
		From    hearkeep.Number    `json:"from"`
		To      hearkeep.Number    `json:"to"`
	}
)

// hexSum is a hash that JSON shows in hexadecimal.
type hexSum [32]byte

func (h hexSum) MarshalText() ([]byte, error) { return hexOf(h), nil }

// data is data.json, a recording or an opening a line.
type data struct {
	facts *Facts
	t     *table
	n     int  // recordings in all
	lines int  // written of the array that is open
	past  bool // the recordings
}

func (d *data) begin(w *bufio.Writer) {
	head := marshal(headOf(d.facts, d.t, d.n))
	w.Write(head[:len(head)-1]) // its closing brace comes at the end
	w.WriteString(",\n\"recordings\":[")
}

func (d *data) recording(w *bufio.Writer, i int, r *Recording) { d.line(w, recordingOf(d.t, i, r)) }

func (d *data) opening(w *bufio.Writer, o *Opening) {
	d.endRecordings(w)
	d.line(w, openingOf(o))
}

func (d *data) end(w *bufio.Writer) {
	d.endRecordings(w)
	w.WriteString("\n]}\n")
}

// endRecordings goes on to the openings, once.
func (d *data) endRecordings(w *bufio.Writer) {
	if d.past {
		return
	}
	d.past, d.lines = true, 0
	w.WriteString("\n],\n\"openings\":[")
}

func (d *data) line(w *bufio.Writer, v any) {
	if d.lines++; d.lines > 1 {
		w.WriteByte(',')
	}
	w.WriteByte('\n')
	w.Write(marshal(v))
}

// marshal is for the shapes above, which always can be.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("archive: " + err.Error())
	}
	return b
}

func headOf(f *Facts, t *table, n int) headJSON {
	h := headJSON{Schema: "schema.json", Format: formatName, Archive: f.Archive, Request: f.Request, Kind: f.Kind,
		Account: f.Account, Name: f.Name, Service: f.Service, Made: f.Made.UTC().Format(utcTime), Zone: f.zoneName(), Count: n,
		Notice: []sectionJSON{}, Vaults: []vaultJSON{}, Withheld: []withheldJSON{}}
	for _, s := range f.Notice {
		h.Notice = append(h.Notice, sectionJSON{s.Title, append([]string{}, s.Text...)})
	}
	for _, v := range f.Vaults {
		out := vaultJSON{v.ID, v.Name, v.Kind, []doorJSON{}}
		for _, d := range v.Doors {
			slug := t.doors[t.byID[placeKey{v.ID, d.Binding}]].slug
			out.Doors = append(out.Doors, doorJSON{d.Binding, d.Name, d.Source, slug, d.Last, d.In, d.Erased, d.Expired, d.Failed, d.Withheld})
		}
		h.Vaults = append(h.Vaults, out)
	}
	for _, w := range f.Withheld {
		h.Withheld = append(h.Withheld, withheldJSON(w))
	}
	return h
}

func recordingOf(t *table, i int, r *Recording) recordingJSON {
	out := recordingJSON{ID: r.ID, Vault: r.Vault, Binding: r.Binding, Number: r.Number, From: r.From, Source: r.Source,
		Start: r.Start.UTC().Format(utcTime), Local: r.Start.In(t.zone).Format("2006-01-02T15:04:05.000Z07:00"),
		Seconds: float64(r.Duration.Milliseconds()) / 1000, Waveform: r.Waveform}
	if !r.Until.IsZero() {
		until := utc(r.Until)
		out.Until = &until
	}
	if s := r.Sound; s != nil {
		out.Sound = &soundJSON{t.nameOf(i)[len("data/"):], s.Size, s.SHA256, s.MediaType}
	}
	if r.HasWords {
		words := r.Words.Reveal()
		out.Words, out.Version = &words, r.Version
	}
	if r.HasTurn {
		out.Turn = turnOf(&r.Turn)
	}
	return out
}

func turnOf(t *hearkeep.Turn) *turnJSON {
	out := &turnJSON{Intent: t.Intent, Did: t.Did, Answer: t.Answer.Reveal(), Note: t.Note, Slots: []slotJSON{}, Stages: []stageJSON{}}
	for _, s := range t.Slots {
		out.Slots = append(out.Slots, slotJSON{s.Name, s.Spoken.Reveal(), s.Value.Reveal()})
	}
	for _, s := range t.Stages {
		out.Stages = append(out.Stages, stageJSON{s.Stage, float64(s.Took) / float64(time.Millisecond), s.Engine, s.Note})
	}
	return out
}

func openingOf(o *Opening) openingJSON {
	out := openingJSON{At: o.At.UTC().Format(utcTime), Vault: o.Vault, Kind: o.Kind, Role: o.Role, Who: o.Who, Purpose: o.Purpose,
		Count: o.Count, Items: []runJSON{}, Entry: o.Entry}
	for _, r := range o.Items {
		out.Items = append(out.Items, runJSON(r))
	}
	return out
}
