package papers

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// The page, in millimetres: A4 with margins, and a footer within the lower one.
const (
	pageWide  = 210.0
	pageHigh  = 297.0
	marginX   = 20.0
	marginTop = 20.0
	marginEnd = 22.0
	wide      = pageWide - 2*marginX
	gap       = 4.0  // between columns
	labelWide = 46.0 // of the first of two columns
)

// Sizes of text in points, and of their lines in millimetres.
const (
	sizeTitle, lineTitle = 18.0, 8.0
	sizeHead, lineHead   = 11.5, 6.0
	sizeText, lineText   = 9.5, 4.8
	sizeCell, lineCell   = 8.5, 4.2
	sizeFoot             = 7.5
)

// PDF writes a document for printing, A4, with the Go fonts. What they have no
// letter for is shown as a box, and the last page says so.
func (d Document) PDF(w io.Writer) error {
	p, err := newPrinter(d)
	if err != nil {
		return fmt.Errorf("papers: %s as PDF: %w", d.Mark, err)
	}
	p.pdf.AddPage()
	p.font("B", sizeTitle)
	p.block(marginX, wide, lineTitle, d.Title)
	p.pdf.Ln(2)
	p.font("", sizeText)
	for _, text := range d.Lead {
		p.block(marginX, wide, lineText, text)
		p.pdf.Ln(2)
	}
	for _, s := range d.Sections {
		p.section(s)
	}
	if p.lacking {
		p.pdf.Ln(4)
		p.block(marginX, wide, lineText, "A box stands for a letter that the font of this print lacks. The page form of this document has it.")
	}
	if err := p.pdf.Output(w); err != nil {
		return fmt.Errorf("papers: %s as PDF: %w", d.Mark, err)
	}
	return nil
}

// printer lays a document out.
type printer struct {
	pdf     *fpdf.Fpdf
	face    *sfnt.Font
	glyphs  sfnt.Buffer
	lacking bool
}

func newPrinter(d Document) (*printer, error) {
	face, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	p := &printer{pdf: fpdf.New("P", "mm", "A4", ""), face: face}
	made := d.Made.UTC()
	if made.IsZero() {
		made = time.Unix(0, 0).UTC()
	}
	p.pdf.SetCreationDate(made) // a document has no clock: the same one is the same file
	p.pdf.SetModificationDate(made)
	p.pdf.SetCatalogSort(true)
	p.pdf.SetTitle(d.Title+" · "+d.Mark, true)
	p.pdf.SetProducer("Hearkeep", true)
	p.pdf.SetLang("en")
	p.pdf.SetMargins(marginX, marginTop, marginX)
	p.pdf.SetAutoPageBreak(false, marginEnd) // we break between lines ourselves
	p.pdf.AddUTF8FontFromBytes("go", "", goregular.TTF)
	p.pdf.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	p.pdf.AliasNbPages("{pages}")
	p.pdf.SetHeaderFunc(func() {
		if p.pdf.PageNo() > 1 {
			p.margin(10, "L", d.Title)
		}
		p.pdf.SetXY(marginX, marginTop)
	})
	p.pdf.SetFooterFunc(func() {
		p.margin(pageHigh-14, "L", d.Mark)
		p.margin(pageHigh-14, "R", fmt.Sprintf("Page %d of {pages}", p.pdf.PageNo()))
	})
	return p, p.pdf.Error()
}

// margin writes a line outside of the text.
func (p *printer) margin(y float64, align, text string) {
	p.font("", sizeFoot)
	p.pdf.SetTextColor(90, 90, 90)
	p.pdf.SetXY(marginX, y)
	p.pdf.CellFormat(wide, 4, p.plain(text), "", 0, align, false, 0, "")
	p.pdf.SetTextColor(0, 0, 0)
}

func (p *printer) font(style string, size float64) { p.pdf.SetFont("go", style, size) }

// left is how much of the page is free, in millimetres.
func (p *printer) left() float64 { return pageHigh - marginEnd - p.pdf.GetY() }

// need begins a new page where less than that is left.
func (p *printer) need(high float64) bool {
	if p.left() >= high {
		return false
	}
	size, _ := p.pdf.GetFontSize()
	style := p.pdf.GetFontStyle()
	p.pdf.AddPage()
	p.font(style, size)
	return true
}

func (p *printer) section(s Section) {
	p.pdf.Ln(5)
	p.need(lineHead + 4*lineText) // a heading is not left alone at the end of a page
	p.pdf.SetDrawColor(170, 170, 170)
	p.pdf.Line(marginX, p.pdf.GetY(), marginX+wide, p.pdf.GetY())
	p.pdf.Ln(2)
	p.font("B", sizeHead)
	p.block(marginX, wide, lineHead, s.Heading)
	p.pdf.Ln(1)
	p.font("", sizeText)
	for _, text := range s.Text {
		p.block(marginX, wide, lineText, text)
		p.pdf.Ln(1.5)
	}
	for _, f := range s.Facts {
		p.columns(lineText, []float64{labelWide, wide - labelWide - gap}, []string{f[0], f[1]}, nil)
		p.pdf.Ln(1)
	}
	if len(s.Head) > 0 {
		p.table(s)
	}
}

// block writes a text from x on, page after page.
func (p *printer) block(x, width, line float64, text string) {
	for _, l := range p.split(text, width) {
		p.need(line)
		p.pdf.SetX(x)
		p.pdf.CellFormat(width, line, l, "", 1, "L", false, 0, "")
	}
}

// columns writes cells side by side. What is longer than the page goes on on
// the next one, after what again writes there.
func (p *printer) columns(line float64, widths []float64, cells []string, again func()) {
	texts, most := make([][]string, len(widths)), 0
	for i := range widths {
		if i < len(cells) {
			texts[i] = p.split(cells[i], widths[i])
		}
		most = max(most, len(texts[i]))
	}
	high := float64(most) * line
	if high < pageHigh-marginTop-marginEnd-40 && p.need(high) && again != nil {
		again() // it fits on one page, so it is not torn
	}
	for n := range most {
		if p.need(line) && again != nil {
			again()
		}
		x, y := marginX, p.pdf.GetY()
		for i, width := range widths {
			if n < len(texts[i]) {
				p.pdf.SetXY(x, y)
				p.pdf.CellFormat(width, line, texts[i][n], "", 0, "L", false, 0, "")
			}
			x += width + gap
		}
		p.pdf.SetXY(marginX, y+line)
	}
}

func (p *printer) table(s Section) {
	p.pdf.Ln(1)
	p.font("", sizeCell)
	widths := p.widths(s)
	head := func() {
		p.font("B", sizeCell)
		p.columns(lineCell, widths, s.Head, nil)
		p.font("", sizeCell)
		p.rule()
	}
	p.need(5 * lineCell)
	head()
	for _, row := range s.Rows {
		p.columns(lineCell, widths, row, head)
		p.rule()
	}
	p.font("", sizeText)
}

func (p *printer) rule() {
	p.pdf.SetDrawColor(215, 215, 215)
	y := p.pdf.GetY() + 0.8
	p.pdf.Line(marginX, y, marginX+wide, y)
	p.pdf.SetY(y + 0.8)
}

// widths shares the page's width among columns, by their longest lines.
func (p *printer) widths(s Section) []float64 {
	wants := make([]float64, len(s.Head))
	for _, row := range append([][]string{s.Head}, s.Rows...) {
		for i := range min(len(row), len(wants)) {
			for l := range strings.SplitSeq(row[i], "\n") {
				wants[i] = max(wants[i], p.pdf.GetStringWidth(p.plain(l))*1.08+1)
			}
		}
	}
	return shared(wide-gap*float64(len(wants)-1), wants)
}

// shared gives each column what it wants, where that is no more than an equal
// share; the others share the rest by the root of what they want, so that the
// longest texts become neither towers nor take everything.
func shared(room float64, wants []float64) []float64 {
	widths := make([]float64, len(wants))
	for open := len(wants); open > 0; {
		share, settled, roots := room/float64(open), false, 0.0
		for i, want := range wants {
			switch {
			case widths[i] != 0:
			case want <= share:
				widths[i], room, open, settled = want, room-want, open-1, true
			default:
				roots += math.Sqrt(want)
			}
		}
		if settled {
			continue
		}
		for i, want := range wants {
			if widths[i] == 0 {
				widths[i] = room * math.Sqrt(want) / roots
			}
		}
		break
	}
	return widths
}

// split breaks a text into lines of a width. Line ends in it stay; words that
// are longer than a line are broken.
func (p *printer) split(text string, width float64) (lines []string) {
	for paragraph := range strings.SplitSeq(p.plain(text), "\n") {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			if joined := strings.TrimSpace(line + " " + word); p.fits(joined, width) {
				line = joined
				continue
			}
			if line != "" {
				lines = append(lines, line)
			}
			for line = word; !p.fits(line, width); {
				part := p.head(line, width)
				lines, line = append(lines, part), line[len(part):]
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func (p *printer) fits(text string, width float64) bool {
	return p.pdf.GetStringWidth(text) <= width
}

// head is the longest begin of a word that fits, of one letter at least.
func (p *printer) head(word string, width float64) string {
	end := 0
	for i, r := range word {
		next := i + len(string(r))
		if end > 0 && !p.fits(word[:next], width) {
			break
		}
		end = next
	}
	return word[:end]
}

// plain is a text with a box for what the font lacks; the capital ß is two letters.
func (p *printer) plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		if i, err := p.face.GlyphIndex(&p.glyphs, r); err == nil && i != 0 && r < 0x10000 {
			return r
		}
		p.lacking = true
		return '□'
	}, strings.ReplaceAll(text, "ẞ", "SS"))
}
