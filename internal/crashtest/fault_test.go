package crashtest

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/clew-crawler/clew"
)

// fail panics if the order says so: in this hook, on this page.
func (s *script) fail(hook, path string) {
	if s.Fault == "panic in "+hook && path == s.On {
		panic("scripted panic")
	}
}

// breakHooks adds the hooks that an ordinary crawl does without, if they are to break.
func (s *script) breakHooks(sp *clew.Spider) {
	switch s.Fault {
	case "panic in OnClose":
		sp.OnClose = func(context.Context, *clew.Result) error { panic("scripted panic") }
	case "panic in OnError":
		sp.OnError = func(context.Context, *clew.Request, error) { panic("scripted panic") }
	case "panic in IsBlocked":
		sp.IsBlocked = func(_ context.Context, page *clew.Response) bool {
			s.failAt("IsBlocked", page.URL)
			return false
		}
	case "panic in OnBlocked":
		sp.IsBlocked = func(_ context.Context, page *clew.Response) bool {
			path, err := canonicalPath(page.URL)
			return err == nil && path == s.On
		}
		sp.OnBlocked = func(_ context.Context, page *clew.Response, _ *clew.Request) { s.failAt("OnBlocked", page.URL) }
	case "death in IsBlocked":
		sp.IsBlocked = func(_ context.Context, page *clew.Response) bool {
			if path, err := canonicalPath(page.URL); err == nil && path == s.On {
				os.Exit(exitOfFault)
			}
			return false
		}
	}
}

func (s *script) failAt(hook, rawURL string) {
	if path, err := canonicalPath(rawURL); err == nil {
		s.fail(hook, path)
	}
}

// commitFault does to a page what the order says.
func (s *script) commitFault(ctx context.Context, path string, out *clew.Output) error {
	if path != s.On {
		return nil
	}
	switch s.Fault {
	case "error":
		out.ItemKind("page", pageItem{Path: "never to be seen"})
		return errScripted
	case "panic in handler":
		out.ItemKind("page", pageItem{Path: "never to be seen"})
		panic("scripted panic")
	case "panic in MarshalJSON":
		out.Item(unwilling{})
	case "cancel":
		s.cancel(errScripted)
	case "patient":
		if err := s.say.Encode(told{Event: "waiting"}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	case "stuck":
		if err := s.say.Encode(told{Event: "waiting"}); err != nil {
			return err
		}
		select {}
	case "exit":
		os.Exit(exitOfFault)
	case "kill":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "stack overflow":
		debug.SetMaxStack(1 << 20)
		return fmt.Errorf("%d", deeper(1))
	case "concurrent map write":
		writeConcurrently()
	}
	return nil
}

// unwilling does not let itself be encoded.
type unwilling struct{}

func (unwilling) MarshalJSON() ([]byte, error) { panic("scripted panic") }

// deeper never comes back up.
func deeper(n int) int {
	if n == 0 {
		return 0
	}
	return deeper(n+1) + n
}

// writeConcurrently lets goroutines race for a map until the runtime ends the process.
func writeConcurrently() {
	m := map[int]int{}
	for range 4 {
		go func() {
			for i := 0; ; i++ {
				m[i%8] = i
			}
		}()
	}
	select {}
}
