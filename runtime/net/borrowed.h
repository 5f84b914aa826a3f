/* Descriptors 0 to 2, whose descriptions the process shares with the shell and
   with other programs: how to use them without blocking and without O_NONBLOCK
   being seen by others, and what to give back as it was.

   A pipe or terminal is opened anew through /proc, which gives a description
   of our own. Where that is refused the shared one is made non-blocking until
   the end. Sockets are asked by call not to block, and files never do so. */
#ifndef TL_BORROWED_H
#define TL_BORROWED_H

#include <stdatomic.h>
#include <termios.h>

#include "loop/state.h"

enum { TL_BORROWED_COUNT = 3 };

/* Signal handlers read these, so each is set in one piece. */
typedef struct tl_borrowed {
    tl_id id;         /* its connection's */
    atomic_int fd;    /* of our own; -1 for none */
    atomic_int flags; /* to be set again by F_SETFL; -1 for none */
    atomic_bool has_terminal;
    struct termios terminal; /* to be set again when it has changed */
} tl_borrowed;

/* A descriptor of our own for number 0, 1 or 2, and TL_STREAM_... for it. 0
   or a negative errno: -EBADF when it is closed or not open for that, -EEXIST
   when it is borrowed already, -EMFILE, -ENOMEM. */
int tl__borrow(tl_loop *loop, int number, int *fd, int *options);
/* Whether the description of our own is one that blocks. */
bool tl__borrowed_blocks(int fd);
/* It is not going to be used after all. */
void tl__borrowed_undo(tl_loop *loop, int number);
/* A connection's descriptor is closed next: if it is a borrowed one, give it
   back and put /dev/null in the place of the number, so that the peer sees the
   end and no other file gets the number. It is open for the other direction
   only: what is still read or written there fails, instead of getting lost. */
void tl__borrowed_close(tl_loop *loop, tl_id id);

#endif
