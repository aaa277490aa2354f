'use strict';
// The driver of the Node.js clients; tests/README.md describes the commands and what they print.
//
// kafkajs and the Confluent client have one programming interface with small differences:
// the Confluent client takes its own settings inside `kafkaJS`, and some of them elsewhere.

const crypto = require('crypto');
const readline = require('readline');

const LOAD_WINDOW = 200;
const client = process.argv[2];
const command = process.argv[3];
const options = JSON.parse(process.argv[4]);
const confluent = client === 'confluent-javascript';
const library = confluent ? require('@confluentinc/kafka-javascript').KafkaJS : require('kafkajs');

const emit = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const decode = (text) => (text === null || text === undefined ? null : Buffer.from(text, 'base64'));
const encode = (data) => (data === null || data === undefined ? null : Buffer.from(data).toString('base64'));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

if (!confluent) {
  // kafkajs brings gzip and leaves the others to packages; those for LZ4 and Zstandard no longer build.
  const { CompressionTypes, CompressionCodecs } = library;
  CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy');
  CompressionCodecs[CompressionTypes.LZ4] = () => {
    const lz4 = require('lz4-napi');
    return { compress: (encoder) => lz4.compressFrame(encoder.buffer), decompress: (buffer) => lz4.decompressFrame(buffer) };
  };
  CompressionCodecs[CompressionTypes.ZSTD] = () => {
    const ready = new Promise((resolve) => require('zstd-codec').ZstdCodec.run(resolve)).then((zstd) => new zstd.Simple());
    return {
      compress: async (encoder) => Buffer.from((await ready).compress(encoder.buffer, 3)),
      decompress: async (buffer) => Buffer.from((await ready).decompress(buffer)),
    };
  };
}

function connect() {
  const settings = { clientId: 'driver', brokers: [options.bootstrap], logLevel: library.logLevel.NOTHING };
  return confluent ? new library.Kafka({ kafkaJS: settings }) : new library.Kafka({
    ...settings, retry: { initialRetryTime: 50, retries: 30, maxRetryTime: 500 },
  });
}

function compression() {
  const wanted = options.compression || 'none';
  const name = Object.keys(library.CompressionTypes).find((known) => known.toLowerCase() === wanted);
  return library.CompressionTypes[name];
}

function makeProducer(kafka) {
  const acks = { all: -1, 1: 1, 0: 0 }[options.acks || 'all'];
  if (confluent) {
    return kafka.producer({
      kafkaJS: { acks, compression: compression(), idempotent: Boolean(options.idempotent) },
      'message.max.bytes': 50 << 20, 'queue.buffering.max.kbytes': 1 << 20, 'linger.ms': 5,
      ...(command === 'load' ? { 'message.timeout.ms': 0 } : {}),
    });
  }
  return kafka.producer({
    createPartitioner: library.Partitioners.DefaultPartitioner,
    idempotent: Boolean(options.idempotent), maxInFlightRequests: options.idempotent ? 1 : null,
  });
}

async function send(producer, message) {
  const acks = { all: -1, 1: 1, 0: 0 }[options.acks || 'all'];
  const more = confluent ? {} : { acks, compression: compression() };
  const [done] = await producer.send({ topic: options.topic, messages: [message], ...more });
  // With acks=0 there is nothing to report.
  if (done === undefined) return { partition: -1, offset: -1 };
  return { partition: done.partition, offset: Number(done.baseOffset === undefined ? done.offset : done.baseOffset) };
}

// Both libraries take headers as an object, so a header that occurs twice is an array.
function headersIn(pairs) {
  const headers = {};
  for (const [name, content] of pairs || []) (headers[name] = headers[name] || []).push(decode(content));
  for (const name of Object.keys(headers)) if (headers[name].length === 1) headers[name] = headers[name][0];
  return headers;
}

function headersOut(headers) {
  const pairs = [];
  for (const [name, content] of Object.entries(headers || {})) {
    for (const one of Array.isArray(content) ? content : [content]) pairs.push([name, encode(one)]);
  }
  return pairs;
}

function emitRecord(topic, partition, message) {
  emit({
    event: 'record', topic, partition, offset: Number(message.offset), timestamp: Number(message.timestamp),
    key: encode(message.key), value: encode(message.value), headers: headersOut(message.headers),
  });
}

async function produce() {
  const producer = makeProducer(connect());
  await producer.connect();
  const sends = [];
  let index = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const r = JSON.parse(line);
    const i = index++;
    const message = { key: decode(r.key), value: decode(r.value), headers: headersIn(r.headers), partition: r.partition || 0 };
    if (r.timestamp) message.timestamp = String(r.timestamp);
    const one = send(producer, message).then((done) => emit({ i, ...done }), (error) => emit({ i, error: String(error) }));
    sends.push(one);
    // kafkajs keeps no order among sends that are in flight together.
    if (!confluent) await one;
  }
  await Promise.all(sends);
  await producer.disconnect();
}

function inputEnded() {
  const state = { ended: false };
  process.stdin.resume();
  state.promise = new Promise((resolve) => process.stdin.once('end', () => { state.ended = true; resolve(); }));
  return state;
}

async function load() {
  const input = inputEnded();
  options.idempotent = true;
  const producer = makeProducer(connect());
  await producer.connect();
  const waiting = new Set();
  for (let i = options.first || 0; !input.ended; i += 1) {
    const message = { value: String(i), partition: i % options.partitions };
    const one = send(producer, message)
      .then((done) => emit({ i, ...done }), (error) => emit({ i, error: String(error) }))
      .finally(() => waiting.delete(one));
    waiting.add(one);
    while (waiting.size >= (confluent ? LOAD_WINDOW : 1) && !input.ended) await Promise.race([...waiting, input.promise]);
    await sleep(1);
  }
  await Promise.race([Promise.all(waiting), sleep(60000)]);
  await producer.disconnect();
}

function makeConsumer(kafka, group, more) {
  const readUncommitted = options.isolation !== 'read_committed';
  if (confluent) {
    const settings = {
      kafkaJS: { groupId: group, fromBeginning: true, autoCommit: false, sessionTimeout: options.session_ms || 10000,
        heartbeatInterval: 300, readUncommitted, maxBytes: 128 << 20, maxBytesPerPartition: 64 << 20, maxWaitTimeInMs: 200 },
      'fetch.message.max.bytes': 64 << 20, 'receive.message.max.bytes': 256 << 20,
      'partition.assignment.strategy': 'range',
      ...more,
    };
    if (options.instance) settings['group.instance.id'] = options.instance;
    return kafka.consumer(settings);
  }
  return kafka.consumer({
    groupId: group, sessionTimeout: options.session_ms || 10000, heartbeatInterval: 300, readUncommitted,
    maxBytesPerPartition: 64 << 20, maxBytes: 128 << 20, maxWaitTimeInMs: 200, metadataMaxAge: 5000,
    retry: { initialRetryTime: 50, retries: 30, maxRetryTime: 500 },
  });
}

async function startOffset(kafka, from) {
  if (from.offset !== undefined) return String(from.offset);
  const admin = kafka.admin();
  await admin.connect();
  const partition = options.partition || 0;
  const all = from.timestamp !== undefined
    ? await admin.fetchTopicOffsetsByTimestamp(options.topic, from.timestamp)
    : await admin.fetchTopicOffsets(options.topic);
  await admin.disconnect();
  const found = all.find((entry) => entry.partition === partition);
  if (from === 'end') return found.high;
  return from === 'beginning' ? found.low : found.offset;
}

// Neither library can read a partition without a group, so each reader gets one of its own.
async function consume() {
  const kafka = connect();
  const partition = options.partition || 0;
  const offset = await startOffset(kafka, options.from);
  const consumer = makeConsumer(kafka, `reader-${crypto.randomUUID()}`, {});
  await consumer.connect();
  await consumer.subscribe(confluent ? { topic: options.topic } : { topic: options.topic, fromBeginning: true });
  let seen = 0;
  let finish;
  const finished = new Promise((resolve) => { finish = resolve; });
  const run = consumer.run({
    eachMessage: async ({ topic, partition: from, message }) => {
      if (from !== partition || Number(message.offset) < Number(offset) || seen >= options.count) return;
      emitRecord(topic, from, message);
      seen += 1;
      if (seen === options.count) finish();
    },
  });
  if (!confluent) consumer.seek({ topic: options.topic, partition, offset });
  await run;
  emit({ event: 'ready' });
  await finished;
  await consumer.disconnect();
}

async function group() {
  const input = inputEnded();
  const kafka = connect();
  const changes = {
    // Whatever this returned would be taken for another assignment.
    rebalance_cb: (error, assignment) => {
      emit({
        event: error.code === library.ErrorCodes.ERR__ASSIGN_PARTITIONS ? 'assigned' : 'revoked',
        partitions: assignment.map((entry) => entry.partition),
      });
    },
  };
  const consumer = makeConsumer(kafka, options.group, changes);
  if (!confluent) {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => emit({
      event: 'assigned', partitions: Object.values(payload.memberAssignment).flat(),
    }));
    consumer.on(consumer.events.REBALANCING, () => emit({ event: 'revoked', partitions: [] }));
  }
  await consumer.connect();
  for (const topic of options.topics) await consumer.subscribe(confluent ? { topic } : { topic, fromBeginning: true });
  let seen = 0;
  let finish;
  const finished = new Promise((resolve) => { finish = resolve; });
  await consumer.run({
    ...(confluent ? {} : { autoCommit: false }),
    eachMessage: async ({ topic, partition, message }) => {
      if (input.ended || (options.max && seen >= options.max)) throw new Error('stopping');
      emitRecord(topic, partition, message);
      seen += 1;
      try {
        await consumer.commitOffsets([{ topic, partition, offset: String(Number(message.offset) + 1) }]);
      } catch (error) {
        emit({ event: 'commit-failed', error: String(error) });
      }
      if (seen === options.max) finish();
    },
  });
  await Promise.race([finished, input.promise]);
  await consumer.disconnect();
  emit({ event: 'left' });
}

// Both libraries push records; this keeps them until a step asks for some.
async function startSource(kafka) {
  options.isolation = 'read_committed';
  const consumer = makeConsumer(kafka, options.group, {});
  const read = [];
  let arrived = () => {};
  await consumer.connect();
  await consumer.subscribe(confluent ? { topic: options.source } : { topic: options.source, fromBeginning: true });
  await consumer.run({
    ...(confluent ? {} : { autoCommit: false }),
    eachMessage: async ({ partition, message }) => {
      read.push({ partition, value: message.value, offset: Number(message.offset) });
      arrived();
    },
  });
  const take = async (count) => {
    while (read.length < count) await new Promise((resolve) => { arrived = resolve; });
    return read.splice(0, count);
  };
  return { consumer, take };
}

// One transactional producer, and the reader whose records it transforms.
async function makeTransactions() {
  const kafka = connect();
  const settings = { transactionalId: options.id, transactionTimeout: options.timeout_ms || 60000, idempotent: true };
  const producer = confluent ? kafka.producer({ kafkaJS: settings, 'reconnect.backoff.max.ms': 500 }) : kafka.producer({
    ...settings, createPartitioner: library.Partitioners.DefaultPartitioner, maxInFlightRequests: 1,
  });
  await producer.connect();
  let transaction;
  let source;
  const send = (topic, partition, values) => transaction.send({ topic, messages: values.map((value) => ({ value, partition })) });
  const steps = {
    begin: async () => { transaction = await producer.transaction(); },
    send: ({ topic, partition, values }) => send(topic, partition, values.map(decode)),
    transform: async ({ topic, partition, count }) => {
      source = source || await startSource(kafka);
      const records = await source.take(count);
      await send(topic, partition, records.map(({ value }) => Buffer.concat([Buffer.from('of '), value])));
      const last = records[records.length - 1];
      const partitions = [{ partition: last.partition, offset: String(last.offset + 1) }];
      const reader = confluent ? { consumer: source.consumer } : { consumerGroupId: options.group };
      await transaction.sendOffsets({ ...reader, topics: [{ topic: options.source, partitions }] });
    },
    commit: () => transaction.commit(),
    abort: () => transaction.abort(),
  };
  const close = async () => {
    if (source) await source.consumer.disconnect();
    await producer.disconnect();
  };
  return { steps, close };
}

async function transact() {
  const { steps, close } = await makeTransactions();
  emit({ event: 'ready' });
  let number = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const step = JSON.parse(line);
    const answer = { step: number };
    try {
      await steps[step.do](step);
    } catch (error) {
      answer.error = String(error);
    }
    emit(answer);
    number += 1;
  }
  await close();
}

async function operation(admin) {
  const { op, topic } = options;
  const entries = Object.entries(options.configs || {}).map(([name, value]) => ({ name, value }));
  switch (op) {
    case 'create-topic': {
      const made = { topic, numPartitions: options.partitions, replicationFactor: 1, configEntries: entries };
      const created = await admin.createTopics({ topics: [made] });
      return created ? {} : { error: 'the topic exists already' };
    }
    case 'delete-topic': await admin.deleteTopics({ topics: [topic] }); return {};
    case 'list-topics': return { topics: await admin.listTopics() };
    case 'describe-topic': {
      const all = await admin.fetchTopicMetadata({ topics: [topic] });
      const found = confluent ? all.find((t) => t.name === topic) : all.topics[0];
      return { partitions: found.partitions.length };
    }
    case 'delete-records': {
      const partition = options.partition;
      const offset = String(options.offset);
      // kafkajs deletes only from topics whose metadata it happens to hold already.
      await admin.fetchTopicOffsets(topic);
      const done = await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset }] });
      return { low_watermark: confluent ? Number(done[0].lowWatermark) : null };
    }
    case 'list-groups': return { groups: (await admin.listGroups()).groups.map((g) => g.groupId) };
    case 'describe-group': {
      const found = (await admin.describeGroups([options.group])).groups[0];
      const state = confluent ? Object.entries(library.ConsumerGroupStates).find(([, v]) => v === found.state)[0] : found.state;
      return { state: state[0] + state.slice(1).toLowerCase(), members: found.members.length };
    }
    case 'delete-group': await admin.deleteGroups([options.group]); return {};
    default: return confluent ? { unsupported: op } : operationOfKafkajs(admin, entries);
  }
}

async function operationOfKafkajs(admin, entries) {
  const { op, topic } = options;
  const type = library.ConfigResourceTypes && library.ConfigResourceTypes.TOPIC;
  switch (op) {
    case 'create-partitions':
      await admin.createPartitions({ topicPartitions: [{ topic, count: options.partitions }] });
      return {};
    case 'alter-config':
      await admin.alterConfigs({ validateOnly: false, resources: [{ type, name: topic, configEntries: entries }] });
      return {};
    case 'describe-config': {
      const { resources } = await admin.describeConfigs({ includeSynonyms: true, resources: [{ type, name: topic }] });
      return { configs: Object.fromEntries(resources[0].configEntries.map((e) => [e.configName, e.configValue])) };
    }
    default: return { unsupported: op };
  }
}

async function admin() {
  const one = connect().admin();
  await one.connect();
  try {
    emit(await operation(one));
  } catch (error) {
    emit({ error: String(error) });
  }
  await one.disconnect();
}

({ produce, consume, group, load, admin, transact })[command]().then(
  // What was printed must have left this process before it ends.
  () => process.stdout.write('', () => process.exit(0)),
  (error) => { process.stderr.write(`${error.stack}\n`); process.exit(1); },
);
