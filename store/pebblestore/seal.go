package pebblestore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
)

// sealMember is the member of a JSON object that holds the checksum of the others.
const sealMember = "checksum"

// seal ends a JSON object with the checksum of what it says. The checksum covers the
// name of the file, too, so that one sealed file cannot stand in for another.
func seal(name string, v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	sum, _, err := sumOf(name, data)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimSuffix(data, []byte("\n}"))
	return fmt.Appendf(data, ",\n  %q: %q\n}\n", sealMember, sum), nil
}

// sealed reports whether the checksum of a file is the one of what it says.
// White space and the order of the members do not matter.
func sealed(name string, data []byte) error {
	want, have, err := sumOf(name, data)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s cannot be read: %w", frontier.ErrDamaged, name, err)
	case have == "":
		return fmt.Errorf("%w: %s cannot be read: it has no checksum", frontier.ErrDamaged, name)
	case have != want:
		return fmt.Errorf("%w: %s does not match its checksum", frontier.ErrDamaged, name)
	}
	return nil
}

// sumOf returns the checksum of a JSON object without its seal, and its seal.
func sumOf(name string, data []byte) (sum, stated string, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return "", "", err
	}
	if raw, ok := members[sealMember]; ok && json.Unmarshal(raw, &stated) != nil {
		return "", "", errors.New("its checksum is not a text")
	}
	delete(members, sealMember)
	canonical, err := json.Marshal(members) // sorted, without white space
	if err != nil {
		return "", "", err
	}
	h := xxh3.New()
	_, _ = h.WriteString(name + "\n") // a hash takes everything
	_, _ = h.Write(canonical)
	return formatSum(h.Sum64()), stated, nil
}
