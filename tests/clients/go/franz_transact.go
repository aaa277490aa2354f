package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// franzTransactions has a session if it reads from a group: offsets go into a transaction by no other way.
type franzTransactions struct {
	client  *kgo.Client
	session *kgo.GroupTransactSession
}

func franzTransact(o options) {
	more := []kgo.Opt{
		kgo.SeedBrokers(o.Bootstrap), kgo.TransactionalID(o.ID), kgo.TransactionTimeout(o.transactionTimeout()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}
	if o.Group == "" {
		client, err := kgo.NewClient(more...)
		must(err)
		carryOut(&franzTransactions{client: client})
		return
	}
	session, err := kgo.NewGroupTransactSession(append(more,
		kgo.ConsumerGroup(o.Group), kgo.ConsumeTopics(o.Source), kgo.RequireStableFetchOffsets(),
		kgo.SessionTimeout(o.session()), kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)...)
	must(err)
	carryOut(&franzTransactions{client: session.Client(), session: session})
}

func (t *franzTransactions) begin() error {
	return t.client.BeginTransaction()
}

func (t *franzTransactions) send(topic string, partition int32, values [][]byte) error {
	var records []*kgo.Record
	for _, value := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: value})
	}
	return t.client.ProduceSync(context.Background(), records...).FirstErr()
}

func (t *franzTransactions) transform(topic string, partition int32, count int) error {
	var values [][]byte
	for len(values) < count {
		fetches := t.session.PollRecords(context.Background(), count-len(values))
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, transformed(r.Value)) })
	}
	return t.send(topic, partition, values)
}

func (t *franzTransactions) commit() error {
	return t.end(kgo.TryCommit)
}

func (t *franzTransactions) abort() error {
	return t.end(kgo.TryAbort)
}

func (t *franzTransactions) end(try kgo.TransactionEndTry) error {
	if t.session == nil {
		return t.client.EndTransaction(context.Background(), try)
	}
	committed, err := t.session.End(context.Background(), try)
	if err == nil && committed != bool(try) {
		return errors.New("the session aborted")
	}
	return err
}

func (t *franzTransactions) close() {
	t.client.Close()
}
