package clew

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/clew-crawler/clew/store/pebblestore"
)

// damageFiles reads every file below the crawl directory.
func damageFiles(t *testing.T, fs vfs.FS, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		info, err := fs.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			maps.Copy(files, damageFiles(t, fs, path))
			continue
		}
		f, err := fs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		files[path] = data
	}
	return files
}

func damageWrite(t *testing.T, fs vfs.FS, path string, data []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(bytes.Clone(data)) // the file may keep or change what it is given
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestRefusals checks the directories that a spider must not run in.
func TestRefusals(t *testing.T) {
	ctx := t.Context()
	paused := func(change func(*Spider)) *vfs.MemFS {
		disk := vfs.NewCrashableMem()
		spider := fastSpider(newFaultServer(false))
		spider.Sessions["second"] = newFaultServer(false)
		spider.Handlers = map[string]Handler{"other": spider.Parse}
		change(spider)
		if r, err := Run(ctx, spider, faultFS(disk), MaxPages(1)); err != nil || r.Status != Paused {
			t.Fatalf("pause: %v, %v", r, err)
		}
		return disk
	}
	follow := func(opt func(*Request)) func(*Spider) {
		return func(s *Spider) {
			s.Parse = func(_ context.Context, _ *Response, out *Output) error {
				out.Follow("/login", opt)
				out.Follow("/p9", opt)
				return nil
			}
		}
	}
	for _, c := range []struct {
		name    string
		disk    *vfs.MemFS
		change  func(*Spider)
		want    error
		says    []string
		lenient bool // goes on with Lenient
	}{
		{
			name: "another spider", disk: paused(func(*Spider) {}), change: func(s *Spider) { s.Name = "stranger" },
			want: ErrMismatch, says: []string{`"faults"`, `"stranger"`, "Fresh"},
		},
		{
			name: "no handler", disk: paused(follow(func(r *Request) { r.Handler = "other" })), change: func(*Spider) {},
			want: ErrMismatch, says: []string{`handler "other" (2 requests)`, "Aliases", "Lenient"}, lenient: true,
		},
		{
			name: "no session", disk: paused(follow(func(r *Request) { r.Session = "second" })), change: func(*Spider) {},
			want: ErrMismatch, says: []string{`session "second" (2 requests)`, "Lenient"}, lenient: true,
		},
		{
			name: "another recipe", disk: paused(func(*Spider) {}), change: func(s *Spider) { s.KeepFragment = true },
			want: ErrMismatch, says: []string{"fingerprints", "Lenient"}, lenient: true,
		},
		{
			name: "newer format", change: func(*Spider) {}, want: ErrNewerFormat, says: []string{"format 99"},
			disk: func() *vfs.MemFS {
				disk := paused(func(*Spider) {})
				dir, err := pebblestore.OpenDirectoryFS(disk, faultDir, "faults")
				if err == nil {
					err = errors.Join(dir.SetIdentity(pebblestore.Identity{Format: 99, Spider: "faults"}), dir.Close())
				}
				if err != nil {
					t.Fatal(err)
				}
				return disk
			}(),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			spider := fastSpider(newFaultServer(false))
			c.change(spider)
			before := damageFiles(t, c.disk, faultDir)
			_, err := Run(ctx, spider, faultFS(c.disk))
			if !errors.Is(err, c.want) || errors.Is(err, ErrDamaged) {
				t.Fatalf("refused with %v", err)
			}
			for _, text := range c.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the refusal does not say %s: %v", text, err)
				}
			}
			after := damageFiles(t, c.disk, faultDir)
			for _, name := range []string{"/crawl.json", "/items.jsonl"} {
				if !bytes.Equal(before[faultDir+name], after[faultDir+name]) {
					t.Errorf("%s was changed", name)
				}
			}
			r, err := Run(ctx, spider, faultFS(c.disk), Lenient())
			if ok := err == nil && r.Status == Finished && r.Stats.Failed == 0; ok != c.lenient {
				t.Errorf("with Lenient: %v, %v", r, err)
			}
		})
	}
}

// TestTwoOpens opens a directory twice, in one process and in two.
func TestTwoOpens(t *testing.T) {
	dir := t.TempDir() + "/crawl"
	if theirs := os.Getenv("CLEW_TEST_SECOND_OPEN"); theirs != "" {
		_, err := Open(fastSpider(newFaultServer(false)), CrawlDir(theirs))
		fmt.Println(errors.Is(err, ErrInUse), err)
		return
	}
	c, err := Open(fastSpider(newFaultServer(false)), CrawlDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	check := func(who, said string, ok bool) {
		t.Helper()
		for _, text := range []string{dir, fmt.Sprintf("process %d", os.Getpid()), `spider "faults"`} {
			if !ok || !strings.Contains(said, text) {
				t.Errorf("%s was told %q, without %q", who, said, text)
			}
		}
	}
	_, err = Open(fastSpider(newFaultServer(false)), CrawlDir(dir))
	check("the same process", fmt.Sprint(err), errors.Is(err, ErrInUse))
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTwoOpens$")
	cmd.Env = append(os.Environ(), "CLEW_TEST_SECOND_OPEN="+dir)
	out, err := cmd.CombinedOutput()
	check("another process", fmt.Sprint(string(out), err), strings.HasPrefix(string(out), "true"))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), fastSpider(newFaultServer(false)), CrawlDir(dir))
	if err != nil || r.Status != Finished {
		t.Errorf("after the first was closed: %v, %v", r, err)
	}
}

// TestLateDamage damages a part of the frontier that is read long after it was
// opened: that run fails, and the next one sets the crawl aside.
func TestLateDamage(t *testing.T) {
	spider := func() *Spider {
		s := fastSpider(newFaultServer(false))
		for i := range 5000 {
			s.StartURLs = append(s.StartURLs, fmt.Sprintf("http://site.test/x%d", i))
		}
		return s
	}
	disk := vfs.NewCrashableMem()
	if _, err := Run(t.Context(), spider(), faultFS(disk), MaxPages(1)); err != nil {
		t.Fatal(err)
	}
	for path, data := range damageFiles(t, disk, faultDir) {
		if strings.HasSuffix(path, ".sst") {
			data[len(data)/3] ^= 0x10
			damageWrite(t, disk, path, data)
		}
	}
	if _, err := Run(t.Context(), spider(), faultFS(disk)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("the run that meets the damage: %v", err)
	}
	disk = disk.CrashClone(vfs.CrashCloneCfg{}) // another process: this one keeps the lock
	if _, err := Run(t.Context(), spider(), faultFS(disk), OnDamage(Refuse)); !errors.Is(err, ErrDamaged) {
		t.Errorf("with Refuse: %v", err)
	}
	r, err := Run(t.Context(), spider(), faultFS(disk))
	if err != nil || r.Status != Finished || r.Stats.Pages != 5033 {
		t.Errorf("the next run: %v, %v", r, err)
	}
	if names, err := disk.List(faultDir); err != nil || !slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, "-damaged") }) {
		t.Errorf("the directory holds %v, error %v", names, err)
	}
}
