package dom

import (
	"slices"
	"strings"
)

// doctype adds the node of a doctype, its identifiers as attributes, and reports
// whether it puts the page in quirks mode (13.2.6.4.1).
func (b *builder) doctype(data ref) (quirks bool) {
	text := b.tree.view(data)
	name, rest := cutSpace(text)
	quirks = name != "html"
	n := node{kind: DoctypeNode, data: b.tree.intern(strings.ToLower(name)), attrs: uint32(len(b.tree.attrs))}
	ids, proper := identifiers(rest)
	for _, id := range ids {
		b.tree.attrs = append(b.tree.attrs, attribute{name: b.tree.intern(id.key), data: b.tree.intern(id.value)})
	}
	n.count = uint32(len(ids))
	b.tree.appendChild(document, b.tree.add(n))
	return quirks || !proper || quirky(ids)
}

type identifier struct{ key, value string }

// identifiers reads what follows a doctype's name. proper is false if anything stands
// there that does not belong there.
func identifiers(rest string) (ids []identifier, proper bool) {
	const length = len("public")
	if len(rest) < length {
		return nil, rest == ""
	}
	key, rest := strings.ToLower(rest[:length]), rest[length:]
	for key == "public" || key == "system" {
		rest = strings.TrimLeft(rest, space)
		if rest == "" || rest[0] != '"' && rest[0] != '\'' {
			break
		}
		value, after, _ := strings.Cut(rest[1:], rest[:1])
		ids, rest = append(ids, identifier{key, value}), after
		if key == "system" {
			key = ""
			break
		}
		key = "system"
	}
	return ids, key == "" && rest == ""
}

const space = " \t\r\n\f"

func cutSpace(s string) (first, rest string) {
	i := strings.IndexAny(s, space)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], space)
}

// quirky looks for identifiers of pages that were made for old browsers.
func quirky(ids []identifier) bool {
	if len(ids) == 0 {
		return false
	}
	last := ids[len(ids)-1]
	if last.key == "system" && strings.EqualFold(last.value, "http://www.ibm.com/data/dtd/v11/ibmxhtml1-transitional.dtd") {
		return true
	}
	if ids[0].key != "public" {
		return false
	}
	public := strings.ToLower(ids[0].value)
	begins := func(id string) bool { return strings.HasPrefix(public, id) }
	return slices.Contains(quirkyWhole, public) || slices.ContainsFunc(quirkyPrefixes, begins)
}

// Public identifiers in small letters: whole ones and beginnings. A public identifier
// without a system identifier is not proper anyway, which the standard says of some only.
//
//nolint:gochecknoglobals // constant tables
var (
	quirkyWhole = []string{"-//w3o//dtd w3 html strict 3.0//en//", "-/w3d/dtd html 4.0 transitional/en", "html"}

	quirkyPrefixes = []string{
		"+//silmaril//dtd html pro v0r11 19970101//",
		"-//advasoft ltd//dtd html 3.0 aswedit + extensions//",
		"-//as//dtd html 3.0 aswedit + extensions//",
		"-//ietf//dtd html 2.0 level 1//",
		"-//ietf//dtd html 2.0 level 2//",
		"-//ietf//dtd html 2.0 strict level 1//",
		"-//ietf//dtd html 2.0 strict level 2//",
		"-//ietf//dtd html 2.0 strict//",
		"-//ietf//dtd html 2.0//",
		"-//ietf//dtd html 2.1e//",
		"-//ietf//dtd html 3.0//",
		"-//ietf//dtd html 3.2 final//",
		"-//ietf//dtd html 3.2//",
		"-//ietf//dtd html 3//",
		"-//ietf//dtd html level 0//",
		"-//ietf//dtd html level 1//",
		"-//ietf//dtd html level 2//",
		"-//ietf//dtd html level 3//",
		"-//ietf//dtd html strict level 0//",
		"-//ietf//dtd html strict level 1//",
		"-//ietf//dtd html strict level 2//",
		"-//ietf//dtd html strict level 3//",
		"-//ietf//dtd html strict//",
		"-//ietf//dtd html//",
		"-//metrius//dtd metrius presentational//",
		"-//microsoft//dtd internet explorer 2.0 html strict//",
		"-//microsoft//dtd internet explorer 2.0 html//",
		"-//microsoft//dtd internet explorer 2.0 tables//",
		"-//microsoft//dtd internet explorer 3.0 html strict//",
		"-//microsoft//dtd internet explorer 3.0 html//",
		"-//microsoft//dtd internet explorer 3.0 tables//",
		"-//netscape comm. corp.//dtd html//",
		"-//netscape comm. corp.//dtd strict html//",
		"-//o'reilly and associates//dtd html 2.0//",
		"-//o'reilly and associates//dtd html extended 1.0//",
		"-//o'reilly and associates//dtd html extended relaxed 1.0//",
		"-//softquad software//dtd hotmetal pro 6.0::19990601::extensions to html 4.0//",
		"-//softquad//dtd hotmetal pro 4.0::19971010::extensions to html 4.0//",
		"-//spyglass//dtd html 2.0 extended//",
		"-//sq//dtd html 2.0 hotmetal + extensions//",
		"-//sun microsystems corp.//dtd hotjava html//",
		"-//sun microsystems corp.//dtd hotjava strict html//",
		"-//w3c//dtd html 3 1995-03-24//",
		"-//w3c//dtd html 3.2 draft//",
		"-//w3c//dtd html 3.2 final//",
		"-//w3c//dtd html 3.2//",
		"-//w3c//dtd html 3.2s draft//",
		"-//w3c//dtd html 4.0 frameset//",
		"-//w3c//dtd html 4.0 transitional//",
		"-//w3c//dtd html experimental 19960712//",
		"-//w3c//dtd html experimental 970421//",
		"-//w3c//dtd w3 html//",
		"-//w3o//dtd w3 html 3.0//",
		"-//webtechs//dtd mozilla html 2.0//",
		"-//webtechs//dtd mozilla html//",
	}
)
