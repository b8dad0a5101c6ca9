"""A link that is slow and loses packets, as a process for tests; needs root on Linux.

    python tests/support/bad_link.py --devices a b --delay-ms 200 --loss 0.05

It makes two TUN devices and says `ready`; who started it moves them into namespaces. Each IP packet
that is sent into one comes out of the other `delay-ms` later, in order, or is dropped with the
probability `loss`. On its end it says how many it carried and dropped.
"""

import argparse
import asyncio
import fcntl
import os
import random
import signal
import struct

# linux/if_tun.h
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MOST_BYTES = 65_536


def open_device(name: str) -> int:
    """A TUN device of that name: reads and writes are of one IP packet each."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22s", name.encode(), IFF_TUN | IFF_NO_PI, b""))
    return device


class Way:
    """One direction of the link."""

    def __init__(self, source: int, sink: int, delay_s: float, loss: float, seed: int) -> None:
        self._source, self._sink = source, sink
        self._delay_s, self._loss = delay_s, loss
        self._random = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self.carried = self.dropped = 0
        self._loop.add_reader(source, self._on_packet)

    def _on_packet(self) -> None:
        packet = os.read(self._source, MOST_BYTES)
        if self._random.random() < self._loss:
            self.dropped += 1
            return
        self.carried += 1
        self._loop.call_later(self._delay_s, self._deliver, packet)

    def _deliver(self, packet: bytes) -> None:
        try:
            os.write(self._sink, packet)
        except OSError:  # the other end is down, or gone with its namespace
            self.dropped += 1


async def carry(devices: list[int], delay_s: float, loss: float) -> None:
    """Carry packets until SIGTERM."""
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    one, other = devices
    ways = [Way(one, other, delay_s, loss, seed=0), Way(other, one, delay_s, loss, seed=1)]
    print("ready", flush=True)
    await end.wait()
    print(
        f"carried {sum(way.carried for way in ways)} dropped {sum(way.dropped for way in ways)}", flush=True
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", nargs=2, required=True)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--loss", type=float, default=0.0)
    options = parser.parse_args()
    opened = [open_device(name) for name in options.devices]
    asyncio.run(carry(opened, options.delay_ms / 1000, options.loss))
