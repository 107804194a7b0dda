package peer.scoring;

import peer.wire.StateBuffer;

/**
 * The half of a lead that depends on the order of its events: one open READY at most, and what was acted on already.
 *
 * <p>The two lanes as the model has them. The benchmark's model has no cool-downs and no steps of the service level, so
 * that time alone never brings a READY forth: what time ends, an open READY or the wait for an answer, is ended at its
 * own time before the lead's next event, and nobody can tell the difference by the READYs.
 */
final class Episode {
    private static final double ON = 40;
    private static final double OFF = 0.7 * ON;
    private static final int CONTACT_DAYS_MIN = 4;
    private static final double FAMILIARITY_MIN = 0.55;
    private static final long DAY_MS = 86_400_000L;
    private static final long INBOUND_WITHIN_MS = 30 * DAY_MS;
    private static final long SCORE_EXPIRES_MS = 7 * DAY_MS;
    private static final long SCORE_AGAIN_MS = 14 * DAY_MS;
    private static final long INSTANT_EXPIRES_MS = 3 * DAY_MS;
    private static final long FRESH_MS = DAY_MS;
    private static final long CONVERSATION_MS = DAY_MS;
    private static final long NEVER = Long.MIN_VALUE;

    private enum State {
        IDLE, OPEN, CONTACTED, COOLING;

        static final State[] ALL = values();
    }

    private boolean armed;
    private State state;
    private Lane lane;
    private long number;
    /** The clock of the newest READY. */
    private long asOfMs;
    /** Of a READY that is open, of the wait for an answer, of peace. */
    private long untilMs;
    /** The newest hand-raise that a READY answered. */
    private long handRaiseMs;
    /** Clock and channel of the last instant READY. */
    private long instantMs;
    private Channel instantChannel;
    /** Clock of the last READY of the score lane. */
    private long scoreMs;

    /** The next moment at which time alone changes something. */
    long timerMs() {
        return state == State.OPEN || state == State.CONTACTED ? untilMs : Long.MAX_VALUE;
    }

    /** Only where the score lane is not armed does the readiness before an event matter. */
    boolean needsReadinessBefore() {
        return !armed;
    }

    void armBelowOff(double readiness) {
        if (Score.rounded(readiness) < OFF) armed = true;
    }

    /** What an event does by itself, before anything is evaluated. */
    void apply(Event event, long nowMs) {
        if (event.isSignal()) {
            boolean isDue = scoreMs == NEVER || nowMs - scoreMs >= SCORE_AGAIN_MS;
            if (isDue && (state == State.IDLE || state == State.COOLING)) armed = true;
            if (state == State.CONTACTED) coolDown(nowMs);
        }
        if (event.touch && state == State.OPEN && event.occurredAtMs >= asOfMs && (lane != Lane.INSTANT || event.reply)) {
            state = State.CONTACTED;
            untilMs = event.occurredAtMs + event.channel.answerWindowMs;
        }
    }

    /** The lane that fires now, or NONE. */
    Lane evaluate(Facts facts, Score score, long nowMs) {
        endWhatTimeEnded(nowMs);
        boolean isOpenInInstant = state == State.OPEN && lane == Lane.INSTANT;
        if (isOpenInInstant) handRaiseMs = Math.max(handRaiseMs, facts.lastHandRaiseMs());
        Channel asked = isOpenInInstant ? null : pendingHandRaise(facts, nowMs);
        if (asked != null) return openInstant(asked, facts, nowMs);
        if (armed && state == State.IDLE && isReady(facts, score, nowMs)) return openScore(nowMs);
        if (state == State.OPEN && lane == Lane.SCORE && Score.rounded(score.readiness) < OFF) coolDown(nowMs);
        return Lane.NONE;
    }

    /** One step an evaluation: peace that begins now ends with the next. */
    private void endWhatTimeEnded(long nowMs) {
        if (state == State.IDLE || untilMs > nowMs) return;
        if (state == State.COOLING) state = State.IDLE;
        else coolDown(nowMs);
    }

    private void coolDown(long nowMs) {
        state = State.COOLING;
        untilMs = nowMs;
    }

    /** The channel of the newest hand-raise that waits for an answer; null if none does. */
    private Channel pendingHandRaise(Facts facts, long nowMs) {
        Channel newest = null;
        long newestMs = handRaiseMs;
        for (Channel channel : Channel.ALL) {
            long raisedMs = facts.lastHandRaiseMs(channel);
            if (raisedMs == 0 || raisedMs <= handRaiseMs || nowMs - raisedMs > FRESH_MS) continue;
            if (newest != null && raisedMs < newestMs || isLineOfConversation(facts, channel, raisedMs)) continue;
            newest = channel;
            newestMs = raisedMs;
        }
        return newest;
    }

    /** Shortly after a touch that followed the last instant READY, on its channel. */
    private boolean isLineOfConversation(Facts facts, Channel channel, long raisedMs) {
        if (instantMs == NEVER || channel != instantChannel) return false;
        return facts.wasTouchedOn(channel, Math.max(instantMs, raisedMs - CONVERSATION_MS), raisedMs);
    }

    private static boolean isReady(Facts facts, Score score, long nowMs) {
        return Score.rounded(score.readiness) >= ON
                && facts.lastInboundMs() != 0
                && nowMs - facts.lastInboundMs() <= INBOUND_WITHIN_MS
                && (Score.rounded(score.familiarity) >= FAMILIARITY_MIN || facts.contactDays90(score.asOfMs) >= CONTACT_DAYS_MIN);
    }

    private Lane openInstant(Channel asked, Facts facts, long nowMs) {
        handRaiseMs = Math.max(handRaiseMs, facts.lastHandRaiseMs());
        instantMs = nowMs;
        instantChannel = asked == Channel.WEB ? Channel.PERSON : asked;
        return open(Lane.INSTANT, nowMs, INSTANT_EXPIRES_MS);
    }

    private Lane openScore(long nowMs) {
        scoreMs = nowMs;
        return open(Lane.SCORE, nowMs, SCORE_EXPIRES_MS);
    }

    private Lane open(Lane fired, long nowMs, long expiresMs) {
        armed = false;
        state = State.OPEN;
        lane = fired;
        asOfMs = nowMs;
        untilMs = nowMs + expiresMs;
        number++;
        return fired;
    }

    long number() {
        return number;
    }

    long untilMs() {
        return untilMs;
    }

    void clear() {
        armed = true;
        state = State.IDLE;
        lane = Lane.NONE;
        number = asOfMs = untilMs = 0;
        handRaiseMs = instantMs = scoreMs = NEVER;
        instantChannel = Channel.PERSON;
    }

    void write(StateBuffer out) {
        out.putByte((armed ? 1 : 0) | state.ordinal() << 1 | lane.ordinal() << 3 | instantChannel.ordinal() << 5);
        out.putUnsigned(number);
        if (number == 0) return;
        out.putUnsigned(asOfMs);
        out.putSigned(untilMs - asOfMs);
        putSince(out, handRaiseMs);
        putSince(out, instantMs);
        putSince(out, scoreMs);
    }

    private void putSince(StateBuffer out, long timeMs) {
        out.putUnsigned(timeMs == NEVER ? 0 : zigzag(asOfMs - timeMs) + 1);
    }

    private long getSince(StateBuffer in) {
        long value = in.getUnsigned();
        return value == 0 ? NEVER : asOfMs - (value - 1 >>> 1 ^ -(value - 1 & 1));
    }

    private static long zigzag(long value) {
        return value << 1 ^ value >> 63;
    }

    void read(StateBuffer in) {
        clear();
        int bits = in.getByte();
        armed = (bits & 1) != 0;
        state = State.ALL[bits >> 1 & 3];
        lane = Lane.ALL[bits >> 3 & 3];
        instantChannel = Channel.ALL[bits >> 5];
        number = in.getUnsigned();
        if (number == 0) return;
        asOfMs = in.getUnsigned();
        untilMs = asOfMs + in.getSigned();
        handRaiseMs = getSince(in);
        instantMs = getSince(in);
        scoreMs = getSince(in);
    }
}
