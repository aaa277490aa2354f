import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A consumer with its default settings, which reads all partitions of a topic.
 *
 * <p>Consume BOOTSTRAP TOPIC PARTITIONS VALUE_BYTES SECONDS: it reads from the beginning until so many bytes of
 * values or seconds have gone, prints "begin" before it asks for the first, and at the end one line of JSON.
 */
public final class Consume {
    /** For how long nothing may come before it is given up. */
    private static final double PATIENCE_SECONDS = 60;

    private Consume() {}

    public static void main(String[] arguments) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", arguments[0]);
        properties.put("key.deserializer", ByteArrayDeserializer.class);
        properties.put("value.deserializer", ByteArrayDeserializer.class);
        List<TopicPartition> partitions = new ArrayList<>();
        for (int index = 0; index < Integer.parseInt(arguments[2]); index++) {
            partitions.add(new TopicPartition(arguments[1], index));
        }
        long wanted = Long.parseLong(arguments[3]);
        double seconds = Double.parseDouble(arguments[4]);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            read(consumer, wanted, seconds);
        }
    }

    private static void read(KafkaConsumer<byte[], byte[]> consumer, long wanted, double seconds) {
        System.out.println("begin");
        System.out.flush();
        double began = now();
        double cpuBegan = cpuSeconds();
        double last = began;
        long seen = 0;
        while (seen < wanted && now() < began + seconds) {
            long before = seen;
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                seen += record.value().length;
            }
            if (seen > before) {
                last = now();
            } else if (now() > last + PATIENCE_SECONDS) {
                throw new IllegalStateException("nothing came for " + PATIENCE_SECONDS + " s after " + seen + " bytes");
            }
        }
        System.out.println("{\"bytes\":" + seen + ",\"seconds\":" + (now() - began)
            + ",\"cpu_seconds\":" + (cpuSeconds() - cpuBegan) + "}");
        System.out.flush();
    }

    private static double now() {
        return System.nanoTime() / 1e9;
    }

    private static double cpuSeconds() {
        return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO).toNanos() / 1e9;
    }
}
