#!/usr/bin/env python3
"""Keep the requests that a real client sends, one file per API and version.

    capture.py --listen 19500 --broker 127.0.0.1:9092 --client kafka-python --out .

The broker has to advertise the port listened on here, so that every connection of the client
passes through. Each frame is kept without its four bytes of length, as
<client>-<api>-v<version>.golden. Of several frames for the same API and version the longest is
kept that has at most 1,500 bytes: an empty Fetch tests little, and a megabyte of records no more
than a hundred bytes of them. Frames that name a host other than the local one are left out.
"""

import argparse
import asyncio
import pathlib
import re
import struct

FRAME_BYTES_MAX = 1500
API_NAMES = {
    0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 8: "OffsetCommit",
    9: "OffsetFetch", 10: "FindCoordinator", 11: "JoinGroup", 12: "Heartbeat",
    13: "LeaveGroup", 14: "SyncGroup", 15: "DescribeGroups", 16: "ListGroups",
    18: "ApiVersions", 19: "CreateTopics", 20: "DeleteTopics", 21: "DeleteRecords",
    22: "InitProducerId", 23: "OffsetForLeaderEpoch", 24: "AddPartitionsToTxn",
    25: "AddOffsetsToTxn", 26: "EndTxn", 27: "WriteTxnMarkers", 28: "TxnOffsetCommit", 29: "DescribeAcls", 30: "CreateAcls",
    31: "DeleteAcls", 32: "DescribeConfigs", 33: "AlterConfigs", 35: "DescribeLogDirs", 37: "CreatePartitions", 42: "DeleteGroups",
    43: "ElectLeaders", 44: "IncrementalAlterConfigs", 45: "AlterPartitionReassignments",
    46: "ListPartitionReassignments", 47: "OffsetDelete", 48: "DescribeClientQuotas",
    49: "AlterClientQuotas", 55: "DescribeQuorum", 57: "UpdateFeatures",
    60: "DescribeCluster", 61: "DescribeProducers", 65: "DescribeTransactions",
    66: "ListTransactions", 69: "ConsumerGroupDescribe", 74: "ListConfigResources",
    75: "DescribeTopicPartitions",
}


class Keeper:
    """Decides which frames are kept. APIs that are not served are not."""

    def __init__(self, client, out, hostname):
        self.client, self.out, self.hostname = client, out, hostname
        self.lengths = {}

    def see(self, frame):
        key, version = struct.unpack(">hh", frame[:4])
        if key not in API_NAMES or len(frame) > FRAME_BYTES_MAX:
            return
        if self.hostname and self.hostname in frame:
            return
        if self.lengths.get((key, version), -1) >= len(frame):
            return
        self.lengths[key, version] = len(frame)
        name = f"{self.client}-{API_NAMES[key]}-v{version}.golden"
        (self.out / name).write_bytes(frame)


async def frames(reader, writer, see):
    try:
        while True:
            (length,) = struct.unpack(">i", await reader.readexactly(4))
            frame = await reader.readexactly(length)
            see(frame)
            writer.write(struct.pack(">i", len(frame)) + frame)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", type=int, required=True, metavar="PORT")
    parser.add_argument("--broker", required=True, metavar="HOST:PORT")
    parser.add_argument("--client", required=True, help="the first part of the file names")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR")
    options = parser.parse_args()
    if not re.fullmatch(r"[a-z-]+", options.client):
        parser.error("--client is made of small letters and dashes")
    host, port = options.broker.rsplit(":", 1)
    hostname = pathlib.Path("/etc/hostname")
    hostname = hostname.read_bytes().strip() if hostname.exists() else b""
    keeper = Keeper(options.client, options.out, hostname)

    async def relay(client_reader, client_writer):
        broker_reader, broker_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(
            frames(client_reader, broker_writer, keeper.see),
            frames(broker_reader, client_writer, lambda frame: None),
        )

    server = await asyncio.start_server(relay, "127.0.0.1", options.listen)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
