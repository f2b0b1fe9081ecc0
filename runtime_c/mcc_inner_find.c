/* Finds the innermost IP packet: a table of encapsulations, each of which says what follows it. */
#include "mcc_inner.h"

enum what { /* what begins at walk.at */
            AT_ETHERNET,
            AT_ETYPE, /* as walk.type says */
            AT_IP,
            AT_IP6,
            AT_PROTO, /* as the IP protocol walk.type says */
            AT_PPP,
            AT_MPLS,
            AT_GRE,
            AT_UDP,
            AT_VXLAN,
            AT_VXLAN_GPE,
            AT_GENEVE,
            AT_GTP,
            AT_TEREDO,
            AT_WLAN,
            AT_RADIOTAP,
            ATS
};

struct walk {
    const uint8_t *data;
    uint32_t at, end;
    uint8_t what;
    uint32_t type;
    bool tunnelled, sealed, one_way, reached, partial;
    uint32_t layers; /* so far; those around the packet that was reached are counted in found */
    uint32_t said;   /* offset of the byte that names the protocol at `at` */
    struct mcc_inner *found;
};

static bool walk_has(const struct walk *w, uint32_t bytes)
{
    return w->at <= w->end && bytes <= w->end - w->at;
}

static bool walk_to(struct walk *w, uint32_t bytes, enum what what, uint32_t type)
{
    w->at += bytes;
    w->what = (uint8_t)what;
    w->type = type;
    return true;
}

/* What is enclosed ends `bytes` behind `at`, if that is before the end so far. */
static void walk_ends(struct walk *w, uint32_t bytes)
{
    if (bytes < w->end - w->at)
        w->end = w->at + bytes;
}

static bool walk_layer(struct walk *w, enum mcc_inner_kind kind)
{
    if (w->layers == MCC_INNER_LAYERS)
        return false;
    w->found->layer[w->layers++] = (struct mcc_inner_layer){(uint8_t)kind, w->at};
    return true;
}

/* An IP header that is sane: the innermost so far. */
static void walk_reached(struct walk *w)
{
    w->reached = true;
    w->found->at = w->at;
    w->found->end = w->end;
    w->found->layers = w->layers;
    w->found->tunnelled = w->tunnelled;
    w->found->one_way = w->one_way;
    w->found->sealed = w->sealed;
    w->found->extended = false;
    w->found->ipcomp = 0;
    w->tunnelled = true;
}

/* ---------------------------------------------------------------- link and label layers */

static bool take_ethernet(struct walk *w)
{
    return walk_has(w, 14) && walk_layer(w, MCC_INNER_ETH) &&
           walk_to(w, 14, AT_ETYPE, mcc_be16(w->data + w->at + 12));
}

static bool take_pppoe(struct walk *w)
{
    const uint8_t *h = w->data + w->at;
    if (!walk_has(w, 6) || h[0] != 0x11 || h[1] != 0 || !walk_layer(w, MCC_INNER_PPPOE))
        return false;
    walk_ends(w, 6u + mcc_be16(h + 4));
    w->tunnelled = true;
    return walk_to(w, 6, AT_PPP, 0);
}

/* ERSPAN, types I (no header), II and III. */
static bool take_erspan(struct walk *w, bool third)
{
    const uint8_t *h = w->data + w->at;
    uint32_t bytes = third ? 12 : 8;
    if (!walk_has(w, bytes) || h[0] >> 4 != (third ? 2 : 1))
        return false;
    bytes += third && h[11] & 1 ? 8 : 0;
    return walk_has(w, bytes) && walk_to(w, bytes, AT_ETHERNET, 0);
}

static bool take_etype(struct walk *w)
{
    const uint8_t *h = w->data + w->at;
    switch (w->type) {
    case MCC_ETYPE_IP:
        return walk_to(w, 0, AT_IP, 0);
    case MCC_ETYPE_IP6:
        return walk_to(w, 0, AT_IP6, 0);
    case MCC_ETYPE_VLAN:
    case MCC_ETYPE_QINQ:
    case MCC_ETYPE_QINQ_OLD:
        return walk_has(w, 4) && walk_to(w, 4, AT_ETYPE, mcc_be16(h + 2));
    case 0x8847: /* MPLS, unicast and upstream-assigned */
    case 0x8848:
        return walk_to(w, 0, AT_MPLS, 0);
    case 0x8864:
        return take_pppoe(w);
    case 0x6558: /* transparent Ethernet bridging */
        return walk_to(w, 0, AT_ETHERNET, 0);
    case 0x880b:
        return walk_to(w, 0, AT_PPP, 0);
    case 0x22eb:
        return take_erspan(w, true);
    default:
        return false;
    }
}

/* RFC 1661: a protocol of one byte is odd; RFC 1662: address and control may stand before it. */
static bool take_ppp(struct walk *w)
{
    if (walk_has(w, 2) && mcc_be16(w->data + w->at) == 0xff03)
        w->at += 2;
    const uint8_t *h = w->data + w->at;
    if (!walk_has(w, 2))
        return false;
    uint32_t bytes = h[0] & 1 ? 1 : 2, protocol = h[0] & 1 ? h[0] : mcc_be16(h);
    w->tunnelled = true;
    switch (protocol) {
    case 0x21:
        return walk_to(w, bytes, AT_IP, 0);
    case 0x57:
        return walk_to(w, bytes, AT_IP6, 0);
    case 0x281:
        return walk_to(w, bytes, AT_MPLS, 0);
    default:
        return false;
    }
}

/* What follows the last label is not said: IP by its version, a control word (RFC 4385) or Ethernet. */
static bool take_mpls(struct walk *w)
{
    w->tunnelled = w->one_way = true;
    if (!walk_has(w, 5))
        return false;
    bool last = w->data[w->at + 2] & 1;
    if (!last)
        return walk_to(w, 4, AT_MPLS, 0);
    uint8_t version = w->data[w->at + 4] >> 4;
    if (version == 4 || version == 6)
        return walk_to(w, 4, version == 4 ? AT_IP : AT_IP6, 0);
    return walk_to(w, version == 0 ? 8 : 4, AT_ETHERNET, 0);
}

static bool take_wlan(struct walk *w)
{
    static const uint8_t snap[6] = {0xaa, 0xaa, 3, 0, 0, 0};
    const uint8_t *h = w->data + w->at;
    if (!walk_has(w, 24) || (h[0] & 0x0f) != 0x08 || h[0] & 0x40 || h[1] & 0x44)
        return false; /* no data, encrypted, or a fragment of them */
    uint32_t bytes = (h[1] & 3) == 3 ? 30 : 24;
    if (h[0] & 0x80) { /* QoS */
        if (!walk_has(w, bytes + 2) || h[bytes] & 0x80)
            return false; /* an aggregate */
        bytes += h[1] & 0x80 ? 6 : 2;
    }
    if (!walk_has(w, bytes + 8) || memcmp(h + bytes, snap, sizeof snap) != 0)
        return false;
    w->tunnelled = w->one_way = true;
    return walk_to(w, bytes + 8, AT_ETYPE, mcc_be16(h + bytes + 6));
}

/* Whether a radiotap header says that the frame ends with its FCS. */
static bool radiotap_fcs(const uint8_t *h, uint32_t bytes)
{
    uint32_t at = 8;
    while (h[at - 1] & 0x80) { /* another word of presence bits */
        at += 4;
        if (at > bytes)
            return false;
    }
    if (!(h[4] & 2)) /* no flags */
        return false;
    if (h[4] & 1) /* behind the time of the MAC, 8 bytes aligned */
        at = (at + 7u) / 8 * 8 + 8;
    return at < bytes && h[at] & 0x10;
}

static bool take_radiotap(struct walk *w)
{
    const uint8_t *h = w->data + w->at;
    uint32_t bytes = walk_has(w, 8) ? h[2] | (uint32_t)h[3] << 8 : 0;
    if (bytes < 8 || h[0] != 0 || !walk_has(w, bytes))
        return false;
    w->found->fcs = radiotap_fcs(h, bytes);
    if (w->found->fcs) {
        if (!walk_has(w, bytes + 4))
            return false;
        w->end -= 4;
    }
    return walk_to(w, bytes, AT_WLAN, 0);
}

/* ---------------------------------------------------------------- IP */

static bool take_ip(struct walk *w)
{
    const uint8_t *h = w->data + w->at;
    if (!walk_has(w, MCC_IP_BYTES) || h[0] >> 4 != 4)
        return false;
    uint32_t header = 4u * (h[0] & 15), total = mcc_be16(h + 2);
    if (header < MCC_IP_BYTES || !walk_has(w, header) || total < header)
        return false;
    walk_reached(w);
    uint32_t fragment = mcc_be16(h + 6) & (w->partial ? 0x1fff : 0x3fff);
    if (fragment || !walk_layer(w, MCC_INNER_IP))
        return false;
    walk_ends(w, total);
    w->said = w->at + 9;
    return walk_to(w, header, AT_PROTO, h[9]);
}

static bool take_ip6(struct walk *w)
{
    const uint8_t *h = w->data + w->at;
    if (!walk_has(w, MCC_IP6_BYTES) || h[0] >> 4 != 6)
        return false;
    walk_reached(w);
    if (!walk_layer(w, MCC_INNER_IP6))
        return false;
    walk_ends(w, (uint32_t)MCC_IP6_BYTES + mcc_be16(h + 4));
    w->said = w->at + 6;
    return walk_to(w, MCC_IP6_BYTES, AT_PROTO, h[6]);
}

/* RFC 3173, 3.3: DEFLATE is transform 2; where the index was negotiated (256 and above) it may be. A packet that something other than
 * its own header ends is cut. */
static void note_ipcomp(struct walk *w)
{
    const uint8_t *ip = w->data + w->found->at, *h = w->data + w->at;
    uint32_t total =
        ip[0] >> 4 == 4 ? mcc_be16(ip + 2) : (uint32_t)MCC_IP6_BYTES + mcc_be16(ip + 4);
    if (!walk_has(w, 4) || w->end - w->found->at != total)
        return;
    uint32_t index = mcc_be16(h + 2);
    if (index != 2 && index < 256)
        return;
    w->found->ipcomp = w->at;
    w->found->ipcomp_end = w->end;
    w->found->ipcomp_said = w->said;
}

static bool take_proto(struct walk *w)
{
    switch (w->type) {
    case 4:
        return walk_to(w, 0, AT_IP, 0);
    case 41:
        return walk_to(w, 0, AT_IP6, 0);
    case 47:
        return walk_to(w, 0, AT_GRE, 0);
    case 137: /* RFC 4023 */
        return walk_to(w, 0, AT_MPLS, 0);
    case MCC_PROTO_UDP:
        return walk_to(w, 0, AT_UDP, 0);
    case MCC_PROTO_IPCOMP:
        note_ipcomp(w);
        return false;
    default:
        break;
    }
    bool v6 = w->data[w->found->at] >> 4 == 6;
    uint8_t next = 0;
    uint32_t bytes = mcc_parse_beyond(w->data + w->at, w->end - w->at, (uint8_t)w->type, v6, &next);
    if (bytes == 0)
        return false;
    w->found->extended = true;
    if (w->type == MCC_PROTO_AH)
        w->sealed = w->found->sealed = true;
    w->said = w->at;
    return walk_to(w, bytes, AT_PROTO, next);
}

/* ---------------------------------------------------------------- GRE, RFC 2784, 2890, 2637 */

static bool take_gre(struct walk *w)
{
    const uint8_t *h = w->data + w->at;
    if (!walk_has(w, 4) || h[0] & 0x40)
        return false; /* with routing: RFC 1701 only */
    uint32_t version = h[1] & 7, type = mcc_be16(h + 2), bytes = version == 1 ? 8 : 4;
    bytes += version == 0 ? (h[0] & 0x80 ? 4 : 0) + (h[0] & 0x20 ? 4 : 0) : h[1] & 0x80 ? 4 : 0;
    bytes += h[0] & 0x10 ? 4 : 0;
    if (version > 1 || !walk_has(w, bytes) ||
        !walk_layer(w, version == 1 ? MCC_INNER_PPTP : MCC_INNER_GRE))
        return false;
    if (version == 1) {
        walk_ends(w, bytes + mcc_be16(h + 4));
        return type == 0x880b && walk_to(w, bytes, AT_PPP, 0);
    }
    if (type ==
        0x88be) { /* ERSPAN: type II has sequence numbers, type I neither those nor a header */
        walk_to(w, bytes, AT_ETHERNET, 0);
        return !(h[0] & 0x10) || take_erspan(w, false);
    }
    return walk_to(w, bytes, AT_ETYPE, type);
}

/* ---------------------------------------------------------------- in UDP */

static const struct {
    uint16_t port;
    uint8_t what;
    bool either; /* the source port tells too, where the other tells nothing */
} tunnels[] = {
    {4789, AT_VXLAN, false},  {8472, AT_VXLAN, false}, {4790, AT_VXLAN_GPE, false},
    {6081, AT_GENEVE, false}, {2152, AT_GTP, true},    {3544, AT_TEREDO, true},
};

static int tunnel_of(uint32_t port, bool is_source)
{
    for (uint32_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++)
        if (port == tunnels[i].port && (!is_source || tunnels[i].either))
            return tunnels[i].what;
    return -1;
}

static bool take_udp(struct walk *w)
{
    const uint8_t *h = w->data + w->at;
    if (!walk_has(w, MCC_UDP_BYTES))
        return false;
    int what = tunnel_of(mcc_be16(h + 2), false);
    what = what < 0 ? tunnel_of(mcc_be16(h), true) : what;
    uint32_t length = mcc_be16(h + 4);
    if (what < 0 || length < MCC_UDP_BYTES || !walk_layer(w, MCC_INNER_UDP))
        return false;
    walk_ends(w, length);
    return walk_to(w, MCC_UDP_BYTES, (enum what)what, 0);
}

/* RFC 7348. */
static bool take_vxlan(struct walk *w)
{
    return walk_has(w, 8) && w->data[w->at] & 8 && walk_to(w, 8, AT_ETHERNET, 0);
}

/* draft-ietf-nvo3-vxlan-gpe. */
static bool take_vxlan_gpe(struct walk *w)
{
    const uint8_t *h = w->data + w->at;
    if (!walk_has(w, 8) || (h[0] & 12) != 12)
        return false;
    uint8_t next = h[3];
    return next >= 1 && next <= 3 &&
           walk_to(w, 8,
                   next == 1   ? AT_IP
                   : next == 2 ? AT_IP6
                               : AT_ETHERNET,
                   0);
}

/* RFC 8926. */
static bool take_geneve(struct walk *w)
{
    const uint8_t *h = w->data + w->at;
    if (!walk_has(w, 8) || h[0] >> 6 || h[1] & 0x80)
        return false; /* another version, or a control packet */
    uint32_t bytes = 8 + 4u * (h[0] & 63);
    return walk_has(w, bytes) && walk_to(w, bytes, AT_ETYPE, mcc_be16(h + 2));
}

/* 3GPP TS 29.281: version 1, a G-PDU. */
static bool take_gtp(struct walk *w)
{
    const uint8_t *h = w->data + w->at;
    if (!walk_has(w, 8) || (h[0] & 0xf0) != 0x30 || h[1] != 255 || !walk_layer(w, MCC_INNER_GTP))
        return false;
    w->one_way = true;
    walk_ends(w, 8u + mcc_be16(h + 2));
    uint32_t bytes = h[0] & 7 ? 12 : 8;
    if (!walk_has(w, bytes))
        return false;
    for (uint8_t next = h[0] & 4 ? h[11] : 0; next;) {
        uint32_t size = walk_has(w, bytes + 1) ? 4u * h[bytes] : 0;
        if (size == 0 || !walk_has(w, bytes + size))
            return false;
        bytes += size;
        next = h[bytes - 1];
    }
    if (!walk_has(w, bytes + 1))
        return false;
    return walk_to(w, bytes, h[bytes] >> 4 == 4 ? AT_IP : AT_IP6, 0);
}

/* RFC 4380, 5.1.1: authentication and origin may stand before the IPv6 packet. */
static bool take_teredo(struct walk *w)
{
    if (walk_has(w, 4) && mcc_be16(w->data + w->at) == 1) {
        uint32_t bytes = 13u + w->data[w->at + 2] + w->data[w->at + 3];
        if (!walk_has(w, bytes))
            return false;
        w->at += bytes;
    }
    bool origin = walk_has(w, 8) && mcc_be16(w->data + w->at) == 0;
    return walk_to(w, origin ? 8 : 0, AT_IP6, 0);
}

/* ---------------------------------------------------------------- the walk */

static bool (*const take[ATS])(struct walk *w) = {
    [AT_ETHERNET] = take_ethernet,
    [AT_ETYPE] = take_etype,
    [AT_IP] = take_ip,
    [AT_IP6] = take_ip6,
    [AT_PROTO] = take_proto,
    [AT_PPP] = take_ppp,
    [AT_MPLS] = take_mpls,
    [AT_GRE] = take_gre,
    [AT_UDP] = take_udp,
    [AT_VXLAN] = take_vxlan,
    [AT_VXLAN_GPE] = take_vxlan_gpe,
    [AT_GENEVE] = take_geneve,
    [AT_GTP] = take_gtp,
    [AT_TEREDO] = take_teredo,
    [AT_WLAN] = take_wlan,
    [AT_RADIOTAP] = take_radiotap,
};

/* Where the walk begins, by how the frame starts. False: nothing is known of such a link. */
static bool walk_begin(struct walk *w, uint8_t link)
{
    const uint8_t *d = w->data;
    switch (link) {
    case MCC_LINK_ETHERNET:
        return walk_to(w, 0, AT_ETHERNET, 0);
    case MCC_LINK_SLL:
        return walk_has(w, 16) && walk_to(w, 16, AT_ETYPE, mcc_be16(d + 14));
    case MCC_LINK_SLL2:
        return walk_has(w, 20) && walk_to(w, 20, AT_ETYPE, mcc_be16(d));
    case MCC_LINK_NULL:
        return walk_has(w, 4) && walk_to(w, 4, AT_ETYPE, mcc_parse_family(d));
    case MCC_LINK_RAW:
        return walk_has(w, 1) && walk_to(w, 0, d[0] >> 4 == 4 ? AT_IP : AT_IP6, 0);
    case MCC_LINK_PPP:
        return walk_to(w, 0, AT_PPP, 0);
    case MCC_LINK_WLAN:
        return walk_to(w, 0, AT_WLAN, 0);
    case MCC_LINK_RADIOTAP:
        return walk_to(w, 0, AT_RADIOTAP, 0);
    default:
        return false;
    }
}

bool mcc_inner_find(const uint8_t *data, uint32_t len, uint8_t link, bool partial,
                    struct mcc_inner *found)
{
    struct walk w = {.data = data, .end = len, .partial = partial, .found = found};
    found->fcs = false;
    if (!walk_begin(&w, link))
        return false;
    for (uint32_t i = 0; i < MCC_INNER_STEPS && take[w.what](&w); i++)
        continue;
    return w.reached;
}
