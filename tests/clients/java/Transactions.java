import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** One transactional producer, and the reader whose records it transforms. */
final class Transactions implements AutoCloseable {
    private final JsonNode options;
    private final KafkaProducer<byte[], byte[]> producer;
    private KafkaConsumer<byte[], byte[]> consumer;

    private Transactions(JsonNode options) {
        this.options = options;
        Properties properties = Driver.producerProperties(options);
        properties.put("enable.idempotence", true);
        properties.put("transactional.id", options.get("id").asText());
        properties.put("transaction.timeout.ms", options.path("timeout_ms").asInt(60_000));
        producer = new KafkaProducer<>(properties);
    }

    static void run(JsonNode options) throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        try (Transactions transactions = new Transactions(options)) {
            transactions.producer.initTransactions();
            Driver.emit(Driver.object().put("event", "ready"));
            int number = 0;
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                ObjectNode answer = Driver.object().put("step", number++);
                try {
                    transactions.carryOut(Driver.JSON.readTree(line));
                } catch (KafkaException | ExecutionException | InterruptedException error) {
                    answer.put("error", error.toString());
                }
                Driver.emit(answer);
            }
        }
    }

    private void carryOut(JsonNode step) throws ExecutionException, InterruptedException {
        String topic = step.path("topic").asText();
        int partition = step.path("partition").asInt();
        switch (step.get("do").asText()) {
            case "begin" -> producer.beginTransaction();
            case "send" -> {
                List<byte[]> values = new ArrayList<>();
                step.get("values").forEach(value -> values.add(Driver.decode(value)));
                send(topic, partition, values);
            }
            case "transform" -> transform(topic, partition, step.get("count").asInt());
            case "commit" -> producer.commitTransaction();
            case "abort" -> producer.abortTransaction();
            default -> throw new IllegalArgumentException(step.toString());
        }
    }

    private void send(String topic, int partition, List<byte[]> values) throws ExecutionException, InterruptedException {
        List<Future<?>> sent = new ArrayList<>();
        for (byte[] value : values) {
            sent.add(producer.send(new ProducerRecord<>(topic, partition, null, value)));
        }
        for (Future<?> one : sent) {
            one.get();
        }
    }

    private void transform(String topic, int partition, int count) throws ExecutionException, InterruptedException {
        if (consumer == null) {
            consumer = source();
        }
        List<byte[]> values = new ArrayList<>();
        Map<TopicPartition, OffsetAndMetadata> ends = new HashMap<>();
        while (values.size() < count) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                String read = new String(record.value(), StandardCharsets.UTF_8);
                values.add(("of " + read).getBytes(StandardCharsets.UTF_8));
                ends.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
            }
        }
        send(topic, partition, values);
        producer.sendOffsetsToTransaction(ends, consumer.groupMetadata());
    }

    private KafkaConsumer<byte[], byte[]> source() {
        Properties properties = Driver.consumerProperties(options);
        properties.put("group.id", options.get("group").asText());
        properties.put("auto.offset.reset", "earliest");
        properties.put("isolation.level", "read_committed");
        properties.put("max.poll.records", 1);
        // By these it learns of a coordinator that was away, which a member must know to leave its group.
        properties.put("heartbeat.interval.ms", 300);
        properties.put("session.timeout.ms", options.path("session_ms").asInt(10_000));
        KafkaConsumer<byte[], byte[]> reader = new KafkaConsumer<>(properties);
        reader.subscribe(List.of(options.get("source").asText()));
        return reader;
    }

    @Override
    public void close() {
        if (consumer != null) {
            consumer.close();
        }
        producer.close();
    }
}
