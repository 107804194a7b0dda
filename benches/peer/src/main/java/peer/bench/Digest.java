package peer.bench;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;

import peer.Flags;

/** Prints how many READYs there are, and hashes of the sorted set of them, so that two programs can be compared. */
public final class Digest {
    private Digest() {
    }

    public static void main(String[] args) throws Exception {
        Flags flags = new Flags(args);
        String brokers = Broker.address(flags);
        String list = flags.get("list", "");
        flags.rejectUnknown();
        TreeSet<String> byDecision = new TreeSet<>(), byTrigger = new TreeSet<>();
        Map<String, Integer> lanes = new TreeMap<>();
        int records = 0;
        try (ReadyReader reader = new ReadyReader(brokers)) {
            reader.seekToBeginning();
            do {
                for (ConsumerRecord<byte[], byte[]> record : reader.poll(200)) {
                    GenericRecord ready = reader.decode(record);
                    if (!ready.get("type").toString().equals("ready")) continue;
                    String leadAndLane = ready.get("lead_id") + " " + ready.get("lane") + " ";
                    byDecision.add(leadAndLane + ready.get("decision_id"));
                    byTrigger.add(leadAndLane + ready.get("trigger_event_id"));
                    lanes.merge(ready.get("lane").toString(), 1, Integer::sum);
                    records++;
                }
            } while (!reader.atEnd());
        }
        if (!list.isEmpty()) Files.write(Path.of(list), byTrigger);
        System.out.printf("{\"ready\": %d, \"lanes\": \"%s\", \"distinct\": %d, \"by_trigger\": \"%s\", \"by_decision\": \"%s\"}%n",
                records, lanes, byDecision.size(), sha256(byTrigger), sha256(byDecision));
    }

    private static String sha256(TreeSet<String> lines) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (String line : lines) digest.update((line + "\n").getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest.digest());
    }
}
