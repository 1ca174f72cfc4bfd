// KafkaJS: topics, configs, records, a group that rebalances, offsets, transactions.
"use strict";
const { Kafka, CompressionTypes, ConfigResourceTypes, logLevel } = require("kafkajs");
const { step, until } = require("./steps");

const kafka = new Kafka({ clientId: "broker-node", brokers: [process.env.SERVER], logLevel: logLevel.NOTHING });
const topic = "kafkajs", group = "kafkajs-group";
const admin = kafka.admin();

async function topics() {
  await step("create", () => admin.createTopics({ topics: [{ topic, numPartitions: 3, configEntries: [{ name: "retention.ms", value: "86400000" }] }] }));
  await step("create again", () => admin.createTopics({ topics: [{ topic }] }));
  await step("create an invalid name", () => admin.createTopics({ topics: [{ topic: "a b" }] }));
  await step("list", async () => (await admin.listTopics()).filter((name) => name.startsWith(topic)));
  await step("describe", async () => {
    const [found] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
    return found.partitions.map((p) => [p.partitionId, p.replicas.length, p.isr.length]).sort();
  });
  await step("describe nothing", () => admin.fetchTopicMetadata({ topics: ["kafkajs-none"] }));
  await step("add partitions", () => admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] }));
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
  await step("alter configs", () => admin.alterConfigs({ resources: [{ ...resource, configEntries: [{ name: "retention.bytes", value: "1000000" }] }] }));
  await step("describe configs", async () => {
    const { resources } = await admin.describeConfigs({ resources: [{ ...resource, configNames: ["retention.bytes", "retention.ms"] }] });
    return resources[0].configEntries.map((e) => [e.configName, e.configValue, e.configSource, e.isDefault]).sort();
  });
  await step("alter an unknown config", () => admin.alterConfigs({ resources: [{ ...resource, configEntries: [{ name: "no.such", value: "1" }] }] }));
  await step("describe the cluster", async () => (await admin.describeCluster()).brokers.length);
}

async function records() {
  const producer = kafka.producer();
  await producer.connect();
  const messages = (from) => [0, 1, 2].map((i) => ({ key: `k${from + i}`, value: `v${from + i}`, partition: 0, headers: { h: `${i}` } }));
  const offsets = (sent) => sent.map((s) => [s.partition, s.baseOffset, s.errorCode]);
  await step("send plain", async () => offsets(await producer.send({ topic, messages: messages(0) })));
  await step("send gzip", async () => offsets(await producer.send({ topic, messages: messages(3), compression: CompressionTypes.GZIP })));
  await step("send to two partitions", async () => offsets(await producer.send({ topic, messages: [{ value: "a", partition: 1 }, { value: null, key: "k", partition: 2 }] })).sort());
  await step("send too much", () => producer.send({ topic, messages: [{ value: Buffer.alloc(2 << 20), partition: 0 }] }));
  await producer.disconnect();
  const safe = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await safe.connect();
  await step("send idempotently", async () => offsets(await safe.send({ topic, messages: messages(6) })));
  await step("send idempotently again", async () => offsets(await safe.send({ topic, messages: messages(9) })));
  await safe.disconnect();
  await step("topic offsets", async () => (await admin.fetchTopicOffsets(topic)).map((o) => [o.partition, o.low, o.high]).sort());
  await step("offsets by time", async () => (await admin.fetchTopicOffsetsByTimestamp(topic, 0)).map((o) => [o.partition, o.offset]).sort());
}

// Runs a member of the group; what it read and holds is in `seen` and `held`.
async function member(groupId, fromBeginning = true) {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 300, sessionTimeout: 10000, rebalanceTimeout: 10000 });
  const seen = [], me = { consumer, seen, held: -1 };
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { me.held = (payload.memberAssignment[topic] || []).length; });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning });
  await consumer.run({ eachMessage: async ({ partition, message: m }) => { seen.push([partition, m.offset, m.key && `${m.key}`, m.value && `${m.value}`, m.headers.h ? `${m.headers.h}` : ""]); } });
  return me;
}

async function groups() {
  const first = await member(group);
  await step("read as one member", async () => { await until(() => first.seen.length === 14); return first.seen.sort(); });
  const second = await member(group);
  await step("share with a second", async () => { await until(() => first.held === 2 && second.held === 2); return [first.held, second.held]; });
  await step("describe the group", async () => {
    const { groups: [g] } = await admin.describeGroups([group]);
    return [g.state, g.protocolType, g.protocol, g.members.length];
  });
  await step("reset offsets of a group at work", () => admin.resetOffsets({ groupId: group, topic, earliest: true }));
  await second.consumer.disconnect();
  await step("take over when it leaves", async () => { await until(() => first.held === 4); return first.held; });
  await step("commit", () => first.consumer.commitOffsets([{ topic, partition: 0, offset: "7", metadata: "note" }]));
  await first.consumer.disconnect();
  const committed = async () => (await admin.fetchOffsets({ groupId: group, topics: [topic] }))[0].partitions.map((p) => [p.partition, p.offset, p.metadata]).sort();
  await step("committed offsets", committed);
  await step("set offsets", () => admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: "9" }] }));
  await step("offsets after that", committed);
  await step("reset to the earliest", () => admin.resetOffsets({ groupId: group, topic, earliest: true }));
  await step("offsets after that", committed);
  const again = await member(group);
  await step("read all again", async () => { await until(() => again.seen.length === 14); return again.seen.length; });
  await again.consumer.disconnect();
  await step("list groups", async () => (await admin.listGroups()).groups.filter((g) => g.groupId.startsWith(topic)));
  await step("delete the group", () => admin.deleteGroups([group]));
  await step("delete it again", () => admin.deleteGroups([group]));
  await step("delete records", () => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "5" }] }));
  await step("topic offsets", async () => (await admin.fetchTopicOffsets(topic)).map((o) => [o.partition, o.low, o.high]).sort());
}

async function transactions() {
  const make = () => kafka.producer({ transactionalId: "kafkajs-txn", idempotent: true, maxInFlightRequests: 1 });
  const producer = make();
  await producer.connect();
  const send = async (end, value) => {
    const txn = await producer.transaction();
    await txn.send({ topic, messages: [{ value, partition: 3 }] });
    await txn.sendOffsets({ consumerGroupId: "kafkajs-txn-group", topics: [{ topic, partitions: [{ partition: 0, offset: value.length.toString() }] }] });
    await txn[end]();
  };
  await step("abort a transaction", () => send("abort", "aborted"));
  await step("commit a transaction", () => send("commit", "committed"));
  await step("offsets of its group", async () => (await admin.fetchOffsets({ groupId: "kafkajs-txn-group", topics: [topic] }))[0].partitions.map((p) => p.offset).sort());
  const heir = make();
  await heir.connect();
  await step("an heir commits", async () => { const t = await heir.transaction(); await t.send({ topic, messages: [{ value: "heir", partition: 3 }] }); await t.commit(); });
  await step("the fenced one fails", () => send("commit", "fenced"));
  const reader = await member("kafkajs-txn-reader");
  await step("read committed", async () => { await until(() => reader.seen.filter((s) => s[0] === 3).length >= 2); return reader.seen.filter((s) => s[0] === 3).map((s) => s[3]); });
  for (const client of [producer, heir, reader.consumer]) await client.disconnect();
  await step("delete the topic", () => admin.deleteTopics({ topics: [topic] }));
  await step("delete it again", () => admin.deleteTopics({ topics: [topic] }));
}

step.run("kafkajs", async () => {
  await admin.connect();
  for (const part of [topics, records, groups, transactions]) await part();
  await admin.disconnect();
});
