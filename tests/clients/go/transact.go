package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// transactions is one transactional producer, and the reader whose records it transforms.
type transactions interface {
	begin() error
	// send returns when all of it is acknowledged.
	send(topic string, partition int32, values [][]byte) error
	transform(topic string, partition int32, count int) error
	commit() error
	abort() error
	close()
}

type step struct {
	Do        string   `json:"do"`
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Values    [][]byte `json:"values"`
	Count     int      `json:"count"`
}

// carryOut does the steps that come in one after the other, and prints how each of them went.
func carryOut(t transactions) {
	print(fields{"event": "ready"})
	lines := json.NewDecoder(bufio.NewReader(os.Stdin))
	for number := 0; ; number++ {
		var s step
		if err := lines.Decode(&s); err == io.EOF {
			t.close()
			return
		} else {
			must(err)
		}
		if err := do(t, s); err != nil {
			print(fields{"step": number, "error": err.Error()})
		} else {
			print(fields{"step": number})
		}
	}
}

func do(t transactions, s step) error {
	switch s.Do {
	case "begin":
		return t.begin()
	case "send":
		return t.send(s.Topic, s.Partition, s.Values)
	case "transform":
		return t.transform(s.Topic, s.Partition, s.Count)
	case "commit":
		return t.commit()
	case "abort":
		return t.abort()
	}
	return fmt.Errorf("unknown step %q", s.Do)
}

func transformed(value []byte) []byte {
	return append([]byte("of "), value...)
}

func (o options) transactionTimeout() time.Duration {
	if o.TimeoutMs == 0 {
		return time.Minute
	}
	return time.Duration(o.TimeoutMs) * time.Millisecond
}
