import java.time.Duration;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.serialization.StringDeserializer;

/** A member of a KIP-848 group that subscribes to a pattern, which the broker matches; a topic made later is found too. */
public final class Pattern {
    public static void main(String[] args) throws Exception {
        String server = System.getenv("SERVER"), prefix = args[0] + "-p";
        Map<String, Object> config = Map.of("bootstrap.servers", server, "group.id", prefix, "group.protocol", "consumer",
            "key.deserializer", StringDeserializer.class, "value.deserializer", StringDeserializer.class);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", server)); var consumer = new KafkaConsumer<String, String>(config)) {
            admin.createTopics(java.util.List.of(new NewTopic(prefix + "1", 2, (short) 1), new NewTopic(args[0] + "-q", 1, (short) 1))).all().get();
            consumer.subscribe(new SubscriptionPattern(prefix + "[0-9]"));
            show(consumer, 2);
            admin.createTopics(java.util.List.of(new NewTopic(prefix + "2", 1, (short) 1))).all().get();
            show(consumer, 3);
            var group = admin.describeConsumerGroups(java.util.List.of(prefix)).all().get().get(prefix);
            System.out.println(group.type() + " " + group.groupState() + " " + group.members().size());
        }
    }

    static void show(KafkaConsumer<String, String> consumer, int partitions) {
        long until = System.currentTimeMillis() + 20000;
        while (consumer.assignment().size() != partitions && System.currentTimeMillis() < until) consumer.poll(Duration.ofMillis(100));
        var names = new TreeSet<String>();
        consumer.assignment().forEach(p -> names.add(p.toString()));
        System.out.println(names);
    }
}
