// The driver of the Go clients: one program, because Go links all three libraries into one binary.
//
// The commands, their options and the JSON lines they print are described in tests/README.md.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// options are those of every command; each command reads the ones it knows.
type options struct {
	Bootstrap   string            `json:"bootstrap"`
	Topic       string            `json:"topic"`
	Topics      []string          `json:"topics"`
	Partition   int32             `json:"partition"`
	Partitions  int32             `json:"partitions"`
	Compression string            `json:"compression"`
	Acks        string            `json:"acks"`
	Idempotent  bool              `json:"idempotent"`
	From        json.RawMessage   `json:"from"`
	Count       int               `json:"count"`
	Group       string            `json:"group"`
	Instance    string            `json:"instance"`
	SessionMs   int               `json:"session_ms"`
	Max         int               `json:"max"`
	First       int               `json:"first"`
	Op          string            `json:"op"`
	Configs     map[string]string `json:"configs"`
	Offset      int64             `json:"offset"`
	Isolation   string            `json:"isolation"`
	ID          string            `json:"id"`
	TimeoutMs   int               `json:"timeout_ms"`
	Source      string            `json:"source"`
}

type header struct {
	Key   string
	Value []byte
}

// UnmarshalJSON reads the pair that a header is on the wire of the drivers.
func (h *header) UnmarshalJSON(data []byte) error {
	pair := []any{&h.Key, &h.Value}
	return json.Unmarshal(data, &pair)
}

// MarshalJSON writes the pair that a header is on the wire of the drivers.
func (h header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.Key, h.Value})
}

// record is what produce reads; encoding/json takes base64 for bytes, null for nil.
type record struct {
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []header `json:"headers"`
	Partition *int32   `json:"partition"`
	Timestamp int64    `json:"timestamp"`
}

type consumed struct {
	Event     string   `json:"event"`
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"`
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []header `json:"headers"`
}

// fields is one JSON line.
type fields map[string]any

var printing sync.Mutex

func print(line any) {
	data, err := json.Marshal(line)
	must(err)
	printing.Lock()
	defer printing.Unlock()
	os.Stdout.Write(append(data, '\n'))
}

func printAcked(index int, partition int32, offset int64, err error) {
	if err != nil {
		print(fields{"i": index, "error": err.Error()})
		return
	}
	print(fields{"i": index, "partition": partition, "offset": offset})
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func readRecords() []record {
	var all []record
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			var r record
			must(json.Unmarshal(line, &r))
			all = append(all, r)
		}
		if err != nil {
			return all
		}
	}
}

// inputEnded is closed when the test closes our input, which means: finish.
func inputEnded() chan struct{} {
	ended := make(chan struct{})
	go func() {
		lines := bufio.NewReader(os.Stdin)
		for {
			if _, err := lines.ReadByte(); err != nil {
				close(ended)
				return
			}
		}
	}()
	return ended
}

// position is the decoded "from" option: beginning, end, an offset or a timestamp.
type position struct {
	name      string
	offset    *int64
	timestamp *int64
}

func (o options) position() position {
	var p position
	if json.Unmarshal(o.From, &p.name) == nil {
		return p
	}
	var spec struct {
		Offset    *int64 `json:"offset"`
		Timestamp *int64 `json:"timestamp"`
	}
	must(json.Unmarshal(o.From, &spec))
	p.offset, p.timestamp = spec.Offset, spec.Timestamp
	return p
}

func (o options) session() time.Duration {
	if o.SessionMs == 0 {
		return 10 * time.Second
	}
	return time.Duration(o.SessionMs) * time.Millisecond
}

func milliseconds(t time.Time) int64 {
	return t.UnixMilli()
}

// loadWindow is how many records a load driver has in flight.
const loadWindow = 200

type commands struct {
	produce  func(options)
	consume  func(options)
	group    func(options)
	load     func(options)
	admin    func(options) fields
	transact func(options)
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: driver CLIENT COMMAND OPTIONS_JSON")
		os.Exit(2)
	}
	var o options
	must(json.Unmarshal([]byte(os.Args[3]), &o))
	clients := map[string]commands{"franz-go": franz, "sarama": saramaCommands, "segmentio": segmentio}
	client := clients[os.Args[1]]
	switch os.Args[2] {
	case "produce":
		client.produce(o)
	case "consume":
		client.consume(o)
	case "group":
		client.group(o)
	case "load":
		client.load(o)
	case "transact":
		client.transact(o)
	case "admin":
		print(client.admin(o))
	default:
		fmt.Fprintln(os.Stderr, "unknown command", os.Args[2])
		os.Exit(2)
	}
}
