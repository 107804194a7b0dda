package peer.scoring;

/** One interaction in the model's words; reused for every record. */
public final class Event {
    public long idHash;
    public long occurredAtMs;
    public boolean machine;
    public Channel channel;
    /** We contacted the lead. */
    public boolean touch;
    /** That touch answers a hand-raise: no campaign mail. */
    public boolean reply;
    /** What it earns; null if nothing. */
    public Rule rule;
    /** Hash of what joins an answer to its touch; 0 for none. */
    public long reference;

    /** The lead acted by itself, and it speaks for the lead. */
    boolean isSignal() {
        return rule != null && rule.points > 0;
    }
}
