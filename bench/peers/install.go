package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// modulePath is how the go command finds this folder, from wherever in the
// module it is started.
const modulePath = "github.com/clew-crawler/clew"

// source returns the path of a folder beside this file.
func source(ctx context.Context, name string) (string, error) {
	root, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}", modulePath)
	if err != nil {
		return "", fmt.Errorf("find the sources: %w", err)
	}
	return filepath.Join(root, "bench", "peers", name), nil
}

// python installs a package into a virtual environment of its own. The folder of
// that name has requirements.txt and spider.py.
func python(folder, pkg string) func(context.Context, string) (*installed, error) {
	return func(ctx context.Context, into string) (*installed, error) {
		from, err := source(ctx, folder)
		if err != nil {
			return nil, err
		}
		venv := filepath.Join(into, folder)
		if err := os.MkdirAll(into, 0o750); err != nil { //nolint:gosec // below the folder that the user named
			return nil, err
		}
		if _, err := output(ctx, "python3", "-m", "venv", venv); err != nil {
			return nil, err
		}
		interpreter := filepath.Join(venv, "bin", "python")
		if _, err := output(ctx, interpreter, "-m", "pip", "install", "--quiet", "--requirement", filepath.Join(from, "requirements.txt")); err != nil {
			return nil, err
		}
		version, err := output(ctx, interpreter, "-c",
			"import importlib.metadata, platform, sys; print(importlib.metadata.version(sys.argv[1]), 'on Python', platform.python_version())", pkg)
		if err != nil {
			return nil, err
		}
		return &installed{version: version, command: []string{interpreter, filepath.Join(from, "spider.py")}}, nil
	}
}

// colly builds the program in the folder of that name, a module of its own.
func colly(ctx context.Context, into string) (*installed, error) {
	from, err := source(ctx, "colly")
	if err != nil {
		return nil, err
	}
	program := filepath.Join(into, "colly")
	if _, err := output(ctx, "go", "build", "-C", from, "-o", program, "."); err != nil {
		return nil, err
	}
	version, err := output(ctx, "go", "list", "-C", from, "-m", "-f", "{{.Version}}", "github.com/gocolly/colly/v2")
	if err != nil {
		return nil, err
	}
	return &installed{version: version, command: []string{program}}, nil
}

// output runs a command and returns what it prints; its error holds the end of
// what it complains about.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the commands of this file
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(complaint.String()), "\n")
		return "", fmt.Errorf("%s: %w", filepath.Base(name), errors.Join(err, errors.New(lines[len(lines)-1])))
	}
	return strings.TrimSpace(string(out)), nil
}
