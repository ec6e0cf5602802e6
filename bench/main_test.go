package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary play the roles, as the program does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if role, ok := roles()[os.Args[1]]; ok {
			if err := runRole(context.Background(), role, os.Stdin, os.Stdout); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}

// TestRun measures everything once on a small scale.
func TestRun(t *testing.T) {
	var out strings.Builder
	args := []string{"-dir", t.TempDir(), "-sizes", "2000", "-rounds", "1", "-duration", "200ms", "-pages", "200", "-whole", "300", "-hosts", "200", "-rates", "0"}
	if err := run(t.Context(), args, strings.NewReader(""), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"\n| 2000 | 4000 | ", "\n| 2000, anywhere | 4000 | ", "\n| 2000 | 64 × 20ms | ",
		"\n| whole, first page to last | 300 | ", "\n| 2000 pending | ",
		"\n| 0s | fetching alone | ", "\n| 20ms | directory | ",
		"\n| 200 | ", "\n| all | 0s | +0s | ", "\n| all | 1s | +10ms | ", "\n| 1 | 1 | ", "\n| 2000 | 2 | ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no row %q in:\n%s", want, out.String())
		}
	}
}

func TestParse(t *testing.T) {
	for _, bad := range [][]string{{"-only", "speed"}, {"-sizes", "1e6"}, {"-sizes", ""}, {"-sizes", "10/5"}, {"-sizes", "10/"}, {"-rates", "x"}, {"-no"}} {
		if cfg, err := parse(bad); err == nil {
			t.Errorf("%q is understood as %+v", bad, cfg)
		}
	}
}

func TestSpread(t *testing.T) {
	if got, want := spreadOf([]float64{3, 1, 20}).whole(), "3 (1 to 20)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := quantile([]int{1, 2, 3, 4}, 0.999); got != 4 {
		t.Errorf("got %d, want the greatest", got)
	}
}

// TestKnown builds a frontier that knows five times as much as is pending.
func TestKnown(t *testing.T) {
	var out strings.Builder
	args := []string{"-only", "scale", "-dir", t.TempDir(), "-sizes", "500/2500", "-rounds", "1", "-duration", "20ms", "-pages", "300"}
	if err := run(t.Context(), args, strings.NewReader(""), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"\n| 500 | 2500 | ", "\n| 500, anywhere | 2500 | "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no row %q in:\n%s", want, out.String())
		}
	}
}
