package clew_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Budgets that no linter holds. Raising one is a change to be reviewed.
const (
	maxRootNames    = 95  // exported names in the root package, methods included
	maxStoreVerbs   = 10  // methods of frontier.Store
	maxFileLines    = 600 // of any Go file that is no test
	maxMainLines    = 20  // of the command
	maxRequirements = 24  // direct dependencies
)

func TestBudgets(t *testing.T) {
	names := rootNames(t)
	t.Logf("%d of %d exported names in the root", len(names), maxRootNames)
	if len(names) > maxRootNames {
		t.Errorf("the root exports %d names, more than %d: %s", len(names), maxRootNames, strings.Join(names, " "))
	}
	if verbs := methods(t, "frontier/store.go", "Store"); len(verbs) == 0 || len(verbs) > maxStoreVerbs {
		t.Errorf("frontier.Store has %d methods, want 1 to %d: %q", len(verbs), maxStoreVerbs, verbs)
	}
	if direct := requirements(t); len(direct) == 0 || len(direct) > maxRequirements {
		t.Errorf("%d direct dependencies, want 1 to %d: %q", len(direct), maxRequirements, direct)
	}
	for _, path := range goFiles(t) {
		n := lines(t, path)
		if path == filepath.Join("cmd", "clew", "main.go") && n > maxMainLines {
			t.Errorf("%s has %d lines, more than %d", path, n, maxMainLines)
		}
		if !strings.HasSuffix(path, "_test.go") && n > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", path, n, maxFileLines)
		}
	}
}

// TestWords keeps out packages whose names say nothing about what is in them.
func TestWords(t *testing.T) {
	banned := regexp.MustCompile(`^(utils?|common|types|models|helpers?|misc|base|shared)$`)
	checked := 0
	for _, path := range goFiles(t) {
		file := parse(t, path, parser.PackageClauseOnly)
		checked++
		if name := strings.TrimSuffix(file.Name.Name, "_test"); banned.MatchString(name) {
			t.Errorf("%s: a package named %s does not say what it is for", path, name)
		}
		for dir := range strings.SplitSeq(filepath.Dir(path), string(filepath.Separator)) {
			if banned.MatchString(dir) {
				t.Errorf("%s: a folder named %s does not say what it is for", path, dir)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d files looked at", checked)
	}
}

// TestREADME keeps the program in the README the one that Example runs.
func TestREADME(t *testing.T) {
	example := between(t, "example_test.go", "\tspider := &clew.Spider{\n", "\t// Output:")
	readme := between(t, "README.md", "\tspider := &clew.Spider{\n", "}\n```")
	told := strings.NewReplacer(`"http://localhost:8080"`, "site", `"./crawl_data"`, "dir").Replace(readme)
	if told != example {
		t.Errorf("the README's program is\n%s\nwhere Example has\n%s", told, example)
	}
	if n := strings.Count(example, "\n"); n > 25 {
		t.Errorf("the first program has %d lines, more than 25", n)
	}
}

// between returns the part of a file from one text up to the next occurrence of another.
func between(t *testing.T, path, from, to string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), from)
	part, _, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("%s has no part from %q to %q", path, from, to)
	}
	return from + part
}

// rootNames lists what the root package exports: types, functions, methods,
// constants and variables, fields apart.
func rootNames(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, decl := range parse(t, path, parser.SkipObjectResolution).Decls {
			names = append(names, declared(decl)...)
		}
	}
	slices.Sort(names)
	return names
}

// declared lists the exported names of one declaration.
func declared(decl ast.Decl) []string {
	var names []string
	add := func(prefix string, id *ast.Ident) {
		if id.IsExported() {
			names = append(names, prefix+id.Name)
		}
	}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add("", d.Name)
		} else if of := receiver(d.Recv.List[0].Type); of.IsExported() {
			add(of.Name+".", d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				add("", s.Name)
			case *ast.ValueSpec:
				for _, id := range s.Names {
					add("", id)
				}
			}
		}
	}
	return names
}

func receiver(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e
	}
	return ast.NewIdent("")
}

// methods lists the methods of an interface.
func methods(t *testing.T, path, name string) []string {
	t.Helper()
	var verbs []string
	ast.Inspect(parse(t, path, parser.SkipObjectResolution), func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		if iface, ok := spec.Type.(*ast.InterfaceType); ok {
			for _, m := range iface.Methods.List {
				for _, id := range m.Names {
					verbs = append(verbs, id.Name)
				}
			}
		}
		return false
	})
	return verbs
}

// requirements lists the direct dependencies in go.mod.
func requirements(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^(?:require )?\s*(\S+\.\S+/\S+) v\S+$`)
	var direct []string
	for _, m := range line.FindAllStringSubmatch(string(data), -1) {
		direct = append(direct, m[1])
	}
	return direct
}

// goFiles lists the Go files of the module, those of its tools apart.
func goFiles(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path != "." && strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return filepath.SkipDir
		case !entry.IsDir() && strings.HasSuffix(path, ".go"):
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func parse(t *testing.T, path string, mode parser.Mode) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func lines(t *testing.T, path string) int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(data, []byte("\n"))
}
