package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clew-crawler/clew/selector"
)

// otherWork is what a page takes of the processor beside its fetch and its tree in the mode
// limitWork.
const otherWork = 50 * time.Microsecond

// fetchAll is what any crawler on net/http and Clew's page tree has to do at least: it
// gets every page of a job's site over connections that are kept, parses it, and keeps
// nothing. It knows the addresses and follows no link. The mode says what else it does.
func fetchAll(first, mode, jobName string) error {
	j, err := jobNamed(jobName)
	if err != nil {
		return err
	}
	u, err := url.Parse(first)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: concurrency, MaxIdleConns: 2 * concurrency}
	defer transport.CloseIdleConnections()
	workers := concurrency
	if j.chain {
		workers = 1 // a page is known by the one before it
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, workers)
	for i := range errs {
		wait.Go(func() {
			var body bytes.Buffer
			for errs[i] == nil {
				page := int(next.Add(1) - 1)
				var more bool
				if more, errs[i] = fetchOne(transport, j.url(page, port), mode, &body); !more {
					return
				}
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// fetchOne gets and parses a page; more is false behind the last one.
func fetchOne(transport *http.Transport, url, mode string, body *bytes.Buffer) (more bool, err error) {
	req, err := http.NewRequest(http.MethodGet, url, nil) //nolint:noctx // the process is killed at its end
	if err != nil {
		return false, err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return false, err
	}
	body.Reset()
	_, err = body.ReadFrom(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode == http.StatusNotFound {
		return false, err
	}
	page := selector.Parse(body.Bytes(), res.Header.Get("Content-Type"), url)
	defer page.Close()
	if page.CSS("title").Len() == 0 {
		return false, fmt.Errorf("%s is no page", url)
	}
	switch mode {
	case limitSelect:
		for q := range page.CSS("div.quote").All() {
			_ = entry{q.CSS("span.text::text").Get(), q.CSS("small.author::text").Get()}
		}
		page.CSS("ul.nav a::attr(href)").GetAll()
	case limitWork:
		for begin := time.Now(); time.Since(begin) < otherWork; {
		}
	}
	return true, nil
}
