package selector

import (
	"regexp"
	"strings"
	"sync"
)

// Compiler remembers the queries it has compiled, so that a selector used on a
// million pages is parsed once. Share one among all pages of a crawl. It keeps
// a bounded number of queries: selectors assembled from page data cannot fill
// the memory.
//
// The zero value is ready to use. A Compiler is safe for concurrent use; it
// must not be copied after first use.
type Compiler struct {
	css     cache[*program]
	xpath   cache[*xpathQuery]
	regexps cache[*regexp.Regexp]

	memories sync.Pool // of closed documents
}

// Parse is like the function [Parse], with queries compiled by c.
func (c *Compiler) Parse(body []byte, contentType, url string) *Document {
	return &Document{compiler: c, body: body, contentType: contentType, url: url}
}

// generation is how many queries of a language are young at a time; at most
// twice as many are kept.
const generation = 1024

// cache keeps the most recently used results of a compilation in two
// generations: what is not asked for while one generation fills is forgotten.
type cache[V any] struct {
	mu    sync.RWMutex
	young map[string]compiled[V]
	old   map[string]compiled[V]
}

// compiled is a query or the reason why it is none; both are worth keeping.
type compiled[V any] struct {
	value V
	err   error
}

func (c *cache[V]) get(query string, compile func(string) (V, error)) (V, error) {
	c.mu.RLock()
	hit, young := c.young[query]
	known := young
	if !young {
		hit, known = c.old[query]
	}
	c.mu.RUnlock()
	if !young {
		query = strings.Clone(query) // it may be a view of a page's memory
	}
	if !known {
		hit.value, hit.err = compile(query)
	}
	if !young {
		c.put(query, hit)
	}
	return hit.value, hit.err
}

func (c *cache[V]) put(query string, v compiled[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= generation {
		c.old, c.young = c.young, nil
	}
	if c.young == nil {
		c.young = make(map[string]compiled[V])
	}
	c.young[query] = v
}
