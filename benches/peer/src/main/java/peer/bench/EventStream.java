package peer.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;

import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageEncoder;

import peer.Flags;
import peer.wire.Schemas;

/**
 * A deterministic stream of realistic events: the same flags give the same bytes. 70 % web, 20 % mail, 10 % sns;
 * about one event in 500 is a hand-raise.
 */
final class EventStream {
    static final String[] TOPICS = {"engagement.web", "engagement.mail", "engagement.sns"};
    private static final int WEB = 0, MAIL = 1, SNS = 2;
    private static final int REPEATABLE = 4096;

    private static final Mix WEB_KINDS = new Mix(
            "page_view", 800, "session_end", 50, "site_search", 40, "ad_click", 25, "app_open", 25, "form_start", 20,
            "cart_add", 14, "download", 14, "form_submit", 12);
    private static final Mix PAGES = new Mix(
            "product", 40, "home", 20, "blog", 20, "pricing", 6, "case_study", 5, "support", 5, "comparison", 2,
            "careers", 2);
    private static final Mix FORMS = new Mix("registration", 500, "material_request", 280, "newsletter", 60, "inquiry", 160);
    private static final Mix MAIL_KINDS = new Mix("sent", 550, "opened", 310, "clicked", 133, "replied", 4);
    private static final Mix SNS_KINDS = new Mix(
            "like", 520, "video_play", 120, "video_complete", 90, "follow", 80, "comment", 60, "share", 50, "mention", 30,
            "dm_out", 20, "hashtag_post", 17, "unfollow", 10, "dm", 3);
    private static final Mix NETWORKS = new Mix("line", 40, "x", 25, "instagram", 20, "facebook", 10, "linkedin", 5);

    private final SplittableRandom random;
    private final LeadPicker picker;
    private final long events;
    private final long startMs;
    private final long spanMs;
    private final double duplicates;
    private final double late;
    private final long lateMaxMs;
    private final int[] mailsSent;
    private final Message[] recent = new Message[REPEATABLE];
    private final BinaryMessageEncoder<GenericRecord>[] encoders;
    private long produced;

    EventStream(Flags flags) {
        random = new SplittableRandom(flags.get("seed", 1));
        events = flags.get("events", 1_000_000);
        int leads = (int) flags.get("leads", 100_000);
        picker = new LeadPicker(leads, flags.get("zipf", 1.0));
        startMs = flags.get("start-ms", 1_750_000_000_000L);
        spanMs = flags.get("span-days", 60) * 86_400_000L;
        duplicates = flags.get("duplicates", 1.0) / 100;
        late = flags.get("late", 2.0) / 100;
        lateMaxMs = flags.get("late-max-minutes", 360) * 60_000L;
        mailsSent = new int[leads];
        encoders = encoders();
    }

    /** One record to append; `handRaiseId` is the event's id if it is a hand-raise. */
    record Message(int topic, long appendedMs, byte[] key, byte[] value, String handRaiseId) {
    }

    boolean hasNext() {
        return produced < events;
    }

    long events() {
        return events;
    }

    /** The next event, appended at its place in the span. */
    Message next() {
        return next(startMs + (long) ((double) produced * spanMs / events));
    }

    /** The next event, appended now. */
    Message next(long appendedMs) {
        int slot = (int) (produced++ % REPEATABLE);
        Message message = recent[slot];
        if (message != null && random.nextDouble() < duplicates) {
            Message again = recent[random.nextInt(REPEATABLE)];
            return new Message(again.topic, appendedMs, again.key, again.value, null);
        }
        recent[slot] = message = fresh(appendedMs);
        return message;
    }

    /** A hand-raise of a lead that has no other event. */
    Message handRaise(long appendedMs, long number) {
        GenericRecord event = common(Schemas.WEB, LeadPicker.id(-1 - number), appendedMs);
        put(event, "kind", "form_submit");
        put(event, "page_class", "other");
        put(event, "form_purpose", "inquiry");
        return encode(WEB, event, appendedMs, true);
    }

    private Message fresh(long appendedMs) {
        int lead = picker.pick(random);
        long delayMs = random.nextDouble() < late ? random.nextLong(lateMaxMs) : random.nextLong(2_000);
        long occurredMs = appendedMs - delayMs;
        double dice = random.nextDouble();
        if (dice < 0.7) return web(lead, occurredMs, appendedMs);
        return dice < 0.9 ? mail(lead, occurredMs, appendedMs) : sns(lead, occurredMs, appendedMs);
    }

    private Message web(int lead, long occurredMs, long appendedMs) {
        GenericRecord event = common(Schemas.WEB, LeadPicker.id(lead), occurredMs);
        boolean chat = random.nextInt(4000) == 0;
        String kind = chat ? "chat_message" : WEB_KINDS.pick(random);
        boolean submit = kind.equals("form_submit");
        String form = submit ? FORMS.pick(random) : "none";
        String page = PAGES.pick(random);
        put(event, "kind", kind);
        put(event, "page_class", page);
        put(event, "form_purpose", form);
        event.put("machine", random.nextInt(50) == 0);
        event.put("url", "https://www.example.jp/" + page + "/" + random.nextInt(1000));
        if (random.nextInt(3) == 0) event.put("referrer", "https://www.example.com/search");
        if (random.nextInt(5) == 0) event.put("utm_source", "newsletter");
        event.put("dwell_ms", (long) random.nextInt(120_000));
        event.put("session_id", hex(random.nextLong()));
        return encode(WEB, event, appendedMs, chat || submit && form.equals("inquiry"));
    }

    private Message mail(int lead, long occurredMs, long appendedMs) {
        GenericRecord event = common(Schemas.MAIL, LeadPicker.id(lead), occurredMs);
        String kind = mailsSent[lead] == 0 ? "sent" : MAIL_KINDS.pick(random);
        if (kind.equals("sent")) mailsSent[lead]++;
        put(event, "kind", kind);
        event.put("message_id", hex(lead) + "." + mailsSent[lead]);
        event.put("machine", kind.equals("opened") && random.nextInt(3) == 0);
        event.put("campaign_id", "campaign-" + random.nextInt(20));
        put(event, "purpose", "marketing");
        if (kind.equals("clicked")) event.put("url", "https://www.example.jp/lp/" + random.nextInt(100));
        return encode(MAIL, event, appendedMs, kind.equals("replied"));
    }

    private Message sns(int lead, long occurredMs, long appendedMs) {
        GenericRecord event = common(Schemas.SNS, LeadPicker.id(lead), occurredMs);
        String kind = SNS_KINDS.pick(random);
        boolean outbound = kind.equals("dm_out");
        put(event, "kind", outbound ? "dm" : kind);
        put(event, "network", NETWORKS.pick(random));
        put(event, "direction", outbound ? "outbound" : "inbound");
        event.put("post_id", hex(random.nextInt(10_000)));
        return encode(SNS, event, appendedMs, kind.equals("dm"));
    }

    private GenericRecord common(Schema schema, String leadId, long occurredMs) {
        GenericRecord event = new GenericData.Record(schema);
        event.put("event_id", hex(random.nextLong()) + hex(random.nextLong()));
        event.put("lead_id", leadId);
        event.put("occurred_at", occurredMs);
        event.put("source", "load");
        event.put("machine", false);
        if (random.nextInt(4) == 0) event.put("topic", "product-" + random.nextInt(8));
        return event;
    }

    private Message encode(int topic, GenericRecord event, long appendedMs, boolean handRaise) {
        boolean human = !(boolean) event.get("machine");
        byte[] key = event.get("lead_id").toString().getBytes(StandardCharsets.UTF_8);
        try {
            byte[] value = encoders[topic].encode(event).array();
            return new Message(topic, appendedMs, key, value, handRaise && human ? event.get("event_id").toString() : null);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void put(GenericRecord record, String field, String symbol) {
        record.put(field, new GenericData.EnumSymbol(record.getSchema().getField(field).schema(), symbol));
    }

    static String hex(long value) {
        return String.format("%016x", value);
    }

    @SuppressWarnings("unchecked")
    private static BinaryMessageEncoder<GenericRecord>[] encoders() {
        GenericData data = new GenericData();
        return new BinaryMessageEncoder[] {
            new BinaryMessageEncoder<GenericRecord>(data, Schemas.WEB),
            new BinaryMessageEncoder<GenericRecord>(data, Schemas.MAIL),
            new BinaryMessageEncoder<GenericRecord>(data, Schemas.SNS),
        };
    }
}
