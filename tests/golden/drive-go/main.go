// Command drive-go makes one Go client send every kind of request it has:
//
//	go run . franz-go|sarama|kafka-go BOOTSTRAP
//
// Calls that fail are reported and passed over: the requests are what counts.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func attempt(what string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
	}
}

func withFranzGo(ctx context.Context, bootstrap string) {
	topic, group := "golden-fg", "golden-fg-group"
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ClientID("golden"),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.InstanceID("instance-1"))
	attempt("client", err)
	admin := kadm.NewClient(client)
	retention := "3600000"
	_, err = admin.CreateTopics(ctx, 2, 1, map[string]*string{"retention.ms": &retention}, topic)
	attempt("create", err)
	_, err = admin.CreatePartitions(ctx, 1, topic)
	attempt("partitions", err)
	for i := range 3 {
		record := &kgo.Record{Topic: topic, Key: []byte{'k', byte('0' + i)}, Value: []byte("value")}
		attempt("produce", client.ProduceSync(ctx, record).FirstErr())
	}
	client.PollFetches(ctx)
	attempt("commit", client.CommitUncommittedOffsets(ctx))
	time.Sleep(time.Second)
	_, err = admin.ListGroups(ctx)
	attempt("groups", err)
	_, err = admin.DescribeGroups(ctx, group)
	attempt("describe groups", err)
	_, err = admin.FetchOffsets(ctx, group)
	attempt("offsets", err)
	client.LeaveGroup()
	_, err = admin.ListEndOffsets(ctx, topic)
	attempt("ends", err)
	_, err = admin.ListOffsetsAfterMilli(ctx, 1, topic)
	attempt("times", err)
	_, err = admin.DescribeTopicConfigs(ctx, topic)
	attempt("configs", err)
	_, err = admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: &retention}}, topic)
	attempt("alter", err)
	_, err = admin.DescribeAllLogDirs(ctx, nil)
	attempt("log dirs", err)
	_, err = admin.BrokerMetadata(ctx)
	attempt("metadata", err)
	_, err = admin.ListTransactions(ctx, nil, nil)
	attempt("transactions", err)
	_, err = admin.DeleteRecords(ctx, kadm.Offsets{topic: {0: {Topic: topic, Partition: 0, At: 1}}})
	attempt("records", err)
	_, err = admin.DeleteGroups(ctx, group)
	attempt("delete groups", err)
	_, err = admin.DeleteTopics(ctx, topic)
	attempt("delete", err)
	client.Close()
}

type handler struct{ done chan struct{} }

func (handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		session.MarkMessage(message, "metadata")
		session.Commit()
		time.Sleep(time.Second)
		select {
		case h.done <- struct{}{}:
		default:
		}
	}
	return nil
}

func withSarama(ctx context.Context, bootstrap string) {
	topic, group := "golden-sa", "golden-sa-group"
	config := sarama.NewConfig()
	config.ClientID = "golden"
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config)
	attempt("admin", err)
	retention := "3600000"
	attempt("create", admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 2,
		ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &retention}}, false))
	attempt("partitions", admin.CreatePartitions(topic, 3, nil, false))
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	attempt("producer", err)
	for range 3 {
		_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: topic,
			Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder("value")})
		attempt("produce", err)
	}
	producer.Close()
	consumer, err := sarama.NewConsumerGroup([]string{bootstrap}, group, config)
	attempt("group", err)
	h := handler{make(chan struct{})}
	go consumer.Consume(ctx, []string{topic}, h)
	select {
	case <-h.done:
	case <-time.After(15 * time.Second):
	}
	_, err = admin.ListConsumerGroups()
	attempt("groups", err)
	_, err = admin.DescribeConsumerGroups([]string{group})
	attempt("describe groups", err)
	_, err = admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 1}})
	attempt("offsets", err)
	consumer.Close()
	_, err = admin.DescribeTopics([]string{topic})
	attempt("topics", err)
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: topic}
	_, err = admin.DescribeConfig(resource)
	attempt("configs", err)
	attempt("alter", admin.AlterConfig(sarama.TopicResource, topic,
		map[string]*string{"retention.ms": &retention}, false))
	attempt("incremental", admin.IncrementalAlterConfig(sarama.TopicResource, topic,
		map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Value: &retention}}, false))
	_, err = admin.DescribeLogDirs([]int32{1})
	attempt("log dirs", err)
	_, _, err = admin.DescribeCluster()
	attempt("cluster", err)
	_, err = admin.ListPartitionReassignments(topic, []int32{0})
	attempt("reassignments", err)
	attempt("reassign", admin.AlterPartitionReassignments(topic, [][]int32{{1}, {1}, {1}}))
	_, err = admin.DescribeClientQuotas(nil, false)
	attempt("quotas", err)
	attempt("records", admin.DeleteRecords(topic, map[int32]int64{0: 1}))
	attempt("delete offsets", admin.DeleteConsumerGroupOffset(group, topic, 0))
	attempt("delete group", admin.DeleteConsumerGroup(group))
	attempt("delete", admin.DeleteTopic(topic))
	admin.Close()
}

func withKafkaGo(ctx context.Context, bootstrap string) {
	topic, group := "golden-kg", "golden-kg-group"
	client := &kafka.Client{Addr: kafka.TCP(bootstrap), Timeout: 10 * time.Second}
	_, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: topic, NumPartitions: 2, ReplicationFactor: 1}}})
	attempt("create", err)
	time.Sleep(time.Second)
	writer := &kafka.Writer{Addr: kafka.TCP(bootstrap), Topic: topic, BatchTimeout: time.Millisecond,
		RequiredAcks: kafka.RequireAll}
	for range 3 {
		attempt("produce", writer.WriteMessages(ctx, kafka.Message{Key: []byte("k"), Value: []byte("value")}))
	}
	writer.Close()
	// The default client id would name this machine, and such frames are not kept.
	dialer := &kafka.Dialer{ClientID: "golden", Timeout: 10 * time.Second}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{bootstrap}, Topic: topic, GroupID: group, Dialer: dialer,
		HeartbeatInterval: 300 * time.Millisecond, MaxWait: time.Second, StartOffset: kafka.FirstOffset})
	reading, cancel := context.WithTimeout(ctx, 15*time.Second)
	_, err = reader.ReadMessage(reading)
	attempt("read", err)
	cancel()
	time.Sleep(time.Second)
	_, err = client.ListGroups(ctx, &kafka.ListGroupsRequest{})
	attempt("groups", err)
	_, err = client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	attempt("describe groups", err)
	reader.Close()
	_, err = client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	attempt("metadata", err)
	_, err = client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(0)}}})
	attempt("offsets", err)
	_, err = client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group,
		Topics: map[string][]int{topic: {0}}})
	attempt("committed", err)
	_, err = client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	attempt("versions", err)
	_, err = client.InitProducerID(ctx, &kafka.InitProducerIDRequest{})
	attempt("producer id", err)
	_, err = client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	attempt("delete groups", err)
	_, err = client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	attempt("delete", err)
}

func main() {
	clients := map[string]func(context.Context, string){
		"franz-go": withFranzGo, "sarama": withSarama, "kafka-go": withKafkaGo,
	}
	if len(os.Args) != 3 || clients[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: drive-go franz-go|sarama|kafka-go BOOTSTRAP")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	clients[os.Args[1]](ctx, os.Args[2])
}
