"""A real Redis Cluster on loopback: three masters, a replica for each."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer, system_redis

TAGS = ("{ai}", "{tg}")
"""Each has a master to itself, so that a script which touches any other key is refused: Redis
allows keys of several slots where they happen to be on one node."""
SLOTS = 16_384
SETTINGS = """\
cluster-enabled yes
cluster-port {bus_port}
cluster-node-timeout {timeout_ms}
masterauth {password}
repl-diskless-sync-delay 0
repl-ping-replica-period 1
"""
PATIENCE_S = 30.0


class RedisCluster:
    """Six nodes with one password; a master silent for `timeout_ms` is replaced by its replica."""

    def __init__(self, directory: Path, *, timeout_ms: int = 1_500) -> None:
        self.password = "a-cluster"  # noqa: S105 - a made-up one
        self._bus_ports = [free_port() for _ in range(6)]
        self.nodes = [
            RedisServer(
                directory / str(number),
                binary=system_redis(),
                password=self.password,
                memory_mib=64,
                settings=SETTINGS.format(
                    bus_port=bus_port, timeout_ms=timeout_ms, password=self.password
                ),
            )
            for number, bus_port in enumerate(self._bus_ports)
        ]

    def start(self) -> None:
        """Start the nodes and make a cluster of them; return once all agree on it."""
        for epoch, node in enumerate(self.nodes, 1):
            node.start()
            self.ask(node, f"CLUSTER SET-CONFIG-EPOCH {epoch}")
        for node, bus_port in zip(self.nodes, self._bus_ports, strict=True):
            self.ask(self.nodes[0], f"CLUSTER MEET 127.0.0.1 {node.port} {bus_port}")
        masters, replicas = self.nodes[:3], self.nodes[3:]
        own = [key_slot(tag.encode()) for tag in TAGS]
        others = [slot for slot in range(SLOTS) if slot not in own]
        for master, slots in zip(masters, [own[:1], own[1:], others], strict=True):
            self.ask(master, "CLUSTER ADDSLOTS", *slots)
        for master, replica in zip(masters, replicas, strict=True):
            name = self.ask(master, "CLUSTER MYID").decode()
            self.until(lambda: name in str(self.ask(replica, "CLUSTER NODES")))  # noqa: B023
            self.ask(replica, f"CLUSTER REPLICATE {name}")
        self.until(lambda: all(self._whole(node) for node in self.nodes))

    def mend(self) -> None:
        """Bring back who was killed or frozen, as a replica of who took its place.

        A node ends with the thread that started it: call this from the test's own.
        """
        for node in self.nodes:
            node.thaw()
            if node.status is not None:
                node.start()
        self.until(lambda: all(self._whole(node) for node in self.nodes))

    def stop(self) -> None:
        """Stop every node that still runs."""
        for node in self.nodes:
            node.thaw()
            node.kill()

    @property
    def url(self) -> str:
        """Return the address of a replica, which owns no slot."""
        return self.stranger("").url

    def owner(self, tag: str) -> RedisServer:
        """Return the master that has a tag's slot."""
        slot = key_slot(tag.encode())
        return next(
            self._at(master) for first, last, master, *_ in self._slots() if first <= slot <= last
        )

    def stranger(self, tag: str) -> RedisServer:
        """Return a replica of a master that does not have the slot."""
        owner = self.owner(tag)
        return next(
            self._at(replica)
            for *_, master, replica in self._slots()
            if self._at(master) is not owner
        )

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        limit_s = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < limit_s, "the cluster did not come to it in time"
            time.sleep(0.05)

    def ask(self, node: RedisServer, command: str, *words: int) -> Any:
        """Return a node's reply, as redis-py reads it."""
        with redis.Redis(port=node.port, password=self.password) as client:
            return client.execute_command(command, *words)

    def _slots(self) -> list[Any]:
        """Return ranges of slots: first, last, master, replicas."""
        alive = next(node for node in self.nodes if node.status is None)
        return list(self.ask(alive, "CLUSTER SLOTS"))

    def _at(self, address: list[Any]) -> RedisServer:
        return next(node for node in self.nodes if node.port == address[1])

    def _whole(self, node: RedisServer) -> bool:
        """Return whether a node knows of all the others, and is in step with its pair."""
        pairs = {len(nodes) for _, _, *nodes in self.ask(node, "CLUSTER SLOTS")}
        told = self.ask(node, "INFO")
        in_step = told.get("master_link_status") == "up" or told["connected_slaves"] == 1
        ready = self.ask(node, "CLUSTER INFO")["cluster_state"] == "ok"
        return pairs == {2} and in_step and ready
