/* dpdk: the patterns of mcc_offload.h as rules of rte_flow, and the marks of what comes in.
 *
 *   pattern  -->  eth / vlan / ipv4 / tcp, spec and mask of each  -->  MARK, QUEUE or RSS
 *
 * Where a device does not take a pattern, those behind it that have the same headers are left out, too: their packets would
 * get marks that are not theirs. Packets of which all patterns are missing may match one with fewer headers, and get a mark
 * that is not believed.
 */
#include "mcc_io_dpdk_flow.h"

#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

enum {
    MCC_FLOW_ITEMS = 6,  /* eth, two tags, network, transport, end */
    MCC_FLOW_BYTES = 64, /* of the largest item */
    MCC_FLOW_QUEUES = 128,
    MCC_FLOW_KEY = 128,
};

struct flow_header { /* items begin with the header as it is on the wire, but for that of ARP */
    uint16_t layer;
    uint8_t bytes;
    enum rte_flow_item_type type;
};

static const struct flow_header flow_headers[] = {
    {MCC_ETH, 14, RTE_FLOW_ITEM_TYPE_ETH},          {MCC_VLAN, 4, RTE_FLOW_ITEM_TYPE_VLAN},
    {MCC_ARP, 28, RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4}, {MCC_IP, 20, RTE_FLOW_ITEM_TYPE_IPV4},
    {MCC_IP6, 40, RTE_FLOW_ITEM_TYPE_IPV6},         {MCC_TCP, 20, RTE_FLOW_ITEM_TYPE_TCP},
    {MCC_UDP, 8, RTE_FLOW_ITEM_TYPE_UDP},           {MCC_ICMP, 8, RTE_FLOW_ITEM_TYPE_ICMP},
    {MCC_ICMP6, 4, RTE_FLOW_ITEM_TYPE_ICMP6},
};

_Static_assert(sizeof(struct rte_flow_item_eth) <= MCC_FLOW_BYTES, "an item has room");
_Static_assert(sizeof(struct rte_flow_item_ipv6) <= MCC_FLOW_BYTES, "an item has room");
_Static_assert(offsetof(struct rte_flow_item_arp_eth_ipv4, spa) == 16 &&
                   offsetof(struct rte_flow_item_arp_eth_ipv4, tha) == 20 &&
                   offsetof(struct rte_flow_item_arp_eth_ipv4, tpa) == 28,
               "as flow_copy knows it");
_Static_assert(sizeof(struct rte_flow_item_icmp6) == 4, "ICMPv6 as on the wire");

struct flow_items { /* one pattern as rte_flow wants it */
    struct rte_flow_item item[MCC_FLOW_ITEMS];
    _Alignas(8) uint8_t spec[MCC_FLOW_ITEMS][MCC_FLOW_BYTES];
    _Alignas(8) uint8_t mask[MCC_FLOW_ITEMS][MCC_FLOW_BYTES];
    uint32_t n;
    uint32_t at; /* bytes of the pattern that are in items */
};

/* What becomes of a packet beside its mark. Not PASSTHRU, which would let later rules have it, too. */
struct flow_fate {
    struct rte_flow_action_queue queue;
    struct rte_flow_action_rss rss;
    uint16_t queues[MCC_FLOW_QUEUES];
    uint8_t key[MCC_FLOW_KEY];
};

/* ---------------------------------------------------------------- patterns */

static void flow_copy(uint8_t *item, const uint8_t *wire, const struct flow_header *h)
{
    if (h->layer == MCC_ARP) { /* what follows an address of a MAC is aligned */
        memcpy(item, wire, 14);
        memcpy(item + 16, wire + 14, 10);
        memcpy(item + 28, wire + 24, 4);
    } else {
        memcpy(item, wire, h->bytes);
    }
}

static void flow_item(struct flow_items *f, const struct mcc_pattern *p,
                      const struct flow_header *h)
{
    struct rte_flow_item *item = &f->item[f->n];
    bool tested = false;
    for (uint32_t i = 0; i < h->bytes; i++)
        tested = tested || p->mask[f->at + i];
    item->type = h->type;
    if (tested) {
        flow_copy(f->spec[f->n], p->spec + f->at, h);
        flow_copy(f->mask[f->n], p->mask + f->at, h);
        item->spec = f->spec[f->n];
        item->mask = f->mask[f->n];
    }
    f->at += h->bytes;
    f->n++;
}

static void flow_pattern(struct flow_items *f, const struct mcc_pattern *p)
{
    memset(f, 0, sizeof *f);
    flow_item(f, p, &flow_headers[0]);
    for (uint32_t i = 0; i < p->tags; i++)
        flow_item(f, p, &flow_headers[1]);
    for (size_t i = 2; i < sizeof flow_headers / sizeof *flow_headers; i++)
        if (p->layers & flow_headers[i].layer)
            flow_item(f, p, &flow_headers[i]);
    f->item[f->n].type = RTE_FLOW_ITEM_TYPE_END;
}

/* ---------------------------------------------------------------- actions */

/* As the device spreads what no rule matches: to its one queue, or over all by its hash. */
static int flow_fate(struct flow_fate *f, uint16_t device, struct rte_flow_action *action)
{
    struct rte_eth_dev_info info;
    struct rte_eth_rss_conf conf = {.rss_key = f->key, .rss_key_len = sizeof f->key};
    int rc = rte_eth_dev_info_get(device, &info);
    if (rc < 0)
        return rc;
    *f = (struct flow_fate){.queue = {.index = 0}};
    if (info.nb_rx_queues <= 1) {
        *action = (struct rte_flow_action){RTE_FLOW_ACTION_TYPE_QUEUE, &f->queue};
        return 0;
    }
    if (info.nb_rx_queues > MCC_FLOW_QUEUES || info.hash_key_size > MCC_FLOW_KEY)
        return -ENOTSUP;
    rc = rte_eth_dev_rss_hash_conf_get(device, &conf);
    if (rc < 0)
        return rc;
    for (uint16_t i = 0; i < info.nb_rx_queues; i++)
        f->queues[i] = i;
    f->rss = (struct rte_flow_action_rss){.types = conf.rss_hf,
                                          .key_len = info.hash_key_size,
                                          .queue_num = info.nb_rx_queues,
                                          .key = f->key,
                                          .queue = f->queues};
    *action = (struct rte_flow_action){RTE_FLOW_ACTION_TYPE_RSS, &f->rss};
    return 0;
}

/* The rule of a pattern; NULL: the device does not take it, and why. */
static struct rte_flow *flow_rule(uint16_t device, const struct mcc_pattern *p,
                                  const struct rte_flow_action *fate, struct rte_flow_error *error)
{
    const struct rte_flow_attr attr = {.priority = p->priority, .ingress = 1};
    const struct rte_flow_action_mark mark = {.id = p->mark};
    struct rte_flow_action actions[3] = {{RTE_FLOW_ACTION_TYPE_MARK, &mark}, *fate, {0}};
    const struct rte_flow_action *from = p->mark ? actions : actions + 1;
    struct flow_items items;
    flow_pattern(&items, p);
    if (rte_flow_validate(device, &attr, items.item, from, error) != 0)
        return NULL;
    return rte_flow_create(device, &attr, items.item, from, error);
}

/* ---------------------------------------------------------------- a shape */

struct flow_count {
    uint32_t all, marks; /* patterns, and those with a mark, that are rules now */
    uint32_t missing;
    char why[256]; /* the first that is missing */
};

static bool flow_same_shape(const struct mcc_pattern *a, const struct mcc_pattern *b)
{
    return a->port == b->port && a->tags == b->tags && a->layers == b->layers;
}

static void flow_say(struct flow_count *count, uint32_t n, const struct rte_flow_error *error)
{
    if (!count->why[0])
        (void)snprintf(count->why, sizeof count->why, "pattern %u: %s", n,
                       error->message ? error->message : rte_strerror(rte_errno));
}

/* The `n` patterns of one shape become rules, up to the first that the device does not take. */
static void flow_shape(uint16_t device, const struct mcc_pattern *p, uint32_t n,
                       const struct rte_flow_action *fate, struct flow_count *count)
{
    struct rte_flow_error error = {.message = NULL};
    uint32_t i = 0;
    for (; i < n && flow_rule(device, &p[i], fate, &error); i++)
        count->marks += p[i].mark != 0;
    if (i < n)
        flow_say(count, count->all + count->missing + i + 1, &error);
    count->all += i;
    count->missing += n - i;
}

/* ---------------------------------------------------------------- a device */

void mcc_dpdk_flow_ask(const struct mcc_io *io, uint16_t device)
{
    uint64_t features = RTE_ETH_RX_METADATA_USER_MARK;
    if (io->pattern_count)
        (void)rte_eth_rx_metadata_negotiate(device, &features); /* most need no such question */
}

void mcc_dpdk_flow_install(struct mcc_io *io, uint16_t device)
{
    struct flow_fate fate;
    struct rte_flow_action action;
    struct flow_count count = {.all = 0};
    uint32_t n = 0, i = 0;
    int rc = 0;
    io->why[0] = 0;
    while (i < io->pattern_count && io->patterns[i].port != io->port)
        i++;
    if (i < io->pattern_count)
        rc = flow_fate(&fate, device, &action);
    for (; rc == 0 && i < io->pattern_count && io->patterns[i].port == io->port; i += n) {
        for (n = 1; i + n < io->pattern_count; n++)
            if (!flow_same_shape(&io->patterns[i], &io->patterns[i + n]))
                break;
        flow_shape(device, &io->patterns[i], n, &action, &count);
    }
    if (count.marks == 0)
        mcc_dpdk_flow_remove(device);
    if (rc < 0)
        (void)snprintf(io->why, sizeof io->why, "marks no packets (%s)", strerror(-rc));
    else if (count.missing && !count.marks)
        (void)snprintf(io->why, sizeof io->why, "marks no packets (%s)", count.why);
    else if (count.missing)
        (void)snprintf(io->why, sizeof io->why, "marks packets of %u of %u patterns (%s)",
                       count.all, count.all + count.missing, count.why);
}

void mcc_dpdk_flow_remove(uint16_t device)
{
    struct rte_flow_error error;
    (void)rte_flow_flush(device, &error); /* a device without rules has no such function */
}
