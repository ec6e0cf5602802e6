package fetch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// coding is a way to compress a body, RFC 9110 section 8.4.1.
type coding int

const (
	codingGzip coding = iota
	codingDeflate
	codingBrotli
	codingZstd
	codingRawDeflate // what some servers call deflate: without the zlib wrapping
)

const codingCount = int(codingRawDeflate) + 1

const (
	// maxCodings bounds the chain: each link multiplies what a byte can become.
	maxCodings = 3
	// zstdWindow is the largest window a zstd body may ask for, RFC 9659.
	zstdWindow = 8 << 20
)

// parseCodings reads the values of Content-Encoding, in the order in which they
// were applied. As browsers do, it takes a word it does not know for a mistake
// of the server and the body for uncompressed by it.
func parseCodings(values []string) ([]coding, error) {
	var codings []coding
	for _, value := range values {
		for word := range strings.SplitSeq(value, ",") {
			switch strings.ToLower(strings.TrimSpace(word)) {
			case "gzip", "x-gzip":
				codings = append(codings, codingGzip)
			case "deflate":
				codings = append(codings, codingDeflate)
			case "br":
				codings = append(codings, codingBrotli)
			case "zstd":
				codings = append(codings, codingZstd)
			default:
				continue
			}
			if len(codings) > maxCodings {
				return nil, kindErrorf(KindProtocol, "body is compressed more than %d times", maxCodings)
			}
		}
	}
	return codings, nil
}

// decoder is a decompressor that can be used again.
type decoder interface {
	io.Reader
	Reset(r io.Reader) error
}

// codecs keeps decompressors and buffers for the next body.
type codecs struct {
	decoders [codingCount]sync.Pool // of decoder
	inputs   sync.Pool              // of *bufio.Reader
	scratch  sync.Pool              // of *[]byte
	bodies   bodyMemory
}

// open returns src decompressed; no decompressor yields more than most bytes to
// the next one. release gives back what it borrowed; it is called in any case,
// and nothing is read after it.
func (c *codecs) open(src io.Reader, codings []coding, most int64) (r io.Reader, release func(), err error) {
	var borrowed []func()
	release = func() {
		for _, giveBack := range borrowed {
			giveBack()
		}
	}
	for i, kind := range slices.Backward(codings) {
		input := c.input(src)
		borrowed = append(borrowed, func() {
			input.Reset(nil)
			c.inputs.Put(input)
		})
		start, err := input.Peek(2)
		switch {
		case len(start) == 0 && errors.Is(err, io.EOF):
			return strings.NewReader(""), release, nil // nothing, compressed or not
		case len(start) == 0:
			return nil, release, fmt.Errorf("read body: %w", err)
		case kind == codingDeflate && !isZlib(start):
			kind = codingRawDeflate
		}
		d, err := c.decoder(kind, input)
		if err != nil {
			return nil, release, fmt.Errorf("decompress body: %w", err)
		}
		borrowed = append(borrowed, func() { c.decoders[kind].Put(d) })
		src = d
		if i > 0 {
			src = &layer{src: d, left: most, most: most}
		}
	}
	return src, release, nil
}

func (c *codecs) input(src io.Reader) *bufio.Reader {
	if input, ok := c.inputs.Get().(*bufio.Reader); ok {
		input.Reset(src)
		return input
	}
	return bufio.NewReaderSize(src, 16<<10)
}

func (c *codecs) decoder(kind coding, input *bufio.Reader) (decoder, error) {
	if d, ok := c.decoders[kind].Get().(decoder); ok {
		if err := d.Reset(input); err != nil {
			c.decoders[kind].Put(d)
			return nil, err
		}
		return d, nil
	}
	switch kind {
	case codingGzip:
		return gzip.NewReader(input)
	case codingDeflate:
		r, err := zlib.NewReader(input)
		return zlibDecoder{r}, err
	case codingRawDeflate:
		return flateDecoder{flate.NewReader(input)}, nil
	case codingBrotli:
		return brotli.NewReader(input), nil
	case codingZstd:
		fallthrough
	default:
		d, err := zstd.NewReader(input, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		return zstdDecoder{d}, zstdError(err)
	}
}

// isZlib reports whether a body starts as RFC 1950 section 2.2 demands:
// compression method 8 and a check over the first two bytes.
func isZlib(start []byte) bool {
	return len(start) == 2 && start[0]&0x0f == 8 && start[0]>>4 <= 7 &&
		(uint(start[0])<<8|uint(start[1]))%31 == 0
}

type zlibDecoder struct{ io.ReadCloser }

func (d zlibDecoder) Reset(r io.Reader) error {
	return d.ReadCloser.(zlib.Resetter).Reset(r, nil) //nolint:forcetypeassert // documented by zlib.NewReader
}

type flateDecoder struct{ io.ReadCloser }

func (d flateDecoder) Reset(r io.Reader) error {
	return d.ReadCloser.(flate.Resetter).Reset(r, nil) //nolint:forcetypeassert // documented by flate.NewReader
}

// zstdDecoder names a window beyond the limit for what it is.
type zstdDecoder struct{ *zstd.Decoder }

func (d zstdDecoder) Read(p []byte) (int, error) {
	n, err := d.Decoder.Read(p)
	return n, zstdError(err)
}

func (d zstdDecoder) Reset(r io.Reader) error { return zstdError(d.Decoder.Reset(r)) }

func zstdError(err error) error {
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return kindErrorf(KindTooLarge, "zstd window is larger than %d bytes", zstdWindow)
	}
	return err
}
