package peer.scoring;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

import org.junit.jupiter.api.Test;
import peer.wire.StateBuffer;

/** A few of the model's laws, on the lead as it is stored. */
class LeadTest {
    private static final long START_MS = 1_700_000_000_000L;
    private static final long HOUR_MS = 3_600_000L;

    @Test
    void factsDoNotDependOnTheOrderOfEvents() {
        Random random = new Random(7);
        List<Event> events = new ArrayList<>();
        for (int i = 0; i < 200; i++) events.add(randomEvent(random));
        byte[] expected = factsOf(events);
        for (int i = 0; i < 50; i++) {
            Collections.shuffle(events, random);
            assertArrayEquals(expected, factsOf(events));
        }
    }

    @Test
    void anEventIsRepeatedWithin48HoursOfAppendTimeOnly() {
        Lead lead = new Lead();
        lead.read(null);
        Event event = event(Rule.PAGE, START_MS);
        assertFalse(lead.isRepeated(event, START_MS));
        assertTrue(lead.isRepeated(event, START_MS + 48 * HOUR_MS));
        assertFalse(lead.isRepeated(event, START_MS + 48 * HOUR_MS + 1));
    }

    @Test
    void aRisingScoreFiresOnceUntilItFellBelowOff() {
        Lead lead = new Lead();
        lead.read(null);
        assertEquals(1, fired(lead, 0, 7));
        assertEquals(0, fired(lead, 7, 9));
        assertEquals(1, fired(lead, 120, 127));
    }

    /** How often the score lane fires while there is a download on each of these days. */
    private static int fired(Lead lead, int fromDay, int toDay) {
        int fired = 0;
        for (int day = fromDay; day < toDay; day++) {
            if (apply(lead, event(Rule.DOWNLOAD, START_MS + day * 24 * HOUR_MS)) == Lane.SCORE) fired++;
        }
        return fired;
    }

    @Test
    void aSecondHandRaiseIsANewDecisionOnceTheFirstHasExpiredOrWasTaken() {
        Lead lead = new Lead();
        lead.read(null);
        assertEquals(Lane.INSTANT, apply(lead, event(Rule.INQUIRY, START_MS)));
        assertEquals(Lane.NONE, apply(lead, event(Rule.CHAT, START_MS + HOUR_MS)));
        assertEquals(Lane.INSTANT, apply(lead, event(Rule.CHAT, START_MS + 73 * HOUR_MS)));
        assertEquals(Lane.NONE, apply(lead, touch(Channel.SNS, START_MS + 74 * HOUR_MS)));
        assertEquals(Lane.INSTANT, apply(lead, event(Rule.DIRECT_MESSAGE, START_MS + 75 * HOUR_MS)));
        assertEquals(Lane.NONE, apply(lead, touch(Channel.SNS, START_MS + 76 * HOUR_MS)));
        assertEquals(Lane.NONE, apply(lead, event(Rule.DIRECT_MESSAGE, START_MS + 77 * HOUR_MS)), "a conversation");
    }

    @Test
    void aCampaignMailDoesNotAnswerAHandRaise() {
        Lead lead = new Lead();
        lead.read(null);
        assertEquals(Lane.INSTANT, apply(lead, event(Rule.INQUIRY, START_MS)));
        assertEquals(Lane.NONE, apply(lead, touch(Channel.MAIL, START_MS + HOUR_MS)));
        assertEquals(Lane.NONE, apply(lead, event(Rule.CHAT, START_MS + 2 * HOUR_MS)));
    }

    private static Lane apply(Lead lead, Event event) {
        return lead.apply(event, event.occurredAtMs);
    }

    private static Event touch(Channel channel, long occurredAtMs) {
        Event event = event(null, occurredAtMs);
        event.channel = channel;
        event.touch = true;
        event.reply = channel != Channel.MAIL;
        return event;
    }

    private static byte[] factsOf(List<Event> events) {
        Facts facts = new Facts();
        events.forEach(facts::apply);
        StateBuffer out = StateBuffer.forWriting();
        facts.write(out);
        return out.takeWritten();
    }

    private static Event randomEvent(Random random) {
        Rule rule = Rule.ALL[random.nextInt(Rule.ALL.length)];
        long occurredAtMs = START_MS + random.nextInt(60 * 24) * HOUR_MS;
        Event event = random.nextInt(4) == 0 ? touch(rule.channel, occurredAtMs) : event(rule, occurredAtMs);
        event.idHash = random.nextLong();
        event.reference = random.nextInt(10);
        return event;
    }

    private static Event event(Rule rule, long occurredAtMs) {
        Event event = new Event();
        event.idHash = occurredAtMs;
        event.occurredAtMs = occurredAtMs;
        event.channel = rule == null ? null : rule.channel;
        event.rule = rule;
        return event;
    }
}
