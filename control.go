package clew

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clew-crawler/clew/store/pebblestore"
)

// Files through which other processes see a crawl that runs.
const (
	statusName = "status.json"
	socketName = "control.sock"
)

const (
	statusEvery    = 2 * time.Second
	controlTimeout = 5 * time.Second
	// controlPatience is how long the end of a run waits for answers under way.
	controlPatience = time.Second
	maxSocketPath   = 100 // what a socket's address holds on every system
)

// control answers questions about a running crawl on a private socket, and keeps
// the status file.
type control struct {
	crawl    *Crawl
	engine   *engine
	server   *http.Server
	socket   string
	tmp      string          // folder of the socket, if the crawl directory's path is too long
	asked    context.Context //nolint:containedctx // of all that is asked; cancelled at the end
	stop     chan struct{}
	finished chan struct{}
}

// serve starts the control of a crawl; the function that it returns ends it. A
// crawl that cannot be controlled runs all the same.
func (c *Crawl) serve(e *engine) func() {
	if c.on.dir == nil || c.opts.fs != nil {
		return func() {}
	}
	k := &control{crawl: c, engine: e, stop: make(chan struct{}), finished: make(chan struct{}, 2)}
	var giveUp func()
	k.asked, giveUp = context.WithCancel(context.Background())
	listener, err := k.listen()
	if err != nil {
		e.log.Warn("no control socket: the crawl cannot be asked or paused from outside", "error", err)
	}
	goroutines := 1
	go k.keepStatus()
	if listener != nil {
		goroutines++
		k.server = &http.Server{
			Handler: k.routes(), ReadHeaderTimeout: controlTimeout,
			BaseContext: func(net.Listener) context.Context { return k.asked },
		}
		go func() {
			if err := k.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				e.log.Warn("control socket failed", "error", err)
			}
			k.finished <- struct{}{}
		}()
	}
	return func() {
		close(k.stop)
		giveUp()
		if k.server != nil {
			k.shutDown()
		}
		for range goroutines {
			<-k.finished
		}
		k.remove()
	}
}

// shutDown ends what is being answered, which has been told. Whoever was asking reads
// the directory, once it is free.
func (k *control) shutDown() {
	ctx, cancel := context.WithTimeout(context.Background(), controlPatience)
	defer cancel()
	if k.server.Shutdown(ctx) != nil {
		_ = k.server.Close() // somebody does not read what was asked for
	}
}

// listen opens the socket. The directory's lock is held, so an old one is stale.
func (k *control) listen() (net.Listener, error) {
	k.socket = filepath.Join(k.crawl.on.dir.Path(), socketName)
	if len(k.socket) > maxSocketPath {
		tmp, err := os.MkdirTemp("", "clew-")
		if err != nil {
			return nil, err
		}
		k.tmp, k.socket = tmp, filepath.Join(tmp, socketName)
		_ = os.Remove(filepath.Join(k.crawl.on.dir.Path(), socketName)) // of when the path was shorter
	}
	if err := os.Remove(k.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "unix", k.socket)
	if err != nil {
		return nil, err
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // see remove
	}
	return l, os.Chmod(k.socket, 0o600)
}

// remove removes the socket, unless another process's may stand in its place.
func (k *control) remove() {
	if k.tmp == "" && k.crawl.on.dir.Held() != nil {
		return
	}
	for _, path := range []string{k.socket, k.tmp} {
		if path != "" {
			_ = os.Remove(path) // a stale one is replaced by the next run
		}
	}
}

func (k *control) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(k.inspection(true)); err != nil {
			k.engine.log.Debug("status not sent", "error", err)
		}
	})
	mux.HandleFunc("POST /pause", func(w http.ResponseWriter, _ *http.Request) {
		k.crawl.stopper.again("asked to pause from outside")
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("GET /list", k.list)
	mux.HandleFunc("POST "+snapshotPath, k.snapshot)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !k.isAbout(r.Header.Get(dirHeader)) {
			http.Error(w, "another directory's crawl runs here", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isAbout reports whether a directory is that of the crawl: whoever asks may have found
// the socket's name in one that was copied or renamed.
func (k *control) isAbout(dir string) bool {
	if dir == "" {
		return true
	}
	asked, err := os.Stat(dir) //nolint:gosec // of somebody who may open the socket
	mine, merr := os.Stat(k.crawl.on.dir.Path())
	return err == nil && merr == nil && os.SameFile(asked, mine)
}

// list streams the entries of a kind, one JSON object a line.
func (k *control) list(w http.ResponseWriter, r *http.Request) {
	store, ok := k.crawl.on.store.(*pebblestore.Store)
	kind := r.FormValue("kind")
	if !ok || !slices.Contains(entryKinds(), kind) {
		http.Error(w, fmt.Sprintf("this version of Clew has no kind %q", kind), http.StatusBadRequest)
		return
	}
	length := k.engine.frontier.Saved().ItemBytes
	source := entrySource{store: store, items: func() (io.ReadCloser, error) { return store.ReadItems(0, length) }}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	last := listLine{End: true}
	for e, err := range source.entries(r.Context(), kind) {
		if err != nil {
			last = listLine{Error: err.Error()}
			break
		}
		if enc.Encode(listLine{Entry: &e}) != nil {
			return // whoever asked has gone
		}
	}
	if err := enc.Encode(last); err != nil {
		k.engine.log.Debug("list not sent", "error", err)
	}
}

// dirHeader names the crawl directory that is asked about, if the socket is not in it.
const dirHeader = "Clew-Directory"

// snapshotPath is where a snapshot is asked for.
const snapshotPath = "/snapshot"

// snapshot copies the crawl to a path on this machine.
func (k *control) snapshot(w http.ResponseWriter, r *http.Request) {
	store, ok := k.crawl.on.store.(*pebblestore.Store)
	if !ok {
		http.Error(w, "this crawl is not kept in its directory", http.StatusBadRequest)
		return
	}
	dest := r.FormValue("dest")
	begin := time.Now()
	switch err := k.crawl.on.dir.Snapshot(r.Context(), store, dest); {
	case err != nil && r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the run ends, and whoever asked tries again; or has gone
	case err != nil:
		http.Error(w, err.Error(), http.StatusConflict)
	default:
		k.engine.log.Info("snapshot made", "dest", dest, "took", time.Since(begin).Round(time.Millisecond))
	}
}

// inspection is the state of the running crawl.
func (k *control) inspection(failures bool) *Inspection {
	i := &Inspection{
		Dir: k.crawl.on.dir.Path(), Spider: k.crawl.spider.Name, State: StateRunning, PID: os.Getpid(),
		Socket: k.socket, Updated: time.Now().UTC(), Stats: k.engine.stats.crawl(), Reason: k.crawl.stopper.why(),
		Down: k.engine.hosts.unreachable(),
	}
	books := k.engine.frontier.Books()
	i.count(&books, k.engine.frontier.Leases())
	if i.Reason != "" {
		i.State = StatePausing
	}
	if !failures {
		return i
	}
	for t, err := range k.engine.frontier.FailedTasks(context.Background()) {
		if err != nil || len(i.Failures) == maxFailures {
			break
		}
		i.Failures = append(i.Failures, failure(&t).public())
	}
	return i
}

// unreachable is the number of hosts that cannot be reached now.
func (h *hostHealth) unreachable() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.down)
}

// keepStatus writes the status file now and then.
func (k *control) keepStatus() {
	defer func() { k.finished <- struct{}{} }()
	ticker := time.NewTicker(statusEvery)
	defer ticker.Stop()
	for warned := false; ; {
		if err := k.crawl.writeStatus(k.inspection(false)); err != nil && !warned {
			k.engine.log.Warn("status file not written", "error", err)
			warned = true
		}
		select {
		case <-ticker.C:
		case <-k.stop:
			return
		}
	}
}

// lastStatus leaves the status file as the run ended.
func (c *Crawl) lastStatus(r *Result, state CrawlState) {
	if c.on.dir == nil || c.opts.fs != nil {
		return
	}
	err := c.writeStatus(&Inspection{
		Dir: c.on.dir.Path(), Spider: c.spider.Name, State: state, Reason: r.Reason,
		Updated: time.Now().UTC(), Stats: r.Stats,
	})
	if err != nil {
		c.log.Warn("status file not written", "error", err)
	}
}

// writeStatus replaces the status file. It is news, not state, so it is not synced.
func (c *Crawl) writeStatus(i *Inspection) error {
	if err := c.on.dir.Held(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(i.Dir, statusName)
	if err := os.WriteFile(path+".tmp", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// ask sends a request to the process that runs a directory's crawl, and returns its
// answer. A copy of the crawl takes as long as it takes; other answers come at once.
func ask(ctx context.Context, dir, method, path string) ([]byte, error) {
	if !strings.HasPrefix(path, snapshotPath) {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, controlTimeout)
		defer cancel()
	}
	body, err := askStream(ctx, dir, method, path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("ask the crawl in %s: %w", dir, err)
	}
	return data, nil
}

// askStream is ask for an answer that is read as it comes.
func askStream(ctx context.Context, dir, method, path string) (io.ReadCloser, error) {
	socket, about := filepath.Join(dir, socketName), ""
	if _, err := os.Stat(socket); err != nil { // the path is too long for one, or nobody runs the crawl
		var last Inspection
		data, err := os.ReadFile(filepath.Join(dir, statusName)) //nolint:gosec // the user's own directory
		if err == nil && json.Unmarshal(data, &last) == nil && last.Socket != "" {
			socket = last.Socket // another's, if the directory was copied or renamed
		}
		if about, err = filepath.Abs(dir); err != nil {
			return nil, fmt.Errorf("ask the crawl in %s: %w", dir, err)
		}
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://clew"+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(dirHeader, about)
	resp, err := client.Do(req)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("ask the crawl in %s: %w", dir, context.Cause(ctx))
	case err != nil:
		return nil, fmt.Errorf("%w: no process answers for %s", ErrNotRunning, dir)
	case resp.StatusCode == http.StatusMisdirectedRequest:
		return nil, errors.Join(fmt.Errorf("%w: no process answers for %s", ErrNotRunning, dir), resp.Body.Close())
	case resp.StatusCode >= http.StatusMultipleChoices:
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		why := errors.New(strings.TrimSpace(string(text)))
		return nil, fmt.Errorf("ask the crawl in %s: %w", dir, errors.Join(why, err, resp.Body.Close()))
	}
	return resp.Body, nil
}

// How long a process is waited for that has the directory and does not answer: it is
// just beginning or ending a run.
const (
	inUsePatience = 5 * time.Second
	inUsePoll     = 50 * time.Millisecond
)

// eitherWay asks the process that runs a crawl, or reads its directory if none does.
func eitherWay(ctx context.Context, running, stopped func() error) error {
	ticker := time.NewTicker(inUsePoll)
	defer ticker.Stop()
	for begun := time.Now(); ; {
		err := running()
		if errors.Is(err, ErrNotRunning) {
			err = stopped()
		}
		if !errors.Is(err, ErrInUse) || time.Since(begun) > inUsePatience {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// maxRefusal bounds what is read of why the running process refuses.
const maxRefusal = 64 << 10

// RequestPause asks the process that runs the crawl of a directory to pause it, as
// [Crawl.Pause] does. It does not wait for that. If none runs it, the error is
// [ErrNotRunning].
func RequestPause(ctx context.Context, dir string) error {
	if err := mustHoldCrawl(dir); err != nil {
		return err
	}
	_, err := ask(ctx, dir, http.MethodPost, "/pause")
	return err
}

func mustHoldCrawl(dir string) error {
	if _, found, err := pebblestore.ReadIdentity(dir); err != nil {
		return err
	} else if !found {
		return fmt.Errorf("%w: %s has no crawl.json", ErrNoCrawl, dir)
	}
	return nil
}
