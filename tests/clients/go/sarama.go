package main

import (
	"context"
	"io"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

var saramaCommands = commands{saramaProduce, saramaConsume, saramaGroup, saramaLoad, saramaAdmin, saramaTransact}

func saramaConfig(o options) *sarama.Config {
	sarama.Logger = log.New(io.Discard, "", 0)
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.Return.Errors = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.MaxMessageBytes = 50 << 20
	config.Producer.Compression = map[string]sarama.CompressionCodec{
		"gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}[o.Compression]
	config.Producer.RequiredAcks = sarama.WaitForAll
	switch o.Acks {
	case "0":
		config.Producer.RequiredAcks = sarama.NoResponse
	case "1":
		config.Producer.RequiredAcks = sarama.WaitForLocal
	}
	if o.Idempotent {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	config.Metadata.AllowAutoTopicCreation = false
	return config
}

func saramaMessage(o options, i int, r record) *sarama.ProducerMessage {
	sent := &sarama.ProducerMessage{Topic: o.Topic, Metadata: i}
	if r.Key != nil {
		sent.Key = sarama.ByteEncoder(r.Key)
	}
	if r.Value != nil {
		sent.Value = sarama.ByteEncoder(r.Value)
	}
	if r.Partition != nil {
		sent.Partition = *r.Partition
	}
	if r.Timestamp != 0 {
		sent.Timestamp = time.UnixMilli(r.Timestamp)
	}
	for _, h := range r.Headers {
		sent.Headers = append(sent.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return sent
}

// saramaAcks prints acknowledgements and calls `done` for each, until the producer is closed.
func saramaAcks(producer sarama.AsyncProducer, done func()) *sync.WaitGroup {
	var readers sync.WaitGroup
	readers.Go(func() {
		for m := range producer.Successes() {
			printAcked(m.Metadata.(int), m.Partition, m.Offset, nil)
			done()
		}
	})
	readers.Go(func() {
		for e := range producer.Errors() {
			printAcked(e.Msg.Metadata.(int), 0, 0, e.Err)
			done()
		}
	})
	return &readers
}

func saramaProduce(o options) {
	producer, err := sarama.NewAsyncProducer([]string{o.Bootstrap}, saramaConfig(o))
	must(err)
	var pending sync.WaitGroup
	readers := saramaAcks(producer, pending.Done)
	for i, r := range readRecords() {
		pending.Add(1)
		producer.Input() <- saramaMessage(o, i, r)
	}
	// A producer that is closed gives up some of what it has not sent yet.
	pending.Wait()
	producer.AsyncClose()
	readers.Wait()
}

func saramaLoad(o options) {
	o.Idempotent = true
	config := saramaConfig(o)
	config.Producer.Retry.Max = 300
	config.Metadata.Retry.Max = 300
	producer, err := sarama.NewAsyncProducer([]string{o.Bootstrap}, config)
	must(err)
	window := make(chan struct{}, loadWindow)
	readers := saramaAcks(producer, func() { <-window })
	ended := inputEnded()
	for i := o.First; ; i++ {
		select {
		case <-ended:
			for range loadWindow {
				window <- struct{}{}
			}
			producer.AsyncClose()
			readers.Wait()
			return
		case window <- struct{}{}:
		}
		partition := int32(i) % o.Partitions
		producer.Input() <- saramaMessage(o, i, record{Value: number(i), Partition: &partition})
		time.Sleep(time.Millisecond)
	}
}

func saramaRecord(m *sarama.ConsumerMessage) consumed {
	line := consumed{
		Event: "record", Topic: m.Topic, Partition: m.Partition, Offset: m.Offset,
		Timestamp: milliseconds(m.Timestamp), Key: m.Key, Value: m.Value,
	}
	for _, h := range m.Headers {
		line.Headers = append(line.Headers, header{string(h.Key), h.Value})
	}
	return line
}

func saramaConsume(o options) {
	config := saramaConfig(o)
	if o.Isolation == "read_committed" {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	client, err := sarama.NewClient([]string{o.Bootstrap}, config)
	must(err)
	start := sarama.OffsetOldest
	at := o.position()
	switch {
	case at.offset != nil:
		start = *at.offset
	case at.timestamp != nil:
		start, err = client.GetOffset(o.Topic, o.Partition, *at.timestamp)
	case at.name == "end":
		start, err = client.GetOffset(o.Topic, o.Partition, sarama.OffsetNewest)
	}
	must(err)
	consumer, err := sarama.NewConsumerFromClient(client)
	must(err)
	partition, err := consumer.ConsumePartition(o.Topic, o.Partition, start)
	must(err)
	print(fields{"event": "ready"})
	for seen := 0; seen < o.Count; seen++ {
		print(saramaRecord(<-partition.Messages()))
	}
	must(client.Close())
}

// saramaCommitEvery is how many records a member reads before it commits while more are at hand: a
// commit waits for the disk, so one for each would read slower than records come.
const saramaCommitEvery = 50

// saramaMember prints what a member of a group gets, and commits before it waits for more.
type saramaMember struct {
	left atomic.Int64
	stop context.CancelFunc
	one  sync.Mutex
	read int
}

func claimed(session sarama.ConsumerGroupSession) []int32 {
	all := []int32{}
	for _, partitions := range session.Claims() {
		all = append(all, partitions...)
	}
	return all
}

func (m *saramaMember) Setup(session sarama.ConsumerGroupSession) error {
	print(fields{"event": "assigned", "partitions": claimed(session)})
	return nil
}

func (m *saramaMember) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	print(fields{"event": "revoked", "partitions": claimed(session)})
	return nil
}

func (m *saramaMember) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, ok := <-claim.Messages():
			if !ok || !m.take(session, message, len(claim.Messages()) > 0) {
				return nil
			}
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *saramaMember) take(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage, more bool) bool {
	m.one.Lock()
	defer m.one.Unlock()
	if session.Context().Err() != nil || m.left.Load() == 0 {
		return false
	}
	print(saramaRecord(message))
	session.MarkMessage(message, "")
	m.read++
	last := m.left.Add(-1) == 0
	if last || !more || m.read%saramaCommitEvery == 0 {
		session.Commit()
	}
	if last {
		m.stop()
	}
	return true
}

func saramaGroup(o options) {
	config := saramaConfig(o)
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Session.Timeout = o.session()
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	config.Consumer.Group.InstanceId = o.Instance
	group, err := sarama.NewConsumerGroup([]string{o.Bootstrap}, o.Group, config)
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	member := &saramaMember{stop: stop}
	member.left.Store(-1)
	if o.Max != 0 {
		member.left.Store(int64(o.Max))
	}
	ended := inputEnded()
	go func() {
		<-ended
		stop()
	}()
	for ctx.Err() == nil {
		if err := group.Consume(ctx, o.Topics, member); err != nil {
			print(fields{"event": "consume-failed", "error": err.Error()})
			time.Sleep(100 * time.Millisecond)
		}
	}
	must(group.Close())
	print(fields{"event": "left"})
}

func saramaAdmin(o options) fields {
	admin, err := sarama.NewClusterAdmin([]string{o.Bootstrap}, saramaConfig(o))
	must(err)
	defer admin.Close()
	answer, err := saramaOperation(admin, o)
	if err != nil {
		return fields{"error": err.Error()}
	}
	return answer
}

func saramaOperation(admin sarama.ClusterAdmin, o options) (fields, error) {
	switch o.Op {
	case "create-topic":
		detail := &sarama.TopicDetail{NumPartitions: o.Partitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{}}
		for key, value := range o.Configs {
			detail.ConfigEntries[key] = &value
		}
		return fields{}, admin.CreateTopic(o.Topic, detail, false)
	case "delete-topic":
		return fields{}, admin.DeleteTopic(o.Topic)
	case "list-topics":
		all, err := admin.ListTopics()
		names := []string{}
		for name := range all {
			names = append(names, name)
		}
		return fields{"topics": names}, err
	case "describe-topic":
		all, err := admin.DescribeTopics([]string{o.Topic})
		if err != nil {
			return nil, err
		}
		if all[0].Err != sarama.ErrNoError {
			return nil, all[0].Err
		}
		return fields{"partitions": len(all[0].Partitions)}, nil
	case "create-partitions":
		return fields{}, admin.CreatePartitions(o.Topic, o.Partitions, nil, false)
	case "delete-records":
		return fields{"low_watermark": nil}, admin.DeleteRecords(o.Topic, map[int32]int64{o.Partition: o.Offset})
	}
	return saramaOtherOperation(admin, o)
}

func saramaOtherOperation(admin sarama.ClusterAdmin, o options) (fields, error) {
	switch o.Op {
	case "alter-config":
		changes := map[string]sarama.IncrementalAlterConfigsEntry{}
		for key, value := range o.Configs {
			changes[key] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}
		}
		return fields{}, admin.IncrementalAlterConfig(sarama.TopicResource, o.Topic, changes, false)
	case "describe-config":
		all, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: o.Topic})
		configs := fields{}
		for _, entry := range all {
			configs[entry.Name] = entry.Value
		}
		return fields{"configs": configs}, err
	case "list-groups":
		all, err := admin.ListConsumerGroups()
		names := []string{}
		for name := range all {
			names = append(names, name)
		}
		return fields{"groups": names}, err
	case "describe-group":
		all, err := admin.DescribeConsumerGroups([]string{o.Group})
		if err != nil {
			return nil, err
		}
		return fields{"state": all[0].State, "members": len(all[0].Members)}, nil
	case "delete-group":
		return fields{}, admin.DeleteConsumerGroup(o.Group)
	}
	return fields{"unsupported": o.Op}, nil
}
