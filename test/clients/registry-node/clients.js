"use strict";
const assert = require("node:assert");
const { SchemaRegistry, SchemaType } = require("@kafkajs/confluent-schema-registry");
const { SchemaRegistryClient, AvroSerializer, AvroDeserializer, SerdeType } = require("@confluentinc/schemaregistry");

const url = `http://${process.env.SERVER}`;
const stock = { type: "record", name: "Stock", namespace: "idx", fields: [{ name: "ticker", type: "string" }, { name: "close", type: "double" }] };
const row = { ticker: "BBCA", close: 9100.5 };

async function kafkajs() {
  const registry = new SchemaRegistry({ host: url });
  const { id } = await registry.register({ type: SchemaType.AVRO, schema: JSON.stringify(stock) }, { subject: "kafkajs-value" });
  assert.deepEqual({ ...(await registry.decode(await registry.encode(id, row))) }, row);
  assert.equal(await registry.getLatestSchemaId("kafkajs-value"), id);
  assert.equal(await registry.getRegistryId("kafkajs-value", 1), id);
  const json = { type: SchemaType.JSON, schema: JSON.stringify({ type: "object", properties: { a: { type: "integer" } } }) };
  const made = await registry.register(json, { subject: "kafkajs-json" });
  assert.deepEqual(await registry.decode(await registry.encode(made.id, { a: 1 })), { a: 1 });
  const proto = { type: SchemaType.PROTOBUF, schema: 'syntax = "proto3"; message M { string a = 1; }' };
  const kept = await registry.register(proto, { subject: "kafkajs-proto" });
  assert.equal((await registry.decode(await registry.encode(kept.id, { a: "x" }))).a, "x");
}

async function confluent() {
  const client = new SchemaRegistryClient({ baseURLs: [url] });
  const id = await client.register("confluent-value", { schemaType: "AVRO", schema: JSON.stringify(stock) });
  assert.deepEqual(await client.getAllVersions("confluent-value"), [1]);
  assert.equal((await client.getLatestSchemaMetadata("confluent-value")).id, id);
  assert.equal(await client.testSubjectCompatibility("confluent-value", { schemaType: "AVRO", schema: '"int"' }), false);
  await client.updateCompatibility("confluent-value", "FULL");
  assert.equal(await client.getCompatibility("confluent-value"), "FULL");
  const out = new AvroSerializer(client, SerdeType.VALUE, { useLatestVersion: true });
  const back = new AvroDeserializer(client, SerdeType.VALUE, {});
  assert.deepEqual({ ...(await back.deserialize("confluent", await out.serialize("confluent", row))) }, row);
  assert.deepEqual(await client.deleteSubject("confluent-value"), [1]);
}

kafkajs().then(confluent).then(() => console.log("registry-node: ok"), (e) => { console.error(e); process.exit(1); });
