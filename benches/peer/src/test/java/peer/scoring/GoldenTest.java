package peer.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;
import peer.wire.StateBuffer;

/** The scoring core equals the shared vectors, also after its state went through bytes. */
class GoldenTest {
    /** The vectors round what an answer forgives to 2^-20; the model does not. */
    private static final double TOLERANCE = 1e-7;

    private Lead lead = new Lead();

    GoldenTest() {
        lead.read(null);
    }

    @Test
    void everyStepAndLaterReadingEqualsTheReference() throws IOException {
        JsonNode golden = golden();
        for (JsonNode step : golden.get("steps")) {
            apply(step.get("event"));
            lead = throughBytes(lead);
            check(step, step.get("event").get("t").asLong());
        }
        long last = golden.get("steps").get(golden.get("steps").size() - 1).get("event").get("t").asLong();
        int[] daysLater = {1, 7, 14, 30, 60, 90, 365};
        for (int i = 0; i < daysLater.length; i++) {
            check(golden.get("later").get(i), last + daysLater[i] * 86_400_000L);
        }
    }

    private void apply(JsonNode event) {
        Channel channel = Channel.valueOf(event.get("ch").asText().toUpperCase());
        long time = event.get("t").asLong();
        lead.facts.contact(channel, time);
        if (event.get("dir").asText().equals("out")) {
            lead.facts.touch(referring(channel, time, time));
        } else {
            lead.facts.engage(ruleOf(channel, event.get("w").asDouble()), time);
        }
        if (event.has("reply")) lead.facts.answer(referring(channel, time, event.get("touch_t").asLong()));
    }

    /** The vectors name a touch by its time. */
    private static Event referring(Channel channel, long timeMs, long touchMs) {
        Event event = new Event();
        event.idHash = event.occurredAtMs = timeMs;
        event.channel = channel;
        event.reference = touchMs;
        return event;
    }

    private static Rule ruleOf(Channel channel, double points) {
        return Arrays.stream(Rule.ALL)
                .filter(rule -> rule.channel == channel && rule.points == points)
                .findFirst().orElseThrow();
    }

    private void check(JsonNode expected, long time) {
        Score score = lead.score;
        lead.facts.read(time, score);
        double[] found = {score.engagement, score.exposure, score.pressure, score.affinity, score.readiness};
        String[] names = {"S", "E", "P", "A", "R"};
        for (int i = 0; i < names.length; i++) {
            double value = expected.get(names[i]).asDouble();
            assertEquals(value, found[i], TOLERANCE * Math.abs(value), names[i] + " at " + time);
        }
    }

    private static Lead throughBytes(Lead lead) {
        byte[] bytes = lead.write(StateBuffer.forWriting());
        Lead copy = new Lead();
        copy.read(bytes);
        assertArrayEquals(bytes, copy.write(StateBuffer.forWriting()));
        return copy;
    }

    private static JsonNode golden() throws IOException {
        try (InputStream in = GoldenTest.class.getResourceAsStream("/reading.json")) {
            return new ObjectMapper().readTree(in);
        }
    }
}
