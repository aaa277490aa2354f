package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

var segmentio = commands{segmentioProduce, segmentioConsume, segmentioGroup, segmentioLoad, segmentioAdmin, nil}

// manual sends every message to the partition that the test chose.
type manual struct{}

func (manual) Balance(m kafka.Message, _ ...int) int {
	return m.WriterData.(chosen).partition
}

type chosen struct {
	index     int
	partition int
}

func segmentioWriter(o options, done func()) *kafka.Writer {
	writer := &kafka.Writer{
		Addr: kafka.TCP(o.Bootstrap), Topic: o.Topic, Balancer: manual{}, Async: true,
		BatchTimeout: 5 * time.Millisecond, BatchBytes: 50 << 20, RequiredAcks: kafka.RequireAll,
		Compression: map[string]kafka.Compression{
			"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
		}[o.Compression],
		Completion: func(messages []kafka.Message, err error) {
			for _, m := range messages {
				printAcked(m.WriterData.(chosen).index, int32(m.Partition), m.Offset, err)
				done()
			}
		},
	}
	switch o.Acks {
	case "0":
		writer.RequiredAcks = kafka.RequireNone
	case "1":
		writer.RequiredAcks = kafka.RequireOne
	}
	return writer
}

func segmentioProduce(o options) {
	var waiting sync.WaitGroup
	writer := segmentioWriter(o, waiting.Done)
	for i, r := range readRecords() {
		sent := kafka.Message{Key: r.Key, Value: r.Value, WriterData: chosen{i, 0}}
		if r.Partition != nil {
			sent.WriterData = chosen{i, int(*r.Partition)}
		}
		if r.Timestamp != 0 {
			sent.Time = time.UnixMilli(r.Timestamp)
		}
		for _, h := range r.Headers {
			sent.Headers = append(sent.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		waiting.Add(1)
		if err := writer.WriteMessages(context.Background(), sent); err != nil {
			printAcked(i, 0, 0, err)
			waiting.Done()
		}
	}
	waiting.Wait()
	must(writer.Close())
}

func segmentioLoad(o options) {
	window := make(chan struct{}, loadWindow)
	writer := segmentioWriter(o, func() { <-window })
	writer.MaxAttempts = 300
	ended := inputEnded()
	for i := o.First; ; i++ {
		select {
		case <-ended:
			must(writer.Close())
			return
		case window <- struct{}{}:
		}
		sent := kafka.Message{Value: number(i), WriterData: chosen{i, i % int(o.Partitions)}}
		if err := writer.WriteMessages(context.Background(), sent); err != nil {
			printAcked(i, 0, 0, err)
			<-window
		}
		time.Sleep(time.Millisecond)
	}
}

func segmentioRecord(m kafka.Message) consumed {
	line := consumed{
		Event: "record", Topic: m.Topic, Partition: int32(m.Partition), Offset: m.Offset,
		Timestamp: milliseconds(m.Time), Key: m.Key, Value: m.Value,
	}
	for _, h := range m.Headers {
		line.Headers = append(line.Headers, header{h.Key, h.Value})
	}
	return line
}

func segmentioConsume(o options) {
	ctx := context.Background()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{o.Bootstrap}, Topic: o.Topic, Partition: int(o.Partition),
		MaxBytes: 64 << 20, MaxWait: 500 * time.Millisecond,
	})
	at := o.position()
	switch {
	case at.offset != nil:
		must(reader.SetOffset(*at.offset))
	case at.timestamp != nil:
		must(reader.SetOffsetAt(ctx, time.UnixMilli(*at.timestamp)))
	case at.name == "end":
		leader, err := kafka.DialLeader(ctx, "tcp", o.Bootstrap, o.Topic, int(o.Partition))
		must(err)
		last, err := leader.ReadLastOffset()
		must(err)
		must(reader.SetOffset(last))
	default:
		must(reader.SetOffset(kafka.FirstOffset))
	}
	print(fields{"event": "ready"})
	for seen := 0; seen < o.Count; seen++ {
		m, err := reader.ReadMessage(ctx)
		must(err)
		print(segmentioRecord(m))
	}
	must(reader.Close())
}

func segmentioGroup(o options) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{o.Bootstrap}, GroupID: o.Group, GroupTopics: o.Topics, StartOffset: kafka.FirstOffset,
		MaxWait: 200 * time.Millisecond, HeartbeatInterval: 300 * time.Millisecond, SessionTimeout: o.session(),
		RebalanceTimeout: 10 * time.Second, JoinGroupBackoff: 200 * time.Millisecond,
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := inputEnded()
	go func() {
		<-ended
		stop()
	}()
	for seen := 0; o.Max == 0 || seen < o.Max; seen++ {
		m, err := reader.FetchMessage(ctx)
		if errors.Is(err, context.Canceled) {
			break
		}
		must(err)
		print(segmentioRecord(m))
		if err := reader.CommitMessages(context.Background(), m); err != nil {
			print(fields{"event": "commit-failed", "error": err.Error()})
		}
	}
	must(reader.Close())
	print(fields{"event": "left"})
}
