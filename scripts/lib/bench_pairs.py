"""The paired measurements of scripts/bench: kvplaced beside an echo server, and over TLS beside itself."""

import contextlib
import dataclasses
import statistics

import bench_servers as servers


@dataclasses.dataclass(frozen=True)
class Load:
    """One kind of load. `value` of a kvplacectl document; more is better where `rate` is true."""
    name: str
    flags: tuple
    value: object
    ids: int
    rate: bool = False


def latency(share):
    return lambda document: document["phases"][0]["latency_us"][share]


def per_core(document):
    """Messages answered per second of the server's CPU time."""
    return document["phases"][0]["answered_per_second"] / document["cpu_share"] if document["cpu_share"] > 0 else 0


def ping_pong(name, ids, seconds):
    return Load(name, ("--workers", 1, "--rate", "max", "--message-ids", ids, "--seconds", seconds, "--warm-up", 0.3),
                latency("p50"), ids)


def full(name, ids, seconds):
    return Load(name, ("--workers", 32, "--rate", "max", "--message-ids", ids, "--seconds", seconds, "--warm-up", 0.3),
                per_core, ids, rate=True)


def loads(seconds):
    """What is compared with the echo server."""
    paced = Load("p99_64x50_16k", ("--workers", 64, "--rate", "50/s", "--message-ids", 16000, "--seconds", 2 * seconds,
                                   "--warm-up", 0.5), latency("p99"), 16000)
    return [ping_pong("p50_1k", 1000, seconds), ping_pong("p50_16k", 16000, seconds), paced,
            full("throughput_1k", 1000, seconds), full("throughput_16k", 16000, seconds)]


def tls_loads(seconds):
    """What is compared with the same server without TLS, whose value comes from the load named second: neither leaves
    anything out, for how much one does would depend on what TLS costs."""
    return [(full("mtls_throughput", 1000, seconds), "throughput_1k_heard"),
            (ping_pong("mtls_p50", 1000, seconds), "p50_1k_heard")]


def heard_loads(seconds):
    """What is measured again of a server that leaves nothing out, and the load whose floor it is compared with."""
    return [(ping_pong("p50_1k_heard", 1000, seconds), "p50_1k"), (ping_pong("p50_16k_heard", 16000, seconds), "p50_16k"),
            (full("throughput_1k_heard", 1000, seconds), "throughput_1k"),
            (full("throughput_16k_heard", 16000, seconds), "throughput_16k")]


def plan_bytes(bench, server, ids):
    document = bench.load(server, "--workers", 1, "--rate", "max", "--message-ids", ids, "--seconds", 0.3,
                          "--warm-up", 0.2)
    return document["phases"][0]["plan_bytes"]


class Pairs:
    """Values by policy and load, one per round: (the floor's, kvplaced's)."""

    def __init__(self, policies):
        self.values = {policy: {} for policy in policies}

    def add(self, policy, name, floor, ours):
        self.values[policy].setdefault(name, []).append((floor, ours))

    def ratio(self, policy, name):
        """Median ratio, its spread, and the medians; None where nothing was measured."""
        pairs = [(floor, ours) for floor, ours in self.values[policy].get(name, []) if floor > 0]
        if not pairs:
            return None
        ratios = sorted(ours / floor for floor, ours in pairs)
        return {"median": statistics.median(ratios), "low": ratios[0], "high": ratios[-1], "pairs": len(ratios),
                "floor": statistics.median(floor for floor, _ in pairs),
                "kvplaced": statistics.median(ours for _, ours in pairs)}


def measure(bench, policies, rounds, seconds, tls, say):
    """All pairs. The servers stay up throughout and are loaded in turn, the order turning from round to round."""
    pairs = Pairs(policies)
    with contextlib.ExitStack() as stack:
        ours = {policy: stack.enter_context(bench.kvplaced(policy)) for policy in policies}
        def whole_of(policy, tls):
            return stack.enter_context(bench.kvplaced(policy, tls=tls, flags=servers.NOTHING_LEFT_OUT))

        whole = {policy: whole_of(policy, False) for policy in policies}
        secure = {policy: whole_of(policy, True) for policy in policies} if tls else {}
        floors = {}
        for policy, server in ours.items():
            for ids in (1000, 16000):
                size = plan_bytes(bench, server, ids)
                floors[policy, ids] = stack.enter_context(bench.echo(size))
                say(f"plans of {policy} for {ids} ids: {size:.0f} bytes")
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            order = policies if number % 2 == 0 else policies[::-1]
            for policy in order:
                _round(bench, pairs, policy, (ours[policy], whole[policy], secure.get(policy)),
                       lambda ids, policy=policy: floors[policy, ids], seconds, number)
    return pairs


def _round(bench, pairs, policy, of_policy, floor_of, seconds, number):
    plain, whole, secure = of_policy
    own, floors = {}, {}
    for load in loads(seconds):
        both = [("floor", floor_of(load.ids)), ("ours", plain)]
        values = {}
        for which, server in both if number % 2 == 0 else both[::-1]:
            values[which] = load.value(bench.load(server, *load.flags))
        pairs.add(policy, load.name, values["floor"], values["ours"])
        own[load.name], floors[load.name] = values["ours"], values["floor"]
    for load, plain_name in heard_loads(seconds):
        own[load.name] = load.value(bench.load(whole, *load.flags))
        pairs.add(policy, load.name, floors[plain_name], own[load.name])
    if secure is None:
        return
    for load, plain_name in tls_loads(seconds):
        pairs.add(policy, load.name, own[plain_name], load.value(bench.load(secure, *load.flags, tls=True)))
