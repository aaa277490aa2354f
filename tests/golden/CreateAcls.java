import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Sends one CreateAcls request: Kafka's own tool lists the rules first, and gives up where there is no authoriser. */
public final class CreateAcls {
    private CreateAcls() {}

    public static void main(String[] arguments) throws InterruptedException {
        Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0], "client.id", "golden");
        ResourcePattern topic = new ResourcePattern(ResourceType.TOPIC, "golden-java", PatternType.LITERAL);
        AccessControlEntry read =
            new AccessControlEntry("User:golden", "*", AclOperation.READ, AclPermissionType.ALLOW);
        try (Admin admin = Admin.create(settings)) {
            admin.createAcls(List.of(new AclBinding(topic, read))).all().get();
        } catch (ExecutionException refused) {
            System.err.println(refused.getCause().getMessage());
        }
    }
}
