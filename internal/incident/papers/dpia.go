package papers

import (
	"fmt"
	"strings"

	"github.com/hearkeep/hearkeep/internal/incident"
)

// DPIA is the data protection impact assessment (Art. 35(7)) of a keep, filled
// in from its settings. What only its controller knows is left as a question.
// docs/dpia.md is the same in words, for whoever fills it in.
func DPIA(s Settings, by incident.Controller, on Basis) Document {
	d := Document{Title: "Data protection impact assessment", Mark: "Impact assessment of " + on.Made.UTC().Format("2006-01-02"), Made: on.Made.UTC()}
	d.Lead = []string{
		"Under Article 35 of Regulation (EU) 2016/679, of the voice assistant Hearkeep " + s.Version + " at " + orElse(s.Origin, "an address that is to be filled in") + ". " +
			"What this keep has set was read from it on " + on.moment(on.Made) + ". Lines that begin with “To be filled in” are for its controller, who alone knows.",
	}
	d.Sections = []Section{
		s.whose(by), s.why(), s.processing(), s.kept(), s.doors(), s.recipients(), s.necessity(), s.risks(), s.measures(), s.remains(), s.watched(), s.rights(), s.decision(),
	}
	return d
}

func fill(question string) string { return "To be filled in: " + question }

func (s Settings) whose(by incident.Controller) Section {
	out := Section{Heading: "Whose this is"}
	controller(&out, by)
	out.fact("For whom it is run", fill("your own home and nobody else (then Article 2(2)(c) may exempt you, though not toward guests and neighbours who are recorded beyond it); a family with several homes; tenants, patients, guests, employees, customers."))
	out.fact("Data protection officer", fill("name, or why there is none (Article 37); what they advised (Article 35(2))."))
	out.fact("People who were asked", fill("what the people concerned, or who speaks for them, said (Article 35(9)), or why they were not asked."))
	return out
}

func (s Settings) why() Section {
	return Section{
		Heading: "Why an assessment is needed",
		Text: []string{
			"A voice assistant records speech in rooms where people live. The EDPB's Guidelines 02/2021 on virtual voice assistants hold that an assessment is very likely required. Of the nine criteria of the Guidelines WP 248 these apply, and two are enough as a rule:",
		},
		Head: []string{"Criterion", "Here"},
		Rows: [][]string{
			{"Sensitive data, or data of a highly personal nature", "speech at home; what is said there may be of Article 9"},
			{"Vulnerable people", "children, patients, employees, as far as they live or work there. " + fill("who.")},
			{"Systematic monitoring", "microphones that wait for a word, in rooms that others enter"},
			{"New technology", "recognition of speech"},
			{"Large scale", s.scale()},
			{"Scoring, automated decisions, matching of data sets, denial of a service", "none: nobody is profiled, recognised by voice, or decided about"},
		},
	}
}

func (s Settings) scale() string {
	text := count(s.Accounts, "account", "accounts") + ", " + count(s.Vaults, "vault", "vaults")
	if s.Households > 0 {
		text += ", " + count(s.Households, "household", "households")
	}
	return text
}

func (s Settings) processing() Section {
	out := Section{Heading: "What is done with data (Article 35(7)(a))", Text: []string{
		"A device hears a wake word, or somebody presses a key. What is said after that is turned into words, understood by fixed sentences, carried out, and answered. Sound, words and what was done are sealed to the vault that the device is bound to, before they reach a disk. Each vault has its keyholders, and only in their unlocked session it opens. What was said before the wake word is not kept.",
	}}
	out.fact("Purposes", "to carry out what people ask for; to let them hear, correct and erase what was kept of them. "+fill("any other purpose. None is built in."))
	out.fact("Legal basis", fill("the contract with whoever has an account (Article 6(1)(b)); consent, or another basis, for others who are recorded; for Article 9 data, which exception. For access to the device itself: Article 5(3) of Directive 2002/58/EC."))
	out.fact("Whose data", "account holders; people of their household, guests, and whoever else is in the room when the wake word is said or falsely found")
	out.fact("Which data", "sound, words, answers, acts, with time and device; accounts, ways of signing in as public or sealed keys, addresses, languages; a ledger of who opened what, without words; marks of networks that cannot be turned back without the house key")
	out.fact("Improving recognition", map[bool]string{true: "recordings are used for it with consent", false: "off: no recording is used to train anything"}[s.Corpus])
	return out
}

func (s Settings) kept() Section {
	out := Section{Heading: "For how long", Head: []string{"What", "Unless somebody chose otherwise"}}
	for _, r := range s.Retention {
		out.row(r.Of, span(r.For))
	}
	out.row("what the ledger says (who opened what, when)", "one year; never while a case is open")
	out.row("the log of letters", "90 days")
	if s.BackupKeys > 0 && s.Backups != "" {
		out.row("keys of erased recordings, in backups", span(s.BackupKeys))
	}
	if s.LongVaults > 0 {
		out.Text = append(out.Text, count(s.LongVaults, "vault keeps", "vaults keep")+" longer than that, as their keyholders chose. "+fill("why that is in order where you chose it for others."))
	}
	return out
}

func (s Settings) doors() Section {
	out := Section{Heading: "Devices and engines", Head: []string{"What", "How many, or where"}}
	for _, d := range s.Doors {
		out.row(d.Of, fmt.Sprint(d.N))
	}
	if len(s.Doors) == 0 {
		out.row("devices that are bound", "none")
	}
	for _, e := range s.Engines {
		where := "within this machine, in a cage without network or keys"
		if e.External {
			where = "at " + orElse(e.Where, "an address that is to be filled in") + ". " + fill("who runs it, and the contract with them (Article 28).")
		}
		out.row(e.Name+": "+e.Does, where)
	}
	out.fact("Where devices stand", fill("which rooms; how people who enter them learn of it (Articles 12 to 14)."))
	return out
}

func (s Settings) recipients() Section {
	out := Section{Heading: "Who gets data"}
	out.fact("Keyholders of a vault", "hear, read and erase what is in it; each opening is in the ledger that they all see")
	out.fact("The operator", "opens nothing; sees accounts, counts, sizes and times"+map[bool]string{true: "; the operator's pages are shown", false: "; the operator's pages are off"}[s.Operator])
	out.fact("E-mail", orElse(s.Mail, "none is sent")+". Letters never say what was recorded. "+fill("which mail provider, and where."))
	out.fact("Webhooks inside the network", orElse(strings.Join(s.Webhooks, ", "), "none"))
	out.fact("Agents that act for people", map[bool]string{true: "may send requests in their names, by the Data Rights Protocol", false: "none"}[s.Agents])
	out.fact("Witnesses of the ledger", orElse(strings.Join(s.Witnesses, ", "), "none")+"; they see hashes and nothing else")
	out.fact("Backups", orElse(s.Backups, "none")+". "+fill("who has the place they lie at."))
	out.fact("Third countries", "none by Hearkeep itself. "+fill("where the machine, its backups and the mail provider are."))
	return out
}

func (s Settings) necessity() Section {
	return Section{Heading: "Necessity and proportionality (Article 35(7)(b))", Text: []string{
		"Recordings are kept because people want to hear what was understood, correct it, and show it to somebody; whoever wants none sets a device to keep words, or nothing. What is not kept cannot leave. Retention is short and applies by itself. Nobody is recognised by voice. No cloud is needed.",
		fill("whether recordings need to be kept at all for your purpose, and which device keeps what."),
		fill("how accidental recordings are looked for and erased, and who tells guests that they may ask for it."),
	}}
}

// risks are those to people (Art. 35(7)(c)), with what reduces them.
func (s Settings) risks() Section {
	out := Section{Heading: "Risks to people (Article 35(7)(c))", Text: []string{
		"Likelihood and gravity are for the controller to judge: what stands here is what could happen, and what Hearkeep does against it. " + fill("low, medium or high, for each line."),
	}, Head: []string{"What could happen", "To whom", "What is done against it", "Likelihood, gravity"}}
	for _, r := range [][3]string{
		{"Recordings are sent to the wrong person, as in 2018", "a whole home", "Everything is sealed to one vault: with anybody else it is noise. An archive is opened under its owner's session, or sealed to their kit. Who it was handed to is in the ledger; a report freezes it, and those concerned are told within " + span(s.TellWithin) + "."},
		{"The disk, or a backup, is stolen", "everybody on it", "Without somebody's way in there is no word and no sound on it. Names of devices, addresses and waiting letters are readable with the house key."},
		{"The operator, or who takes over the running server, listens", "everybody who is signed in from then on", "Every opening needs a keyholder's session and is in the ledger first. Root on a running machine is not kept out."},
		{"Somebody in the household listens to another", "partners, children, guests", "Vaults are personal unless they are shared; an admin of a household reads nothing by that; every opening shows to all keyholders. Who shares a vault is heard by all who hold it."},
		{"A device stands in the wrong home, or hears strangers", "whoever speaks there", "Each device is bound to one vault, visibly; anybody may claim to have been heard, and have it counted or erased; one device in two places is reported."},
		{"A wake word is found that nobody said", "whoever is in the room", "What was recorded is shown to its keyholders as any other, and is erased with one key. It is kept as long as any other where nobody looks."},
		{"Something was erased and comes back", "whoever erased it", "Keys are destroyed; a journal erases again after a restore" + s.backupKeys() + "."},
		{"All ways in are lost", "one person", "Recovery kits, several passkeys; then the recordings are lost, since nobody else can open them."},
		{"Words are recognised falsely, and something wrong is done", "whoever spoke", "Only fixed sentences act; nothing buys, calls or unlocks; words can be corrected."},
		{"People do not know that they are recorded", "guests, children", fill("signs, lights, what is said to guests. Hearkeep shows what it hears, and cannot put up a sign.")},
	} {
		out.row(r[0], r[1], r[2], "")
	}
	return out
}

func (s Settings) backupKeys() string {
	if s.Backups == "" || s.BackupKeys <= 0 {
		return ""
	}
	return "; backups lose their keys after " + span(s.BackupKeys)
}

// measures are those of Art. 35(7)(d).
func (s Settings) measures() Section {
	out := Section{Heading: "Measures (Article 35(7)(d))"}
	out.fact("Sealing", "every recording to its vault, every vault to its keyholders, every account to its ways in; keys are in no setting and no log")
	out.fact("Network", orElse(s.HTTPS, "to be filled in"))
	out.fact("Waiting time", span(s.Wait)+" after a way in or an address was changed, before archives and tokens can be had, so that letters are read first")
	out.fact("Ledger", "append-only and checkable by everybody for what concerns them, with inclusion proofs"+map[bool]string{true: "; cosigned by witnesses", false: "; no witness cosigns it"}[len(s.Witnesses) > 0])
	out.fact("Breaches", "reports are answered at once; the clock of "+span(s.Clock)+" runs by itself; people are told after "+span(s.TellWithin)+" unless that is held back with reasons; the register writes itself")
	out.fact("Backups", orElse(s.Backups, "none. "+fill("how you would bring the keep back.")))
	out.fact("Letters", orElse(s.Mail, "no e-mail: people learn of a breach when they sign in. "+fill("how you reach them otherwise.")))
	out.fact("Updates", fill("who brings in new versions, and how soon."))
	out.fact("The machine", fill("who may enter the room and sign in to the machine; encryption of its disk."))
	return out
}

// remains is what the threat model does not protect from.
func (s Settings) remains() Section {
	out := Section{Heading: "What remains", Text: []string{
		"Hearkeep's threat model says what it does not protect from (docs/threat-model.md). What matters here:",
	}, Head: []string{"What", "What it means"}}
	for _, r := range [][2]string{
		{"A running server that is taken over", "hears from then on, and what people open then"},
		{"The house key, with the database", "names of devices, addresses, waiting letters, what was written to the breach desk"},
		{"Times and counts", "the operator sees how much somebody speaks, and when"},
		{"Rows that are policy", "who writes to the database can change retention, restrictions, or who is told; no recording opens by that"},
		{"Sound in the room", "answers are spoken aloud, and people nearby hear them"},
		{"What was handed out rightly", "is beyond Hearkeep's reach"},
	} {
		out.row(r[0], r[1])
	}
	out.fact("Is it acceptable?", fill("for each: yes, why; or what more is done."))
	return out
}

func (s Settings) watched() Section {
	out := Section{Heading: "What is watched by itself", Head: []string{"What", "Reported from", "What is ordinary"}}
	for _, t := range s.Thresholds.Explain() {
		out.row(t.Name, t.Value, t.Why)
	}
	return out
}

func (s Settings) rights() Section {
	return Section{Heading: "Rights of the people", Text: []string{
		"Access, portability, erasure, restriction, rectification and objection are used on their own page, by the terminal, by voice or by an agent, and are answered by themselves within a month, with a signed answer. Whoever has no account may claim to have been heard, and may report anything by a form.",
		fill("who answers people who write instead; where the notice of Articles 13 and 14 hangs."),
	}}
}

func (s Settings) decision() Section {
	out := Section{Heading: "Decision"}
	out.fact("Result", fill("the risks are acceptable; or they are high in spite of the measures, and the authority is asked before it begins (Article 36)."))
	out.fact("By, and when", fill("name and day."))
	out.fact("Looked at again", fill("on which day, and whenever the settings above change (Article 35(11))."))
	return out
}
