package peer.streams;

import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

import peer.scoring.Event;
import peer.scoring.Lane;
import peer.scoring.Lead;
import peer.wire.EventReader;
import peer.wire.ReadyWriter;
import peer.wire.StateBuffer;

/** One event in, one state get and put, and rarely one decision out. */
final class LeadProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    static final String STORE = "leads";
    private static final long FUTURE_MAX_MS = 5 * 60_000L;

    private final EventReader reader = new EventReader();
    private final ReadyWriter writer = new ReadyWriter();
    private final StateBuffer out = StateBuffer.forWriting();
    private final Event event = new Event();
    private final Lead lead = new Lead();
    private final Lead before = new Lead();
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> leads;
    /** The partition's clock never goes back. */
    private long clockMs;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        leads = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        if (!reader.read(record.value(), event)) return;
        if (event.occurredAtMs > record.timestamp() + FUTURE_MAX_MS) return;
        clockMs = Math.max(clockMs, record.timestamp());
        byte[] state = leads.get(record.key());
        lead.read(state);
        if (lead.isRepeated(event, record.timestamp())) return;
        Lane lane = lead.apply(event, clockMs);
        leads.put(record.key(), lead.write(out));
        if (lane != Lane.NONE) context.forward(record.withValue(ready(record.key(), lane, state)));
    }

    private byte[] ready(byte[] key, Lane lane, byte[] stateBefore) {
        before.read(stateBefore);
        return writer.write(key, lane, lead, clockMs, before.readinessAt(clockMs), reader.id());
    }
}
