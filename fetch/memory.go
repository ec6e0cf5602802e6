package fetch

import (
	"math/bits"
	"sync"
)

// leastBody and mostBody bound the memory of a body that is used again, as powers of two.
const leastBody, mostBody = 12, 20

// A bodyMemory keeps the memory of bodies for later ones. A page's body is a quarter of
// what a crawl allocates for it.
type bodyMemory struct {
	pools [mostBody - leastBody + 1]sync.Pool // of *[]byte, by their capacity
}

// lend gives a response room for so many bytes of its body.
func (r *Response) lend(m *bodyMemory, n int64) {
	size := max(bits.Len64(uint64(n-1)), leastBody)
	if size > mostBody {
		r.Body = make([]byte, 0, n)
		return
	}
	memory, ok := m.pools[size-leastBody].Get().(*[]byte)
	if !ok {
		memory = new([]byte)
		*memory = make([]byte, 0, 1<<size)
	}
	r.Body, r.memory, r.lender = *memory, memory, m
}

// Release ends the use of Body, so that its memory can take the body of a later
// response; Body is nil afterwards. It need not be called, and not for a response that
// somebody else may hold, or a copy of it.
func (r *Response) Release() {
	r.Body = nil
	if r.memory == nil {
		return
	}
	size := bits.Len(uint(cap(*r.memory))) - 1
	r.lender.pools[size-leastBody].Put(r.memory)
	r.memory, r.lender = nil, nil
}
