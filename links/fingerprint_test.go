package links

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func fingerprint(t *testing.T, r Recipe, id Identity) Fingerprint {
	t.Helper()
	f, err := r.Fingerprint(id)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFingerprintEquality(t *testing.T) {
	const form, js = "application/x-www-form-urlencoded", "application/json"
	get := Identity{URL: "https://e.com/a"}
	post := func(contentType, body string) Identity {
		return Identity{Method: "POST", URL: "https://e.com/a", ContentType: contentType, Body: []byte(body)}
	}
	tests := []struct {
		name string
		a, b Identity
		same bool
	}{
		{"GET is the default", get, Identity{Method: "get", URL: "HTTPS://E.com:443/a#x"}, true},
		{"method", get, Identity{Method: "HEAD", URL: "https://e.com/a"}, false},
		{"query order", Identity{URL: "https://e.com/?b&a"}, Identity{URL: "https://e.com/?a&b"}, true},
		{"query", get, Identity{URL: "https://e.com/a?page=2"}, false},
		{"user", get, Identity{URL: "https://u@e.com/a"}, false},
		{"session", get, Identity{URL: "https://e.com/a", Session: "browser"}, false},
		{"headers do not count", get, Identity{URL: "https://e.com/a", Header: http.Header{"Referer": {"x"}}}, true},
		{"fields do not run into each other", Identity{Method: "A", URL: get.URL, Session: "b", Body: []byte("c")}, Identity{Method: "A", URL: get.URL, Session: "bc"}, false},

		{"form order", post(form, "a=1&b=2"), post(form, "b=2&a=1"), true},
		{"form spelling", post(form, "a=x+y&&b=%7e"), post(form+"; charset=utf-8", "a=x%20y&b=~"), true},
		{"form blank value", post(form, "a"), post(form, "a="), true},
		{"form missing value", post(form, "a="), post(form, ""), false},
		{"form values of one key", post(form, "a=1&a=2"), post(form, "a=2&a=1"), false},
		{"form values of one key, other keys between", post(form, "a=1&b=3&a=2"), post(form, "a=1&a=2&b=3"), true},
		{"form escaped separators", post(form, "a=1%26b=2"), post(form, "a=1&b=2"), false},
		{"form and bytes", post(form, "a=1"), post("text/plain", "a=1"), false},
		{"form type from the header", post(form, "b&a"), Identity{Method: "POST", URL: get.URL, Header: http.Header{"Content-Type": {form}}, Body: []byte("a&b")}, true},
		{"bad parameter", post(form+"; =", "a=1&b=2"), post(form, "b=2&a=1"), true},

		{"json order and space", post(js, `{"a":1,"b":{"d":[1,2],"c":null}}`), post(js, " { \"b\" : { \"c\" :null, \"d\": [ 1 ,2] } ,\n\"a\":1 } "), true},
		{"json array order", post(js, `[1,2]`), post(js, `[2,1]`), false},
		{"json objects in arrays", post(js, `[{"a":1,"b":2}]`), post(js, `[{"b":2,"a":1}]`), true},
		{"json nesting", post(js, `[[1],2]`), post(js, `[[1,2]]`), false},
		{"json numbers are text", post(js, `1.0`), post(js, `1`), false},
		{"json long numbers", post(js, `9007199254740993`), post(js, `9007199254740992`), false},
		{"json number and string", post(js, `"1"`), post(js, `1`), false},
		{"json null and string", post(js, `"null"`), post(js, `null`), false},
		{"json escapes", post(js, `"\u0041\/<\n"`), post(js, `"A/\u003c\u000a"`), true},
		{"json escaped keys", post(js, `{"\u0062":1,"a":2}`), post(js, `{"a":2,"b":1}`), true},
		{"json half surrogates", post(js, `"\ud800"`), post(js, `"\ud801"`), false},
		{"json double keys", post(js, `{"a":1,"a":2}`), post(js, `{"a":2,"a":1}`), false},
		{"json lost double keys", post(js, `{"a":1,"a":2}`), post(js, `{"a":2}`), false},
		{"json quotes in strings", post(js, `["a\",\"b"]`), post(js, `["a","b"]`), false},
		{"json suffix", post("application/ld+json", `{"a":1,"b":2}`), post("application/ld+json", `{"b":2,"a":1}`), true},
		{"json empty object and array", post(js, `{}`), post(js, `[]`), false},
		{"broken json counts by bytes", post(js, `{"a":1,}`), post(js, `{"a":1, }`), false},
		{"broken json equals itself", post(js, `{"a":1,}`), post(js, `{"a":1,}`), true},
		{"json not in UTF-8", post(js, "\"\xff\""), post(js, "\"\xfe\""), false},
		{"other bodies count by bytes", post("text/plain", "b&a"), post("text/plain", "a&b"), false},
		{"no body, whatever its type", post(js, ""), post(form, ""), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := fingerprint(t, Recipe{}, tt.a), fingerprint(t, Recipe{}, tt.b)
			if (a == b) != tt.same {
				t.Errorf("same = %t, want %t", a == b, tt.same)
			}
		})
	}
}

func TestRecipes(t *testing.T) {
	plain := Identity{URL: "https://e.com/a"}
	fragment := Identity{URL: "https://e.com/a#b"}
	french := Identity{URL: "https://e.com/a", Header: http.Header{"Accept-Language": {"fr"}}}
	empty := Identity{URL: "https://e.com/a", Header: http.Header{"Accept-Language": {""}}}
	two := Identity{URL: "https://e.com/a", Header: http.Header{"Accept-Language": {"f", "r"}}}

	withFragment := Recipe{KeepFragment: true}
	if fingerprint(t, withFragment, plain) == fingerprint(t, withFragment, fragment) {
		t.Error("the fragment does not count though it should")
	}
	if fingerprint(t, Recipe{}, plain) != fingerprint(t, Recipe{}, fragment) {
		t.Error("the fragment counts though it should not")
	}
	byHeader := Recipe{Headers: []string{"X-A", "accept-language"}}
	seen := map[Fingerprint]bool{}
	for _, id := range []Identity{plain, french, empty, two} {
		seen[fingerprint(t, byHeader, id)] = true
	}
	if len(seen) != 4 {
		t.Errorf("4 different headers give %d fingerprints", len(seen))
	}
	other := Recipe{Headers: []string{"ACCEPT-LANGUAGE", "x-a", "X-A"}}
	if fingerprint(t, byHeader, french) != fingerprint(t, other, french) {
		t.Error("case and order of header names count")
	}
}

func TestRecipeString(t *testing.T) {
	tests := []struct {
		recipe Recipe
		want   string
	}{
		{Recipe{}, "v1"},
		{Recipe{KeepFragment: true}, "v1+fragment"},
		{Recipe{KeepFragment: true, Headers: []string{"X-A", "Accept", "x-a"}}, "v1+fragment+headers(accept,x-a)"},
	}
	for _, tt := range tests {
		if got := tt.recipe.String(); got != tt.want {
			t.Errorf("%+v is %q, want %q", tt.recipe, got, tt.want)
		}
	}
}

// A change here means that every crawl directory kept by users is void: raise
// recipeVersion.
func TestFingerprintsNeverChange(t *testing.T) {
	tests := []struct {
		recipe Recipe
		id     Identity
		want   string
	}{
		{Recipe{}, Identity{URL: "https://example.com/"}, "2d64ac153b218345c4dd4a08582733b9"},
		{Recipe{}, Identity{Method: "POST", URL: "https://example.com/?b=1&a=2", Session: "browser", ContentType: "application/json", Body: []byte(`{"b":[1.0,"x"],"a":null}`)}, "2cb9a13ea32b3c6d67d3c4534305b610"},
		{
			Recipe{KeepFragment: true, Headers: []string{"Accept"}},
			Identity{Method: "POST", URL: "https://example.com/#top", ContentType: "application/x-www-form-urlencoded", Body: []byte("b=1&a=2"), Header: http.Header{"Accept": {"text/html"}}},
			"5a1b0a415f9b40e698351339ebc8810d",
		},
	}
	for _, tt := range tests {
		f := fingerprint(t, tt.recipe, tt.id)
		if got := hex.EncodeToString(f[:]); got != tt.want {
			t.Errorf("fingerprint of %+v by %v = %s, want %s", tt.id, tt.recipe, got, tt.want)
		}
	}
}

func TestFingerprintRefusesBadURLs(t *testing.T) {
	if _, err := (Recipe{}).Fingerprint(Identity{URL: "mailto:a@e.com"}); !errors.Is(err, ErrScheme) {
		t.Errorf("err = %v, want ErrScheme", err)
	}
}

func quote(t *testing.T, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func FuzzFingerprintOfPermutedKeys(f *testing.F) {
	f.Add("a", "1", "b", "2", "ü", "", uint64(1))
	f.Add("a&b", "=", "%", "+", "\x00", "\"", uint64(2))
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3 string, seed uint64) {
		garbled := func(s string) bool { return !utf8.ValidString(s) }
		if k1 == k2 || k2 == k3 || k1 == k3 || slices.ContainsFunc([]string{k1, k2, k3, v1, v2, v3}, garbled) {
			return // the order of equal keys counts, and other bytes are replaced
		}
		pairs := [][2]string{{k1, v1}, {k2, v2}, {k3, v3}}
		build := func() (form, js, query string) {
			var f, j []string
			for _, p := range pairs {
				f = append(f, url.QueryEscape(p[0])+"="+url.QueryEscape(p[1]))
				j = append(j, quote(t, p[0])+":"+quote(t, p[1]))
			}
			return strings.Join(f, "&"), "{" + strings.Join(j, ",") + "}", "https://e.com/?" + strings.Join(f, "&")
		}
		form, js, query := build()
		rand.New(rand.NewPCG(seed, 0)).Shuffle(3, func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		form2, js2, query2 := build()
		for _, tt := range []struct {
			name string
			a, b Identity
		}{
			{"form", Identity{URL: "https://e.com/", ContentType: "application/x-www-form-urlencoded", Body: []byte(form)}, Identity{URL: "https://e.com/", ContentType: "application/x-www-form-urlencoded", Body: []byte(form2)}},
			{"json", Identity{URL: "https://e.com/", ContentType: "application/json", Body: []byte(js)}, Identity{URL: "https://e.com/", ContentType: "application/json", Body: []byte(js2)}},
			{"query", Identity{URL: query}, Identity{URL: query2}},
		} {
			if fingerprint(t, Recipe{}, tt.a) != fingerprint(t, Recipe{}, tt.b) {
				t.Errorf("%s: order counts in %q", tt.name, pairs)
			}
		}
	})
}

// FuzzBody holds that white space between the parts of a JSON document does not
// count, and that no body at all is too strange to be one.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\ud800"}],"a":"\\\""}`), "application/json")
	f.Add([]byte("a=%&b=+&&=c"), "application/x-www-form-urlencoded; q")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		id := Identity{URL: "https://e.com/", Body: body, ContentType: contentType}
		tight := fingerprint(t, Recipe{}, id)
		var indented bytes.Buffer
		if mediaTypeOf(contentType) != "application/json" || !utf8.Valid(body) || json.Indent(&indented, body, "\r\n", "\t ") != nil {
			return
		}
		id.Body = indented.Bytes()
		if tight != fingerprint(t, Recipe{}, id) {
			t.Errorf("%q and %q have two fingerprints", body, id.Body)
		}
	})
}
