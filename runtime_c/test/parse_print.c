/* Parses the frames on standard input (link, 2 bytes of length with the least first, the bytes) and
 * prints what was found, a line each: etype vlans l3 l4 layers proto frag ip_end.
 * tests/unit/test_runtime_c.py compares. */
#include "../mcc_parse.h"
#include "test.h"

int main(void)
{
    uint8_t head[3], *end = test_guard_end();
    while (fread(head, 1, 3, stdin) == 3) {
        uint32_t len = head[1] + 256u * head[2];
        CHECK(fread(end - len, 1, len, stdin) == len);
        struct mcc_packet p = {.data = end - len, .len = len, .link = head[0]};
        mcc_parse(&p);
        printf("%d %d %d %d %d %d %d %u\n", p.etype, p.vlans, p.l3, p.l4, p.layers, p.proto, p.frag,
               p.ip_end);
    }
    return 0;
}
