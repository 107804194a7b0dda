package peer.scoring;

import peer.wire.StateBuffer;

/** One lead: facts, episode, and the event ids seen lately. One object is reused for all leads of a thread. */
public final class Lead {
    public final Facts facts = new Facts();
    public final Score score = new Score();
    private final Episode episode = new Episode();
    private final SeenEvents seen = new SeenEvents();
    private final StateBuffer source = new StateBuffer();

    public void read(byte[] state) {
        facts.clear();
        if (state == null) {
            episode.clear();
            seen.clear();
            return;
        }
        source.on(state);
        episode.read(source);
        facts.read(source);
        seen.read(source);
    }

    public byte[] write(StateBuffer out) {
        episode.write(out);
        facts.write(out);
        seen.write(out);
        return out.takeWritten();
    }

    public boolean isRepeated(Event event, long appendedAtMs) {
        return !seen.add(event.idHash, appendedAtMs);
    }

    /** Applies the event at a clock, scores the lead, and opens an episode if a lane fires. */
    public Lane apply(Event event, long nowMs) {
        if (event.machine) return Lane.NONE;
        passTime(nowMs);
        if (episode.needsReadinessBefore()) episode.armBelowOff(readinessAt(nowMs));
        facts.apply(event);
        episode.apply(event, nowMs);
        readAt(nowMs);
        return episode.evaluate(facts, score, nowMs);
    }

    /** Ends what time has ended by then, each at its own time. */
    private void passTime(long nowMs) {
        for (long dueMs; (dueMs = episode.timerMs()) <= nowMs; ) {
            episode.armBelowOff(readinessAt(dueMs));
            if (episode.evaluate(facts, score, dueMs) != Lane.NONE) {
                throw new IllegalStateException("time alone brought a decision forth; this model has none such");
            }
        }
    }

    public long episodeNumber() {
        return episode.number();
    }

    public long expiresMs() {
        return episode.untilMs();
    }

    public double readinessAt(long timeMs) {
        readAt(timeMs);
        return score.readiness;
    }

    /** At a time, or at the lead's newest event where that is later. */
    private void readAt(long timeMs) {
        facts.read(Math.max(timeMs, facts.newestMs()), score);
    }
}
