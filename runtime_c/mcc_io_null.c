/* null: nothing comes in, everything that goes out is gone. */
#include "mcc_io.h"

static int io_null_open(struct mcc_io *io)
{
    io->fd = -1;
    return 0;
}

static void io_null_close(struct mcc_io *io)
{
    (void)io;
}

static int io_null_in(struct mcc_io *io, struct mcc_io_sink *sink)
{
    (void)io, (void)sink;
    return 0;
}

static int io_null_out(struct mcc_io *io, struct mcc_core *core)
{
    (void)io, (void)core;
    return 0;
}

const struct mcc_io_type mcc_io_null = {.name = "null",
                                        .open = io_null_open,
                                        .close = io_null_close,
                                        .in = io_null_in,
                                        .out = io_null_out,
                                        .many = true};
