package dom

// A Tag is the name of an element that the parser treats specially, or that is
// common. Every other name is Other.
type Tag uint8

// The tags, in the order of their names.
const (
	Other Tag = iota
	A
	Address
	AnnotationXML
	Applet
	Area
	Article
	Aside
	B
	Base
	Basefont
	Bgsound
	Big
	Blockquote
	Body
	Br
	Button
	Caption
	Center
	Code
	Col
	Colgroup
	Dd
	Desc
	Details
	Dialog
	Dir
	Div
	Dl
	Dt
	Em
	Embed
	Fieldset
	Figcaption
	Figure
	Font
	Footer
	ForeignObject
	Form
	Frame
	Frameset
	H1
	H2
	H3
	H4
	H5
	H6
	Head
	Header
	Hgroup
	Hr
	HTML
	I
	Iframe
	Image
	Img
	Input
	Keygen
	Label
	Li
	Link
	Listing
	Main
	Malignmark
	Marquee
	Math
	Menu
	Meta
	Mglyph
	Mi
	Mn
	Mo
	Ms
	Mtext
	Nav
	Nobr
	Noembed
	Noframes
	Noscript
	Object
	Ol
	Optgroup
	Option
	P
	Param
	Plaintext
	Pre
	Rb
	Rp
	Rt
	Rtc
	Ruby
	S
	Script
	Search
	Section
	Select
	Small
	Source
	Span
	Strike
	Strong
	Style
	Sub
	Summary
	Sup
	SVG
	Table
	Tbody
	Td
	Template
	Textarea
	Tfoot
	Th
	Thead
	Time
	Title
	Tr
	Track
	Tt
	U
	Ul
	Var
	Wbr
	Xmp
)

// flags are the sets of the standard that an element belongs to.
type flags uint32

const (
	special    flags = 1 << iota // the special category (13.2.4.2)
	implied                      // its end tag may be implied (13.2.6.3)
	scope                        // ends every scope but a table's (13.2.4.2)
	listScope                    // ends a list item scope, too
	tableScope                   // ends a table scope
	rowGroup                     // tbody, tfoot, thead
	cell                         // td, th
	heading                      // h1 to h6
	formatting                   // is kept in the list of active formatting elements, but for a and nobr
	metadata                     // is handled as in the head wherever it stands
	block                        // its start tag ends a paragraph
	blockEnd                     // its end tag closes what is open inside it
	tablePart                    // means nothing outside a table
	foster                       // text and elements in it are put before the table
	breakout                     // ends foreign content
	void                         // has no content
	rawText                      // its content is text
	rcdata                       // its content is text with character references
	skipped                      // means nothing in the body
	context                      // html and template, at which every table context ends
	plainLeaf                    // a void element of the body that shows something
)

type element struct {
	name  string
	flags flags
}

// elements says what each tag is called and which sets it belongs to.
//
//nolint:gochecknoglobals // a constant table
var elements = [...]element{
	Other:         {"", 0},
	A:             {"a", 0},
	Address:       {"address", special | block | blockEnd},
	AnnotationXML: {"annotation-xml", 0},
	Applet:        {"applet", special | scope},
	Area:          {"area", special | void | plainLeaf},
	Article:       {"article", special | block | blockEnd},
	Aside:         {"aside", special | block | blockEnd},
	B:             {"b", formatting | breakout},
	Base:          {"base", special | metadata | void},
	Basefont:      {"basefont", special | metadata},
	Bgsound:       {"bgsound", special | metadata},
	Big:           {"big", formatting | breakout},
	Blockquote:    {"blockquote", special | block | blockEnd | breakout},
	Body:          {"body", special | breakout},
	Br:            {"br", special | void | breakout | plainLeaf},
	Button:        {"button", special | blockEnd},
	Caption:       {"caption", special | scope | tablePart},
	Center:        {"center", special | block | blockEnd | breakout},
	Code:          {"code", formatting | breakout},
	Col:           {"col", special | tablePart | void},
	Colgroup:      {"colgroup", special | tablePart},
	Dd:            {"dd", special | implied | breakout},
	Desc:          {"desc", 0},
	Details:       {"details", special | block | blockEnd},
	Dialog:        {"dialog", block | blockEnd},
	Dir:           {"dir", special | block | blockEnd},
	Div:           {"div", special | block | blockEnd | breakout},
	Dl:            {"dl", special | block | blockEnd | breakout},
	Dt:            {"dt", special | implied | breakout},
	Em:            {"em", formatting | breakout},
	Embed:         {"embed", special | void | breakout | plainLeaf},
	Fieldset:      {"fieldset", special | block | blockEnd},
	Figcaption:    {"figcaption", special | block | blockEnd},
	Figure:        {"figure", special | block | blockEnd},
	Font:          {"font", formatting},
	Footer:        {"footer", special | block | blockEnd},
	ForeignObject: {"foreignobject", 0},
	Form:          {"form", special},
	Frame:         {"frame", special | skipped},
	Frameset:      {"frameset", special},
	H1:            {"h1", special | heading | breakout},
	H2:            {"h2", special | heading | breakout},
	H3:            {"h3", special | heading | breakout},
	H4:            {"h4", special | heading | breakout},
	H5:            {"h5", special | heading | breakout},
	H6:            {"h6", special | heading | breakout},
	Head:          {"head", special | breakout | skipped},
	Header:        {"header", special | block | blockEnd},
	Hgroup:        {"hgroup", special | block | blockEnd},
	Hr:            {"hr", special | void | breakout},
	HTML:          {"html", special | scope | tableScope | context},
	I:             {"i", formatting | breakout},
	Iframe:        {"iframe", special | rawText},
	Image:         {"image", 0},
	Img:           {"img", special | void | breakout | plainLeaf},
	Input:         {"input", special | void},
	Keygen:        {"keygen", special | void | plainLeaf},
	Label:         {"label", 0},
	Li:            {"li", special | implied | breakout},
	Link:          {"link", special | metadata | void},
	Listing:       {"listing", special | blockEnd | breakout},
	Main:          {"main", special | block | blockEnd},
	Malignmark:    {"malignmark", 0},
	Marquee:       {"marquee", special | scope},
	Math:          {"math", 0},
	Menu:          {"menu", special | block | blockEnd | breakout},
	Meta:          {"meta", special | metadata | void | breakout},
	Mglyph:        {"mglyph", 0},
	Mi:            {"mi", 0},
	Mn:            {"mn", 0},
	Mo:            {"mo", 0},
	Ms:            {"ms", 0},
	Mtext:         {"mtext", 0},
	Nav:           {"nav", special | block | blockEnd},
	Nobr:          {"nobr", breakout},
	Noembed:       {"noembed", special | rawText},
	Noframes:      {"noframes", special | metadata | rawText},
	Noscript:      {"noscript", special | rawText},
	Object:        {"object", special | scope},
	Ol:            {"ol", special | block | blockEnd | listScope | breakout},
	Optgroup:      {"optgroup", implied},
	Option:        {"option", implied},
	P:             {"p", special | block | implied | breakout},
	Param:         {"param", special | void},
	Plaintext:     {"plaintext", special | rawText},
	Pre:           {"pre", special | blockEnd | breakout},
	Rb:            {"rb", implied},
	Rp:            {"rp", implied},
	Rt:            {"rt", implied},
	Rtc:           {"rtc", implied},
	Ruby:          {"ruby", breakout},
	S:             {"s", formatting | breakout},
	Script:        {"script", special | metadata | rawText},
	Search:        {"search", block | blockEnd},
	Section:       {"section", special | block | blockEnd},
	Select:        {"select", special | scope | blockEnd},
	Small:         {"small", formatting | breakout},
	Source:        {"source", special | void},
	Span:          {"span", breakout},
	Strike:        {"strike", formatting | breakout},
	Strong:        {"strong", formatting | breakout},
	Style:         {"style", special | metadata | rawText},
	Sub:           {"sub", breakout},
	Summary:       {"summary", special | block | blockEnd},
	Sup:           {"sup", breakout},
	SVG:           {"svg", 0},
	Table:         {"table", special | scope | tableScope | foster | breakout},
	Tbody:         {"tbody", special | tablePart | foster | rowGroup},
	Td:            {"td", special | scope | tablePart | cell},
	Template:      {"template", special | scope | tableScope | metadata | context},
	Textarea:      {"textarea", special | rcdata},
	Tfoot:         {"tfoot", special | tablePart | foster | rowGroup},
	Th:            {"th", special | scope | tablePart | cell},
	Thead:         {"thead", special | tablePart | foster | rowGroup},
	Time:          {"time", 0},
	Title:         {"title", special | metadata | rcdata},
	Tr:            {"tr", special | tablePart | foster},
	Track:         {"track", special | void},
	Tt:            {"tt", formatting | breakout},
	U:             {"u", formatting | breakout},
	Ul:            {"ul", special | block | blockEnd | listScope | breakout},
	Var:           {"var", breakout},
	Wbr:           {"wbr", special | void | plainLeaf},
	Xmp:           {"xmp", special | rawText},
}

// String returns the tag's name, "" for Other.
func (t Tag) String() string { return elements[t].name }

// Void reports whether the element has no content (13.1.2).
func (t Tag) Void() bool { return t.is(void) }

// is reports whether the tag belongs to one of the sets.
func (t Tag) is(set flags) bool { return elements[t].flags&set != 0 }

// index finds tags by a hash of their names: open addressing, at most a quarter full.
//
//nolint:gochecknoglobals // a constant table
var index = func() (table [512]Tag) {
	for t := Other + 1; int(t) < len(elements); t++ {
		i := hash(elements[t].name)
		for table[i%512] != Other {
			i++
		}
		table[i%512] = t
	}
	return table
}()

// hash takes the letters of a name as if they were small (FNV-1a).
func hash[T string | []byte](name T) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(small(name[i]))) * 16777619
	}
	return h ^ h>>15
}

func small(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Lookup returns the tag of a name, in small or capital letters.
func Lookup[T string | []byte](name T) Tag {
	if len(name) > len("annotation-xml") {
		return Other
	}
	for i := hash(name); ; i++ {
		t := index[i%512]
		if t == Other || equalFold(elements[t].name, name) {
			return t
		}
	}
}

// equalFold compares a name in small letters with one in any.
func equalFold[T string | []byte](name string, other T) bool {
	if len(name) != len(other) {
		return false
	}
	for i := range len(name) {
		if name[i] != small(other[i]) {
			return false
		}
	}
	return true
}
