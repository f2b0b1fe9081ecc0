/* Looks into the frames on standard input (link, 2 bytes of length with the least first, the bytes) and prints what was found, a
 * line each: at end tunnelled extended sealed one_way fcs ipcomp ipcomp_end ipcomp_said layers, or -; if it was compressed and
 * MCC_ZLIB is 1, then at end and the bytes of the frame as it would be without. tests/unit/protocols/test_tunnels.py compares. */
#define MCC_INNER 1
#include "../mcc_inflate.c"
#include "../mcc_inner_find.c"
#include "../mcc_inner_ipcomp.c"
#include "../mcc_inner_mend.c"
#include "test.h"

static uint8_t frame[65536];

int main(void)
{
    uint8_t head[3], *end = test_guard_end();
    struct mcc_inflate *inflate;
    CHECK(mcc_inflate_new(&inflate) == 0);
    while (fread(head, 1, 3, stdin) == 3) {
        uint32_t len = head[1] + 256u * head[2];
        CHECK(fread(frame, 1, len, stdin) == len);
        memcpy(end - len, frame, len);
        struct mcc_inner in, plain;
        if (!mcc_inner_find(end - len, len, head[0], false, &in)) {
            printf("-\n");
            continue;
        }
        printf("%u %u %d %d %d %d %d %u", in.at, in.end, in.tunnelled, in.extended, in.sealed,
               in.one_way, in.fcs, in.ipcomp);
        if (in.ipcomp)
            printf(" %u %u", in.ipcomp_end, in.ipcomp_said);
        for (uint32_t i = 0; i < in.layers; i++)
            printf(" %d:%u", in.layer[i].kind, in.layer[i].at);
        const uint8_t *without =
            mcc_inner_inflated(inflate, end - len, len, head[0], false, &in, &plain);
        if (without) {
            printf(" | %u %u ", plain.at, plain.end);
            for (uint32_t i = 0; i < plain.end; i++)
                printf("%02x", without[i]);
        }
        printf("\n");
    }
    mcc_inflate_free(inflate);
    return 0;
}
