import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The driver of Kafka's Java client; tests/README.md describes the commands and what they print. */
public final class Driver {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final int LOAD_WINDOW = 200;

    private Driver() {}

    public static void main(String[] arguments) throws Exception {
        JsonNode options = JSON.readTree(arguments[2]);
        switch (arguments[1]) {
            case "produce" -> produce(options);
            case "consume" -> consume(options);
            case "group" -> group(options);
            case "load" -> load(options);
            case "transact" -> Transactions.run(options);
            case "admin" -> Administration.run(options);
            default -> throw new IllegalArgumentException(arguments[1]);
        }
        System.exit(0);
    }

    static synchronized void emit(ObjectNode line) {
        System.out.println(line);
        System.out.flush();
    }

    static ObjectNode object() {
        return JSON.createObjectNode();
    }

    static byte[] decode(JsonNode text) {
        return text == null || text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    static Properties producerProperties(JsonNode options) {
        Properties p = new Properties();
        p.put("bootstrap.servers", options.get("bootstrap").asText());
        p.put("key.serializer", ByteArraySerializer.class);
        p.put("value.serializer", ByteArraySerializer.class);
        p.put("compression.type", options.path("compression").asText("none"));
        p.put("acks", options.path("acks").asText("all"));
        p.put("enable.idempotence", options.path("idempotent").asBoolean(false));
        p.put("max.request.size", 50 << 20);
        p.put("buffer.memory", 100 << 20);
        p.put("delivery.timeout.ms", 120_000);
        return p;
    }

    private static Callback report(int index) {
        return (done, error) -> {
            ObjectNode line = object().put("i", index);
            if (error == null) {
                line.put("partition", done.partition()).put("offset", done.offset());
            } else {
                line.put("error", error.toString());
            }
            emit(line);
        };
    }

    private static void produce(JsonNode options) throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(producerProperties(options))) {
            int index = 0;
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                JsonNode r = JSON.readTree(line);
                Long timestamp = r.path("timestamp").asLong(0) == 0 ? null : Long.valueOf(r.get("timestamp").asLong());
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(options.get("topic").asText(),
                    r.path("partition").asInt(0), timestamp, decode(r.get("key")), decode(r.get("value")));
                for (JsonNode header : r.path("headers")) {
                    record.headers().add(header.get(0).asText(), decode(header.get(1)));
                }
                producer.send(record, report(index++));
            }
        }
    }

    private static void load(JsonNode options) throws InterruptedException {
        AtomicBoolean ended = inputEnded();
        Properties properties = producerProperties(options);
        properties.put("enable.idempotence", true);
        Semaphore window = new Semaphore(LOAD_WINDOW);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties)) {
            for (int i = options.path("first").asInt(0); !ended.get(); i++) {
                window.acquire();
                Callback report = report(i);
                byte[] value = Integer.toString(i).getBytes(java.nio.charset.StandardCharsets.US_ASCII);
                int partition = i % options.get("partitions").asInt();
                producer.send(new ProducerRecord<>(options.get("topic").asText(), partition, null, value),
                    (done, error) -> {
                        window.release();
                        report.onCompletion(done, error);
                    });
                Thread.sleep(1);
            }
        }
    }

    private static AtomicBoolean inputEnded() {
        AtomicBoolean ended = new AtomicBoolean();
        Thread reader = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    continue;
                }
            } catch (IOException closed) {
                // A broken pipe means the same as its end.
            }
            ended.set(true);
        });
        reader.setDaemon(true);
        reader.start();
        return ended;
    }

    static Properties consumerProperties(JsonNode options) {
        Properties p = new Properties();
        p.put("bootstrap.servers", options.get("bootstrap").asText());
        p.put("key.deserializer", ByteArrayDeserializer.class);
        p.put("value.deserializer", ByteArrayDeserializer.class);
        p.put("enable.auto.commit", false);
        return p;
    }

    private static void emitRecord(ConsumerRecord<byte[], byte[]> r) {
        ObjectNode line = object().put("event", "record").put("topic", r.topic()).put("partition", r.partition())
            .put("offset", r.offset()).put("timestamp", r.timestamp()).put("key", r.key()).put("value", r.value());
        ArrayNode headers = line.putArray("headers");
        for (Header header : r.headers()) {
            headers.addArray().add(header.key()).add(header.value());
        }
        emit(line);
    }

    private static void consume(JsonNode options) {
        TopicPartition partition = new TopicPartition(options.get("topic").asText(), options.path("partition").asInt(0));
        JsonNode from = options.get("from");
        Properties properties = consumerProperties(options);
        properties.put("auto.offset.reset", "none");
        properties.put("isolation.level", options.path("isolation").asText("read_uncommitted"));
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            consumer.assign(List.of(partition));
            if (from.has("offset")) {
                consumer.seek(partition, from.get("offset").asLong());
            } else if (from.has("timestamp")) {
                long timestamp = from.get("timestamp").asLong();
                consumer.seek(partition, consumer.offsetsForTimes(java.util.Map.of(partition, timestamp)).get(partition).offset());
            } else if (from.asText().equals("end")) {
                consumer.seekToEnd(List.of(partition));
            } else {
                consumer.seekToBeginning(List.of(partition));
            }
            consumer.position(partition);
            emit(object().put("event", "ready"));
            int left = options.get("count").asInt();
            while (left > 0) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    if (left-- > 0) {
                        emitRecord(record);
                    }
                }
            }
        }
    }

    /** Prints what the group gave and took. */
    private static final class Changes implements ConsumerRebalanceListener {
        private static void emitChange(String event, Collection<TopicPartition> changed) {
            ObjectNode line = object().put("event", event);
            ArrayNode partitions = line.putArray("partitions");
            changed.forEach(p -> partitions.add(p.partition()));
            emit(line);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
            emitChange("assigned", assigned);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
            if (!revoked.isEmpty()) {
                emitChange("revoked", revoked);
            }
        }
    }

    private static void group(JsonNode options) {
        AtomicBoolean ended = inputEnded();
        Properties properties = consumerProperties(options);
        properties.put("group.id", options.get("group").asText());
        properties.put("auto.offset.reset", "earliest");
        properties.put("session.timeout.ms", options.path("session_ms").asInt(10_000));
        properties.put("heartbeat.interval.ms", 300);
        properties.put("metadata.max.age.ms", 5000);
        properties.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer."
            + (options.path("assignor").asText().equals("cooperative-sticky") ? "CooperativeStickyAssignor" : "RangeAssignor"));
        if (options.hasNonNull("instance")) {
            properties.put("group.instance.id", options.get("instance").asText());
        }
        int limit = options.path("max").asInt(0);
        if (limit > 0) {
            properties.put("max.poll.records", 1);
        }
        List<String> topics = new ArrayList<>();
        options.get("topics").forEach(t -> topics.add(t.asText()));
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            consumer.subscribe(topics, new Changes());
            int seen = 0;
            while (!ended.get() && (limit == 0 || seen < limit)) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
                records.forEach(Driver::emitRecord);
                seen += records.count();
                if (!records.isEmpty()) {
                    try {
                        consumer.commitSync();
                    } catch (KafkaException error) {
                        emit(object().put("event", "commit-failed").put("error", error.toString()));
                    }
                }
            }
        }
        emit(object().put("event", "left"));
    }
}
