// Reads decisions, prints each once, and accepts every READY. See docs/outreach.md for what the fields mean.
//
// Needs org.apache.kafka:kafka-clients, org.apache.avro:avro and what they need, in libs/:
//     java -cp 'libs/*' Consume.java 127.0.0.1:9092 [topic prefix] [end after so many decisions] [schema file]

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Consume {
    public static void main(String[] args) throws Exception {
        String servers = args.length > 0 ? args[0] : "127.0.0.1:9092";
        String prefix = args.length > 1 ? args[1] : ""; // app.topic_prefix of the configuration
        int count = args.length > 2 ? Integer.parseInt(args[2]) : 0;
        Path schemaFile = Path.of(args.length > 3 ? args[3] : "schemas/ready.avsc");
        Schema schema = new Schema.Parser().parse(schemaFile.toFile());
        // Finds the writer's schema by fingerprint: addSchema() for each older version that you still read.
        BinaryMessageDecoder<GenericRecord> decoder = new BinaryMessageDecoder<>(GenericData.get(), schema);
        Set<String> seen = new HashSet<>(); // yours is a table, written in one transaction with your task
        int printed = 0;

        Map<String, Object> reading = Map.of("bootstrap.servers", servers, "group.id", "java-example",
            "auto.offset.reset", "earliest", "isolation.level", "read_committed", "enable.auto.commit", false);
        Map<String, Object> writing = Map.of("bootstrap.servers", servers, "acks", "all");
        try (var consumer = new KafkaConsumer<>(reading, new StringDeserializer(), new ByteArrayDeserializer());
             var producer = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer())) {
            consumer.subscribe(List.of(prefix + "outreach.ready"));
            while (count == 0 || printed < count) {
                for (ConsumerRecord<String, byte[]> message : consumer.poll(Duration.ofSeconds(1))) {
                    GenericRecord decision = decoder.decode(message.value());
                    String type = decision.get("type").toString();
                    if (seen.add(decision.get("decision_id") + " " + type + " " + decision.get("reason"))) {
                        System.out.println(type + " " + decision.get("lane") + " " + decision.get("lead_id") + " " + headline(decision));
                        printed++;
                    }
                    if (type.equals("ready")) {
                        String key = decision.get("lead_id").toString();
                        producer.send(new ProducerRecord<>(prefix + "outreach.outcome", key, outcome(decision, "accepted"))).get();
                    }
                }
                consumer.commitSync();
            }
        }
    }

    private static Object headline(GenericRecord decision) {
        for (Map.Entry<?, ?> line : ((Map<?, ?>) decision.get("headline")).entrySet()) {
            if (line.getKey().toString().equals("ja")) return line.getValue();
        }
        return "";
    }

    /** The event id is the same when it is sent again, so that it counts once. */
    private static String outcome(GenericRecord decision, String kind) throws Exception {
        return new ObjectMapper().writeValueAsString(Map.of(
            "event_id", decision.get("decision_id") + ":" + kind,
            "lead_id", decision.get("lead_id").toString(),
            "occurred_at", System.currentTimeMillis(),
            "source", "java-example",
            "kind", kind,
            "decision_id", decision.get("decision_id").toString()));
    }
}
