/* The cores of a live run: who has which device, and the rings by which packets go from one to another.
 *
 *   core a: frame --owner is b--> ring a,b --> core b: burst of its box
 *   core b: packet leaves by a port that a has --> ring b,a --> core a: device
 *
 * One copy into the ring, one into a buffer of the other core: buffers never change hands.
 *
 * Without the lines that begin with # this header is what Python declares.
 */
#ifndef MCC_CREW_H
#define MCC_CREW_H

#include <stdbool.h>
#include <stdint.h>

struct mcc_packet;
struct mcc_core;
struct mcc_crew;

/* For `cores` loops, 2 or more; NULL: no memory, or no more descriptors. Freed behind the loops. */
struct mcc_crew *mcc_crew_new(uint32_t cores);
void mcc_crew_free(struct mcc_crew *crew);

#endif
