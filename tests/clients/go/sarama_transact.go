package main

import (
	"context"
	"time"

	"github.com/IBM/sarama"
)

type saramaTransactions struct {
	options  options
	producer sarama.SyncProducer
	source   *saramaSource
}

func saramaTransact(o options) {
	config := saramaConfig(o)
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.Transaction.ID = o.ID
	config.Producer.Transaction.Timeout = o.transactionTimeout()
	producer, err := sarama.NewSyncProducer([]string{o.Bootstrap}, config)
	must(err)
	carryOut(&saramaTransactions{options: o, producer: producer})
}

func (t *saramaTransactions) begin() error {
	return t.producer.BeginTxn()
}

func (t *saramaTransactions) send(topic string, partition int32, values [][]byte) error {
	var messages []*sarama.ProducerMessage
	for _, value := range values {
		messages = append(messages, &sarama.ProducerMessage{
			Topic: topic, Partition: partition, Value: sarama.ByteEncoder(value),
		})
	}
	return t.producer.SendMessages(messages)
}

// transform takes what it reads as long as it is one partition, so the last record's offset says it all.
func (t *saramaTransactions) transform(topic string, partition int32, count int) error {
	if t.source == nil {
		t.source = startSaramaSource(t.options)
	}
	var values [][]byte
	var last claimedMessage
	for len(values) < count {
		last = <-t.source.messages
		values = append(values, transformed(last.message.Value))
	}
	if err := t.send(topic, partition, values); err != nil {
		return err
	}
	member := sarama.NewConsumerGroupMetadataFromSession(last.session, t.options.Group, nil)
	return t.producer.AddMessageToTxnWithGroupMetadata(last.message, member, nil)
}

func (t *saramaTransactions) commit() error {
	return t.producer.CommitTxn()
}

func (t *saramaTransactions) abort() error {
	return t.producer.AbortTxn()
}

func (t *saramaTransactions) close() {
	if t.source != nil {
		t.source.stop()
		<-t.source.ended
	}
	must(t.producer.Close())
}

type claimedMessage struct {
	session sarama.ConsumerGroupSession
	message *sarama.ConsumerMessage
}

// saramaSource hands out what a member of a group reads, and commits nothing.
type saramaSource struct {
	messages chan claimedMessage
	stop     context.CancelFunc
	ended    chan struct{}
}

func startSaramaSource(o options) *saramaSource {
	config := saramaConfig(o)
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	config.Consumer.Group.Session.Timeout = o.session()
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	group, err := sarama.NewConsumerGroup([]string{o.Bootstrap}, o.Group, config)
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	source := &saramaSource{messages: make(chan claimedMessage), stop: stop, ended: make(chan struct{})}
	go func() {
		for ctx.Err() == nil {
			must(group.Consume(ctx, []string{o.Source}, source))
		}
		must(group.Close())
		close(source.ended)
	}()
	return source
}

func (s *saramaSource) Setup(sarama.ConsumerGroupSession) error {
	return nil
}

func (s *saramaSource) Cleanup(sarama.ConsumerGroupSession) error {
	return nil
}

func (s *saramaSource) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			select {
			case s.messages <- claimedMessage{session, message}:
			case <-session.Context().Done():
				return nil
			}
		case <-session.Context().Done():
			return nil
		}
	}
}
