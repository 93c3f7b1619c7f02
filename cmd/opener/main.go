//go:build js && wasm

// Command opener is what opens a sealed archive in a browser, without a
// network: WebAssembly inside open.html, which stands in every sealed archive.
// It reads the ZIP file that a person chooses piece by piece, opens it with
// the recovery kit that they type, and hands single recordings to the page.
//
// It decides nothing by itself: what opens, and what is wrong, is said by room
// archive, and the same functions answer `hearkeep archive open`.
package main

import (
	"encoding/json"
	"syscall/js"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/seal"
)

func main() {
	o := new(opener)
	js.Global().Set("hearkeep", js.ValueOf(map[string]any{
		"open":   promised(o.open),
		"unlock": promised(o.unlock),
		"list":   promised(o.list),
		"sound":  promised(o.sound),
		"check":  promised(o.check),
	}))
	select {}
}

// opener is the one archive that the page has open. The page asks for one
// thing at a time.
type opener struct {
	file     *archive.SealedFile
	unlocked *archive.Unlocked
}

// promised makes a function of JavaScript that returns a promise: of what fn
// returns, or rejected with {message, hint}.
func promised(fn func(args []js.Value) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		return js.Global().Get("Promise").New(js.FuncOf(func(_ js.Value, settle []js.Value) any {
			go func() {
				value, err := fn(args)
				if err != nil {
					_, message, hint := hearkeep.Explain(err)
					settle[1].Invoke(js.ValueOf(map[string]any{"message": message, "hint": hint}))
					return
				}
				settle[0].Invoke(value)
			}()
			return nil
		}))
	})
}

func asJSON(v any) (any, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// open takes a File, and returns what it says of itself.
func (o *opener) open(args []js.Value) (any, error) {
	o.file, o.unlocked = nil, nil
	r := newBlob(args[0])
	file, err := archive.OpenSealed(r, r.size)
	if err != nil {
		return nil, err
	}
	o.file = file
	a := file.About()
	return asJSON(map[string]any{
		"service": a.Service, "request": a.Request.String(), "made": a.Made.Format(time.RFC3339), "recordings": a.Recordings,
		"signed": a.Signed, "fingerprint": a.Fingerprint, "faults": sentences(file.Faults()),
	})
}

// unlock takes a recovery kit, and returns how much there is.
func (o *opener) unlock(args []js.Value) (any, error) {
	if o.file == nil {
		return nil, errFirst
	}
	kit, err := seal.ParseKit(args[0].String())
	if err != nil {
		return nil, err
	}
	u, err := o.file.Unlock(kit)
	if err != nil {
		return nil, err
	}
	o.unlocked = u
	withheld := []string{}
	for _, w := range u.Withheld() {
		withheld = append(withheld, w.Text())
	}
	return asJSON(map[string]any{"count": u.Count(), "faults": sentences(u.Faults()), "withheld": withheld})
}

var errFirst = hearkeep.Errorf(hearkeep.Conflict, "Choose the archive, and type the recovery kit, first.")

// row is a recording as the page lists it.
type row struct {
	Vault    string   `json:"vault"`
	Door     string   `json:"door"`
	Number   uint64   `json:"number"`
	Start    string   `json:"start"`
	Seconds  float64  `json:"seconds"`
	Until    string   `json:"until"`
	Words    string   `json:"words"`
	HasWords bool     `json:"hasWords"`
	Did      string   `json:"did"`
	Answer   string   `json:"answer"`
	Note     string   `json:"note"`
	Sound    bool     `json:"sound"`
	Faults   []string `json:"faults"`
}

// list takes where to begin and how many, and returns rows.
func (o *opener) list(args []js.Value) (any, error) {
	if o.unlocked == nil {
		return nil, errFirst
	}
	names := map[hearkeep.VaultID]string{}
	for _, v := range o.unlocked.Vaults() {
		names[v.ID] = v.Name
	}
	rows := []row{}
	for i := args[0].Int(); i < o.unlocked.Count() && len(rows) < args[1].Int(); i++ {
		r, sound, faults, err := o.unlocked.Listed(i)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{
			Vault: names[r.Vault], Door: r.From, Number: uint64(r.Number), Start: r.Start.Format(time.RFC3339Nano), Seconds: r.Duration.Seconds(),
			Until: r.Until.Format(time.RFC3339), Words: r.Words.Reveal(), HasWords: r.HasWords, Did: r.Turn.Did, Answer: r.Turn.Answer.Reveal(),
			Note: r.Turn.Note, Sound: sound, Faults: sentences(faults),
		})
	}
	return asJSON(rows)
}

// sound takes the place of a recording, and returns its sound as a Uint8Array.
func (o *opener) sound(args []js.Value) (any, error) {
	if o.unlocked == nil {
		return nil, errFirst
	}
	p, err := o.unlocked.Sound(args[0].Int())
	if err != nil {
		return nil, told(err)
	}
	whole := js.Global().Get("Uint8Array").New(float64(p.Size()))
	piece := make([]byte, 1<<16)
	for at := int64(0); at < p.Size(); {
		n, err := p.ReadAt(piece[:min(int64(len(piece)), p.Size()-at)], at)
		if err != nil {
			return nil, told(archive.Fault{Member: "This recording", What: "was altered: not all of its sound opens"})
		}
		js.CopyBytesToJS(whole.Call("subarray", float64(at)), piece[:n])
		at += int64(n)
	}
	return whole, nil
}

// check takes the place of a recording, opens all of it, and returns what is
// wrong with it.
func (o *opener) check(args []js.Value) (any, error) {
	if o.unlocked == nil {
		return nil, errFirst
	}
	faults, err := o.unlocked.Check(args[0].Int())
	if err != nil {
		return nil, err
	}
	return asJSON(sentences(faults))
}

// told makes of a fault an error that people read.
func told(err error) error {
	if f, is := err.(archive.Fault); is {
		return hearkeep.Errorf(hearkeep.Invalid, "%s.", f.Sentence())
	}
	return err
}

func sentences(faults []archive.Fault) []string {
	all := []string{}
	for _, f := range faults {
		all = append(all, f.Sentence())
	}
	return all
}
