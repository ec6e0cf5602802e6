package dom

import (
	"slices"
	"strings"
)

// startForeign opens MathML or SVG content (13.2.6.4.7).
func (b *builder) startForeign(tag Tag) {
	b.reconstruct()
	space := mathSpace
	if tag == SVG {
		space = svgSpace
	}
	b.foreignElement(space)
}

// foreignElement adds the element of the token to foreign content. The page's names
// come in small letters, SVG has some in mixed ones.
func (b *builder) foreignElement(space uint16) {
	for i := b.tok.attrs; i < b.tok.attrs+b.tok.count; i++ {
		b.adjust(&b.tree.attrs[i], space)
	}
	id := b.elementIn(space)
	if space == mathSpace && b.tok.tag == AnnotationXML && b.isHTMLAnnotation(b.node(id)) {
		if b.annotations == nil {
			b.annotations = map[nodeID]bool{}
		}
		b.annotations[id] = true
	}
	b.raw = Other // a title is text in HTML only
	if b.tok.selfClosing {
		b.pop()
	}
}

// adjust gives an attribute of a foreign element its name (13.2.6.1).
func (b *builder) adjust(a *attribute, space uint16) {
	name := b.tree.view(a.name)
	switch {
	case space == mathSpace && name == "definitionurl":
		a.name = b.tree.intern("definitionURL")
		return
	case space == svgSpace && svgAttrs[name] != "":
		a.name = b.tree.intern(svgAttrs[name])
		return
	}
	switch name {
	case "xlink:actuate", "xlink:arcrole", "xlink:href", "xlink:role", "xlink:show", "xlink:title", "xlink:type":
		a.space = xlinkSpace
	case "xml:lang", "xml:space":
		a.space = xmlSpace
	case "xmlns:xlink":
		a.space = xmlnsSpace
	default:
		return
	}
	a.name.start += uint32(strings.IndexByte(name, ':') + 1)
}

// inForeignContent reports whether the token belongs to MathML or SVG content
// (13.2.6, tree construction dispatcher).
func (b *builder) inForeignContent() bool {
	if len(b.open) == 0 {
		return false
	}
	top := b.top()
	n := b.node(top)
	if n.space == noSpace || b.tok.kind == endOfFile {
		return false
	}
	start, text := b.tok.kind == startTag, b.tok.kind == textToken
	switch {
	case n.isMathText() && (text || start && b.tok.tag != Mglyph && b.tok.tag != Malignmark):
		return false
	case n.space == mathSpace && n.tag == AnnotationXML && start && b.tok.tag == SVG:
		return false
	case (start || text) && b.takesHTML(top):
		return false
	}
	return true
}

// isMathText reports whether a node is a MathML text integration point (13.2.4.2).
func (n *node) isMathText() bool {
	switch n.tag { //nolint:exhaustive // the others are none
	case Mi, Mo, Mn, Ms, Mtext:
		return n.space == mathSpace
	}
	return false
}

// takesHTML reports whether a node is an HTML integration point (13.2.4.2).
func (b *builder) takesHTML(id nodeID) bool {
	switch n := b.node(id); n.tag { //nolint:exhaustive // the others are none
	case Desc, ForeignObject, Title:
		return n.space == svgSpace
	case AnnotationXML:
		return b.annotations[id]
	}
	return false
}

// isHTMLAnnotation reports whether an annotation-xml element says that it takes HTML. It
// is asked once, since many tokens may follow and the attributes may be many, too.
func (b *builder) isHTMLAnnotation(n *node) bool {
	for _, a := range b.tree.attrs[n.attrs : n.attrs+n.count] {
		if b.tree.view(a.name) == "encoding" {
			encoding := b.tree.view(a.data)
			return strings.EqualFold(encoding, "text/html") || strings.EqualFold(encoding, "application/xhtml+xml")
		}
	}
	return false
}

// foreign processes a token in foreign content (13.2.6.5).
func (b *builder) foreign() bool {
	switch b.tok.kind {
	case textToken:
		data := b.withoutNulls(b.tok.data, replacement)
		b.tok.data = b.withoutNulls(b.tok.data, "")
		b.framesetOK = b.framesetOK && b.isBlank()
		b.text(data)
	case commentToken:
		b.commentHere()
	case startTag:
		if b.breaksOut() {
			b.closeForeign()
			return b.inMode(b.mode)
		}
		space := b.node(b.top()).space
		if space == svgSpace {
			if name := svgNames[b.tokenName()]; name != "" {
				b.tok.data = b.tree.intern(name)
			}
		}
		b.foreignElement(space)
	case endTag:
		return b.foreignEnd()
	case doctypeToken, endOfFile:
	}
	return true
}

// tokenName is the name of the token's tag.
func (b *builder) tokenName() string {
	if b.tok.tag != Other {
		return b.tok.tag.String()
	}
	return b.tree.view(b.tok.data)
}

// breaksOut reports whether a start tag ends the foreign content.
func (b *builder) breaksOut() bool {
	if b.tok.tag != Font {
		return b.tok.tag.is(breakout)
	}
	for _, a := range b.tree.attrs[b.tok.attrs : b.tok.attrs+b.tok.count] {
		switch b.tree.view(a.name) {
		case "color", "face", "size":
			return true
		}
	}
	return false
}

// closeForeign closes elements up to one that takes HTML.
func (b *builder) closeForeign() {
	for i, v := range slices.Backward(b.open) {
		if n := b.node(v); n.space == noSpace || b.takesHTML(v) || n.isMathText() {
			b.open = b.open[:i+1]
			return
		}
	}
}

// foreignEnd closes the innermost element with the token's name, unless HTML is
// between.
func (b *builder) foreignEnd() bool {
	name := b.tokenName()
	for i, v := range slices.Backward(b.open) {
		if strings.EqualFold(b.tree.ref(v).Name(), name) {
			b.open = b.open[:i]
			return true
		}
		if i > 0 && b.node(b.open[i-1]).space == noSpace {
			break
		}
	}
	return b.inMode(b.mode)
}

// Names of SVG with capital letters, by what they are in small ones (13.2.6.1 and
// 13.2.6.5).
//
//nolint:gochecknoglobals // constant tables
var (
	svgNames = bySmall(`
		altGlyph altGlyphDef altGlyphItem animateColor animateMotion animateTransform clipPath feBlend
		feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap
		feDistantLight feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feImage feMerge feMergeNode
		feMorphology feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence
		foreignObject glyphRef linearGradient radialGradient textPath`)
	svgAttrs = bySmall(`
		attributeName attributeType baseFrequency baseProfile calcMode clipPathUnits diffuseConstant
		edgeMode filterUnits glyphRef gradientTransform gradientUnits kernelMatrix kernelUnitLength
		keyPoints keySplines keyTimes lengthAdjust limitingConeAngle markerHeight markerUnits markerWidth
		maskContentUnits maskUnits numOctaves pathLength patternContentUnits patternTransform patternUnits
		pointsAtX pointsAtY pointsAtZ preserveAlpha preserveAspectRatio primitiveUnits refX refY
		repeatCount repeatDur requiredExtensions requiredFeatures specularConstant specularExponent
		spreadMethod startOffset stdDeviation stitchTiles surfaceScale systemLanguage tableValues targetX
		targetY textLength viewBox viewTarget xChannelSelector yChannelSelector zoomAndPan`)
)

func bySmall(names string) map[string]string {
	m := map[string]string{}
	for name := range strings.FieldsSeq(names) {
		m[strings.ToLower(name)] = name
	}
	return m
}
