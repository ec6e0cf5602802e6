package links_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/clew-crawler/clew/links"
	"github.com/clew-crawler/clew/selector"
)

func ExampleCanonicalizer() {
	var c links.Canonicalizer
	url, err := c.Canonical("HTTP://Bücher.example:80/a/../%7elist?page=2&by=#top")
	fmt.Println(url, err)
	// Output: http://xn--bcher-kva.example/~list?by=&page=2 <nil>
}

func ExampleResolve() {
	url, err := links.Resolve("https://example.com/books/1.html", "../authors?b=2&a=1")
	fmt.Println(url, err)
	_, err = links.Resolve("https://example.com/", "mailto:someone@example.com")
	fmt.Println(errors.Is(err, links.ErrScheme))
	// Output:
	// https://example.com/authors?b=2&a=1 <nil>
	// true
}

func ExampleBase() {
	base, err := links.NewBase("https://example.com/books/")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, href := range []string{"1.html", "/about", "//example.org", "?page=2"} {
		url, err := base.Resolve(href)
		fmt.Println(url, err)
	}
	// Output:
	// https://example.com/books/1.html <nil>
	// https://example.com/about <nil>
	// https://example.org/ <nil>
	// https://example.com/books/?page=2 <nil>
}

func ExampleBase_Scope() {
	base, err := links.NewBase("https://example.com/books/1.html")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, href := range []string{"2.html", "/about", "https://example.org/", "?page=2"} {
		scope, ok := base.Scope(href)
		fmt.Printf("%s: %q %t\n", href, scope, ok)
	}
	// Output:
	// 2.html: "https://example.com/books/" true
	// /about: "https://example.com" true
	// https://example.org/: "" true
	// ?page=2: "" false
}

func ExampleOrigin() {
	origin, err := links.Origin("https://user:secret@Example.com:443/a")
	fmt.Println(origin, err)
	// Output: https://example.com <nil>
}

func ExampleDomainAllowed() {
	allowed := []string{"example.com", "localhost:8080"}
	fmt.Println(links.DomainAllowed("https://www.example.com/", allowed))
	fmt.Println(links.DomainAllowed("https://notexample.com/", allowed))
	fmt.Println(links.DomainAllowed("http://localhost:9090/", allowed))
	// Output:
	// true
	// false
	// false
}

func ExampleParseDomains() {
	_, err := links.ParseDomains([]string{"example.com", "*.example.org"})
	fmt.Println(err)
	// Output: parse domain "*.example.org": want a host name such as example.com
}

func ExampleRecipe() {
	recipe := links.Recipe{Headers: []string{"Accept-Language"}}
	fingerprint := func(language string) links.Fingerprint {
		f, err := recipe.Fingerprint(links.Identity{
			URL:    "https://example.com/",
			Header: http.Header{"Accept-Language": {language}},
		})
		if err != nil {
			fmt.Println(err)
		}
		return f
	}
	fmt.Println(recipe)
	fmt.Println(fingerprint("en") == fingerprint("fr"))
	// Output:
	// v1+headers(accept-language)
	// false
}

func ExampleExtractor() {
	page := selector.Parse([]byte(`
		<nav><a href="/">Home</a></nav>
		<main>
			<a href="/item/1">First <b>item</b></a>
			<a href="/item/1#reviews">Reviews</a>
			<a href="/item/2" rel="nofollow">Second</a>
			<a href="/item/2.pdf">Print</a>
		</main>`), "text/html", "https://example.com/list")
	extractor := links.Extractor{
		RestrictCSS: []string{"main"},
		Allow:       []*regexp.Regexp{regexp.MustCompile(`/item/\d+`)},
	}
	for _, link := range extractor.Extract(page) {
		fmt.Printf("%+v\n", link)
	}
	// Output:
	// {URL:https://example.com/item/1 Text:First item NoFollow:false}
	// {URL:https://example.com/item/2 Text:Second NoFollow:true}
}
