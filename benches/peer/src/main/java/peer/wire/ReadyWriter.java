package peer.wire;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageEncoder;
import peer.scoring.Channel;
import peer.scoring.Facts;
import peer.scoring.Lane;
import peer.scoring.Lead;
import peer.scoring.Rule;
import peer.scoring.Score;

/** Writes READY decisions. They are rare, so generic records are fast enough. */
public final class ReadyWriter {
    private static final Schema SCORE = Schemas.READY.getField("score").schema();
    private static final Schema CONTRIBUTIONS = Schemas.READY.getField("contributions").schema();
    private static final Schema CONTACTS = Schemas.READY.getField("contacts").schema();
    private static final long INSTANT_TARGET_MS = 5 * 60_000L;
    private static final long SCORE_TARGET_MS = 24 * 3_600_000L;

    private static final int ID_BYTES = 16;

    private final MessageDigest sha256 = sha256();
    private final BinaryMessageEncoder<GenericRecord> encoder =
            new BinaryMessageEncoder<>(new GenericData(), Schemas.READY);

    public byte[] write(byte[] key, Lane lane, Lead lead, long nowMs, double readinessBefore, String triggerEventId) {
        String leadId = new String(key, StandardCharsets.UTF_8);
        GenericRecord ready = new GenericData.Record(Schemas.READY);
        ready.put("decision_id", decisionId(leadId, lead.episodeNumber(), lane));
        ready.put("type", symbol(Schemas.READY, "type", "ready"));
        ready.put("lead_id", leadId);
        ready.put("lane", symbol(Schemas.READY, "lane", lane.symbol()));
        ready.put("as_of", nowMs);
        ready.put("due_at", nowMs + (lane == Lane.INSTANT ? INSTANT_TARGET_MS : SCORE_TARGET_MS));
        ready.put("expires_at", lead.expiresMs());
        ready.put("model_name", "peer");
        ready.put("model_version", "1");
        ready.put("score", score(lead.score));
        ready.put("readiness_before", Score.rounded(readinessBefore));
        ready.put("contributions", contributions(lead));
        ready.put("contacts", contacts(lead));
        ready.put("consent", lane == Lane.INSTANT ? "reply:person" : "opt_out:person");
        ready.put("trigger_event_id", triggerEventId);
        ready.put("headline", Map.of());
        try {
            return encoder.encode(ready).array();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The same for the same lead, episode and lane, after any replay. */
    private String decisionId(String leadId, long episode, Lane lane) {
        String name = leadId + '\0' + episode + '\0' + lane.symbol();
        return HexFormat.of().formatHex(sha256.digest(name.getBytes(StandardCharsets.UTF_8)), 0, ID_BYTES);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static GenericRecord score(Score score) {
        GenericRecord record = new GenericData.Record(SCORE);
        record.put("readiness", Score.rounded(score.readiness));
        record.put("engagement", Score.rounded(score.engagement));
        record.put("exposure", Score.rounded(score.exposure));
        record.put("pressure", Score.rounded(score.pressure));
        record.put("familiarity", Score.rounded(score.familiarity));
        record.put("affinity", Score.rounded(score.affinity));
        record.put("fit", 0);
        record.put("grade", "D" + gradeDigit(score.readiness));
        record.put("stage", symbol(SCORE, "stage", "prospect"));
        return record;
    }

    private static int gradeDigit(double readiness) {
        return readiness >= 60 ? 1 : readiness >= 40 ? 2 : readiness >= 20 ? 3 : 4;
    }

    private static List<GenericRecord> contributions(Lead lead) {
        List<GenericRecord> all = new ArrayList<>();
        for (Rule rule : Rule.values()) {
            double points = lead.facts.contribution(rule, lead.score.asOfMs);
            if (points != 0) all.add(contribution(rule.id, points));
        }
        all.add(contribution("familiarity", 30 * lead.score.familiarity));
        all.add(contribution("pressure", 30 * (lead.score.affinity - lead.score.familiarity)));
        return all;
    }

    private static GenericRecord contribution(String label, double points) {
        GenericRecord record = new GenericData.Record(CONTRIBUTIONS.getElementType());
        record.put("label", label);
        record.put("points", points);
        return record;
    }

    private static List<GenericRecord> contacts(Lead lead) {
        List<GenericRecord> all = new ArrayList<>();
        Facts facts = lead.facts;
        for (Channel channel : Channel.values()) {
            int days = facts.contactDays90(channel, lead.score.asOfMs);
            if (days == 0) continue;
            GenericRecord record = new GenericData.Record(CONTACTS.getElementType());
            record.put("channel", symbol(CONTACTS.getElementType(), "channel", channel.name().toLowerCase()));
            record.put("contact_days_90", days);
            record.put("outbound_7", facts.touchesWithin(channel, lead.score.asOfMs, 7));
            record.put("outbound_30", facts.touchesWithin(channel, lead.score.asOfMs, 30));
            all.add(record);
        }
        return all;
    }

    private static GenericData.EnumSymbol symbol(Schema record, String field, String symbol) {
        return new GenericData.EnumSymbol(record.getField(field).schema(), symbol);
    }
}
