package peer.scoring;

import peer.wire.StateBuffer;

/** Hashes of the event ids of the last 48 h of append time, the newest 1,024. */
final class SeenEvents {
    private static final int EVENTS_MAX = 1024;
    private static final long WINDOW_MS = 48 * 3_600_000L;

    /** Twice as long as needed, so that forgetting moves nothing most of the time. */
    private final long[] hashes = new long[2 * EVENTS_MAX];
    private final long[] appendedMs = new long[2 * EVENTS_MAX];
    private int from;
    private int to;

    /** False if the event was seen before; then nothing changes. */
    boolean add(long hash, long nowMs) {
        for (int i = from; i < to; i++) {
            if (hashes[i] == hash && nowMs - appendedMs[i] <= WINDOW_MS) return false;
        }
        while (from < to && nowMs - appendedMs[from] > WINDOW_MS) from++;
        if (to - from == EVENTS_MAX) from++;
        if (to == hashes.length) moveToFront();
        hashes[to] = hash;
        appendedMs[to++] = nowMs;
        return true;
    }

    private void moveToFront() {
        System.arraycopy(hashes, from, hashes, 0, to - from);
        System.arraycopy(appendedMs, from, appendedMs, 0, to - from);
        to -= from;
        from = 0;
    }

    void clear() {
        from = to = 0;
    }

    void write(StateBuffer out) {
        out.putUnsigned(to - from);
        long previous = 0;
        for (int i = from; i < to; i++) {
            out.putLong(hashes[i]);
            out.putSigned(appendedMs[i] - previous);
            previous = appendedMs[i];
        }
    }

    void read(StateBuffer in) {
        from = 0;
        to = (int) in.getUnsigned();
        long previous = 0;
        for (int i = 0; i < to; i++) {
            hashes[i] = in.getLong();
            appendedMs[i] = previous += in.getSigned();
        }
    }
}
