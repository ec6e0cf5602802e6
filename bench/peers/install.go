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
// that name has requirements.txt and the script.
func python(folder, pkg, script string) func(context.Context, string) (*installed, error) {
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
		return &installed{version: version, command: []string{interpreter, filepath.Join(from, script)}}, nil
	}
}

// colly builds the program in a folder of the module of that name, "." for the
// module's own.
func colly(program string) func(context.Context, string) (*installed, error) {
	return func(ctx context.Context, into string) (*installed, error) {
		from, err := source(ctx, "colly")
		if err != nil {
			return nil, err
		}
		built := filepath.Join(into, "colly-"+filepath.Base(filepath.Join(from, program)))
		if _, err := output(ctx, "go", "build", "-C", from, "-o", built, "./"+program); err != nil {
			return nil, err
		}
		version, err := output(ctx, "go", "list", "-C", from, "-m", "-f", "{{.Version}}", "github.com/gocolly/colly/v2")
		if err != nil {
			return nil, err
		}
		return &installed{version: version, command: []string{built}}, nil
	}
}

// crawlee installs the packages of the folder of that name beside a copy of it:
// a script finds only what is installed beside itself.
func crawlee(ctx context.Context, into string) (*installed, error) {
	dir, err := copied(ctx, "crawlee", into, "package.json", "speed.mjs")
	if err != nil {
		return nil, err
	}
	if _, err := output(ctx, "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"); err != nil {
		return nil, err
	}
	version, err := output(ctx, "node", "-p", "require(process.argv[1]).version+' on Node '+process.version",
		filepath.Join(dir, "node_modules", "@crawlee", "cheerio", "package.json"))
	if err != nil {
		return nil, err
	}
	return &installed{version: version, command: []string{"node", filepath.Join(dir, "speed.mjs")}}, nil
}

// cargo builds a copy of the crate in the folder spider.
func cargo(ctx context.Context, into string) (*installed, error) {
	dir, err := copied(ctx, "spider", into, "Cargo.toml", filepath.Join("src", "main.rs"))
	if err != nil {
		return nil, err
	}
	manifest := filepath.Join(dir, "Cargo.toml")
	if _, err := output(ctx, "cargo", "build", "--quiet", "--release", "--manifest-path", manifest, "--target-dir", filepath.Join(dir, "target")); err != nil {
		return nil, err
	}
	id, err := output(ctx, "cargo", "pkgid", "--manifest-path", manifest, "spider")
	if err != nil {
		return nil, err
	}
	compiler, err := output(ctx, "rustc", "--version")
	if err != nil {
		return nil, err
	}
	version := id[strings.LastIndexAny(id, "#@")+1:]
	return &installed{version: version + ", " + compiler, command: []string{filepath.Join(dir, "target", "release", "speed")}}, nil
}

// copied copies files of a folder beside this file.
func copied(ctx context.Context, folder, into string, names ...string) (string, error) {
	from, err := source(ctx, folder)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(into, folder)
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(from, name)) //nolint:gosec // one of this module's files
		if err != nil {
			return "", err
		}
		to := filepath.Join(dir, name)
		if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, data) { //nolint:gosec // below the folder that the user named
			continue // and is not built again
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil { //nolint:gosec // likewise
			return "", err
		}
		if err := os.WriteFile(to, data, 0o600); err != nil { //nolint:gosec // likewise
			return "", err
		}
	}
	return dir, nil
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
