// Writes the golden batches of the Java client, or reads batches with it.
//
//   java -cp "/path/to/kafka/libs/*" Batches.java write DIRECTORY
//   java -cp "/path/to/kafka/libs/*" Batches.java read FILE...

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.*;

public class Batches {
    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static void write(Path directory) throws Exception {
        Header[] headers = {
            new RecordHeader("h", bytes("1")),
            new RecordHeader("h", bytes("2")),
            new RecordHeader("empty", bytes("")),
        };
        SimpleRecord[] records = {
            new SimpleRecord(1_700_000_000_000L, bytes("key"), bytes("golden ".repeat(2000)), headers),
            new SimpleRecord(1_700_000_000_000L, bytes("tombstone"), null),
            new SimpleRecord(1_700_000_000_000L, null, bytes("")),
        };
        for (String codec : new String[] {"none", "gzip", "snappy", "lz4", "zstd"}) {
            Compression compression = Compression.of(codec).build();
            MemoryRecords batch = MemoryRecords.withRecords(compression, records);
            ByteBuffer buffer = batch.buffer();
            byte[] out = new byte[buffer.remaining()];
            buffer.get(out);
            Files.write(directory.resolve("java-" + codec + ".batch"), out);
        }
    }

    static void read(Path file) throws Exception {
        MemoryRecords batches = MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(file)));
        for (RecordBatch batch : batches.batches()) {
            batch.ensureValid();
            int count = 0;
            long valueBytes = 0;
            int headers = 0;
            for (org.apache.kafka.common.record.internal.Record record : batch) {
                count++;
                valueBytes += Math.max(0, record.valueSize());
                headers += record.headers().length;
            }
            System.out.println(file.getFileName() + ": " + batch + ", records " + count
                + ", value bytes " + valueBytes + ", headers " + headers);
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("write")) {
            write(Path.of(arguments[1]));
            return;
        }
        for (int at = 1; at < arguments.length; at++) {
            read(Path.of(arguments[at]));
        }
    }
}
