// Makes kafkajs send every kind of request it has: `node drive.js BOOTSTRAP`, see README.md.
// Calls that fail are reported and passed over: the requests are what counts.
const { Kafka, CompressionTypes, ConfigResourceTypes } = require('kafkajs')

const kafka = new Kafka({ clientId: 'golden', brokers: [process.argv[2]], logLevel: 1 })
const [topic, groupId] = ['golden-js', 'golden-js-group']

async function attempt(what, call) {
  try {
    return await call()
  } catch (error) {
    console.error(`${what}: ${error.message}`)
  }
}

async function main() {
  const admin = kafka.admin()
  await admin.connect()
  await attempt('create', () => admin.createTopics({
    waitForLeaders: false,
    topics: [{ topic, numPartitions: 2, configEntries: [{ name: 'retention.ms', value: '3600000' }] }],
  }))
  await attempt('partitions', () => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }))
  await new Promise(resolve => setTimeout(resolve, 1000))
  for (const options of [{}, { idempotent: true }]) {
    const producer = kafka.producer(options)
    await producer.connect()
    await attempt('send', () => producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: [1, 2, 3].map(i => ({ key: `k${i}`, value: 'value', headers: { h: ['1', '2'] } })),
    }))
    await producer.disconnect()
  }
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 300 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise(async resolve => {
    setTimeout(resolve, 15000)
    await consumer.run({ autoCommitThreshold: 1, eachMessage: async () => setTimeout(resolve, 3000) })
  })
  await attempt('groups', () => admin.listGroups())
  await attempt('describe groups', () => admin.describeGroups([groupId]))
  await consumer.disconnect()
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic }
  const calls = {
    topics: () => admin.listTopics(),
    metadata: () => admin.fetchTopicMetadata({ topics: [topic] }),
    cluster: () => admin.describeCluster(),
    offsets: () => admin.fetchTopicOffsets(topic),
    times: () => admin.fetchTopicOffsetsByTimestamp(topic, 1),
    committed: () => admin.fetchOffsets({ groupId, topics: [topic] }),
    reset: () => admin.resetOffsets({ groupId, topic, earliest: true }),
    configs: () => admin.describeConfigs({ resources: [resource] }),
    alter: () => admin.alterConfigs({
      resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '7200000' }] }],
    }),
    reassignments: () => admin.listPartitionReassignments({}),
    reassign: () => admin.alterPartitionReassignments({
      topics: [{ topic, partitionAssignment: [{ partition: 0, replicas: [1] }] }],
    }),
    records: () => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] }),
    'delete groups': () => admin.deleteGroups([groupId]),
    delete: () => admin.deleteTopics({ topics: [topic] }),
  }
  for (const [what, call] of Object.entries(calls)) await attempt(what, call)
  await admin.disconnect()
}

main().then(() => process.exit(0))
