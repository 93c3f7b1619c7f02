package papers

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

// HTML writes a document as a page that stands alone: no script, nothing from
// elsewhere. Everything of the document is escaped.
func (d Document) HTML(w io.Writer) error {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("papers: %w", err)
	}
	if err := page.Execute(w, d); err != nil {
		return fmt.Errorf("papers: %s as a page: %w", d.Mark, err)
	}
	return nil
}
