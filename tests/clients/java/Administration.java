import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** One administrative call and its answer. */
final class Administration {
    private Administration() {}

    static void run(JsonNode options) throws InterruptedException {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", options.get("bootstrap").asText());
        try (Admin admin = Admin.create(properties)) {
            Driver.emit(call(admin, options));
        } catch (ExecutionException error) {
            Driver.emit(Driver.object().put("error", error.getCause().toString()));
        }
    }

    private static ObjectNode call(Admin admin, JsonNode o) throws ExecutionException, InterruptedException {
        String topic = o.path("topic").asText();
        ObjectNode answer = Driver.object();
        switch (o.get("op").asText()) {
            case "create-topic" -> {
                NewTopic created = new NewTopic(topic, o.get("partitions").asInt(), (short) 1).configs(configs(o));
                admin.createTopics(List.of(created)).all().get();
            }
            case "delete-topic" -> admin.deleteTopics(List.of(topic)).all().get();
            case "list-topics" -> addAll(answer.putArray("topics"), admin.listTopics().names().get());
            case "describe-topic" -> answer.put("partitions",
                admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size());
            case "create-partitions" -> admin.createPartitions(
                Map.of(topic, NewPartitions.increaseTo(o.get("partitions").asInt()))).all().get();
            case "delete-records" -> {
                TopicPartition partition = new TopicPartition(topic, o.get("partition").asInt());
                RecordsToDelete before = RecordsToDelete.beforeOffset(o.get("offset").asLong());
                answer.put("low_watermark", admin.deleteRecords(Map.of(partition, before))
                    .lowWatermarks().get(partition).get().lowWatermark());
            }
            default -> callForConfigsAndGroups(admin, o, answer);
        }
        return answer;
    }

    private static void callForConfigsAndGroups(Admin admin, JsonNode o, ObjectNode answer)
        throws ExecutionException, InterruptedException {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, o.path("topic").asText());
        String group = o.path("group").asText();
        switch (o.get("op").asText()) {
            case "alter-config" -> {
                List<AlterConfigOp> changes = new ArrayList<>();
                configs(o).forEach((key, value) ->
                    changes.add(new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET)));
                admin.incrementalAlterConfigs(Map.of(resource, changes)).all().get();
            }
            case "describe-config" -> {
                ObjectNode described = answer.putObject("configs");
                admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()
                    .forEach(entry -> described.put(entry.name(), entry.value()));
            }
            case "list-groups" -> {
                ArrayNode groups = answer.putArray("groups");
                admin.listGroups().all().get().forEach(listing -> groups.add(listing.groupId()));
            }
            case "describe-group" -> {
                var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
                answer.put("state", described.groupState().toString()).put("members", described.members().size());
            }
            case "delete-group" -> admin.deleteConsumerGroups(List.of(group)).all().get();
            default -> answer.put("unsupported", o.get("op").asText());
        }
    }

    private static Map<String, String> configs(JsonNode o) {
        Map<String, String> all = new HashMap<>();
        o.path("configs").properties().forEach(entry -> all.put(entry.getKey(), entry.getValue().asText()));
        return all;
    }

    private static void addAll(ArrayNode array, Iterable<String> values) {
        values.forEach(array::add);
    }
}
