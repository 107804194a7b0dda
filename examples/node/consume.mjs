// Reads decisions, prints each once, and accepts every READY.
//
//     npm install kafkajs avsc
//     node consume.mjs --servers 127.0.0.1:9092
//
// See docs/outreach.md for what the fields mean.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import avro from 'avsc';
import kafkajs from 'kafkajs';

const { values: args } = parseArgs({
  options: {
    servers: { type: 'string', default: '127.0.0.1:9092' },
    prefix: { type: 'string', default: '' }, // app.topic_prefix of the configuration
    count: { type: 'string', default: '0' }, // end after so many decisions
  },
});
const FINGERPRINT = 'b6975c2038658d9e'; // of the schema below; keep one entry for each version that you still read
const schema = JSON.parse(readFileSync(new URL('../../schemas/ready.avsc', import.meta.url)));
const Decision = avro.Type.forSchema(schema, { wrapUnions: false });

function decode(value) {
  if (value[0] !== 0xc3 || value[1] !== 0x01) return JSON.parse(value); // not single-object encoding: format json
  const fingerprint = value.toString('hex', 2, 10);
  if (fingerprint !== FINGERPRINT) throw new Error(`written with a schema that we do not have: ${fingerprint}`);
  return Decision.fromBuffer(value.subarray(10));
}

const outcome = (decision, kind) => ({
  event_id: `${decision.decision_id}:${kind}`, // the same when sent again: counts once
  lead_id: decision.lead_id,
  occurred_at: Date.now(),
  source: 'node-example',
  kind,
  decision_id: decision.decision_id,
});

const kafka = new kafkajs.Kafka({ brokers: args.servers.split(','), clientId: 'node-example', logLevel: kafkajs.logLevel.ERROR });
const consumer = kafka.consumer({ groupId: 'node-example', readUncommitted: false });
const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner }); // murmur2, as in Java
const seen = new Set(); // yours is a table, written in one transaction with your task
let printed = 0;

await Promise.all([consumer.connect(), producer.connect()]);
await consumer.subscribe({ topic: `${args.prefix}outreach.ready`, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message }) => {
    const decision = decode(message.value);
    const key = `${decision.decision_id} ${decision.type} ${decision.reason ?? ''}`;
    if (!seen.has(key)) {
      seen.add(key);
      console.log(decision.type, decision.lane, decision.lead_id, decision.headline.ja);
      printed += 1;
    }
    if (decision.type === 'ready') {
      const value = JSON.stringify(outcome(decision, 'accepted'));
      await producer.send({ topic: `${args.prefix}outreach.outcome`, acks: -1, messages: [{ key: decision.lead_id, value }] });
    }
    if (printed === Number(args.count)) setImmediate(end);
  },
});

async function end() {
  await consumer.disconnect(); // commits what was handled
  await producer.disconnect();
  process.exit(0);
}
