package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"

	"github.com/clew-crawler/clew/fetch"
)

func ExampleHTTP_Fetch() {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<h1>Labyrinth</h1>")
	}))
	defer site.Close()

	session, err := fetch.NewHTTP(fetch.HTTPOptions{UserAgent: "theseus/1.0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()

	res, err := session.Fetch(context.Background(), &fetch.Request{URL: site.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Status, string(res.Body))
	// Output: 200 <h1>Labyrinth</h1>
}

// A failure says whose fault it is, which is all a retry policy needs.
func ExampleError() {
	session, err := fetch.NewHTTP(fetch.HTTPOptions{DenyPrivateNetworks: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()

	_, err = session.Fetch(context.Background(), &fetch.Request{URL: "http://ariadne:thread@169.254.169.254/latest"})
	if fault, ok := errors.AsType[*fetch.Error](err); ok {
		fmt.Println(fault.Kind, fault.Retryable(), fault.HostDown())
		fmt.Println(fault.URL)
	}
	// Output:
	// denied false false
	// http://xxxxx@169.254.169.254/latest
}

// All faults of the options come at once, without the passwords in them.
func ExampleNewHTTP() {
	_, err := fetch.NewHTTP(fetch.HTTPOptions{
		Timeout: -1,
		Proxies: []string{"http://proxy.example:8080", "ftp://user:secret@proxy.example"},
	})
	fmt.Println(err)
	// Output:
	// Timeout: is negative
	// Proxies: number 2: scheme "ftp" is not http, https, socks5 or socks5h
}

// A login outlives the process: what changed is kept, and restored in the next.
func ExampleKeeper() {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("session"); err != nil {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "42"})
			fmt.Fprint(w, "logged in")
			return
		}
		fmt.Fprint(w, "welcome back")
	}))
	defer site.Close()

	visit := func(kept map[string][]byte) {
		session, err := fetch.NewHTTP(fetch.HTTPOptions{})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer session.Close()
		if err := session.Restore(recordsOf(kept)); err != nil {
			fmt.Println(err)
			return
		}
		res, err := session.Fetch(context.Background(), &fetch.Request{URL: site.URL})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(res.Body))
		for _, record := range session.Changed() {
			kept[record.Key] = record.Value
		}
	}

	kept := make(map[string][]byte)
	visit(kept)
	visit(kept)
	// Output:
	// logged in
	// welcome back
}

func recordsOf(kept map[string][]byte) iter.Seq2[fetch.Record, error] {
	return func(yield func(fetch.Record, error) bool) {
		for key, value := range kept {
			if !yield(fetch.Record{Key: key, Value: value}, nil) {
				return
			}
		}
	}
}
