package peer.wire;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

import org.apache.avro.Schema;
import peer.scoring.Channel;
import peer.scoring.Event;
import peer.scoring.Rule;

/**
 * Reads the three event schemas from single-object encoding without allocating: only the fields that score are
 * looked at, strings are skipped or hashed in place. What its fingerprint does not name is refused.
 */
public final class EventReader {
    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int HEADER_BYTES = 10;
    private static final long WEB = Schemas.fingerprint(Schemas.WEB);
    private static final long MAIL = Schemas.fingerprint(Schemas.MAIL);
    private static final long SNS = Schemas.fingerprint(Schemas.SNS);

    private static final String[] WEB_KINDS = symbols(Schemas.WEB, "kind");
    private static final String[] PAGES = symbols(Schemas.WEB, "page_class");
    private static final String[] FORMS = symbols(Schemas.WEB, "form_purpose");
    private static final String[] MAIL_KINDS = symbols(Schemas.MAIL, "kind");
    private static final String[] SNS_KINDS = symbols(Schemas.SNS, "kind");
    private static final int INBOUND = Schemas.SNS.getField("direction").schema().getEnumOrdinal("inbound");
    private static final int OUTBOUND = Schemas.SNS.getField("direction").schema().getEnumOrdinal("outbound");

    private final Rule[][][] webRules = webRules();
    private final Rule[] mailRules = mailRules();
    private final Rule[] snsRules = snsRules();
    private final int mailSent = Schemas.MAIL.getField("kind").schema().getEnumOrdinal("sent");
    private final int replyPurpose = Schemas.MAIL.getField("purpose").schema().getEnumOrdinal("reply");
    private final int directMessage = Schemas.SNS.getField("kind").schema().getEnumOrdinal("dm");
    private final int chat = Schemas.WEB.getField("kind").schema().getEnumOrdinal("chat_message");

    private byte[] bytes;
    private int at;
    private int idFrom;
    private int idTo;

    /** False if the record is not one of the three events. */
    public boolean read(byte[] record, Event into) {
        if (record == null || record.length < HEADER_BYTES || record[0] != (byte) 0xC3 || record[1] != 1) return false;
        bytes = record;
        at = HEADER_BYTES;
        try {
            long fingerprint = (long) LONG.get(record, 2);
            if (fingerprint == WEB) return readWeb(into);
            if (fingerprint == MAIL) return readMail(into);
            return fingerprint == SNS && readSns(into);
        } catch (IndexOutOfBoundsException truncated) {
            return false;
        }
    }

    /** The event id of the last record read. */
    public String id() {
        return new String(bytes, idFrom, idTo - idFrom, StandardCharsets.UTF_8);
    }

    private boolean readWeb(Event into) {
        readCommon(into);
        int kind = readInt(), page = readInt(), form = readInt();
        into.channel = kind == chat ? Channel.PERSON : Channel.WEB;
        into.rule = webRules[kind][page][form];
        into.touch = false;
        into.reference = 0;
        return kind != 0;
    }

    private boolean readMail(Event into) {
        readCommon(into);
        int kind = readInt();
        into.channel = Channel.MAIL;
        into.rule = mailRules[kind];
        into.reference = readHash();
        skipOptionalString();
        if (readInt() == 1) readInt();
        skipOptionalString();
        skipOptionalString();
        into.reply = readInt() == replyPurpose;
        into.touch = kind == mailSent;
        return kind != 0;
    }

    private boolean readSns(Event into) {
        readCommon(into);
        int kind = readInt();
        readInt();
        int direction = readInt();
        into.channel = Channel.SNS;
        into.rule = direction == INBOUND ? snsRules[kind] : null;
        into.touch = direction == OUTBOUND && kind == directMessage;
        into.reply = true;
        skipOptionalString();
        into.reference = readOptionalHash();
        return kind != 0;
    }

    /** event_id, lead_id, occurred_at, source, account_id, campaign_id, topic, machine: the same in all three. */
    private void readCommon(Event into) {
        int idLength = readInt();
        idFrom = at;
        idTo = at += idLength;
        into.idHash = hash(bytes, idFrom, idTo);
        skipString();
        into.occurredAtMs = readLong();
        skipString();
        skipOptionalString();
        skipOptionalString();
        skipOptionalString();
        into.machine = bytes[at++] != 0;
    }

    private long readOptionalHash() {
        return readInt() == 1 ? readHash() : 0;
    }

    /** 0 for an empty text. */
    private long readHash() {
        int length = readInt();
        at += length;
        return length == 0 ? 0 : hash(bytes, at - length, at);
    }

    /** FNV-1a, 64 bits. */
    private static long hash(byte[] bytes, int from, int to) {
        long hash = 0xcbf29ce484222325L;
        for (int i = from; i < to; i++) hash = (hash ^ (bytes[i] & 0xff)) * 0x100000001b3L;
        return hash;
    }

    private void skipOptionalString() {
        if (readInt() == 1) skipString();
    }

    private void skipString() {
        int length = readInt();
        at += length;
    }

    private int readInt() {
        return (int) readLong();
    }

    private long readLong() {
        long raw = 0;
        for (int shift = 0; ; shift += 7) {
            byte next = bytes[at++];
            raw |= (next & 0x7fL) << shift;
            if (next >= 0) return raw >>> 1 ^ -(raw & 1);
        }
    }

    private static Rule[][][] webRules() {
        Rule[][][] rules = new Rule[WEB_KINDS.length][PAGES.length][FORMS.length];
        for (int kind = 0; kind < WEB_KINDS.length; kind++) {
            for (int page = 0; page < PAGES.length; page++) {
                for (int form = 0; form < FORMS.length; form++) {
                    rules[kind][page][form] = webRule(WEB_KINDS[kind], PAGES[page], FORMS[form]);
                }
            }
        }
        return rules;
    }

    private static Rule webRule(String kind, String page, String form) {
        return switch (kind) {
            case "page_view" -> switch (page) {
                case "pricing", "case_study", "comparison" -> Rule.KEY_PAGE;
                case "product", "home", "blog", "other" -> Rule.PAGE;
                default -> null;
            };
            case "form_submit" -> switch (form) {
                case "inquiry" -> Rule.INQUIRY;
                case "material_request" -> Rule.MATERIAL_REQUEST;
                case "newsletter" -> Rule.NEWSLETTER;
                case "registration" -> Rule.REGISTRATION;
                default -> null;
            };
            case "site_search" -> Rule.SEARCH;
            case "download" -> Rule.DOWNLOAD;
            case "form_start" -> Rule.FORM_START;
            case "cart_add" -> Rule.CART_ADD;
            case "ad_click" -> Rule.AD_CLICK;
            case "app_open" -> Rule.APP_OPEN;
            case "chat_message" -> Rule.CHAT;
            default -> null;
        };
    }

    private static Rule[] mailRules() {
        Rule[] rules = new Rule[MAIL_KINDS.length];
        for (int kind = 0; kind < rules.length; kind++) {
            rules[kind] = switch (MAIL_KINDS[kind]) {
                case "clicked" -> Rule.MAIL_CLICK;
                case "replied" -> Rule.MAIL_REPLY;
                default -> null;
            };
        }
        return rules;
    }

    private static Rule[] snsRules() {
        Rule[] rules = new Rule[SNS_KINDS.length];
        for (int kind = 0; kind < rules.length; kind++) {
            rules[kind] = switch (SNS_KINDS[kind]) {
                case "like" -> Rule.LIKE;
                case "follow" -> Rule.FOLLOW;
                case "share" -> Rule.SHARE;
                case "comment", "mention", "hashtag_post" -> Rule.COMMENT;
                case "dm" -> Rule.DIRECT_MESSAGE;
                case "video_complete" -> Rule.VIDEO;
                case "unfollow" -> Rule.UNFOLLOW;
                default -> null;
            };
        }
        return rules;
    }

    private static String[] symbols(Schema schema, String field) {
        return schema.getField(field).schema().getEnumSymbols().toArray(String[]::new);
    }
}
