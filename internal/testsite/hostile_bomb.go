package testsite

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// bombs become much more than they are. What they become is 512 times size.
func bombs(size int) []Trap {
	zeros := make([]byte, 64<<10)
	nothing := func(w io.Writer) error { // a stream of gzip that is long and yields not a byte
		member := squeeze(gzipTo, func(io.Writer) error { return nil })
		for n := 0; n < 512*size; n += len(member) {
			if _, err := w.Write(member); err != nil {
				return err
			}
		}
		return nil
	}
	much := func(w io.Writer) error {
		for n := 0; n < 512*size; n += len(zeros) {
			if _, err := w.Write(zeros); err != nil {
				return err
			}
		}
		return nil
	}
	again := func(body []byte) func(io.Writer) error {
		return func(w io.Writer) error { _, err := w.Write(body); return err }
	}
	once := squeeze(gzipTo, much)
	twice := squeeze(gzipTo, again(once))
	bomb := func(coding string, body []byte) func(net.Conn, string) {
		return page("Content-Encoding: "+coding+"\r\n", string(body))
	}
	return []Trap{
		{Name: "gzip bomb", spring: bomb("gzip", once)},
		{Name: "deflate bomb", spring: bomb("deflate", squeeze(zlibTo, much))},
		{Name: "br bomb", spring: bomb("br", squeeze(brotliTo, much))},
		{Name: "zstd bomb", spring: bomb("zstd", squeeze(zstdTo, much))},
		{Name: "gzip, gzip bomb", spring: bomb("gzip, gzip", twice)},
		{Name: "br, gzip, gzip bomb", spring: bomb("br, gzip, gzip", squeeze(gzipTo, again(squeeze(gzipTo, again(squeeze(brotliTo, much))))))},
		{Name: "gzip five times", spring: bomb("gzip, gzip, gzip, gzip, gzip", twice)},
		{Name: "gzip, gzip of nothing", spring: bomb("gzip, gzip", squeeze(gzipTo, nothing))},
		{Name: "endless gzip of nothing", spring: forEver(okLine+"Content-Encoding: gzip\r\nConnection: close\r\n\r\n",
			string(squeeze(gzipTo, func(io.Writer) error { return nil })))},
		{Name: "zstd window of a gigabyte", spring: bomb("zstd", []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0x00, 0x00})},
		{Name: "gzip that is none", spring: bomb("gzip", []byte("<p>hello"))},
		{Name: "gzip cut off", spring: bomb("gzip", squeeze(gzipTo, again(zeros))[:20])},
		{Name: "unknown encoding", spring: bomb("cloth", []byte("<p>hello"))},
	}
}

func gzipTo(w io.Writer) io.WriteCloser   { return gzip.NewWriter(w) }
func zlibTo(w io.Writer) io.WriteCloser   { return zlib.NewWriter(w) }
func brotliTo(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, 4) }

func zstdTo(w io.Writer) io.WriteCloser {
	encoder, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return broken{err}
	}
	return encoder
}

// broken is a writer that could not be made.
type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }
func (b broken) Close() error              { return b.err }

// squeeze compresses what fill writes. Memory takes everything, so an error is a
// mistake in this file, and the bomb a dud that says so.
func squeeze(to func(io.Writer) io.WriteCloser, fill func(io.Writer) error) []byte {
	var b bytes.Buffer
	w := to(&b)
	err := fill(w)
	if closed := w.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Appendf(nil, "no bomb: %v", err)
	}
	return b.Bytes()
}

// tlsTraps fail before there is HTTP.
func tlsTraps() []Trap {
	expired := func(conn net.Conn, _ string) {
		certificate, err := expiredCertificate()
		if err != nil {
			return
		}
		server := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		_ = server.Handshake() //nolint:noctx // ends with the connection
	}
	listen := func(conn net.Conn, _ string) { _, _ = io.Copy(io.Discard, conn) }
	return []Trap{
		{Name: "expired certificate", scheme: "https", early: true, Robots: true, spring: expired},
		{Name: "handshake never ends", scheme: "https", early: true, Robots: true, spring: listen},
		{Name: "no TLS", scheme: "https", early: true, Robots: true, spring: func(conn net.Conn, _ string) {
			_, _ = conn.Read(make([]byte, 4096))
			say(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}},
		{Name: "handshake is cut off", scheme: "https", early: true, Robots: true, spring: func(conn net.Conn, _ string) {
			_, _ = conn.Read(make([]byte, 4096))
		}},
	}
}

// expiredCertificate was valid for an hour, long ago.
func expiredCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make key: %w", err)
	}
	began := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: began, NotAfter: began.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
