package peer.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;

import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.junit.jupiter.api.Test;
import peer.scoring.Channel;
import peer.scoring.Event;
import peer.scoring.Rule;

/** The hand-written reader agrees with what Avro writes. */
class EventReaderTest {
    private final EventReader reader = new EventReader();
    private final Event event = new Event();

    @Test
    void web() throws IOException {
        byte[] record = encoded(Schemas.WEB, "kind", "page_view", "page_class", "pricing");
        assertTrue(reader.read(record, event));
        assertEquals(Channel.WEB, event.channel);
        assertEquals(Rule.KEY_PAGE, event.rule);
        assertEquals(1_700_000_000_123L, event.occurredAtMs);
        assertTrue(event.machine);
        assertFalse(event.touch);
        assertEquals("an-event", reader.id());
    }

    @Test
    void chatIsOfThePersonChannel() throws IOException {
        assertTrue(reader.read(encoded(Schemas.WEB, "kind", "chat_message"), event));
        assertEquals(Channel.PERSON, event.channel);
        assertEquals(Rule.CHAT, event.rule);
    }

    @Test
    void mail() throws IOException {
        assertTrue(reader.read(encoded(Schemas.MAIL, "kind", "sent"), event));
        assertTrue(event.touch);
        assertNull(event.rule);
        assertTrue(reader.read(encoded(Schemas.MAIL, "kind", "replied"), event));
        assertFalse(event.touch);
        assertEquals(Rule.MAIL_REPLY, event.rule);
    }

    @Test
    void snsDirectionDecides() throws IOException {
        assertTrue(reader.read(encoded(Schemas.SNS, "kind", "dm", "direction", "outbound"), event));
        assertTrue(event.touch);
        assertNull(event.rule);
        assertTrue(reader.read(encoded(Schemas.SNS, "kind", "dm", "direction", "inbound"), event));
        assertEquals(Rule.DIRECT_MESSAGE, event.rule);
    }

    @Test
    void whatIsCutOffBeforeTheKindIsRefused() throws IOException {
        byte[] record = encoded(Schemas.MAIL, "kind", "replied");
        for (int length = 0; length < 45; length++) {
            assertFalse(reader.read(Arrays.copyOf(record, length), event), "of length " + length);
        }
    }

    private static byte[] encoded(Schema schema, String... fieldsAndSymbols) throws IOException {
        GenericRecordBuilder builder = new GenericRecordBuilder(schema)
                .set("event_id", "an-event").set("lead_id", "a-lead").set("occurred_at", 1_700_000_000_123L)
                .set("topic", "product").set("machine", true);
        for (int i = 0; i < fieldsAndSymbols.length; i += 2) {
            Schema type = schema.getField(fieldsAndSymbols[i]).schema();
            builder.set(fieldsAndSymbols[i], new GenericData.EnumSymbol(type, fieldsAndSymbols[i + 1]));
        }
        return new BinaryMessageEncoder<GenericRecord>(new GenericData(), schema).encode(builder.build()).array();
    }
}
