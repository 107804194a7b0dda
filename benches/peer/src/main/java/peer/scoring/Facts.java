package peer.scoring;

import java.util.Arrays;

import peer.wire.StateBuffer;

/**
 * The half of a lead that is a function of the set of its events (model.md sections 3 and 4). Reading never changes
 * anything and takes the time as an argument.
 */
public final class Facts {
    private static final long PRESSURE_HALF_LIFE_MS = 14 * 86_400_000L;
    private static final double FORGIVENESS = 0.5;
    private static final double KAPPA = 3;
    private static final double PHI = 20;

    private final EpochSum[] points = new EpochSum[Rule.ALL.length];
    private final EpochSum pressure = new EpochSum(PRESSURE_HALF_LIFE_MS);
    private final Calendar[] contacts = new Calendar[Channel.ALL.length];
    private final DayCounts[] touches = new DayCounts[Channel.ALL.length];
    private final Reaches reaches = new Reaches();
    private final Reaches answers = new Reaches();
    private final long[] handRaisesMs = new long[Channel.ALL.length];
    private final double[] engagementByChannel = new double[Channel.ALL.length];
    private long newestMs;
    private long lastInboundMs;
    private long lastOutboundMs;

    public Facts() {
        for (Rule rule : Rule.ALL) points[rule.ordinal()] = new EpochSum(rule.channel.halfLifeMs);
        for (int i = 0; i < Channel.ALL.length; i++) {
            contacts[i] = new Calendar();
            touches[i] = new DayCounts();
        }
    }

    /** An event that is no machine's. */
    public void apply(Event event) {
        newestMs = Math.max(newestMs, event.occurredAtMs);
        if (event.touch) {
            contact(event.channel, event.occurredAtMs);
            touch(event);
        }
        if (event.rule != null) count(event);
    }

    private void count(Event event) {
        Rule rule = event.rule;
        if (rule.isContact()) contact(rule.channel, event.occurredAtMs);
        engage(rule, event.occurredAtMs);
        if (rule.isAnswer()) answers.add(event);
        if (!rule.isHandRaise()) return;
        int channel = rule.channel.ordinal();
        handRaisesMs[channel] = Math.max(handRaisesMs[channel], event.occurredAtMs);
    }

    void contact(Channel channel, long timeMs) {
        contacts[channel.ordinal()].add(Calendar.dayOf(timeMs));
    }

    void engage(Rule rule, long timeMs) {
        points[rule.ordinal()].add(rule.points, timeMs);
        lastInboundMs = Math.max(lastInboundMs, timeMs);
    }

    void touch(Event event) {
        pressure.add(event.channel.pressure, event.occurredAtMs);
        touches[event.channel.ordinal()].add(Calendar.dayOf(event.occurredAtMs));
        lastOutboundMs = Math.max(lastOutboundMs, event.occurredAtMs);
        reaches.add(event);
    }

    void answer(Event event) {
        answers.add(event);
    }

    /** 0 if there was none. */
    long lastHandRaiseMs(Channel channel) {
        return handRaisesMs[channel.ordinal()];
    }

    long lastHandRaiseMs() {
        long last = 0;
        for (long raisedMs : handRaisesMs) last = Math.max(last, raisedMs);
        return last;
    }

    boolean wasTouchedOn(Channel channel, long fromMs, long toMs) {
        return reaches.anyOn(channel, fromMs, toMs);
    }

    public long newestMs() {
        return newestMs;
    }

    public long lastInboundMs() {
        return lastInboundMs;
    }

    public void read(long timeMs, Score into) {
        double engagement = 0, exposure = 0;
        long today = Calendar.dayOf(timeMs);
        sumEngagement(timeMs);
        for (Channel channel : Channel.ALL) {
            engagement += softCap(engagementByChannel[channel.ordinal()], channel.cap);
            exposure += channel.exposureWeight * contacts[channel.ordinal()].sum(today, channel.exposureByAge);
        }
        into.asOfMs = timeMs;
        into.engagement = engagement;
        into.exposure = exposure;
        into.pressure = pressure(timeMs);
        into.familiarity = -Math.expm1(-exposure / KAPPA);
        into.affinity = into.familiarity * Math.exp(-into.pressure / PHI);
        into.readiness = 0.7 * engagement + 30 * into.affinity;
    }

    /** Rules of one channel share a half-life, so the decay within the epoch is applied once to their sum. */
    private void sumEngagement(long timeMs) {
        for (Channel channel : Channel.ALL) engagementByChannel[channel.ordinal()] = 0;
        for (Rule rule : Rule.ALL) {
            EpochSum sum = points[rule.ordinal()];
            if (sum.isEmpty()) continue;
            long epoch = Math.floorDiv(timeMs, rule.channel.halfLifeMs);
            engagementByChannel[rule.channel.ordinal()] += sum.atStartOf(epoch);
        }
        for (Channel channel : Channel.ALL) {
            double raw = engagementByChannel[channel.ordinal()];
            if (raw != 0) raw *= EpochSum.decay(timeMs, channel.halfLifeMs);
            engagementByChannel[channel.ordinal()] = Math.max(0, raw);
        }
    }

    private static double softCap(double raw, double cap) {
        return raw == 0 ? 0 : cap * -Math.expm1(-raw / cap);
    }

    private double pressure(long timeMs) {
        if (pressure.isEmpty()) return 0;
        double raw = pressure.atStartOf(Math.floorDiv(timeMs, PRESSURE_HALF_LIFE_MS));
        double felt = raw * EpochSum.decay(timeMs, PRESSURE_HALF_LIFE_MS);
        return Math.max(0, felt - FORGIVENESS * reaches.answeredPressure(answers, timeMs, PRESSURE_HALF_LIFE_MS));
    }

    /** A rule's share of readiness; with 30 times affinity the shares of all rules sum to it. */
    public double contribution(Rule rule, long timeMs) {
        EpochSum sum = points[rule.ordinal()];
        sumEngagement(timeMs);
        double channelRaw = engagementByChannel[rule.channel.ordinal()];
        if (sum.isEmpty() || channelRaw == 0) return 0;
        double raw = sum.atStartOf(Math.floorDiv(timeMs, rule.channel.halfLifeMs))
                * EpochSum.decay(timeMs, rule.channel.halfLifeMs);
        return 0.7 * softCap(channelRaw, rule.channel.cap) * raw / channelRaw;
    }

    /** Distinct days with a contact on any channel, of the newest 90. */
    public int contactDays90(long timeMs) {
        long[] ages = new long[2];
        for (Calendar calendar : contacts) calendar.markAges(Calendar.dayOf(timeMs), ages);
        return daysOf90(ages);
    }

    public int contactDays90(Channel channel, long timeMs) {
        long[] ages = new long[2];
        contacts[channel.ordinal()].markAges(Calendar.dayOf(timeMs), ages);
        return daysOf90(ages);
    }

    private static int daysOf90(long[] ages) {
        return Long.bitCount(ages[0]) + Long.bitCount(ages[1] & (1L << 90 - 64) - 1);
    }

    public int touchesWithin(Channel channel, long timeMs, int days) {
        return touches[channel.ordinal()].within(Calendar.dayOf(timeMs), days);
    }

    void clear() {
        for (EpochSum sum : points) sum.clear();
        for (Calendar calendar : contacts) calendar.clear();
        for (DayCounts counts : touches) counts.clear();
        pressure.clear();
        reaches.clear();
        answers.clear();
        Arrays.fill(handRaisesMs, 0);
        newestMs = lastInboundMs = lastOutboundMs = 0;
    }

    void write(StateBuffer out) {
        out.putUnsigned(newestMs);
        out.putSigned(lastInboundMs == 0 ? 0 : newestMs - lastInboundMs + 1);
        out.putSigned(lastOutboundMs == 0 ? 0 : newestMs - lastOutboundMs + 1);
        long present = 0;
        for (int i = 0; i < points.length; i++) if (!points[i].isEmpty()) present |= 1L << i;
        out.putUnsigned(present);
        for (EpochSum sum : points) if (!sum.isEmpty()) sum.write(out);
        pressure.write(out);
        present = 0;
        for (int i = 0; i < contacts.length; i++) {
            if (!contacts[i].isEmpty()) present |= 1L << i;
            if (!touches[i].isEmpty()) present |= 1L << contacts.length + i;
        }
        out.putUnsigned(present);
        for (Calendar calendar : contacts) if (!calendar.isEmpty()) calendar.write(out);
        for (DayCounts counts : touches) if (!counts.isEmpty()) counts.write(out);
        reaches.write(out);
        answers.write(out);
        writeHandRaises(out);
    }

    void read(StateBuffer in) {
        newestMs = in.getUnsigned();
        long sinceInbound = in.getSigned(), sinceOutbound = in.getSigned();
        lastInboundMs = sinceInbound == 0 ? 0 : newestMs - sinceInbound + 1;
        lastOutboundMs = sinceOutbound == 0 ? 0 : newestMs - sinceOutbound + 1;
        long present = in.getUnsigned();
        for (int i = 0; i < points.length; i++) if ((present >> i & 1) != 0) points[i].read(in);
        pressure.read(in);
        present = in.getUnsigned();
        for (int i = 0; i < contacts.length; i++) if ((present >> i & 1) != 0) contacts[i].read(in);
        present >>= contacts.length;
        for (int i = 0; i < touches.length; i++) if ((present >> i & 1) != 0) touches[i].read(in);
        reaches.read(in);
        answers.read(in);
        readHandRaises(in);
    }

    private void writeHandRaises(StateBuffer out) {
        int present = 0;
        for (int i = 0; i < handRaisesMs.length; i++) if (handRaisesMs[i] != 0) present |= 1 << i;
        out.putByte(present);
        for (long raisedMs : handRaisesMs) if (raisedMs != 0) out.putSigned(newestMs - raisedMs);
    }

    private void readHandRaises(StateBuffer in) {
        int present = in.getByte();
        for (int i = 0; i < handRaisesMs.length; i++) {
            handRaisesMs[i] = (present >> i & 1) != 0 ? newestMs - in.getSigned() : 0;
        }
    }
}
