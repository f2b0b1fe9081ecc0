"""Next hops by ARP, one way: parking, asking, letting go; a balancer with direct answers before it; a mirrored copy."""

from collections.abc import Iterator

from mcc import ANY, HTTP, IP, UDP, Drop, Path, Port, chain, ip4, mac
from mcc.std import ARPQuerier, ARPResponder, LoadBalancer, Mirror, Sampler

ADDRESS, MAC = ip4("10.0.0.1"), mac("02:00:00:00:00:01")


@chain
def hops_one_way() -> Iterator[Path]:
    lan, wan, tap = Port("lan"), Port("wan"), Port("tap")
    arp = ARPQuerier(ADDRESS, MAC)
    mirror = Mirror()
    lb = LoadBalancer([ip4("10.0.0.2"), ip4("10.0.0.3"), ip4("1.2.3.4")], direct=True)
    yield lan >> ~ARPResponder(ADDRESS, MAC) >> lan
    yield wan >> ~arp[1]
    yield lan >> {HTTP: lb, UDP: mirror, IP: arp, ANY: Drop()}
    yield mirror >> lb >> arp >> wan
    yield mirror[1] >> Sampler(3) >> tap
