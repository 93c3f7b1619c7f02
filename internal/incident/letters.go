package incident

// Communication is a letter to a person in their language (B5): what happened,
// whom to ask, what may follow, what was done, what they can do. It says
// nothing of what was recorded.
type Communication struct {
	Subject      string
	Nature       string
	Contact      string
	Consequences string
	Measures     string
	Advice       string
}
