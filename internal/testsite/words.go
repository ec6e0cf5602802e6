package testsite

import (
	"math/rand/v2"
	"strings"
)

//nolint:gochecknoglobals // constant tables of words
var (
	givenNames = []string{
		"Ada", "Bram", "Célia", "Dorian", "Elif", "Fenna", "Goran", "Hana", "Ilse", "Jonas", "Kaja", "Lorcan",
		"Maren", "Nils", "Oda", "Piet", "Quilla", "Rosa", "Søren", "Tamsin", "Ulrik", "Vera", "Wilm", "Yara",
	}
	familyNames = []string{
		"Abel", "Brook", "Castellan", "Draper", "Eastwater", "Fairlow", "Grey", "Hollis", "Iversen", "Juniper",
		"Kestrel", "Lantern", "Morrow", "Nightly", "O'Dell", "Penrose", "Quist", "Rook", "Saltmarsh", "Thorne",
	}
	subjects = []string{
		"a patient reader", "the tide", "every map", "an honest clock", "the last lamp", "a borrowed coat",
		"the quiet neighbour", "a long road", "whoever keeps bees", "the second draft", "an open gate",
		"the oldest tree", "a good question", "the night train", "bread & salt", "a thread in a maze",
	}
	verbs = []string{
		"remembers", "outlasts", "forgives", "carries", "mends", "mistakes itself for", "is worth more than",
		"never hurries", "listens to", "begins with", "returns to", "asks nothing of",
	}
	objects = []string{
		"the weather", "a closed door", "what was promised", "the shortest answer", "a room full of echoes",
		"the first mistake", "its own shadow", "a handful of rain", "the way home", "half a truth",
		"the café on the corner", "an unfinished letter", "the noise of cities", "a map with no edges",
	}
	endings = []string{
		"and says so", "even in winter", "but only once", "when nobody is counting", "if 1 < 2 still holds",
		"as \"experts\" deny", "which is why we walk", "until morning", "for no fee at all", "and that's enough",
	}
	tagNames = []string{
		"patience", "sea", "books", "time", "home", "rain", "bread", "work", "doubt", "winter", "friends", "maps",
		"music", "gardens", "letters", "silence", "roads", "luck", "craft", "memory", "trains", "birds", "night", "hope",
	}
	nouns = []string{
		"compiler", "database", "telescope", "harbour", "bicycle", "protocol", "library", "garden", "kernel",
		"satellite", "typewriter", "bridge", "spreadsheet", "lighthouse", "parser", "orchard", "printer", "radio",
	}
	adjectives = []string{
		"small", "forgotten", "fast", "distributed", "wooden", "self-hosted", "honest", "tiny", "modern", "quiet",
		"open", "curious", "incremental", "solar",
	}
	verdicts = []string{
		"in ten weekends", "without a budget", "that fits on a floppy disk", "and what it taught us", "explained",
		"considered helpful", "for the rest of us", "after twenty years", "from scratch", "(with pictures)",
	}
)

// sentence is a saying that nobody has said.
func sentence(rng *rand.Rand) string {
	s := pick(rng, subjects) + " " + pick(rng, verbs) + " " + pick(rng, objects)
	if rng.IntN(2) == 0 {
		s += ", " + pick(rng, endings)
	}
	return capitalize(s) + "."
}

func headline(rng *rand.Rand) string {
	switch rng.IntN(3) {
	case 0:
		return "Show: a " + pick(rng, adjectives) + " " + pick(rng, nouns) + " " + pick(rng, verdicts)
	case 1:
		return "The " + pick(rng, adjectives) + " " + pick(rng, nouns) + " & the " + pick(rng, nouns)
	default:
		return "Why the " + pick(rng, nouns) + " needs a " + pick(rng, adjectives) + " " + pick(rng, nouns)
	}
}

func fullName(rng *rand.Rand) string {
	return pick(rng, givenNames) + " " + pick(rng, familyNames)
}

// tags draws up to three different tags, sometimes none.
func tags(rng *rand.Rand) []string {
	list := make([]string, 0, 3)
	for _, at := range rng.Perm(len(tagNames))[:rng.IntN(4)] {
		list = append(list, tagNames[at])
	}
	return list
}

// capitalize raises the first letter; all subjects start with an ASCII one.
func capitalize(s string) string {
	return strings.ToUpper(s[:1]) + s[1:]
}

// prose is at least size bytes of plain ASCII words, to be cut anywhere.
func prose(rng *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(pick(rng, adjectives))
		b.WriteByte(' ')
		b.WriteString(pick(rng, nouns))
		b.WriteByte(' ')
	}
	return b.String()
}
