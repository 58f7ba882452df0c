"""Redis: a sorted set a key, one Lua call an event: add, drop what is too old, sum every window.

A server of its own on a Unix socket, without persistence. The script reads the members once, newest
first, and closes one window after the other on the way, which is cheaper than six range reads. The
client sends commands that it prepared beforehand, in pipelines. CPU is the server's alone, as it
bills itself (INFO cpu); the client's is told beside it, and is not held against Redis.
"""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

import numpy
from common import WINDOWS, Clock, finish, laid_out, load

PIPELINE = 200
LENGTHS = WINDOWS
REPLY = 8 * 2 * len(LENGTHS)
SCRIPT = f"""
local t = tonumber(ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', t - {LENGTHS[-1]})
local lengths = {{{','.join(map(str, LENGTHS))}}}
local n, s, w, out = 0, 0, 1, {{}}
local limit = t - lengths[1]
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1, 'REV')) do
  local time, cents = struct.unpack('<dI4', member)
  while time <= limit do
    out[2 * w - 1], out[2 * w] = n, s
    w = w + 1
    limit = t - lengths[w]
  end
  n, s = n + 1, s + cents
end
for v = w, #lengths do out[2 * v - 1], out[2 * v] = n, s end
return struct.pack('<{'d' * (2 * len(LENGTHS))}', unpack(out))
"""


def program():
    """Debian's redis-tools holds the server too: it goes by the name it is called by."""
    found = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    if found is None:
        raise SystemExit("redis_zset: no Redis here: run scripts/setup --bench")
    return found


class Server:
    def __init__(self, folder):
        self.path = os.path.join(folder, "socket")
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "",
             "--appendonly", "no", "--dir", folder, "--daemonize", "no"],
            executable=program(), stdout=subprocess.DEVNULL)

    def connect(self):
        link = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                link.connect(self.path)
                return link
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise SystemExit("redis_zset: the server did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def command(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def bulk(link, stream):
    """One bulk reply."""
    size = int(stream.readline()[1:])
    return stream.read(size + 2)[:size]


def cpu_s(link, stream):
    link.sendall(command("INFO", "cpu"))
    lines = bulk(link, stream).decode().splitlines()
    numbers = dict(line.split(":") for line in lines if ":" in line)
    return float(numbers["used_cpu_user"]) + float(numbers["used_cpu_sys"])


def run(link, events):
    stream = link.makefile("rb", buffering=1 << 20)
    link.sendall(command("SCRIPT", "LOAD", SCRIPT))
    sha = bulk(link, stream)
    calls = [command("EVALSHA", sha, 1, b"u%d" % key, t, struct.pack("<dI", t, cents))
             for t, key, cents in zip(*(events[f].tolist() for f in ("time", "key", "cents")))]
    packets = [b"".join(calls[at:at + PIPELINE]) for at in range(0, len(calls), PIPELINE)]
    frame, replies = len(b"$%d\r\n" % REPLY) + REPLY + 2, []
    before, clock = cpu_s(link, stream), Clock()
    for at, packet in enumerate(packets):
        link.sendall(packet)
        count = min(PIPELINE, len(calls) - at * PIPELINE)
        replies.append(stream.read(frame * count))
    client = clock.read()
    used = {"cpu_s": cpu_s(link, stream) - before, "wall_s": client["wall_s"],
            "client_cpu_s": client["cpu_s"]}
    raw = numpy.frombuffer(b"".join(replies), numpy.uint8)
    if len(raw) != frame * len(calls):
        raise SystemExit(f"redis_zset: the script failed: {bytes(raw[:200])}")
    body = raw.reshape(-1, frame)[:, frame - REPLY - 2:-2]
    return used, numpy.ascontiguousarray(body).view("<f8")


def main(events_path, values_path):
    stream = load(events_path)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            used, pairs = run(server.connect(), stream)
        finally:
            server.stop()
    version = subprocess.run(["redis-server", "--version"], executable=program(),
                             capture_output=True, text=True, check=False).stdout
    name = "Redis " + (version.split("v=")[1].split()[0] if "v=" in version else "sorted set")
    finish(name, f"sorted set and Lua, Unix socket, pipelines of {PIPELINE}, no persistence; "
           "CPU of the server only", used, len(stream), values_path,
           laid_out(pairs.T[0::2], pairs.T[1::2]))


if __name__ == "__main__":
    main(*sys.argv[1:3])
