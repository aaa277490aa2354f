package main

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var franz = commands{franzProduce, franzConsume, franzGroup, franzLoad, franzAdmin, franzTransact}

func franzCodec(name string) kgo.CompressionCodec {
	return map[string]kgo.CompressionCodec{
		"": kgo.NoCompression(), "none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[name]
}

func franzClient(o options, more ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(o.Bootstrap)}, more...)...)
	must(err)
	return client
}

func franzProducer(o options) *kgo.Client {
	more := []kgo.Opt{
		kgo.ProducerBatchCompression(franzCodec(o.Compression)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(20 << 20),
		kgo.BrokerMaxWriteBytes(100 << 20),
	}
	switch o.Acks {
	case "0":
		more = append(more, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	case "1":
		more = append(more, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	default:
		if !o.Idempotent {
			more = append(more, kgo.DisableIdempotentWrite())
		}
	}
	return franzClient(o, more...)
}

func franzProduce(o options) {
	client := franzProducer(o)
	defer client.Close()
	var waiting sync.WaitGroup
	for i, r := range readRecords() {
		sent := &kgo.Record{Topic: o.Topic, Key: r.Key, Value: r.Value}
		if r.Partition != nil {
			sent.Partition = *r.Partition
		}
		if r.Timestamp != 0 {
			sent.Timestamp = time.UnixMilli(r.Timestamp)
		}
		for _, h := range r.Headers {
			sent.Headers = append(sent.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		waiting.Add(1)
		client.Produce(context.Background(), sent, func(acked *kgo.Record, err error) {
			defer waiting.Done()
			printAcked(i, acked.Partition, acked.Offset, err)
		})
	}
	waiting.Wait()
}

func franzRecord(r *kgo.Record) consumed {
	line := consumed{
		Event: "record", Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Timestamp: milliseconds(r.Timestamp), Key: r.Key, Value: r.Value,
	}
	for _, h := range r.Headers {
		line.Headers = append(line.Headers, header{h.Key, h.Value})
	}
	return line
}

func franzConsume(o options) {
	start := kgo.NewOffset()
	at := o.position()
	switch {
	case at.offset != nil:
		start = start.At(*at.offset)
	case at.timestamp != nil:
		start = start.AfterMilli(*at.timestamp)
	case at.name == "end":
		// The end is looked up before "ready" is said; otherwise records sent meanwhile would be skipped.
		admin := kadm.NewClient(franzClient(o))
		ends, err := admin.ListEndOffsets(context.Background(), o.Topic)
		must(err)
		end, _ := ends.Lookup(o.Topic, o.Partition)
		must(end.Err)
		start = start.At(end.Offset)
	default:
		start = start.AtStart()
	}
	isolation := kgo.ReadUncommitted()
	if o.Isolation == "read_committed" {
		isolation = kgo.ReadCommitted()
	}
	client := franzClient(o, kgo.FetchIsolationLevel(isolation),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{o.Topic: {o.Partition: start}}))
	defer client.Close()
	print(fields{"event": "ready"})
	for seen := 0; seen < o.Count; {
		fetches := client.PollFetches(context.Background())
		for _, e := range fetches.Errors() {
			must(e.Err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if seen < o.Count {
				print(franzRecord(r))
			}
			seen++
		})
	}
}

func franzChange(event string) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
		all := []int32{}
		for _, partitions := range changed {
			all = append(all, partitions...)
		}
		if event == "assigned" || len(all) > 0 {
			print(fields{"event": event, "partitions": all})
		}
	}
}

func franzGroup(o options) {
	more := []kgo.Opt{
		kgo.ConsumerGroup(o.Group), kgo.ConsumeTopics(o.Topics...), kgo.DisableAutoCommit(),
		kgo.Balancers(kgo.RangeBalancer()), kgo.SessionTimeout(o.session()),
		kgo.HeartbeatInterval(300 * time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(franzChange("assigned")), kgo.OnPartitionsRevoked(franzChange("revoked")),
		kgo.OnPartitionsLost(franzChange("revoked")), kgo.BlockRebalanceOnPoll(),
	}
	if o.Instance != "" {
		more = append(more, kgo.InstanceID(o.Instance))
	}
	client := franzClient(o, more...)
	ended := inputEnded()
	for seen := 0; o.Max == 0 || seen < o.Max; {
		select {
		case <-ended:
			client.CloseAllowingRebalance()
			print(fields{"event": "left"})
			return
		default:
		}
		wait, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		records := client.PollRecords(wait, 100).Records()
		cancel()
		if o.Max != 0 && len(records) > o.Max-seen {
			records = records[:o.Max-seen]
		}
		for _, r := range records {
			print(franzRecord(r))
			seen++
		}
		if len(records) > 0 {
			if err := client.CommitRecords(context.Background(), records...); err != nil {
				print(fields{"event": "commit-failed", "error": err.Error()})
			}
		}
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
	print(fields{"event": "left"})
}

func franzLoad(o options) {
	o.Idempotent = true
	client := franzProducer(o)
	window := make(chan struct{}, loadWindow)
	ended := inputEnded()
	for i := o.First; ; i++ {
		select {
		case <-ended:
			must(client.Flush(context.Background()))
			client.Close()
			return
		case window <- struct{}{}:
		}
		sent := &kgo.Record{Topic: o.Topic, Value: number(i), Partition: int32(i) % o.Partitions}
		client.Produce(context.Background(), sent, func(acked *kgo.Record, err error) {
			<-window
			printAcked(i, acked.Partition, acked.Offset, err)
		})
		time.Sleep(time.Millisecond)
	}
}
