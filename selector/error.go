package selector

import (
	"errors"
	"fmt"
	"path"
	"reflect"
	"runtime"
	"strings"
)

// errBudget says that a query was abandoned because it did too much work.
var errBudget = errors.New("too much work for this page")

// QueryError is a query that could not be answered because of the query, not
// because of the page. [Document.Err] returns it.
type QueryError struct {
	Op       string // "parse" or "evaluate"
	Language string // "CSS selector", "XPath" or "regular expression"
	Query    string
	Offset   int    // byte in Query where the fault was found, -1 if not known
	File     string // source file of the caller, "" if not known
	Line     int
	Err      error
}

// Error gives the place in the caller's source, the query and the cause.
func (e *QueryError) Error() string {
	var b strings.Builder
	if e.File != "" {
		fmt.Fprintf(&b, "%s:%d: ", path.Base(e.File), e.Line)
	}
	fmt.Fprintf(&b, "%s %s %q", e.Op, e.Language, e.Query)
	if e.Offset >= 0 {
		fmt.Fprintf(&b, " at offset %d", e.Offset)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

// Unwrap returns the cause.
func (e *QueryError) Unwrap() error { return e.Err }

// syntaxError is a fault at a known place of a query.
type syntaxError struct {
	offset int
	msg    string
}

func (e *syntaxError) Error() string { return e.msg }

// fail records the first query that could not be answered.
func (d *Document) fail(op, language, query string, err error) {
	if d.err != nil {
		return
	}
	query = strings.Clone(query) // the error outlives the page, of which the query may be a view
	e := &QueryError{Op: op, Language: language, Query: query, Offset: -1, Err: err}
	if at, ok := errors.AsType[*syntaxError](err); ok {
		e.Offset = at.offset
	}
	e.File, e.Line = caller()
	d.err = e
}

// caller finds the source line that made the query: the first one that is
// neither in this package nor in its parent, which passes queries on.
func caller() (file string, line int) {
	self := reflect.TypeFor[Document]().PkgPath()
	parent := path.Dir(self)
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		inside := strings.HasPrefix(f.Function, self+".") || strings.HasPrefix(f.Function, parent+".")
		if f.Function != "" && (!inside || strings.HasSuffix(f.File, "_test.go")) {
			return f.File, f.Line
		}
		if !more {
			return "", 0
		}
	}
}
