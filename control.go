package clew

func (c *Crawl) serve(*engine) func() { return func() {} }
