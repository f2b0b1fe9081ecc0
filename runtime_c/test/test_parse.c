/* mcc_parse against a second reading of docs/semantics.md, section 1, written byte by byte; frames
 * end at an unmapped page. */
#include "../mcc_parse.h"
#include "test.h"

struct frame {
    const uint8_t *bytes;
    uint32_t len;
};

/* Byte `at`, or -1 where it is not captured. */
static int byte(struct frame f, uint32_t at)
{
    return at < f.len ? f.bytes[at] : -1;
}

static int word(struct frame f, uint32_t at)
{
    return at + 1 < f.len ? f.bytes[at] * 256 + f.bytes[at + 1] : -1;
}

struct found {
    int etype, vlans, l3, l4, layers, proto, frag, ip_end;
};

static int family_etype(struct frame f)
{
    static const int families[4] = {2, 24, 28, 30};
    if (f.len < 4)
        return 0;
    for (int i = 0; i < 4; i++) {
        int small = f.bytes[0] == families[i] && !f.bytes[1] && !f.bytes[2] && !f.bytes[3];
        int big = f.bytes[3] == families[i] && !f.bytes[0] && !f.bytes[1] && !f.bytes[2];
        if (small || big)
            return i == 0 ? 0x0800 : 0x86dd;
    }
    return 0;
}

static void read_link(struct frame f, int link, struct found *r)
{
    int taggable = 0;
    if (link == MCC_LINK_ETHERNET) {
        r->layers = f.len >= 14 ? MCC_ETH : 0;
        r->etype = word(f, 12), r->l3 = 14, taggable = 1;
    } else if (link == MCC_LINK_SLL) {
        r->etype = word(f, 14), r->l3 = 16, taggable = 1;
    } else if (link == MCC_LINK_SLL2) {
        r->etype = word(f, 0), r->l3 = 20, taggable = 1;
    } else if (link == MCC_LINK_NULL) {
        r->etype = family_etype(f), r->l3 = 4;
    } else if (link == MCC_LINK_RAW) {
        r->etype = byte(f, 0) >> 4 == 4 ? 0x0800 : byte(f, 0) >> 4 == 6 ? 0x86dd : 0;
    }
    while (taggable && r->vlans < 8 &&
           (r->etype == 0x8100 || r->etype == 0x88a8 || r->etype == 0x9100) &&
           byte(f, (uint32_t)r->l3 + 3) >= 0) {
        r->etype = word(f, (uint32_t)r->l3 + 2), r->l3 += 4, r->vlans++;
        if (r->layers & MCC_ETH)
            r->layers |= MCC_VLAN;
    }
    if (r->etype < 0)
        r->etype = 0;
}

static void read_l4(struct frame f, struct found *r, int is6)
{
    uint32_t left = (uint32_t)(r->ip_end - r->l4);
    if (r->proto == 6 && left >= 20 && byte(f, (uint32_t)r->l4 + 12) / 16 >= 5)
        r->layers |= MCC_TCP;
    if (r->proto == 17 && left >= 8)
        r->layers |= MCC_UDP;
    if (r->proto == 1 && !is6 && left >= 8)
        r->layers |= MCC_ICMP;
    if (r->proto == 58 && is6 && left >= 8)
        r->layers |= MCC_ICMP6;
}

static struct found read_frame(struct frame f, int link)
{
    struct found r = {0, 0, 0, 0, 0, 0xff, 0, (int)f.len};
    read_link(f, link, &r);
    uint32_t l3 = (uint32_t)r.l3;
    if (r.etype == 0x0806 && byte(f, l3 + 27) >= 0 && byte(f, l3 + 4) == 6 && byte(f, l3 + 5) == 4)
        r.layers |= MCC_ARP;
    if (r.etype == 0x0800) {
        int ihl = byte(f, l3) >= 0 ? byte(f, l3) % 16 * 4 : -1, total = word(f, l3 + 2),
            fragment = word(f, l3 + 6);
        r.l4 = ihl >= 0 ? r.l3 + ihl : 0;
        r.proto = byte(f, l3 + 9) >= 0 ? byte(f, l3 + 9) : 0xff;
        if (fragment >= 0)
            r.frag = (fragment % 8192 != 0) + 2 * (fragment / 8192 % 2);
        if (f.len >= l3 + 20 && byte(f, l3) / 16 == 4 && ihl >= 20 && f.len >= l3 + (uint32_t)ihl &&
            total >= ihl) {
            r.layers |= MCC_IP;
            if (r.l3 + total < (int)f.len)
                r.ip_end = r.l3 + total;
            if (r.frag % 2 == 0)
                read_l4(f, &r, 0);
        }
    }
    if (r.etype == 0x86dd) {
        r.l4 = r.l3 + 40;
        r.proto = byte(f, l3 + 6) >= 0 ? byte(f, l3 + 6) : 0xff;
        if (f.len >= l3 + 40 && byte(f, l3) / 16 == 6) {
            r.layers |= MCC_IP6;
            if (r.l4 + word(f, l3 + 4) < (int)f.len)
                r.ip_end = r.l4 + word(f, l3 + 4);
            read_l4(f, &r, 1);
        }
    }
    return r;
}

static void compare(struct frame f, int link)
{
    struct mcc_packet p;
    memset(&p, 0xa5, sizeof p);
    p.data = (uint8_t *)(uintptr_t)f.bytes;
    p.len = f.len;
    p.link = (uint8_t)link;
    mcc_parse(&p);
    struct found r = read_frame(f, link);
    CHECK_EQUAL(p.etype, r.etype);
    CHECK_EQUAL(p.vlans, r.vlans);
    CHECK_EQUAL(p.l3, r.l3);
    CHECK_EQUAL(p.l4, r.l4);
    CHECK_EQUAL(p.layers, r.layers);
    CHECK_EQUAL(p.proto, r.proto);
    CHECK_EQUAL(p.frag, r.frag);
    CHECK_EQUAL(p.ip_end, r.ip_end);
    CHECK(p.len == f.len && p.data == f.bytes && p.link == link);
}

static void put(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Random bytes that are likely to be something: a link header, tags, an IP header with lengths near
 * `len`. */
static void make_likely(uint8_t *b, uint32_t len, int link, uint64_t *seed)
{
    static const unsigned etypes[] = {0x0800, 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x9100};
    static const uint8_t protos[] = {6, 17, 1, 58, 44};
    static const uint32_t starts[] = {12, 0, 14, 0, 0, 0};
    uint8_t buffer[512];
    for (int i = 0; i < 512; i++)
        buffer[i] = (uint8_t)test_random(seed);
    uint32_t at = starts[link], l3 = link == MCC_LINK_RAW ? 0 : link == MCC_LINK_SLL2 ? 20 : at + 2;
    unsigned etype = etypes[test_below(seed, 7)];
    if (link == MCC_LINK_NULL) {
        static const uint8_t families[] = {2, 24, 28, 30, 10};
        memset(buffer, 0, 4);
        buffer[test_below(seed, 2) * 3] = families[test_below(seed, 5)];
        l3 = 4;
    } else if (link != MCC_LINK_RAW) {
        put(buffer + at, etype);
        for (unsigned tags = test_below(seed, 11); mcc_parse_is_tag(etype) && tags;
             tags--, l3 += 4) {
            etype = tags == 1 ? etypes[test_below(seed, 4)] : etypes[4 + test_below(seed, 3)];
            put(buffer + l3 + 2, etype);
        }
    }
    uint8_t *ip = buffer + l3;
    unsigned room = len > l3 ? len - l3 : 0, near = room + test_below(seed, 9);
    if (test_below(seed, 2)) {
        ip[0] = (uint8_t)(0x40 + (test_below(seed, 4) ? 5 : test_below(seed, 16)));
        put(ip + 2, near >= 4 ? near - 4 : 0);
        put(ip + 6, test_below(seed, 3) ? test_below(seed, 4) << 13 : test_below(seed, 65536));
        ip[9] = protos[test_below(seed, 5)];
    } else {
        ip[0] = 0x60;
        put(ip + 4, near >= 44 ? near - 44 : test_below(seed, 60));
        ip[6] = protos[test_below(seed, 5)];
    }
    if (etype == 0x0806 && test_below(seed, 2))
        put(ip + 4, 0x0604);
    memcpy(b, buffer, len);
}

int main(void)
{
    uint64_t seed = 1;
    uint8_t *end = test_guard_end();
    unsigned seen = 0;
    for (uint32_t len = 0; len <= 200; len++)
        for (int link = MCC_LINK_ETHERNET; link <= MCC_LINK_OPAQUE; link++)
            for (int round = 0; round < 60; round++) {
                struct frame f = {end - len, len};
                if (round % 6 == 0)
                    for (uint32_t i = 0; i < len; i++)
                        end[-(long)len + i] = (uint8_t)test_random(&seed);
                else
                    make_likely(end - len, len, link, &seed);
                compare(f, link);
                seen |= (unsigned)read_frame(f, link).layers;
            }
    CHECK_EQUAL(seen, 0x1ff); /* the frames had every layer */
    puts("parse: ok");
    return 0;
}
