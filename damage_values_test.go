package clew

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestDamagedValues turns single bytes of a table that holds nearly nothing but values:
// what Salvage calls sound, Check finds nothing in.
func TestDamagedValues(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crawl")
	s := conSpider(conPages(map[string]string{conHost + "/": conLinks("/1"), conHost + "/1": ""}))
	parse := s.Parse
	s.Parse = func(ctx context.Context, page *Response, out *Output) error {
		for i := range 200 {
			Update(out, fmt.Sprint(i), func(string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i)})) })
		}
		return parse(ctx, page, out)
	}
	conRun(t, s, CrawlDir(dir), MaxPages(1))
	tables, err := filepath.Glob(filepath.Join(dir, "frontier", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	for _, table := range tables {
		sound, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for at := 100; at < len(sound); at += 1000 {
			data := slices.Clone(sound)
			data[at] ^= 1
			copied := filepath.Join(t.TempDir(), "copy")
			err := os.CopyFS(copied, os.DirFS(dir))
			if err == nil {
				err = os.WriteFile(filepath.Join(copied, "frontier", filepath.Base(table)), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if r, err := Salvage(t.Context(), copied); err != nil || !r.Sound {
				continue // found
			}
			if err := Check(t.Context(), copied); err != nil {
				t.Errorf("byte %d of %d of %s: Salvage says that the crawl is sound, Check: %v", at, len(sound), filepath.Base(table), err)
			}
		}
	}
}
