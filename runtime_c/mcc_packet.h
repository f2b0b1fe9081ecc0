/* A packet: one frame in one buffer, what the parser found in it, and what the chain decided.
 *
 *   | struct mcc_packet | headroom | frame (len bytes) ........ | tailroom |
 *                                  ^ data
 *
 * Invariants: headroom before `data` belongs to the packet; data + len + tailroom is inside the buffer.
 * A layer's offset (l3, l4) is meaningful only when its bit in `layers` is set, or as mcc_parse.h says.
 */
#ifndef MCC_PACKET_H
#define MCC_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef MCC_INNER
#define MCC_INNER                                                                                  \
    0 /* 1 in modules of chains with Port(inner=True): packets are looked into (mcc_inner.h) */
#endif

#ifndef MCC_ZLIB
#define MCC_ZLIB 0 /* 1 in those modules where zlib is there: what is compressed is inflated */
#endif

enum mcc_link { /* how the frame starts; the numbers are ours, not the capture's */
                MCC_LINK_ETHERNET, /* DLT_EN10MB */
                MCC_LINK_RAW,      /* DLT_RAW and LINKTYPE_IPV4/IPV6: the IP header at 0 */
                MCC_LINK_SLL,      /* DLT_LINUX_SLL: 16 bytes, protocol at 14 */
                MCC_LINK_SLL2,     /* DLT_LINUX_SLL2: 20 bytes, protocol at 0 */
                MCC_LINK_NULL, /* DLT_NULL, DLT_LOOP: 4 bytes of address family in the writer's byte order, or network order */
                MCC_LINK_OPAQUE, /* anything else: no layer is ever found */
                MCC_LINK_PPP, /* DLT_PPP, DLT_PPP_SERIAL; these three: no layer but what lies inside */
                MCC_LINK_WLAN,     /* DLT_IEEE802_11 */
                MCC_LINK_RADIOTAP, /* DLT_IEEE802_11_RADIO */
                MCC_LINKS,
};

enum mcc_layer { /* bits of mcc_packet.layers, in the order of mcc/protocols/headers.py LAYERS */
                 MCC_ETH = 1 << 0,
                 MCC_VLAN = 1 << 1,
                 MCC_ARP = 1 << 2,
                 MCC_IP = 1 << 3,
                 MCC_IP6 = 1 << 4,
                 MCC_TCP = 1 << 5,
                 MCC_UDP = 1 << 6,
                 MCC_ICMP = 1 << 7,
                 MCC_ICMP6 = 1 << 8,
};

enum mcc_verdict { /* >= 0: leave by that output of the element */
                   MCC_PASS = 0,
                   MCC_DROP = -1,   /* drop this packet (or batch) */
                   MCC_CLOSE = -2,  /* end the session, politely */
                   MCC_RESET = -3,  /* end the session at once */
                   MCC_PARKED = -4, /* a HashMap keeps the packet */
                   MCC_FAULT = -5,  /* the handler hit a check the compiler could not prove */
};

enum mcc_fixup { /* checksums that need mending when the packet leaves, see mcc_checksum.h */
                 MCC_FIX_IP = 1,
                 MCC_FIX_L4 = 2,
};

#if MCC_INNER
struct mcc_outer {   /* the headers in front of `data`, and for which packet they were right */
    uint64_t digest; /* of the packet inside, where `watched` */
    uint32_t len;    /* of it */
    uint16_t sum;    /* one's complement sum of its bytes, where `summed` */
    uint16_t
        tail; /* bytes of the frame behind what the headers enclose; they lie behind the packet */
    uint16_t mtu;      /* as mcc_packet.mtu, of the frame */
    uint16_t headroom; /* free bytes in front of them */
    uint8_t head;      /* bytes of headers */
    uint8_t link;      /* enum mcc_link, how the frame starts */
    bool peeled;       /* they are there */
    bool summed;       /* some of them has a checksum over the packet */
    bool watched; /* any change matters: `sealed`, or there is a tail, which may be a checksum */
    bool sealed;  /* under AH, nothing inside may be changed */
    bool
        compressed; /* it came in IPComp: the tail is the whole frame as it came, the headers are those without IPComp */
};
#endif

struct mcc_packet {
    uint8_t *data;     /* first byte of the frame; owned by this packet's buffer */
    uint64_t at;       /* time, ns since the epoch */
    uint32_t len;      /* captured bytes at data */
    uint32_t wire_len; /* bytes it had on the wire, >= len */
    uint32_t ip_end;   /* offset of the first byte behind the IP packet (padding follows), <= len */
    uint32_t entry_len; /* `len` when it entered the stage, for counters */
    uint16_t etype;     /* EtherType behind all VLAN tags, host order; 0 where there is none */
    uint16_t l3;        /* offset of the network header (behind all tags) */
    uint16_t l4;        /* offset of the transport header */
    uint16_t layers;    /* enum mcc_layer */
    uint8_t vlans;      /* VLAN tags found, 0..MCC_MAX_VLANS */
    uint8_t proto;      /* IP protocol or next header; 0xff and layers without IP: none */
    uint8_t in_port;    /* index of the port it came in by */
    uint8_t link;       /* enum mcc_link */
    uint8_t fix;        /* enum mcc_fixup: which checksums the accumulated deltas apply to */
    uint8_t frag;       /* 1: has a non-zero fragment offset; 2: more fragments follow */
    uint16_t out_port;  /* index of the port it leaves by */
    uint32_t ip_delta;  /* accumulated one's complement difference for the IPv4 header checksum */
    uint32_t l4_delta;  /* the same for TCP, UDP, ICMP */
    uint32_t next_hop;  /* IPv4 address to resolve, host order; 0: the destination */
    uint32_t order;     /* place in its burst, where batches change the order */
    /* 64 bytes: what every packet needs is in one cache line */
    struct mcc_packet *next; /* borrowed by whoever queues the packet */
    uint32_t room;           /* capacity of the buffer from data on */
    uint32_t cookie;         /* for whoever keeps the packet for a while */
    uint8_t *content;        /* in a context: the first byte that its streams see */
    uint64_t
        pos; /* in a context: the position of that byte, in the space of whoever has the packet */
    uint32_t in_len;      /* in a context: bytes at `pos`, as they came */
    uint32_t content_len; /* in a context: bytes at `content`, as they are */
    uint16_t headroom;    /* free bytes before data */
    uint16_t stream;      /* enum mcc_stream_flag */
    uint16_t
        gso; /* a super-frame of a live port: payload of each of its segments; 0: an ordinary frame */
    uint16_t
        mtu; /* the datagram came in fragments: the longest IP packet among them (mcc_frag.h); 0: it did not */
    uint32_t frag_id; /* then: the identification of an IPv6 one */
    uint8_t refs; /* who holds the buffer beside its owner: mcc_buffer_put() gives it back at 0 */
    uint32_t
        mark; /* of modules with MCC_MARKS: what a NIC says of its class (mcc_offload.h); 0: nothing */
#if MCC_INNER
    struct mcc_outer outer;
#endif
};

enum mcc_stream_flag {
    MCC_STREAM_CHANGED = 1,  /* it is not as it came: lengths and sums are to be put right */
    MCC_STREAM_FIN = 2,      /* the stream ends with it */
    MCC_STREAM_MADE = 4,     /* it came out of another packet: its input was counted there */
    MCC_STREAM_SENT = 8,     /* it has left already; what is held is for reading */
    MCC_STREAM_LATE = 16,    /* it waited: its acknowledgement is old */
    MCC_STREAM_HELD = 32,    /* it is counted among the held */
    MCC_STREAM_MAPPED = 64,  /* its header is in the receiver's space */
    MCC_STREAM_TAKEN = 128,  /* a datagram that an element takes out whole */
    MCC_STREAM_EDITED = 256, /* some of its content is an element's */
    MCC_STREAM_GROWN = 512,  /* mtu is how long the datagram came; its port may take more */
};

enum { MCC_MAX_VLANS = 8, MCC_HEADROOM = 128, MCC_PACKET_BYTES = MCC_INNER ? 192 : 128 };

/* In sanitized builds the buffer around the frame cannot be touched: a read one byte beyond it is reported. */
#if defined(__SANITIZE_ADDRESS__)
#define MCC_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MCC_ASAN 1
#endif
#endif
#ifdef MCC_ASAN
#include <sanitizer/asan_interface.h>
#else
#define MCC_ASAN 0
#endif

/* Makes the `len` bytes from data on all that can be touched of headroom, frame and tailroom; to be called when data or
 * len has changed. Nothing in ordinary builds. */
static inline void mcc_packet_guard(const struct mcc_packet *p, uint32_t len)
{
#if MCC_ASAN
    ASAN_POISON_MEMORY_REGION(p->data - p->headroom, (size_t)p->headroom + p->room);
    ASAN_UNPOISON_MEMORY_REGION(p->data, len);
#else
    (void)p, (void)len;
#endif
}

/* The `bytes` from `at` on can be touched again. Nothing in ordinary builds. */
static inline void mcc_packet_unguard(const uint8_t *at, size_t bytes)
{
#if MCC_ASAN
    ASAN_UNPOISON_MEMORY_REGION(at, bytes);
#else
    (void)at, (void)bytes;
#endif
}

static inline uint16_t mcc_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t mcc_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t mcc_be48(const uint8_t *p)
{
    return (uint64_t)mcc_be16(p) << 32 | mcc_be32(p + 2);
}
static inline uint64_t mcc_be64(const uint8_t *p)
{
    return (uint64_t)mcc_be32(p) << 32 | mcc_be32(p + 4);
}

#define MCC_128(high, low) ((unsigned __int128)(high) << 64 | (low))
static inline unsigned __int128 mcc_be128(const uint8_t *p)
{
    return MCC_128(mcc_be64(p), mcc_be64(p + 8));
}

#if MCC_INNER
/* Bytes of the frame that lie behind the packet. Once it has grown they are gone. */
static inline uint32_t mcc_packet_tail(const struct mcc_packet *p)
{
    return p->outer.peeled && p->len == p->outer.len ? p->outer.tail : 0;
}
#endif

/* The longest IP packet that may leave in a frame which carries `mtu` bytes of IP: shorter where other headers are around it. */
static inline uint32_t mcc_packet_mtu(const struct mcc_packet *p, uint32_t mtu)
{
    (void)p;
#if MCC_INNER
    if (p->outer.peeled)
        return mtu > p->outer.head ? mtu - p->outer.head : 0;
#endif
    return mtu;
}

#endif
