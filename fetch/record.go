package fetch

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// recordVersion is the format of a cookie record. Records of a newer version
// are refused.
const recordVersion = 1

// cookieRecord is the value of a record: all cookies of one registrable domain,
// oldest first.
type cookieRecord struct {
	Version int           `json:"version"`
	Cookies []savedCookie `json:"cookies"`
}

type savedCookie struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Quoted   bool   `json:"quoted,omitempty"`
	Domain   string `json:"domain"`
	HostOnly bool   `json:"host_only,omitempty"`
	Path     string `json:"path"`
	Secure   bool   `json:"secure,omitempty"`
	Expires  int64  `json:"expires,omitempty"` // Unix seconds; 0 is no end
}

// drain returns a record for each site that changed since the last call, sorted
// by key.
func (j *jar) drain(now time.Time) []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.changed) == 0 {
		return nil
	}
	records := make([]Record, 0, len(j.changed))
	for _, key := range slices.Sorted(maps.Keys(j.changed)) {
		value, err := j.encode(key, now)
		if err != nil {
			continue // stays marked as changed; strings and numbers always encode
		}
		records = append(records, Record{Key: key, Value: value})
		delete(j.changed, key)
	}
	return records
}

// encode returns the value for a site, nil when nothing of it is left.
func (j *jar) encode(key string, now time.Time) ([]byte, error) {
	s := j.sites[key]
	if s == nil {
		return nil, nil
	}
	record := cookieRecord{Version: recordVersion}
	for _, c := range s.cookies {
		if c.expired(now) {
			continue
		}
		c.saved = c.expires
		saved := savedCookie{
			Name: c.name, Value: c.value, Quoted: c.quoted,
			Domain: c.domain, HostOnly: c.hostOnly, Path: c.path, Secure: c.secure,
		}
		if !c.expires.IsZero() {
			saved.Expires = max(1, c.expires.Unix()) // on a clock before 1970 it is over at once
		}
		record.Cookies = append(record.Cookies, saved)
	}
	if len(record.Cookies) == 0 {
		j.drop(s)
		return nil, nil
	}
	return json.Marshal(record)
}

// restore takes all records or none.
func (j *jar) restore(records iter.Seq2[Record, error], now time.Time) error {
	sites := make(map[string][]*cookie)
	for record, err := range records {
		if err != nil {
			return fmt.Errorf("read cookie records: %w", err)
		}
		cookies, err := decodeRecord(record)
		if err != nil {
			return fmt.Errorf("restore cookies of %q: %w", record.Key, err)
		}
		sites[record.Key] = cookies
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for key, cookies := range sites {
		if s := j.sites[key]; s != nil {
			j.drop(s)
		}
		for _, c := range cookies {
			j.put(key, c, now)
		}
		delete(j.changed, key)
	}
	j.trim()
	return nil
}

// decodeRecord returns the cookies of a record, expired ones included. It takes
// nothing on trust: what a record can hold is what the jar could have written.
func decodeRecord(record Record) ([]*cookie, error) {
	if record.Value == nil {
		return nil, nil
	}
	var decoded cookieRecord
	if err := json.Unmarshal(record.Value, &decoded); err != nil {
		// The decoder's own message may quote a value.
		return nil, errors.New("value is not a cookie record")
	}
	if decoded.Version != recordVersion {
		return nil, fmt.Errorf("record has version %d, want %d", decoded.Version, recordVersion)
	}
	cookies := make([]*cookie, 0, len(decoded.Cookies))
	for i, saved := range decoded.Cookies {
		if err := saved.validate(record.Key); err != nil {
			return nil, fmt.Errorf("cookie %d: %w", i+1, err)
		}
		c := &cookie{
			name: saved.Name, value: saved.Value, quoted: saved.Quoted,
			domain: saved.Domain, hostOnly: saved.HostOnly, path: saved.Path, secure: saved.Secure,
		}
		if saved.Expires != 0 {
			c.expires = time.Unix(saved.Expires, 0)
			c.saved = c.expires
		}
		cookies = append(cookies, c)
	}
	return cookies, nil
}

func (c *savedCookie) validate(key string) error {
	switch {
	case !httpguts.ValidHeaderFieldName(c.Name):
		return errors.New("name is not a token")
	case !httpguts.ValidHeaderFieldValue(c.Value) || strings.Contains(c.Value, ";"):
		return errors.New("value cannot be sent")
	case len(c.Name)+len(c.Value)+len(c.Path)+len(c.Domain) > maxCookieBytes:
		return errors.New("cookie is too large")
	case !strings.HasPrefix(c.Path, "/"):
		return errors.New("path is not absolute")
	case siteKey(c.Domain) != key:
		return errors.New("domain is not the record's")
	case c.Expires < 0:
		return errors.New("expiry is negative")
	default:
		return nil
	}
}
