package testsite

const quotesMarkup = `
{{- define "head" -}}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 17px/1.55 Georgia, serif; color: #2a2a2e; background: #faf8f3; max-width: 46rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-weight: normal; border-bottom: 3px double #c9b98f; padding-bottom: .4rem; }
a { color: #8a3b12; text-decoration: none; }
a:hover { text-decoration: underline; }
.quote { background: #fff; border: 1px solid #e7e0cf; border-radius: 6px; padding: .9rem 1.1rem; margin: 1rem 0; }
.text { display: block; font-size: 1.12rem; }
.tags { font: 13px/2 system-ui, sans-serif; }
.tag { background: #f1e9d6; border-radius: 3px; padding: .1rem .45rem; margin-right: .3rem; }
.pager { list-style: none; padding: 0; display: flex; justify-content: space-between; }
.pager .next { margin-left: auto; }
</style>
</head>
<body>
<h1><a href="/">Quotes</a> · {{.Title}}</h1>
{{- end}}

{{- define "quote"}}
<div class="quote">
<span class="text">{{.Text}}</span>
<span>by <small class="author">{{.Author.Name}}</small> <a href="{{.Author.Path}}">(about)</a></span>
<div class="tags">{{range .Tags}}<a class="tag" href="{{.Path}}">{{.Name}}</a>{{end}}</div>
</div>
{{- end}}

{{- define "listing"}}{{template "head" .}}
{{- range .Quotes}}{{template "quote" .}}{{end}}
<nav>
<ul class="pager">
{{- with .Previous}}
<li class="previous"><a href="{{.}}">← Previous</a></li>
{{- end}}
{{- with .Next}}
<li class="next"><a href="{{.}}">Next →</a></li>
{{- end}}
</ul>
</nav>
<div class="tags">Often quoted: {{range .TopTags}}<a class="tag" href="{{.Path}}">{{.Name}}</a>{{end}}</div>
</body>
</html>
{{end}}

{{- define "author"}}{{template "head" .}}
<p class="born">Born in <span class="author-born-date">{{.Author.Born}}</span>,
<span class="author-born-location">{{.Author.Place}}</span></p>
<p class="author-description">{{.Author.About}}</p>
{{- range .Quotes}}{{template "quote" .}}{{end}}
</body>
</html>
{{end}}
`
