package clew_test

import (
	"go/ast"
	"go/parser"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocuments keeps the documents true where a test can: the files they link to
// are there, and the functions, types, fields and tests that they cite exist.
func TestDocuments(t *testing.T) {
	known := citable(t)
	cited := regexp.MustCompile("`([A-Za-z]+\\.[A-Za-z]+|(?:Test|Fuzz|Example|Benchmark)[A-Z][A-Za-z_]*)`")
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, path := range []string{
		"README.md", "CONTRIBUTING.md", "docs/README.md", "docs/design/architecture.md",
		"docs/design/decisions.md", "docs/design/format.md", "docs/design/promise.md", "docs/reliability.md",
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: broken link: %v", path, err)
			}
		}
		for _, m := range cited.FindAllStringSubmatch(string(data), -1) {
			if !known[m[1]] && !isFileName(m[1]) {
				t.Errorf("%s cites %s, which does not exist", path, m[1])
			}
		}
	}
}

// isFileName reports whether a cited name is that of a file, or of somebody else's package.
func isFileName(name string) bool {
	switch filepath.Ext(name) {
	case ".go", ".json", ".jsonl", ".md", ".mod", ".removed", ".sock", ".yml":
		return true
	}
	return name == "signal.Notify"
}

// citable collects what documents may cite: functions by name, functions and types
// as package.Name, methods and fields as Type.Name.
func citable(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, path := range goFiles(t) {
		file := parse(t, path, parser.SkipObjectResolution)
		pkg := strings.TrimSuffix(file.Name.Name, "_test") + "."
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil {
					known[receiver(d.Recv.List[0].Type).Name+"."+d.Name.Name] = true
					continue
				}
				known[d.Name.Name], known[pkg+d.Name.Name] = true, true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						known[pkg+s.Name.Name] = true
						addMembers(known, s)
					}
				}
			}
		}
	}
	return known
}

// addMembers adds the fields of a struct and the methods of an interface.
func addMembers(known map[string]bool, s *ast.TypeSpec) {
	var members *ast.FieldList
	switch typ := s.Type.(type) {
	case *ast.StructType:
		members = typ.Fields
	case *ast.InterfaceType:
		members = typ.Methods
	default:
		return
	}
	for _, m := range members.List {
		for _, id := range m.Names {
			known[s.Name.Name+"."+id.Name] = true
		}
	}
}
