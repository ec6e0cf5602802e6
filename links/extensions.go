package links

import (
	"slices"
	"strings"
)

// fileTypes are the extensions of what is rarely a page with links: the default
// of Extractor.DenyExtensions.
//
//nolint:gochecknoglobals // constant table
var fileTypes = extensionSet(
	// archives and disk images
	"7z 7zip ar bz2 cab deb dmg gz img iso jar lz lz4 lzma rar rpm tar tar.bz2 tar.gz tar.lz tar.xz tar.zst tbz2 tgz txz xz zip zst",
	// images
	"apng avif bmp cdr drw dxf eps gif heic heif ico jpe jpeg jpg mng pct png ps psd psp pst svg tif tiff webp",
	// sound
	"aac aif aiff au flac m4a mid midi mp3 oga ogg opus wav wma",
	// film
	"3gp asf asx avi flv m4v mkv mov mp4 mpeg mpg ogv qt rm swf vob webm wmv",
	// office documents and books
	"doc docm docx dot dotx epub mobi odg odp ods odt pdf potx pps ppsx ppt pptm pptx rtf xls xlsb xlsm xlsx xltx",
	// programs, libraries, fonts, and what pages are made of
	"apk appimage bin css dll eot exe ipa js mjs msi otf pkg ttf wasm woff woff2",
)

func extensionSet(lists ...string) map[string]bool {
	set := make(map[string]bool)
	for _, list := range lists {
		for extension := range strings.FieldsSeq(list) {
			set[extension] = true
		}
	}
	return set
}

// hasDeniedExtension reports a URL path whose last segment ends in an extension
// of the list, or of fileTypes for an empty list. In "a.tar.gz" both "tar.gz"
// and "gz" are extensions.
func hasDeniedExtension(path string, denied []string) bool {
	name := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	for {
		_, extension, ok := strings.Cut(name, ".")
		if !ok {
			return false
		}
		if len(denied) == 0 && fileTypes[extension] || slices.ContainsFunc(denied, func(d string) bool {
			return strings.EqualFold(strings.TrimPrefix(d, "."), extension)
		}) {
			return true
		}
		name = extension
	}
}
