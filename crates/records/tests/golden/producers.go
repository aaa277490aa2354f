// Produces the golden records with sarama and segmentio/kafka-go, one topic per codec.
// Built with `go mod init golden && go mod tidy && go build -o producers producers.go`.

package main

import (
	"context"
	"log"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
)

var value = []byte(strings.Repeat("golden ", 2000))

func main() {
	address := os.Args[1]
	for id, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		if err := produceSarama(address, name, sarama.CompressionCodec(id)); err != nil {
			log.Fatal("sarama ", name, ": ", err)
		}
		if err := produceSegmentio(address, name, kafka.Compression(id)); err != nil {
			log.Fatal("segmentio ", name, ": ", err)
		}
	}
}

func produceSarama(address, name string, codec sarama.CompressionCodec) error {
	config := sarama.NewConfig()
	config.Version = sarama.V2_1_0_0
	config.Producer.Compression = codec
	config.Producer.Return.Successes = true
	config.Producer.Flush.Messages = 3
	config.Producer.Flush.Frequency = 500 * time.Millisecond
	config.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer([]string{address}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	topic := "sarama-" + name
	headers := []sarama.RecordHeader{
		{Key: []byte("h"), Value: []byte("1")},
		{Key: []byte("h"), Value: []byte("2")},
		{Key: []byte("empty"), Value: []byte("")},
	}
	return producer.SendMessages([]*sarama.ProducerMessage{
		{Topic: topic, Key: sarama.StringEncoder("key"), Value: sarama.ByteEncoder(value), Headers: headers},
		{Topic: topic, Key: sarama.StringEncoder("tombstone")},
		{Topic: topic, Value: sarama.StringEncoder("")},
	})
}

func produceSegmentio(address, name string, codec kafka.Compression) error {
	writer := &kafka.Writer{
		Addr:         kafka.TCP(address),
		Topic:        "segmentio-" + name,
		Compression:  codec,
		BatchSize:    3,
		RequiredAcks: kafka.RequireAll,
		Balancer:     kafka.BalancerFunc(func(kafka.Message, ...int) int { return 0 }),
	}
	defer writer.Close()
	headers := []kafka.Header{
		{Key: "h", Value: []byte("1")},
		{Key: "h", Value: []byte("2")},
		{Key: "empty", Value: []byte("")},
	}
	return writer.WriteMessages(context.Background(),
		kafka.Message{Key: []byte("key"), Value: value, Headers: headers},
		kafka.Message{Key: []byte("tombstone")},
		kafka.Message{Value: []byte("")})
}
