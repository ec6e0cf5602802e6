package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestHandleOutsideOfACrawl(t *testing.T) {
	var seen *Response
	var kept *Output
	s := &Spider{
		Name: "handle", StartURLs: []string{conHost}, Logger: slog.New(slog.DiscardHandler),
		OnItem: func(_ context.Context, item any) (any, error) {
			if item == "drop" {
				return nil, nil
			}
			return item, nil
		},
		Parse: func(_ context.Context, page *Response, out *Output) error {
			seen, kept = page, out
			var n int
			if known, err := out.State("n", &n); err != nil || !known {
				return fmt.Errorf("state: %v, %w", known, err)
			}
			out.Item(n)
			out.Item("drop")
			out.ItemOnce("k", 1)
			out.ItemOnce("k", 2)
			Update(out, "n", func(old int) int { return old + 1 })
			Update(out, "n", func(old int) int { return old * 10 })
			out.Count("c", 3)
			out.Log().Info("read")
			return nil
		},
	}
	page := &Response{URL: conHost + "/x", Depth: 2}
	state := map[string]json.RawMessage{"n": json.RawMessage("4")}
	c, err := s.Handle(t.Context(), page, state)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s %v %s %d", c.Items, c.Counts, c.State, c.Dropped); got != "[4 1 2] map[c:3] map[n:50] 1" {
		t.Errorf("contents %s", got)
	}
	if string(state["n"]) != "4" || page.Request != nil {
		t.Error("what was given was changed")
	}
	if seen.Status != http.StatusOK || seen.Request == nil || seen.Request.URL != page.URL || seen.Depth != 2 {
		t.Errorf("the handler saw %+v", seen)
	}
	kept.Item("late")
	if c, err := kept.Contents(); err != nil || len(c.Items) != 3 {
		t.Errorf("an item after the end: %+v, %v", c, err)
	}
}

func TestHandleRefuses(t *testing.T) {
	good := Spider{Name: "handle", StartURLs: []string{conHost}, Parse: func(context.Context, *Response, *Output) error { return nil }}
	tests := map[string]struct {
		spider Spider
		page   *Response
		want   string
	}{
		"an invalid spider": {Spider{}, &Response{URL: conHost}, "Name"},
		"no page":           {good, nil, "there is none"},
		"no URL":            {good, &Response{}, "URL"},
		"no such handler":   {good, &Response{URL: conHost, Request: &Request{URL: conHost, Handler: "x"}}, `"x" is not registered`},
		"bad request":       {good, &Response{URL: conHost, Request: &Request{URL: conHost, JSON: make(chan int)}}, "JSON"},
	}
	for name, test := range tests {
		if c, err := test.spider.Handle(t.Context(), test.page, nil); err == nil || c != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %+v, %v; want %q", name, c, err, test.want)
		}
	}
}

// A failure keeps its type, so that tests can ask for it.
func TestHandleKeepsErrors(t *testing.T) {
	own := errors.New("own")
	s := &Spider{Name: "handle", StartURLs: []string{conHost}, Parse: func(context.Context, *Response, *Output) error { return own }}
	if _, err := s.Handle(t.Context(), &Response{URL: conHost}, nil); !errors.Is(err, own) {
		t.Errorf("error %v", err)
	}
}

// Contents gives copies: whoever wraps a handler cannot change what it said.
func TestContentsAreCopies(t *testing.T) {
	s := &Spider{Name: "handle", StartURLs: []string{conHost}, Parse: func(_ context.Context, _ *Response, out *Output) error {
		out.Item("item")
		out.Count("c", 1)
		c, err := out.Contents()
		if err != nil {
			return err
		}
		copy(c.Items[0], "XXXXXX")
		c.Counts["c"] = 9
		return nil
	}}
	c, err := s.Handle(t.Context(), &Response{URL: conHost}, nil)
	if err != nil || string(c.Items[0]) != `"item"` || c.Counts["c"] != 1 {
		t.Errorf("contents %+v, %v", c, err)
	}
}
