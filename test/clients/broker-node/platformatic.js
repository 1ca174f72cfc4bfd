// @platformatic/kafka: the same, with every compression that this Node has.
"use strict";
Promise.withResolvers ??= () => { const d = {}; d.promise = new Promise((y, n) => { d.resolve = y; d.reject = n; }); return d; }; // Node 20 lacks it
const { Admin, Producer, Consumer, CompressionAlgorithms, MessagesStreamModes, ListOffsetTimestamps, compressionsAlgorithms, stringSerializers, stringDeserializers } = require("@platformatic/kafka");
const { step, until } = require("./steps");

const base = { clientId: "broker-node", bootstrapBrokers: [process.env.SERVER], retries: 3, retryDelay: 200 };
const topic = "platformatic", group = "platformatic-group";
const admin = new Admin(base);

async function topics() {
  await step("create", async () => { const [made] = await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1, configs: [{ name: "retention.ms", value: "86400000" }] }); return [made.name, made.partitions, made.replicas, made.configuration["retention.ms"]]; });
  await step("create again", () => admin.createTopics({ topics: [topic], partitions: 3, replicas: 1 }));
  await step("list", async () => (await admin.listTopics()).filter((name) => name.startsWith(topic)));
  await step("describe", async () => { const found = (await admin.metadata({ topics: [topic] })).topics.get(topic); return [found.partitionsCount, found.partitions.map((p) => [p.replicas.length, p.isr?.length])]; });
  await step("add partitions", () => admin.createPartitions({ topics: [{ name: topic, count: 4, assignments: null }] }));
  const resource = { resourceType: 2, resourceName: topic };
  await step("alter configs", () => admin.incrementalAlterConfigs({ resources: [{ ...resource, configs: [{ name: "max.message.bytes", configOperation: 0, value: "100000" }] }] }));
  await step("describe configs", async () => (await admin.describeConfigs({ resources: [{ ...resource, configurationKeys: ["max.message.bytes", "retention.ms"] }] }))[0].configs.map((c) => [c.name, c.value, c.configSource]).sort());
  await step("drop a config", () => admin.incrementalAlterConfigs({ resources: [{ ...resource, configs: [{ name: "retention.ms", configOperation: 1 }] }] }));
  await step("alter an unknown config", () => admin.incrementalAlterConfigs({ resources: [{ ...resource, configs: [{ name: "no.such", configOperation: 0, value: "1" }] }] }));
  await step("log dirs", async () => (await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0, 1, 2, 3] }] })).map((b) => b.results.map((r) => r.topics.map((t) => t.partitions.length))));
}

async function records() {
  const producer = new Producer({ ...base, serializers: stringSerializers });
  const messages = (name) => [0, 1].map((i) => ({ topic, key: `${name}${i}`, value: `${name} `.repeat(50), partition: 0, headers: { with: name } }));
  const sent = async (options) => (await producer.send(options)).offsets.map((o) => [o.partition, o.offset]).sort();
  for (const compression of Object.values(CompressionAlgorithms).filter((c) => c === "none" || compressionsAlgorithms[c].available)) await step(`send ${compression}`, () => sent({ messages: messages(compression), compression }));
  await step("send idempotently", () => sent({ messages: messages("idem"), idempotent: true }));
  await step("send idempotently again", () => sent({ messages: messages("idem"), idempotent: true }));
  await step("send to two partitions", () => sent({ messages: [{ topic, value: "a", partition: 1 }, { topic, value: "b", partition: 2 }] }));
  await step("send too much", () => sent({ messages: [{ topic, value: "x".repeat(200000), partition: 0 }] }));
  await producer.close();
  const at = (timestamp) => admin.listOffsets({ topics: [{ name: topic, partitions: [0, 1, 2, 3].map((partitionIndex) => ({ partitionIndex, timestamp })) }] });
  for (const name of ["LATEST", "EARLIEST", "MAX"]) await step(`offsets: ${name}`, async () => (await at(ListOffsetTimestamps[name]))[0].partitions.map((p) => [p.partitionIndex, p.offset]).sort());
}

// A member of the group; what it read is in `seen`.
async function member(groupId, more = {}) {
  const consumer = new Consumer({ ...base, groupId, deserializers: stringDeserializers, sessionTimeout: 10000, heartbeatInterval: 300, rebalanceTimeout: 10000 });
  const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.COMMITTED, fallbackMode: "earliest", autocommit: false, maxWaitTime: 200, ...more });
  const seen = [];
  stream.on("data", (m) => seen.push([m.partition, m.offset, m.key || "", m.value.length, [...m.headers].flat().join("=")]));
  stream.on("error", () => {});
  return { consumer, stream, seen, held: () => (consumer.assignments || []).flatMap((a) => a.partitions).length, leave: () => consumer.close(true) };
}

const inOrder = (seen) => seen.slice().sort((a, b) => a[0] - b[0] || Number(a[1] - b[1]));

async function groups(count) {
  const first = await member(group);
  await step("read as one member", async () => { await until(() => first.seen.length === count); return inOrder(first.seen); });
  const second = await member(group);
  await step("share with a second", async () => { await until(() => first.held() === 2 && second.held() === 2); return [first.held(), second.held()]; });
  await step("describe the group", async () => { const g = (await admin.describeGroups({ groups: [group] })).get(group); return [g.state, g.protocolType, g.protocol, g.members.size]; });
  await second.leave();
  await step("take over when it leaves", async () => { await until(() => first.held() === 4); return first.held(); });
  await step("commit", () => first.consumer.commit({ offsets: [{ topic, partition: 0, offset: 7n, leaderEpoch: 0 }] }));
  await first.leave();
  const committed = async () => (await admin.listConsumerGroupOffsets({ groups: [group] }))[0].topics.map((t) => t.partitions.map((p) => [p.partitionIndex, p.committedOffset]).sort());
  await step("committed offsets", committed);
  await step("reset offsets", () => admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: 2n }, { partition: 1, offset: 1n }] }] }));
  await step("offsets after that", committed);
  await step("delete an offset", async () => (await admin.deleteConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionIndexes: [1] }] })).map((t) => t.partitionIndexes));
  await step("offsets after that", committed);
  await step("list groups", async () => [...(await admin.listGroups()).values()].filter((g) => g.id.startsWith(topic)));
  await step("delete the group", () => admin.deleteGroups({ groups: [group] }));
  await step("delete it again", () => admin.deleteGroups({ groups: [group] }));
  await step("delete records", () => admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 3n }] }] }));
}

async function transactions() {
  const producer = new Producer({ ...base, idempotent: true, transactionalId: "platformatic-txn", serializers: stringSerializers });
  const send = async (end, value) => { const txn = await producer.beginTransaction(); await txn.send({ messages: [{ topic, value, partition: 3 }] }); await txn[end](); };
  await step("abort a transaction", () => send("abort", "aborted."));
  await step("commit a transaction", () => send("commit", "committed"));
  const read = async (name, isolationLevel) => {
    const reader = await member(`platformatic-${name}`, { isolationLevel });
    const got = () => reader.seen.filter((s) => s[0] === 3).map((s) => s[3]);
    await step(`read ${name}`, async () => { await until(() => got().includes("committed".length)); return got(); });
    await reader.leave();
  };
  await read("uncommitted", 0);
  await read("committed", 1);
  await producer.close();
  await step("delete the topic", () => admin.deleteTopics({ topics: [topic] }));
}

step.run("platformatic", async () => {
  await topics();
  await records();
  await groups(Number(2 * (Object.values(CompressionAlgorithms).filter((c) => c === "none" || compressionsAlgorithms[c].available).length + 2) + 2));
  await transactions();
  await admin.close();
});
