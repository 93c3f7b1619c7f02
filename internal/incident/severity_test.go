package incident

import (
	"math"
	"strings"
	"testing"
)

// The sum of the method, worked by hand.
func TestWeigh(t *testing.T) {
	for _, tt := range []struct {
		name  string
		a     Assessment
		of    Size
		score float64
		level Level
		says  string
	}{
		{"an archive of a home to one wrong person", Assessment{Confidentiality: true, Sensitivity: 4, Identification: 4}, Size{1, 1700}, 4.25, VeryHigh, "4 × 1 + 0.25 = 4.25"},
		{"the same, sealed", Assessment{Confidentiality: true, Sensitivity: 4, Identification: 4, SealedOnly: true}, Size{1, 1700}, 1, Low, "noise"},
		{"sealed, and to whom means harm", Assessment{Confidentiality: true, Sensitivity: 4, Identification: 4, SealedOnly: true, Malicious: true}, Size{1, 1}, 1.5, Low, "means harm"},
		{"a timer that was heard", Assessment{Confidentiality: true, Sensitivity: 1, Identification: 2}, Size{1, 1}, 0.75, Low, ""},
		{"the edge of medium", Assessment{Confidentiality: true, Unknown: true, Sensitivity: 2, Identification: 3}, Size{1, 1}, 2, Medium, "not known to whom"},
		{"just below", Assessment{Confidentiality: true, Sensitivity: 2, Identification: 3}, Size{1, 1}, 1.75, Low, "somebody who is known"},
		{"the edge of high", Assessment{Integrity: true, Malicious: true, Sensitivity: 3, Identification: 3}, Size{1, 1}, 3, High, ""},
		{"the edge of very high", Assessment{Availability: true, Malicious: true, Sensitivity: 3, Identification: 4}, Size{1, 1}, 4, VeryHigh, ""},
		{"children", Assessment{Confidentiality: true, Sensitivity: 2, Identification: 4, Children: true}, Size{1, 1}, 3.25, High, "Children"},
		{"children, at the top", Assessment{Sensitivity: 4, Identification: 4, Children: true}, Size{1, 1}, 4, VeryHigh, "highest already"},
		{"many", Assessment{Confidentiality: true, Sensitivity: 1, Identification: 1}, Size{101, 101}, 0.5, Low, "101 people"},
		{"nobody judged", Assessment{}, Size{}, 0.25, Low, ""},
		{"out of range", Assessment{Sensitivity: 9, Identification: -3}, Size{}, 1, Low, ""},
	} {
		a := tt.a
		reasons := strings.Join(a.Weigh(tt.of), "\n")
		if math.Abs(a.Score-tt.score) > 1e-9 || a.Level != tt.level {
			t.Errorf("%s: got %g, %s, want %g, %s", tt.name, a.Score, a.Level, tt.score, tt.level)
		}
		if !strings.Contains(reasons, tt.says) {
			t.Errorf("%s: got %q, want it to say %q", tt.name, reasons, tt.says)
		}
		if (tt.of.People > 100) != strings.Contains(reasons, "graver than the sum") {
			t.Errorf("%s: of %d people it says %q", tt.name, tt.of.People, reasons)
		}
	}
}
