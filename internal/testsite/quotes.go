package testsite

import (
	"bytes"
	"html/template"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const quotesPerPage = 10

// quotation is a quote with the paths of what it links to.
type quotation struct {
	Text   string
	Author place
	Tags   []place
}

// place is a link: to an author, a tag or a page of a listing.
type place struct {
	Name, Path string
}

// quotesSite is what [Quotes] serves.
type quotesSite struct {
	all      []quotation
	byAuthor map[string][]quotation // slug of the author's name → quotes
	byTag    map[string][]quotation
	authors  map[string]author
	topTags  []place
	view     *template.Template
}

type author struct {
	Name, Born, Place, About string
}

// listing is one page of quotes.
type listing struct {
	Title          string
	Quotes         []quotation
	Previous, Next string // paths, "" where there is none
	TopTags        []place
}

// Quotes returns a site of n quotes (default 500), ten a page, with a page for
// every author and listings for every tag: a few hundred pages by default.
// The listings are at /, /page/2/ and so on; div.quote holds span.text,
// small.author and a.tag, li.next the link to the next page.
func Quotes(seed uint64, n int) http.Handler {
	if n <= 0 {
		n = 500
	}
	site := &quotesSite{
		byAuthor: make(map[string][]quotation),
		byTag:    make(map[string][]quotation),
		authors:  make(map[string]author),
		view:     template.Must(template.New("quotes").Parse(quotesMarkup)),
	}
	rng := random(seed, forQuotes, 0)
	for range n {
		site.add(rng)
	}
	for _, name := range tagNames[:min(10, len(tagNames))] {
		if len(site.byTag[name]) > 0 {
			site.topTags = append(site.topTags, tagPlace(name))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", site.home)
	mux.HandleFunc("GET /page/{number}/{$}", site.home)
	mux.HandleFunc("GET /tag/{tag}/{$}", site.tag)
	mux.HandleFunc("GET /tag/{tag}/page/{number}/{$}", site.tag)
	mux.HandleFunc("GET /author/{author}/{$}", site.author)
	return mux
}

func (s *quotesSite) add(rng *rand.Rand) {
	name := fullName(rng)
	slug := slugOf(name)
	quote := quotation{
		Text:   "“" + sentence(rng) + "”",
		Author: place{Name: name, Path: "/author/" + url.PathEscape(slug) + "/"},
	}
	names := tags(rng)
	for _, tag := range names {
		quote.Tags = append(quote.Tags, tagPlace(tag))
	}
	s.all = append(s.all, quote)
	s.byAuthor[slug] = append(s.byAuthor[slug], quote)
	for _, tag := range names {
		s.byTag[tag] = append(s.byTag[tag], quote)
	}
	if _, known := s.authors[slug]; !known {
		s.authors[slug] = author{
			Name:  name,
			Born:  strconv.Itoa(1800 + rng.IntN(190)),
			Place: pick(rng, familyNames) + " on the " + capitalize(pick(rng, nouns)),
			About: sentence(rng) + " " + sentence(rng),
		}
	}
}

func tagPlace(tag string) place {
	return place{Name: tag, Path: "/tag/" + tag + "/"}
}

// slugOf is a name as its page's path has it: words joined by dashes.
func slugOf(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "'", ""), " ", "-")
}

func (s *quotesSite) home(w http.ResponseWriter, r *http.Request) {
	s.list(w, r, "Quotes nobody said", "/", s.all)
}

func (s *quotesSite) tag(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("tag")
	s.list(w, r, "Quotes about "+name, "/tag/"+name+"/", s.byTag[name])
}

// list shows the page of quotes whose number is in the path. Page 1 lives at
// base alone.
func (s *quotesSite) list(w http.ResponseWriter, r *http.Request, title, base string, quotes []quotation) {
	number := 1
	if text := r.PathValue("number"); text != "" {
		var err error
		number, err = strconv.Atoi(text)
		if err != nil || number < 1 {
			http.NotFound(w, r)
			return
		}
		if number == 1 {
			http.Redirect(w, r, base, http.StatusMovedPermanently) //nolint:gosec // base is a path on this site
			return
		}
	}
	pages := slices.Collect(slices.Chunk(quotes, quotesPerPage))
	if number > len(pages) {
		http.NotFound(w, r)
		return
	}
	view := listing{Title: title, Quotes: pages[number-1], TopTags: s.topTags}
	if number > 1 {
		view.Previous = numbered(base, number-1)
	}
	if number < len(pages) {
		view.Next = numbered(base, number+1)
	}
	show(w, s.view, "listing", view)
}

func numbered(base string, number int) string {
	if number == 1 {
		return base
	}
	return base + "page/" + strconv.Itoa(number) + "/"
}

func (s *quotesSite) author(w http.ResponseWriter, r *http.Request) {
	slug := r.PathValue("author")
	who, known := s.authors[slug]
	if !known {
		http.NotFound(w, r)
		return
	}
	show(w, s.view, "author", struct {
		Title  string
		Author author
		Quotes []quotation
	}{who.Name, who, s.byAuthor[slug]})
}

// show renders a page whole before it sends any of it.
func show(w http.ResponseWriter, view *template.Template, name string, data any) {
	var b bytes.Buffer
	if err := view.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "render page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.Write(b.Bytes()) //nolint:errcheck // nobody is left to tell
}
