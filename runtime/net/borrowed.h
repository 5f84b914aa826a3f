/* Descriptors 0 to 2, whose descriptions the process shares with the shell and
   with other programs: how to use them without blocking and without letting
   others see O_NONBLOCK, and how to restore them.

   A pipe or terminal is opened a second time through /proc, which gives a
   description of our own. Where that is refused, the shared description is made
   non-blocking until the end. Socket calls are told not to block, and files
   never do. */
#ifndef TL_BORROWED_H
#define TL_BORROWED_H

#include <stdatomic.h>
#include <termios.h>

#include "loop/state.h"

enum { TL_BORROWED_COUNT = 3 };

/* Signal handlers read these, so each is set in one piece. */
typedef struct tl_borrowed {
    tl_id id;         /* the id of its connection */
    atomic_int fd;    /* our own descriptor; -1 for none */
    atomic_int flags; /* to be restored by F_SETFL; -1 for none */
    atomic_bool has_terminal;
    struct termios terminal; /* to be restored if it has changed */
} tl_borrowed;

void tl__borrowed_init(tl_borrowed *borrowed);
/* A descriptor of our own for number 0, 1 or 2, and TL_STREAM_... for it. 0 or
   a negative errno: -EBADF if the number is closed or not open for its
   direction, -EEXIST if it is already borrowed, -EMFILE, -ENOMEM. */
int tl__borrow(tl_loop *loop, int number, int *fd, int *options);
/* Whether the description of our own descriptor is a blocking one. */
bool tl__borrowed_blocks(int fd);
/* The descriptor is not going to be used after all. */
void tl__borrowed_undo(tl_loop *loop, int number);
/* A connection's descriptor is closed next: if it is a borrowed one, give it
   back and put /dev/null in the place of the number, so that the peer sees the
   end and no other file gets the number. /dev/null is open for the other
   direction only: further reads or writes of the number fail instead of getting
   lost. */
void tl__borrowed_close(tl_loop *loop, tl_id id);

#endif
