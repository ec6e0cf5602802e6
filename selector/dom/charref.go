package dom

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// appendDecoded appends text with its character references replaced (13.2.5.72).
// In an attribute a name counts only if it stands there whole.
func appendDecoded(dst, src []byte, inAttr bool) []byte {
	for {
		i := bytes.IndexByte(src, '&')
		if i < 0 {
			return append(dst, src...)
		}
		dst, src = append(dst, src[:i]...), src[i:]
		var n int
		if dst, n = appendReference(dst, src, inAttr); n == 0 {
			dst, n = append(dst, '&'), 1
		}
		src = src[n:]
	}
}

// appendReference appends what the reference at the start of src stands for, and
// returns its length, 0 if it is none.
func appendReference(dst, src []byte, inAttr bool) ([]byte, int) {
	if len(src) > 2 && src[1] == '#' {
		return appendNumeric(dst, src)
	}
	n := 1
	for n < len(src) && alphanumeric(src[n]) {
		n++
	}
	if n == 1 {
		return dst, 0
	}
	if n < len(src) && src[n] == ';' {
		n++
		switch string(src[1 : n-1]) { // most of all there are
		case "amp":
			return append(dst, '&'), n
		case "lt":
			return append(dst, '<'), n
		case "gt":
			return append(dst, '>'), n
		case "quot":
			return append(dst, '"'), n
		case "nbsp":
			return append(dst, "\u00a0"...), n
		}
	} else if inAttr && n < len(src) && src[n] == '=' {
		return dst, 0
	}
	name := string(src[:n])
	text := html.UnescapeString(name)
	if text == name || inAttr && !whole(name, text) {
		return dst, 0
	}
	return append(dst, text...), n
}

// whole reports whether all of a name was replaced. If only its beginning was, its
// end still stands: names that need no semicolon stand for one character each.
func whole(name, text string) bool {
	if strings.HasSuffix(name, ";") {
		return text == ";" || !strings.HasSuffix(text, ";")
	}
	return utf8.RuneCountInString(text) == 1
}

// appendNumeric appends the character of a numeric reference (13.2.5.80).
func appendNumeric(dst, src []byte) ([]byte, int) {
	n, base := 2, uint32(10)
	if src[n] == 'x' || src[n] == 'X' {
		n, base = 3, 16
	}
	code, digits := uint32(0), n
	for ; n < len(src); n++ {
		d := digit(src[n])
		if d >= base {
			break
		}
		code = min(code*base+d, utf8.MaxRune+1)
	}
	if n == digits {
		return dst, 0
	}
	end := n
	if n < len(src) && src[n] == ';' {
		n++
	}
	switch {
	case 0x80 <= code && code <= 0x9F: // they mean those of windows-1252
		return append(dst, html.UnescapeString(string(src[:end])+";")...), n
	case code == 0:
		return append(dst, "\uFFFD"...), n
	}
	return utf8.AppendRune(dst, rune(code)), n
}

// digit is the value of a digit, more than any base for what is none.
func digit(c byte) uint32 {
	switch {
	case '0' <= c && c <= '9':
		return uint32(c - '0')
	case 'a' <= c && c <= 'f':
		return uint32(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return uint32(c-'A') + 10
	}
	return 16
}

func alphanumeric(c byte) bool { return letter(c) || '0' <= c && c <= '9' }

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
