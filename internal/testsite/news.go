package testsite

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
)

const storiesPerPage = 30

type story struct {
	Number           int
	Title, URL, Site string
	Points, Comments int
	By               string
}

// newsPage is one page of the listing.
type newsPage struct {
	Title   string
	Stories []story
	More    int // number of the next page, 0 on the last
}

// newsSite is what [News] serves.
type newsSite struct {
	stories []story
	view    *template.Template
}

// News returns a listing of n stories (default 300), thirty a page: / and
// /?p=2 and so on. Each .athing holds the story's link in .titleline, the link
// to the next page is .morelink, and every story has a page of its own at
// /item?id=N.
func News(seed uint64, n int) http.Handler {
	if n <= 0 {
		n = 300
	}
	site := &newsSite{view: template.Must(template.New("news").Parse(newsMarkup))}
	rng := random(seed, forNews, 0)
	for number := 1; number <= n; number++ {
		host := pick(rng, adjectives) + pick(rng, nouns) + ".invalid"
		site.stories = append(site.stories, story{
			Number: number, Title: headline(rng), Site: host,
			URL:    fmt.Sprintf("https://%s/%d?ref=news&n=%d", host, 2000+rng.IntN(26), number),
			Points: 1 + rng.IntN(900), Comments: rng.IntN(400), By: pick(rng, tagNames) + strconv.Itoa(rng.IntN(100)),
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", site.list)
	mux.HandleFunc("GET /item", site.item)
	return mux
}

func (s *newsSite) list(w http.ResponseWriter, r *http.Request) {
	number := 1
	if text := r.URL.Query().Get("p"); text != "" {
		var err error
		if number, err = strconv.Atoi(text); err != nil {
			http.NotFound(w, r)
			return
		}
	}
	last := (len(s.stories) + storiesPerPage - 1) / storiesPerPage
	if number < 1 || number > last {
		http.NotFound(w, r)
		return
	}
	start := (number - 1) * storiesPerPage
	page := newsPage{
		Title:   "Thread News",
		Stories: s.stories[start:min(start+storiesPerPage, len(s.stories))],
	}
	if number < last {
		page.More = number + 1
	}
	show(w, s.view, "listing", page)
}

func (s *newsSite) item(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.URL.Query().Get("id"))
	if err != nil || number < 1 || number > len(s.stories) {
		http.NotFound(w, r)
		return
	}
	one := s.stories[number-1]
	show(w, s.view, "listing", newsPage{Title: one.Title, Stories: []story{one}})
}

const newsMarkup = `
{{- define "listing" -}}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #f4f6f8; max-width: 52rem; margin: 0 auto; padding: 1rem; }
header { background: #24506e; padding: .5rem .8rem; }
header a { color: #fff; font-weight: 600; }
a { color: #123; text-decoration: none; }
td { vertical-align: top; padding: .15rem .4rem; }
.rank, .subtext, .sitebit { color: #7a848d; font-size: .85em; }
.morelink { display: inline-block; margin: 1rem; font-weight: 600; }
</style>
</head>
<body>
<header><a href="/">Thread News</a></header>
<table>
{{- range .Stories}}
<tr class="athing" id="{{.Number}}">
<td class="rank">{{.Number}}.</td>
<td class="title"><span class="titleline"><a href="{{.URL}}">{{.Title}}</a></span> <span class="sitebit">({{.Site}})</span></td>
</tr>
<tr>
<td></td>
<td class="subtext">{{.Points}} points by {{.By}} | <a href="/item?id={{.Number}}">{{.Comments}} comments</a></td>
</tr>
{{- end}}
</table>
{{- with .More}}
<a class="morelink" href="/?p={{.}}">More</a>
{{- end}}
</body>
</html>
{{end}}
`
