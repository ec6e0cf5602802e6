package pebblestore

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/clew-crawler/clew/frontier"
)

// rebuildReport rebuilds a crawl that finished without failures: nothing is left of it
// but its items and its report.
func (d *Directory) rebuildReport(tmp *Directory, s *Salvage) error {
	report, err := d.Report()
	stats := map[string]json.RawMessage{}
	members := map[string]json.RawMessage{}
	switch {
	case err == nil && report == nil:
		return fmt.Errorf("%w: neither a frontier nor a report is there, so nothing tells what was done: "+
			"read items.jsonl by itself, and begin anew", frontier.ErrDamaged)
	case err != nil && !errors.Is(err, frontier.ErrDamaged):
		return err
	case err != nil:
		// Which of its numbers are still right nobody can say.
		s.lose("%s: the counters and the spider's state", reportName)
		if report, err = readFile(d.fs, d.file(reportName)); err != nil {
			report = nil
		}
	default:
		if err := json.Unmarshal(report, &members); err != nil {
			return fmt.Errorf("read report: %w", err)
		}
	}
	members["status"] = json.RawMessage(`"finished"`) // as every crawl with a report
	if raw, ok := members["stats"]; ok && json.Unmarshal(raw, &stats) != nil {
		s.lose("the counters in %s", reportName)
		stats = map[string]json.RawMessage{}
	}
	length, _ := reportedLength(report) // 0 if it cannot be read
	items, err := d.rebuildItems(tmp, s, length, report)
	if err != nil {
		return err
	}
	for name, v := range map[string]int64{"items": s.Items, "item_bytes": items.length} {
		stats[name] = json.RawMessage(fmt.Sprint(v))
	}
	delete(members, sealMember)
	for name, v := range map[string]any{"spider": s.Identity.Spider, "stats": stats, "items_checksum": items.sum} {
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode report: %w", err)
		}
		members[name] = raw
	}
	data, err := seal(reportName, members)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	return writeFile(tmp.fs, tmp.file(reportName), data)
}

// reportedLength is the length of the item log that a report states.
func reportedLength(report []byte) (int64, error) {
	var r struct {
		Stats struct {
			ItemBytes int64 `json:"item_bytes"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return 0, fmt.Errorf("%w: %s cannot be read: %w", frontier.ErrDamaged, reportName, err)
	}
	return r.Stats.ItemBytes, nil
}

type rebuiltItems struct {
	length int64
	sum    string
}

// rebuildItems copies the item log of a finished crawl: as it is if it matches the
// report, and otherwise the lines that are JSON, all of them in doubt.
func (d *Directory) rebuildItems(tmp *Directory, s *Salvage, length int64, report []byte) (rebuiltItems, error) {
	h := xxh3.New()
	in, err := d.fs.Open(d.file(itemsName))
	if errors.Is(err, os.ErrNotExist) {
		if length > 0 {
			s.lose("%s is missing: %d bytes of items", itemsName, length)
		}
		return rebuiltItems{0, formatSum(h.Sum64())}, nil
	}
	if err != nil {
		return rebuiltItems{}, fmt.Errorf("read items: %w", err)
	}
	out, err := tmp.fs.Create(tmp.file(itemsName), category)
	if err != nil {
		return rebuiltItems{}, errors.Join(err, in.Close())
	}
	sum, serr := d.wholeSum(length, report)
	var n, lines int64
	w := bufio.NewWriterSize(io.MultiWriter(h, out), 1<<16) // the disk of a test may change what it is given
	for line, lerr := range jsonLines(in) {
		if err = lerr; err == nil {
			_, err = w.Write(line)
		}
		if err != nil {
			break
		}
		n += int64(len(line))
		lines++
	}
	err = errors.Join(err, w.Flush(), out.Sync(), out.Close(), in.Close())
	s.Items = lines
	if made := formatSum(h.Sum64()); serr != nil || made != sum {
		s.Doubtful = lines
		s.lose("%s does not match its checksum: %d lines were kept as they read", itemsName, lines)
		sum = made
	}
	return rebuiltItems{n, sum}, err
}

// wholeSum is the checksum of the items that a report states, or why there is none.
func (d *Directory) wholeSum(length int64, report []byte) (string, error) {
	var want itemsSum
	if err := json.Unmarshal(report, &want); err != nil {
		return "", err
	}
	return want.Sum, d.CheckItems(length, report)
}

// jsonLines yields the whole lines that are JSON values, with their newlines.
func jsonLines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		br := bufio.NewReaderSize(r, 1<<16)
		for {
			line, err := br.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				return // what stands before it is no whole line
			}
			if err != nil {
				yield(nil, fmt.Errorf("read items: %w", err))
				return
			}
			if json.Valid(line) && !yield(line, nil) {
				return
			}
		}
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return line
}
