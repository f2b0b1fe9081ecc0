/* Looks into the frames on standard input (link, 2 bytes of length with the least first, the bytes) and prints what was found, a
 * line each: at end tunnelled extended sealed one_way fcs layers, or -. tests/unit/protocols/test_tunnels.py compares. */
#define MCC_INNER 1
#include "../mcc_inner_find.c"
#include "test.h"

static uint8_t frame[65536];

int main(void)
{
    uint8_t head[3], *end = test_guard_end();
    while (fread(head, 1, 3, stdin) == 3) {
        uint32_t len = head[1] + 256u * head[2];
        CHECK(fread(frame, 1, len, stdin) == len);
        memcpy(end - len, frame, len);
        struct mcc_inner in;
        if (!mcc_inner_find(end - len, len, head[0], false, &in)) {
            printf("-\n");
            continue;
        }
        printf("%u %u %d %d %d %d %d", in.at, in.end, in.tunnelled, in.extended, in.sealed,
               in.one_way, in.fcs);
        for (uint32_t i = 0; i < in.layers; i++)
            printf(" %d:%u", in.layer[i].kind, in.layer[i].at);
        printf("\n");
    }
    return 0;
}
