package portal

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// vaultJSON is a vault as its keyholder, or a program with a token, sees it.
type vaultJSON struct {
	ID      hearkeep.VaultID `json:"id"`
	Name    string           `json:"name,omitempty" doc:"Absent for an account's first vault, and for programs"`
	Kind    string           `json:"kind,omitempty" doc:"personal, shared or child; absent for programs"`
	As      string           `json:"as,omitempty" doc:"What you are in it: holder, guardian or child"`
	Holders int              `json:"holders,omitempty" doc:"How many hold it"`
	OfAge   time.Time        `json:"of_age,omitzero" doc:"When the child may take it over"`
	Kept    *keptJSON        `json:"kept,omitempty" doc:"Of one vault; absent in lists"`
}

type vaultsJSON struct {
	Vaults []vaultJSON `json:"vaults"`
}

func vaultOf(h vault.Held) vaultJSON {
	return vaultJSON{ID: h.ID, Name: h.Name, Kind: h.Kind, As: h.As, Holders: h.Holders, OfAge: utc(h.OfAge)}
}

// apiVaults lists what the caller holds; of a program, that is one.
func (p *portal) apiVaults(ctx context.Context, c *call, _ none) (vaultsJSON, error) {
	if c.token != "" {
		return vaultsJSON{[]vaultJSON{{ID: c.room.ID()}}}, nil
	}
	held, err := p.Keep.Vaults(ctx, c.who)
	if err == nil && len(held) == 0 { // the program was stopped between an account and its keep
		if _, err = p.Keep.Create(ctx, c.who); err == nil {
			held, err = p.Keep.Vaults(ctx, c.who)
		}
	}
	out := vaultsJSON{make([]vaultJSON, 0, len(held))}
	for _, h := range held {
		out.Vaults = append(out.Vaults, vaultOf(h))
	}
	return out, err
}

type newVaultJSON struct {
	Name  string    `json:"name" maxLength:"256"`
	Kind  string    `json:"kind,omitempty" enum:"personal,shared,child" default:"personal"`
	OfAge time.Time `json:"of_age,omitzero" doc:"Of a child's vault: when the child may take it over"`
}

func (p *portal) apiAddVault(ctx context.Context, c *call, in newVaultJSON) (vaultJSON, error) {
	if in.Kind == "" {
		in.Kind = vault.Personal
	}
	id, err := p.Keep.Add(context.WithoutCancel(ctx), c.who, vault.NewVault{Name: in.Name, Kind: in.Kind, OfAge: in.OfAge})
	if err != nil {
		return vaultJSON{}, err
	}
	held, err := p.Keep.Vaults(ctx, c.who)
	for _, h := range held {
		if h.ID == id {
			return vaultOf(h), err
		}
	}
	return vaultJSON{ID: id}, err
}

// keptJSON is what a vault keeps, counted.
type keptJSON struct {
	Recordings    int       `json:"recordings"`
	Bytes         int64     `json:"bytes" doc:"As it is stored, sealed"`
	SpeechSeconds float64   `json:"speech_seconds"`
	Oldest        time.Time `json:"oldest,omitzero"`
	Newest        time.Time `json:"newest,omitzero"`
	AudioDays     float64   `json:"audio_days" doc:"For how long sound is kept"`
	WordsDays     float64   `json:"words_days"`
	TurnDays      float64   `json:"turn_days" doc:"For how long is kept what was understood, done and answered"`
}

func (p *portal) apiVault(ctx context.Context, c *call, _ none) (vaultJSON, error) {
	out := vaultJSON{ID: c.room.ID()}
	if c.token == "" {
		held, err := p.Keep.Vaults(ctx, c.who)
		if err != nil {
			return out, err
		}
		for _, h := range held {
			if h.ID == c.room.ID() {
				out = vaultOf(h)
			}
		}
	}
	totals, err := c.room.Totals(ctx)
	keeping, days := c.room.Retention(), func(d time.Duration) float64 { return d.Hours() / 24 }
	out.Kept = &keptJSON{
		Recordings: totals.Recordings, Bytes: totals.Bytes, SpeechSeconds: totals.Speech.Seconds(), Oldest: utc(totals.Oldest), Newest: utc(totals.Newest),
		AudioDays: days(keeping.Audio), WordsDays: days(keeping.Words), TurnDays: days(keeping.Turn),
	}
	return out, err
}

func (p *portal) apiRenameVault(ctx context.Context, c *call, in nameJSON) (none, error) {
	return none{}, c.room.Rename(ctx, in.Name)
}

// recordingJSON is a recording with all that is kept of it but its sound.
type recordingJSON struct {
	ID       hearkeep.RecordingID `json:"id"`
	Number   hearkeep.Number      `json:"number" doc:"Counts its door's recordings from 1"`
	Door     hearkeep.BindingID   `json:"door"`
	From     string               `json:"from" doc:"What the door is called"`
	Source   hearkeep.Source      `json:"source" doc:"The kind of door"`
	Start    time.Time            `json:"start"`
	Seconds  float64              `json:"seconds"`
	HasAudio bool                 `json:"has_audio"`
	HasWords bool                 `json:"has_words"`
	Words    string               `json:"words,omitempty" doc:"What was heard"`
	Version  uint64               `json:"words_version,omitempty" doc:"Of the words: above 1 where they were corrected"`
	Turn     *turnJSON            `json:"turn,omitempty"`
	Until    time.Time            `json:"until,omitzero" doc:"When the last of its parts goes"`
	Damaged  bool                 `json:"damaged,omitempty" doc:"Something of it does not open"`
}

// turnJSON is what was understood, done and answered.
type turnJSON struct {
	Intent string      `json:"intent,omitempty"`
	Slots  []slotJSON  `json:"slots"`
	Did    string      `json:"did,omitempty"`
	Answer string      `json:"answer,omitempty"`
	Stages []stageJSON `json:"stages"`
	Note   string      `json:"note,omitempty"`
}

type slotJSON struct {
	Name   string `json:"name"`
	Spoken string `json:"spoken,omitempty"`
	Value  string `json:"value"`
}

func recordingOf(it vault.Item) recordingJSON {
	out := recordingJSON{
		ID: it.ID, Number: it.Number, Door: it.Binding, From: fromLabel(it), Source: it.Source, Start: it.Start.UTC(), Seconds: it.Duration.Seconds(),
		HasAudio: it.HasAudio, HasWords: it.HasWords, Words: it.Words.Reveal(), Version: it.Version, Until: utc(it.Until), Damaged: it.Damaged,
	}
	if it.HasTurn {
		t := &turnJSON{Intent: it.Turn.Intent, Did: it.Turn.Did, Answer: it.Turn.Answer.Reveal(), Note: it.Turn.Note, Slots: []slotJSON{}, Stages: []stageJSON{}}
		for _, s := range it.Turn.Slots {
			t.Slots = append(t.Slots, slotJSON{s.Name, s.Spoken.Reveal(), s.Value.Reveal()})
		}
		for _, s := range it.Turn.Stages {
			t.Stages = append(t.Stages, stageJSON{s.Stage, float64(s.Took.Microseconds()) / 1000, s.Engine, s.Note})
		}
		out.Turn = t
	}
	return out
}

type pageQuery struct {
	Before string `json:"before,omitempty" maxLength:"80" doc:"The next of the page before"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"200" default:"50"`
}

type recordingsJSON struct {
	Recordings []recordingJSON `json:"recordings" doc:"Newest first"`
	Next       string          `json:"next,omitempty" doc:"For before; absent on the last page. The header Link has the whole address"`
}

func (p *portal) apiRecordings(ctx context.Context, c *call, in pageQuery) (recordingsJSON, error) {
	before, err := vault.ParseCursor(in.Before)
	if err != nil {
		return recordingsJSON{}, err
	}
	items, next, more, err := c.room.List(ctx, before, in.Limit)
	if err != nil {
		return recordingsJSON{}, err
	}
	out := recordingsJSON{Recordings: make([]recordingJSON, 0, len(items))}
	for _, it := range items {
		out.Recordings = append(out.Recordings, recordingOf(it))
	}
	if more {
		out.Next = next.String()
		query := url.Values{"before": {out.Next}}
		if in.Limit > 0 {
			query.Set("limit", strconv.Itoa(in.Limit))
		}
		c.w.Header().Set("Link", "<"+c.r.URL.Path+"?"+query.Encode()+`>; rel="next"`) // RFC 8288
	}
	return out, nil
}

func (p *portal) apiRecording(ctx context.Context, c *call, _ none) (recordingJSON, error) {
	id, err := pathID[hearkeep.RecordingID](c.r)
	if err != nil {
		return recordingJSON{}, err
	}
	it, err := c.room.Read(ctx, id)
	if err != nil {
		return recordingJSON{}, err
	}
	return recordingOf(it), nil
}

// soundType is how sound is kept.
const soundType = "audio/flac"

func (p *portal) apiAudio(c *call) error { return p.audio(c.w, c.r, c.visit()) }

type waveformJSON struct {
	Peaks []int `json:"peaks" doc:"0 to 255, evenly spread over the recording"`
}

func (p *portal) apiWaveform(ctx context.Context, c *call, _ none) (waveformJSON, error) {
	id, err := pathID[hearkeep.RecordingID](c.r)
	if err != nil {
		return waveformJSON{}, err
	}
	peaks, err := c.room.Waveform(ctx, id)
	out := waveformJSON{make([]int, len(peaks))}
	for i, peak := range peaks {
		out.Peaks[i] = int(peak)
	}
	return out, err
}

// apiUpload hears sound or text into the vault's door for uploads.
func (p *portal) apiUpload(c *call) error {
	in, err := c.room.Uploads(c.r.Context())
	if err != nil {
		return err
	}
	return p.say(c.w, c.r, in)
}

// receiptJSON is our declaration that something was erased.
type receiptJSON struct {
	ID       hearkeep.ReceiptID `json:"id"`
	Vault    hearkeep.VaultID   `json:"vault"`
	At       time.Time          `json:"at"`
	Count    int                `json:"count" doc:"How many recordings went"`
	Entry    int64              `json:"entry" doc:"The ledger's entry that records it"`
	KeysGone time.Time          `json:"keys_gone" doc:"When the last copy of the keys is gone; at the earliest, while keys_wait"`
	KeysWait bool               `json:"keys_wait" doc:"Whether a backup holds the keys until some time after the next backup is verified"`
}

func receiptJSONOf(rc vault.Receipt) receiptJSON {
	return receiptJSON{rc.ID, rc.Vault, rc.At.UTC(), rc.Count, rc.Entry, rc.KeysGone.UTC(), rc.KeysWait}
}

func (p *portal) apiReceipt(ctx context.Context, c *call, _ none) (receiptJSON, error) {
	id, err := pathID[hearkeep.ReceiptID](c.r)
	if err != nil {
		return receiptJSON{}, err
	}
	rc, err := c.room.Receipt(ctx, id)
	return receiptJSONOf(rc), err
}

// gone carries an erasure out. A caller who goes away does not stop it half-way.
func (p *portal) gone(ctx context.Context, erase func(context.Context) (vault.Receipt, error)) (receiptJSON, error) {
	ctx = context.WithoutCancel(ctx)
	rc, err := erase(ctx)
	if err != nil {
		return receiptJSON{}, err
	}
	if err := p.Act.Follow(ctx); err != nil { // the desk looks again by itself
		p.Log.Warn("timers do not yet forget what was erased", "receipt", rc.ID, "err", err)
	}
	return receiptJSONOf(rc), nil
}

func (p *portal) apiErase(ctx context.Context, c *call, _ none) (receiptJSON, error) {
	id, err := pathID[hearkeep.RecordingID](c.r)
	if err != nil {
		return receiptJSON{}, err
	}
	return p.gone(ctx, func(ctx context.Context) (vault.Receipt, error) { return c.room.Erase(ctx, id) })
}

// eraseJSON names what goes: some recordings, or everything.
type eraseJSON struct {
	Recordings []hearkeep.RecordingID `json:"recordings,omitempty" maxItems:"1000" doc:"All of them, or none where one is not there"`
	Everything bool                   `json:"everything,omitempty" doc:"All that this vault keeps"`
}

func (p *portal) apiEraseMany(ctx context.Context, c *call, in eraseJSON) (receiptJSON, error) {
	switch {
	case in.Everything == (len(in.Recordings) > 0):
		return receiptJSON{}, hearkeep.Errorf(hearkeep.Invalid, "Name recordings, or everything, and one of the two only.")
	case in.Everything:
		return p.gone(ctx, c.room.EraseAll)
	}
	return p.gone(ctx, func(ctx context.Context) (vault.Receipt, error) { return c.room.Erase(ctx, in.Recordings...) })
}

type moveJSON struct {
	To         hearkeep.VaultID       `json:"to" doc:"Another vault that you hold"`
	Recordings []hearkeep.RecordingID `json:"recordings" minItems:"1" maxItems:"1000"`
}

func (p *portal) apiMove(ctx context.Context, c *call, in moveJSON) (receiptJSON, error) {
	to, err := p.Keep.Enter(ctx, c.who, in.To)
	if err != nil {
		return receiptJSON{}, err
	}
	return p.gone(ctx, func(ctx context.Context) (vault.Receipt, error) { return vault.Move(ctx, c.room, to, in.Recordings...) })
}

// timerJSON is a timer or an alarm that waits, rings, or was missed.
type timerJSON struct {
	ID      hearkeep.TimerID `json:"id"`
	Kind    string           `json:"kind" doc:"timer or alarm"`
	Name    string           `json:"name,omitempty"`
	State   string           `json:"state" doc:"waiting, paused, ringing or missed"`
	Due     time.Time        `json:"due,omitzero" doc:"Absent while paused"`
	Seconds float64          `json:"seconds_left"`
}

type timersJSON struct {
	Timers []timerJSON `json:"timers" doc:"Soonest first"`
}

func (p *portal) apiTimers(ctx context.Context, c *call, _ none) (timersJSON, error) {
	out := timersJSON{[]timerJSON{}}
	for _, t := range p.Act.Pending(ctx, c.room.ID()) {
		one := timerJSON{ID: t.ID, Kind: "timer", Name: t.Name.Reveal(), State: "waiting", Due: utc(t.Due), Seconds: max(0, t.Left.Seconds())}
		if t.Kind == act.KindAlarm {
			one.Kind = "alarm"
		}
		switch {
		case t.Ringing:
			one.State = "ringing"
		case t.Missed:
			one.State = "missed"
		case t.Paused:
			one.State = "paused"
		}
		out.Timers = append(out.Timers, one)
	}
	return out, nil
}

func (p *portal) apiCancel(ctx context.Context, c *call, _ none) (none, error) {
	id, err := pathID[hearkeep.TimerID](c.r)
	if err != nil {
		return none{}, err
	}
	return none{}, p.Act.Cancel(ctx, c.room.ID(), id)
}

// tokenJSON is an API token as who made it sees it.
type tokenJSON struct {
	ID      hearkeep.TokenID `json:"id"`
	Vault   hearkeep.VaultID `json:"vault"`
	Name    string           `json:"name"`
	Scope   string           `json:"scope" doc:"read, or write, which reads too"`
	Created time.Time        `json:"created"`
	Expires time.Time        `json:"expires"`
	Used    time.Time        `json:"used,omitzero"`
	Token   string           `json:"token,omitempty" doc:"Told once, when it is made"`
}

type tokensJSON struct {
	Tokens []tokenJSON `json:"tokens"`
}

func tokenOf(t vault.Token) tokenJSON {
	out := tokenJSON{ID: t.ID, Vault: t.Vault, Name: t.Name, Scope: "read", Created: t.Created.UTC(), Expires: t.Expires.UTC(), Used: utc(t.Used)}
	if t.Write {
		out.Scope = "write"
	}
	return out
}

func (p *portal) apiTokens(ctx context.Context, c *call, _ none) (tokensJSON, error) {
	all, err := p.Keep.Tokens(ctx, c.who)
	out := tokensJSON{make([]tokenJSON, 0, len(all))}
	for _, t := range all {
		out.Tokens = append(out.Tokens, tokenOf(t))
	}
	return out, err
}

type newTokenJSON struct {
	Name  string `json:"name" maxLength:"256" doc:"What it is for"`
	Scope string `json:"scope,omitempty" enum:"read,write" default:"read"`
	Days  int    `json:"days,omitempty" minimum:"1" maximum:"365" default:"90"`
}

func (p *portal) apiMakeToken(ctx context.Context, c *call, in newTokenJSON) (tokenJSON, error) {
	if in.Days == 0 {
		in.Days = 90
	}
	secret, t, err := c.room.MakeToken(ctx, in.Name, in.Scope == "write", time.Duration(in.Days)*24*time.Hour)
	out := tokenOf(t)
	out.Token = secret
	return out, err
}

func (p *portal) apiEndToken(ctx context.Context, c *call, _ none) (none, error) {
	id, err := pathID[hearkeep.TokenID](c.r)
	if err != nil {
		return none{}, err
	}
	return none{}, p.Keep.EndToken(ctx, c.who, id)
}
