package clew

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestContract holds docs/design/contract.md against the tree: no row is missing,
// every row has a verdict, and every test that it cites exists.
func TestContract(t *testing.T) {
	const behaviours, defects = 61, 60
	known := contractTests(t)
	verdicts := contractRows(t, known)
	for i := range behaviours {
		contractVerdict(t, verdicts, fmt.Sprint(i+1), "kept")
	}
	for i := range defects {
		contractVerdict(t, verdicts, fmt.Sprint("D", i+1), "absent")
	}
	for number := range verdicts {
		t.Errorf("row %s is not expected", number)
	}
}

// contractVerdict checks a row's verdict and strikes it off.
func contractVerdict(t *testing.T, verdicts map[string]string, number, good string) {
	t.Helper()
	switch v, ok := verdicts[number]; {
	case !ok:
		t.Errorf("row %s is missing", number)
	case v != good && v != "differs" && v != "open":
		t.Errorf("row %s says %q, want %s, differs or open", number, v, good)
	}
	delete(verdicts, number)
}

// contractRows reads the verdict of each row, and checks what it cites.
func contractRows(t *testing.T, known map[string]bool) map[string]string {
	t.Helper()
	data, err := os.ReadFile("docs/design/contract.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| (D?\d+) \| ([^|]+) \| (\w+) \| ([^|]+) \|$`)
	cited := regexp.MustCompile("`((?:[a-z]+\\.)?(?:Test|Fuzz|Example)[A-Z]?\\w*)`")
	verdicts := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(string(data), -1) {
		number, verdict, shown := m[1], m[3], m[4]
		if _, twice := verdicts[number]; twice {
			t.Errorf("row %s stands there twice", number)
		}
		verdicts[number] = verdict
		names := cited.FindAllStringSubmatch(shown, -1)
		if len(names) == 0 && (verdict == "kept" || verdict == "absent") {
			t.Errorf("row %s cites no test", number)
		}
		for _, name := range names {
			if !known[name[1]] {
				t.Errorf("row %s cites %s, which does not exist", number, name[1])
			}
		}
	}
	return verdicts
}

// contractTests collects the tests of the module: those of the root by name, the
// others as directory.Name.
func contractTests(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		prefix := ""
		if dir := filepath.Dir(path); dir != "." {
			prefix = filepath.Base(dir) + "."
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				known[prefix+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}
