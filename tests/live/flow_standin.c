/* A stand-in for a card that has rte_flow, behind the module in one file: rules are kept as the device would keep them, and
 * a callback at the receiving queue marks frames as they say. It parses as a NIC does: no options of IPv4, no fragments. */
#include <rte_ethdev.h>
#include <rte_flow.h>

enum { STAND_RULES = 1024, STAND_ITEMS = 6 };

static struct stand_rule {
    uint16_t port;
    uint32_t priority, mark, n;
    enum rte_flow_item_type type[STAND_ITEMS];
    uint8_t spec[STAND_ITEMS][64], mask[STAND_ITEMS][64];
} stand_rules[STAND_RULES];
static uint32_t stand_count;

static uint32_t stand_size(enum rte_flow_item_type type)
{
    switch (type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
        return 14;
    case RTE_FLOW_ITEM_TYPE_VLAN:
    case RTE_FLOW_ITEM_TYPE_ICMP6:
        return 4;
    case RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4:
        return 28;
    case RTE_FLOW_ITEM_TYPE_IPV4:
    case RTE_FLOW_ITEM_TYPE_TCP:
        return 20;
    case RTE_FLOW_ITEM_TYPE_IPV6:
        return 40;
    case RTE_FLOW_ITEM_TYPE_UDP:
    case RTE_FLOW_ITEM_TYPE_ICMP:
        return 8;
    default:
        return 0;
    }
}

/* What may stand behind a header: the type that its own bytes name. */
static enum rte_flow_item_type stand_next(enum rte_flow_item_type type, const uint8_t *h)
{
    unsigned what = type == RTE_FLOW_ITEM_TYPE_ETH    ? (unsigned)h[12] << 8 | h[13]
                    : type == RTE_FLOW_ITEM_TYPE_VLAN ? (unsigned)h[2] << 8 | h[3]
                    : type == RTE_FLOW_ITEM_TYPE_IPV4
                        ? (h[0] == 0x45 && !(h[6] & 0x3f) && !h[7] ? h[9] : 255u)
                        : h[6];
    if (type == RTE_FLOW_ITEM_TYPE_ETH || type == RTE_FLOW_ITEM_TYPE_VLAN)
        return what == 0x8100   ? RTE_FLOW_ITEM_TYPE_VLAN
               : what == 0x0800 ? RTE_FLOW_ITEM_TYPE_IPV4
               : what == 0x86dd ? RTE_FLOW_ITEM_TYPE_IPV6
               : what == 0x0806 ? RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4
                                : RTE_FLOW_ITEM_TYPE_END;
    if (type != RTE_FLOW_ITEM_TYPE_IPV4 && type != RTE_FLOW_ITEM_TYPE_IPV6)
        return RTE_FLOW_ITEM_TYPE_END;
    return what == 6                                       ? RTE_FLOW_ITEM_TYPE_TCP
           : what == 17                                    ? RTE_FLOW_ITEM_TYPE_UDP
           : what == 1 && type == RTE_FLOW_ITEM_TYPE_IPV4  ? RTE_FLOW_ITEM_TYPE_ICMP
           : what == 58 && type == RTE_FLOW_ITEM_TYPE_IPV6 ? RTE_FLOW_ITEM_TYPE_ICMP6
                                                           : RTE_FLOW_ITEM_TYPE_END;
}

static bool stand_matches(const struct stand_rule *r, const uint8_t *h, uint32_t left)
{
    enum rte_flow_item_type expect = RTE_FLOW_ITEM_TYPE_ETH;
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t size = stand_size(r->type[i]);
        if (r->type[i] != expect || left < size)
            return false;
        for (uint32_t k = 0; k < size; k++)
            if ((h[k] ^ r->spec[i][k]) & r->mask[i][k])
                return false;
        expect = stand_next(r->type[i], h);
        h += size;
        left -= size;
    }
    return true;
}

static uint16_t stand_receive(uint16_t port, uint16_t queue, struct rte_mbuf **m, uint16_t n,
                              uint16_t max, void *user)
{
    (void)queue, (void)max, (void)user;
    for (uint16_t i = 0; i < n; i++) {
        const struct stand_rule *best = NULL;
        for (uint32_t k = 0; k < stand_count; k++) {
            const struct stand_rule *r = &stand_rules[k];
            if (r->port == port && (!best || r->priority < best->priority) &&
                stand_matches(r, rte_pktmbuf_mtod(m[i], const uint8_t *), m[i]->data_len))
                best = r;
        }
        if (best && best->mark) {
            m[i]->ol_flags |= RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID;
            m[i]->hash.fdir.hi = best->mark;
        }
    }
    return n;
}

static void stand_copy(uint8_t *to, const void *item, enum rte_flow_item_type type)
{
    const struct rte_flow_item_arp_eth_ipv4 *arp = item;
    memcpy(to, item, type == RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4 ? 8 : stand_size(type));
    if (type == RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4) {
        memcpy(to + 8, &arp->sha, 6);
        memcpy(to + 14, &arp->spa, 4);
        memcpy(to + 18, &arp->tha, 6);
        memcpy(to + 24, &arp->tpa, 4);
    }
}

/* In front of DPDK's functions of these names. STAND_LACKS: an item that the card does not know;
 * STAND_PRIORITIES: how many it has. */
int rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
                      const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
                      struct rte_flow_error *error)
{
    (void)port;
    bool known = attr->ingress && !attr->group && attr->priority < STAND_PRIORITIES;
    for (; actions->type != RTE_FLOW_ACTION_TYPE_END; actions++)
        known = known && (actions->type == RTE_FLOW_ACTION_TYPE_MARK ||
                          (actions->type == RTE_FLOW_ACTION_TYPE_QUEUE &&
                           ((const struct rte_flow_action_queue *)actions->conf)->index == 0));
    for (; pattern->type != RTE_FLOW_ITEM_TYPE_END; pattern++)
        known = known && pattern->type != STAND_LACKS;
    return known
               ? 0
               : rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, NULL, "no such item");
}

struct rte_flow *rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
                                 const struct rte_flow_item pattern[],
                                 const struct rte_flow_action actions[],
                                 struct rte_flow_error *error)
{
    (void)error;
    struct stand_rule *r = &stand_rules[stand_count++];
    *r = (struct stand_rule){.port = port, .priority = attr->priority};
    if (actions->type == RTE_FLOW_ACTION_TYPE_MARK)
        r->mark = ((const struct rte_flow_action_mark *)actions->conf)->id;
    for (; pattern->type != RTE_FLOW_ITEM_TYPE_END; pattern++, r->n++) {
        r->type[r->n] = pattern->type;
        if (pattern->spec) {
            stand_copy(r->spec[r->n], pattern->spec, pattern->type);
            stand_copy(r->mask[r->n], pattern->mask, pattern->type);
        }
    }
    if (stand_count == 1)
        (void)rte_eth_add_rx_callback(port, 0, stand_receive, NULL);
    return (struct rte_flow *)r;
}

int rte_flow_flush(uint16_t port, struct rte_flow_error *error)
{
    uint32_t kept = 0;
    (void)error;
    for (uint32_t i = 0; i < stand_count; i++)
        if (stand_rules[i].port != port)
            stand_rules[kept++] = stand_rules[i];
    stand_count = kept;
    return 0;
}
