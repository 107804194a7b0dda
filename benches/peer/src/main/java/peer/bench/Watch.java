package peer.bench;

import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

import peer.Flags;

/**
 * Prints `committed end` of a group over the three input topics, every 50 ms, until nothing is left; then the bytes
 * and records of the changelogs.
 */
public final class Watch {
    private Watch() {
    }

    public static void main(String[] args) throws Exception {
        Flags flags = new Flags(args);
        String group = flags.get("group", "peer");
        String brokers = Broker.address(flags);
        flags.rejectUnknown();
        try (Admin admin = Broker.admin(brokers)) {
            Map<TopicPartition, Long> ends = ends(admin, Arrays.asList(EventStream.TOPICS));
            long end = ends.values().stream().mapToLong(Long::longValue).sum();
            long committed;
            do {
                committed = committed(admin, group, ends);
                System.out.println(committed + " " + end);
                Thread.sleep(50);
            } while (committed < end);
            printChangelogs(admin);
        }
    }

    /** Records up to the end only: partitions are counted as done at their own end. */
    private static long committed(Admin admin, String group, Map<TopicPartition, Long> ends) throws InterruptedException {
        try {
            Map<TopicPartition, OffsetAndMetadata> offsets =
                    admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            return ends.keySet().stream().map(offsets::get).filter(found -> found != null)
                    .mapToLong(OffsetAndMetadata::offset).sum();
        } catch (ExecutionException groupNotYetThere) {
            return 0;
        }
    }

    private static Map<TopicPartition, Long> ends(Admin admin, Collection<String> topics) throws Exception {
        Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
        for (TopicDescription topic : admin.describeTopics(topics).allTopicNames().get().values()) {
            topic.partitions().forEach(p -> latest.put(new TopicPartition(topic.name(), p.partition()), OffsetSpec.latest()));
        }
        Map<TopicPartition, Long> ends = new HashMap<>();
        admin.listOffsets(latest).all().get().forEach((partition, info) -> ends.put(partition, info.offset()));
        return ends;
    }

    private static void printChangelogs(Admin admin) throws Exception {
        Collection<String> others = admin.listTopics().names().get();
        others.removeIf(name -> !name.endsWith("-changelog") && !name.endsWith(".state"));
        long records = others.isEmpty() ? 0 : ends(admin, others).values().stream().mapToLong(Long::longValue).sum();
        long bytes = admin.describeLogDirs(java.util.List.of(1)).allDescriptions().get().values().stream()
                .flatMap(dirs -> dirs.values().stream())
                .flatMap(dir -> dir.replicaInfos().entrySet().stream())
                .filter(replica -> others.contains(replica.getKey().topic()))
                .mapToLong(replica -> replica.getValue().size()).sum();
        System.out.println("changelog " + records + " " + bytes);
    }
}
