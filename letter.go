package hearkeep

// Letter is what the channels of an account are told. It says what happened
// to the account or to who holds a vault, and never what was recorded.
type Letter struct {
	Topic    string   // for the delivery log, of a closed list: "passkey added"
	Subject  string   // one line
	Text     string   // plain sentences; where to sign in is added below them
	Language Language // of Subject and Text
	// Aloud says that it weighs enough for a door to say that there is a
	// notice, where its person chose that. The notice says no more.
	Aloud bool
}
