"""What `pages.sh` measures: three providers on this machine, a daemon, incidents opened over its API.

When a page is due is known without the daemon's help: an incident's id begins with the millisecond it was opened at, and a
level is told so long after that as its `climb` says. When it arrived the provider says, by the same clock.
"""

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
import time

BINARY, DIR, COUNT, MANY = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
OPENED_IN = 20  # seconds over which the incidents are opened
LEVELS = {"b": 25, "c": 45}  # the address of each level that is measured, and how long after the opening it is told
REPEAT = 30

arrived = {}  # (incident, address) -> when its first page arrived
latest = {}  # incident -> when a page of it last arrived
seen = {"hangs": 0, "busy": 0, "good": 0}


def book(good, hangs, busy):
    def gateway(port):
        body = '{ key: "{{ key }}", to: "{{ to }}" }'
        return f"{{ gateway: {{ url: 'http://127.0.0.1:{port}/', json: {body} }}, at_once: 32 }}"

    os.makedirs(f"{DIR}/runbooks")
    with open(f"{DIR}/stepladder.yaml", "w") as out:
        out.write("timezone: UTC\nkeep: { min_free: 1MiB }\nhttp: { listen: '127.0.0.1:0' }\nchannels:\n")
        for name, port in (("good", good), ("hangs", hangs), ("busy", busy)):
            out.write(f"  {name}: {gateway(port)}\n")
    person = "{{ name: {0}, addresses: {{ good: {0}, hangs: {0}, busy: {0} }} }}"
    with open(f"{DIR}/escalation.yaml", "w") as out:
        out.write(
            "severities:\n"
            f"  P2: {{ respond_within: 15m, climb: {{ 1: 0s, 2: {LEVELS['b']}s, 3: {LEVELS['c']}s }}, repeat: {REPEAT}s,"
            " reach: { at_once: [good, hangs, busy] } }\n"
            "  P4: { respond_within: 24h, climb: { 1: 0s }, repeat: 24h, reach: { at_once: [good] } }\n"
            "levels:\n  1: { name: One, page: [a] }\n  2: { name: Two, page: [b] }\n  3: { name: Three, page: [c] }\n"
            "contacts:\n" + "".join(f"  {who}: {person.format(who)}\n" for who in "abc") +
            "routes: [ { match: {}, severity: P2 } ]\ncatch_all: [c]\n"
        )


async def request(reader):
    """One request: its line, or nothing where the other side is gone, and its body."""
    line = await reader.readline()
    length = 0
    while line:
        header = await reader.readline()
        if header in (b"\r\n", b""):
            return line, await reader.readexactly(length)
        name, _, value = header.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return b"", b""


def provider(name, answer):
    async def serve(reader, writer):
        try:
            while True:
                line, body = await request(reader)
                if not line:
                    break
                now = time.time()
                seen[name] += 1
                if name == "good":
                    page = json.loads(body)
                    incident = page["key"].split("/")[0]
                    arrived.setdefault((incident, page["to"]), now)
                    latest[incident] = now
                if answer is None:
                    await reader.read()  # until whoever asks has had enough
                    break
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return serve


async def listen(name, answer):
    server = await asyncio.start_server(provider(name, answer), "127.0.0.1", 0)
    return server.sockets[0].getsockname()[1]


class Daemon:
    """A daemon of the book, and a way to ask it."""

    async def start(self):
        self.log = open(f"{DIR}/log", "w")
        self.begun = time.time()
        command = [BINARY, "--book", DIR, "serve", "--log-format", "json"]
        self.process = subprocess.Popen(command, stderr=self.log, stdout=subprocess.DEVNULL)
        self.port = await until("HTTP is served", self.address, 120)
        # Ready is when it answers that it is.
        await until("it is ready", self.ready, 120)
        self.ready_at = time.time()

    def address(self):
        with open(f"{DIR}/log") as lines:
            for line in lines:
                try:
                    address = json.loads(line).get("address")
                except ValueError:
                    continue
                if address:
                    return int(address.rsplit(":", 1)[1])
        return None

    async def ready(self):
        try:
            return (await self.ask("GET", "/readyz"))[0] == 200
        except OSError:
            return False

    async def ask(self, verb, path, body="", token=None, to=None):
        reader, writer = to or await asyncio.open_connection("127.0.0.1", self.port)
        login = f"authorization: Bearer {token}\r\n" if token else ""
        head = f"{verb} {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n{login}content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body.encode())
        line, answer = await request(reader)
        if to is None:
            writer.close()
        return int(line.split()[1] or 0), answer

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()
        self.log.close()

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def ticks(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def until(what, happened, seconds):
    end = time.time() + seconds
    while time.time() < end:
        found = happened()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.01)
    raise SystemExit(f"waited in vain until {what}")


def opened(incident):
    """When an incident was opened, in seconds: the first ten characters of its id are the millisecond."""
    millis = 0
    for letter in incident[:10]:
        millis = millis * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(letter)
    return millis / 1000


def shown(late):
    late = sorted(late)
    def rank(share):
        return late[max(0, math.ceil(share * len(late)) - 1)] * 1000
    return f"median {rank(0.5):.0f} ms, p99 {rank(0.99):.0f} ms, worst {late[-1] * 1000:.0f} ms"


async def open_all(daemon, token, count, severity, seconds):
    """Opens so many incidents in that time, or as fast as they are taken."""
    begun, ids, ways = time.time(), [], asyncio.Queue()
    for _ in range(32):
        ways.put_nowait(await asyncio.open_connection("127.0.0.1", daemon.port))

    async def one(number):
        await asyncio.sleep(max(0, begun + number * seconds / count - time.time()))
        way = await ways.get()
        body = json.dumps({"title": f"trouble {severity} {number}", "severity": severity})
        status, answer = await daemon.ask("POST", "/api/v1/incidents", body, token, way)
        ways.put_nowait(way)
        if status != 201:
            raise SystemExit(f"an incident was refused with {status}: {answer.decode()}")
        ids.append(json.loads(answer)["incident"])

    await asyncio.gather(*(one(number) for number in range(count)))
    return ids, time.time() - begun


async def main():
    ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    busy = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 5\r\ncontent-length: 0\r\n\r\n"
    ports = [await listen("good", ok), await listen("hangs", None), await listen("busy", busy)]
    book(*ports)
    daemon = Daemon()
    await daemon.start()
    run = subprocess.run([BINARY, "--book", DIR, "token", "create", "bench", "--role", "operator"], capture_output=True)
    token = run.stdout.decode().strip()

    ids, _ = await open_all(daemon, token, COUNT, "P2", OPENED_IN)
    last = max(LEVELS.values())
    await asyncio.sleep(max(0, max(map(opened, ids)) + last + 5 - time.time()))
    late = []
    for incident in ids:
        for address, offset in LEVELS.items():
            if (incident, address) not in arrived:
                raise SystemExit(f"no page of {incident} to `{address}` has arrived")
            late.append(arrived[incident, address] - opened(incident) - offset)
    if min(late) < -0.002:
        raise SystemExit(f"a page was {-min(late):.3f} s early")
    first = [arrived[incident, "a"] - opened(incident) for incident in ids]
    print(f"{COUNT} incidents open, one provider silent ({seen['hangs']} tries), one answers 429 ({seen['busy']} tries):")
    print(f"  pages of levels 2 and 3, from when they are due to the provider: {shown(late)} (asked: p99 250 ms)")
    print(f"  first pages, from the opening to the provider: {shown(first)}")

    # Everybody is due to be told again by the time it is back.
    daemon.end(signal.SIGKILL)
    await asyncio.sleep(REPEAT + 2)
    latest.clear()
    await daemon.start()
    await until("everything overdue is out", lambda: len(latest) == len(ids), 120)
    out = max(latest.values())
    print(f"killed, {REPEAT + 2} s later started again: ready after {daemon.ready_at - daemon.begun:.2f} s,")
    print(f"  {len(ids)} overdue pages out {out - daemon.ready_at:+.2f} s after that (asked: 2 s)")

    # Resolved, so that the next measurement has incidents of its own only.
    ways = [await asyncio.open_connection("127.0.0.1", daemon.port) for _ in range(16)]

    async def resolve(way, some):
        for incident in some:
            await daemon.ask("POST", f"/api/v1/incidents/{incident}/resolve", '{"reason":"measured"}', token, way)

    await asyncio.gather(*(resolve(way, ids[at::16]) for at, way in enumerate(ways)))

    many, took = await open_all(daemon, token, MANY, "P4", 0)
    await until("all of them are paged", lambda: all((incident, "a") in arrived for incident in many), 300)
    late = [arrived[incident, "a"] - opened(incident) for incident in many]
    print(f"{MANY} incidents opened as fast as they are taken: {MANY / took:.0f} a second, every one paged; first pages {shown(late)}")
    await asyncio.sleep(5)
    before = daemon.ticks()
    await asyncio.sleep(10)
    share = (daemon.ticks() - before) * 10
    begun = time.time()
    one, _ = await open_all(daemon, token, 1, "P2", 0)
    await until("it is paged", lambda: (one[0], "a") in arrived, 60)
    print(f"  all open and nothing due: {share:.1f} % of a core, {daemon.memory():.0f} MiB resident; another one is paged in {(arrived[one[0], 'a'] - begun) * 1000:.0f} ms")
    daemon.end(signal.SIGKILL)
    await daemon.start()
    print(f"  killed and started again: ready after {daemon.ready_at - daemon.begun:.2f} s")
    daemon.end(signal.SIGTERM)


asyncio.run(main())
