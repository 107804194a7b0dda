package peer.scoring;

import peer.wire.StateBuffer;

/** The newest 16 touches, or answers, in the order of their times. */
final class Reaches {
    private static final int REACHES_MAX = 16;

    private final long[] timesMs = new long[REACHES_MAX + 1];
    private final long[] events = new long[REACHES_MAX + 1];
    private final long[] references = new long[REACHES_MAX + 1];
    private final byte[] channels = new byte[REACHES_MAX + 1];
    private int size;

    void add(Event event) {
        add(event.channel, event.occurredAtMs, event.idHash, event.reference);
    }

    void add(Channel channel, long timeMs, long eventHash, long reference) {
        int at = size;
        while (at > 0 && isAfter(at - 1, timeMs, eventHash)) at--;
        move(at, at + 1, size - at);
        timesMs[at] = timeMs;
        events[at] = eventHash;
        references[at] = reference;
        channels[at] = (byte) channel.ordinal();
        if (++size > REACHES_MAX) move(1, 0, --size);
    }

    private boolean isAfter(int at, long timeMs, long eventHash) {
        return timesMs[at] > timeMs || timesMs[at] == timeMs && events[at] > eventHash;
    }

    private void move(int from, int to, int count) {
        System.arraycopy(timesMs, from, timesMs, to, count);
        System.arraycopy(events, from, events, to, count);
        System.arraycopy(references, from, references, to, count);
        System.arraycopy(channels, from, channels, to, count);
    }

    /** What is left at a time of the pressure of these touches that one of the answers names. */
    double answeredPressure(Reaches answers, long timeMs, long halfLifeMs) {
        double sum = 0;
        for (int i = 0; i < size; i++) {
            if (references[i] == 0 || !answers.name(channels[i], references[i])) continue;
            sum += Channel.ALL[channels[i]].pressure * Math.pow(2, -(double) (timeMs - timesMs[i]) / halfLifeMs);
        }
        return sum;
    }

    private boolean name(byte channel, long reference) {
        for (int i = 0; i < size; i++) {
            if (references[i] == reference && channels[i] == channel) return true;
        }
        return false;
    }

    /** Whether there is one on that channel between two times, both included. */
    boolean anyOn(Channel channel, long fromMs, long toMs) {
        for (int i = 0; i < size; i++) {
            if (channels[i] == channel.ordinal() && timesMs[i] >= fromMs && timesMs[i] <= toMs) return true;
        }
        return false;
    }

    void clear() {
        size = 0;
    }

    void write(StateBuffer out) {
        out.putByte(size);
        long previous = 0;
        for (int i = 0; i < size; i++) {
            out.putByte(channels[i]);
            out.putUnsigned(timesMs[i] - previous);
            out.putLong(events[i]);
            out.putLong(references[i]);
            previous = timesMs[i];
        }
    }

    void read(StateBuffer in) {
        size = in.getByte();
        long previous = 0;
        for (int i = 0; i < size; i++) {
            channels[i] = (byte) in.getByte();
            timesMs[i] = previous += in.getUnsigned();
            events[i] = in.getLong();
            references[i] = in.getLong();
        }
    }
}
