package clew

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// salvages runs a salvage that was stopped again on what is left, and then the crawl.
// o is what a fault led to, nil after a crash.
func (pt *phaseTest) salvages(t *testing.T, p crashPoint, o *faultOutcome) bool {
	t.Helper()
	ended := o != nil && o.err == nil
	less := ended && !slices.Equal(o.salvaged.Lost, pt.whole.Lost) // for it could not be read
	pt.checkKept(t, p.disk)
	again, err := salvageFS(t.Context(), p.disk, faultDir)
	switch {
	case err != nil:
		t.Errorf("the salvage again: %v", err)
		return false
	case !ended:
		pt.checkSalvaged(t, again)
	case !again.Sound:
		t.Errorf("salvaged again: %+v", again)
	case less && !strings.Contains(strings.Join(o.salvaged.Lost, "\n"), p.disk.PathBase(o.fault.hit.path)):
		t.Errorf("what was lost, too, is not said: %q", o.salvaged.Lost)
	case !less:
		pt.checkSalvaged(t, o.salvaged)
	}
	if pt.damaged {
		pt.checkWhole(t, p)
	} else {
		damageUntouched(t, pt.before, damageFiles(t, p.disk, faultDir), "")
	}
	if err := check(t.Context(), p.disk, faultDir); err != nil {
		t.Errorf("check what was salvaged: %v", err)
	}
	if t.Failed() {
		return false
	}
	if !less {
		finishAfterCrash(t, p, pt.rich, pt.log, pt.books[0], pt.spider, OnDamage(Refuse))
	} else if r, err := Run(t.Context(), pt.spider(newFaultServer(pt.rich)), faultFS(p.disk), OnDamage(Refuse)); err != nil || r.Status != Finished {
		t.Errorf("resume: %v, %v", r, err)
	}
	if err := check(t.Context(), p.disk, faultDir); err != nil {
		t.Errorf("check the finished crawl: %v", err)
	}
	return !t.Failed()
}

// checkSalvaged checks what a salvage said: that nothing is wrong any more, or that as
// much was brought back as when nothing fails.
func (pt *phaseTest) checkSalvaged(t *testing.T, s *Salvaged) {
	t.Helper()
	want := *pt.whole
	want.Aside = s.Aside // which has the time in its name
	if !s.Sound && fmt.Sprintf("%+v", *s) != fmt.Sprintf("%+v", want) {
		t.Errorf("salvaged is  %+v\nand must be %+v", *s, want)
	}
}

// checkKept checks that each file of the crawl is there as it was, in its place or in a
// folder in which it is set aside.
func (pt *phaseTest) checkKept(t *testing.T, disk *vfs.MemFS) {
	t.Helper()
	files := damageFiles(t, disk, faultDir)
	names, err := disk.List(faultDir)
	if err != nil {
		t.Fatal(err)
	}
	folders := []string{""}
	for _, name := range names {
		if asideName.MatchString(strings.TrimSuffix(name, ".moving")) {
			folders = append(folders, "/"+name)
		}
	}
	for path, data := range pt.before {
		rest := strings.TrimPrefix(path, faultDir)
		if rest != "/LOCK" && !slices.ContainsFunc(folders, func(folder string) bool {
			now, ok := files[faultDir+folder+rest]
			return ok && bytes.Equal(now, data)
		}) {
			t.Errorf("%s is nowhere as it was, in %q", rest, folders)
		}
	}
}

// checkWhole checks that the damaged crawl stands aside whole, in one folder.
func (pt *phaseTest) checkWhole(t *testing.T, p crashPoint) {
	t.Helper()
	names, err := p.disk.List(faultDir)
	if err != nil {
		t.Fatal(err)
	}
	aside := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasSuffix(name, "-damaged") })
	if len(aside) != 1 {
		t.Errorf("the damaged crawl stands in %q, the directory holds %q", aside, names)
		return
	}
	damageUntouched(t, pt.before, damageFiles(t, p.disk, faultDir+"/"+aside[0]), "/"+aside[0])
	for _, name := range names {
		both := name == "salvage.tmp" && strings.HasPrefix(p.op, crashModes[2]) // a rename of which both names were left
		if strings.HasPrefix(name, "salvage.") && !both || strings.HasSuffix(name, ".moving") {
			t.Errorf("%s is left over", name)
		}
	}
}
