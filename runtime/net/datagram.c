/* Datagram sockets: see timerlua_abi.h and datagram.h.

   Nothing is queued here: datagrams that no reader takes stay in the kernel,
   and a datagram that the kernel refuses still belongs to the sender. Datagrams
   are received one by one, so that a callback may pause, close or wait with the
   next datagram still in the kernel. recvmmsg(2) is not used: measured, it
   takes 0.53 us for each of 32 datagrams where recvmsg takes 0.56, out of the 3
   us that sending and receiving a datagram costs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/kinds.h"
#include "net/datagram.h"
#include "loop/agenda.h"
#include "sys/socket.h"
#include "loop/waiter.h"
#include "net/net.h"

/* Taken before others get their turn. */
enum { MOST_BURST = 32 };

typedef struct tl_datagram {
    tl_id reader;      /* handle of the wait, {0} for none; may have ended */
    tl_agenda writers; /* handles of theirs; may have ended */
    uint64_t turn;     /* the loop's turn of the last receive */
    int32_t taken;     /* in that turn */
    int32_t family;
    int32_t error; /* to be reported, or 0 */
    double length; /* of the datagram that was too long, for -EMSGSIZE */
    bool flowing;
    bool connected;
} tl_datagram;

static tl_datagram *find(const tl_loop *loop, tl_id id, tl_handle **handle)
{
    tl_handle *found = tl_handles_find(&loop->handles, id.slot, id.generation);
    if (found == NULL || found->kind != TL_DATAGRAM ||
        tl_poller_forked(&loop->poller)) /* its socket is the parent's */
        return NULL;
    *handle = found;
    return found->datagram;
}

/* --- waiting ------------------------------------------------------------ */

static bool wants_data(const tl_loop *loop, const tl_handle *handle,
                       const tl_datagram *s)
{
    if (s->flowing)
        return !(handle->flags & (TL_FLAG_PAUSED | TL_FLAG_BUSY));
    return tl__waits(loop, s->reader);
}

/* Forget the writers whose waits are over. */
static bool wants_room(const tl_loop *loop, tl_datagram *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->writers.count; i++)
        if (tl__waits(loop, s->writers.ids[i]))
            s->writers.ids[kept++] = s->writers.ids[i];
    s->writers.count = kept;
    return kept > 0;
}

static void wake_writers(tl_loop *loop, tl_datagram *s)
{
    for (size_t i = 0; i < s->writers.count; i++)
        tl__wake_waiter(loop, &s->writers.ids[i]);
    s->writers.count = 0;
}

/* The poller refuses the socket: report that to the waiting handles. A flowing
   socket is paused by this, and may be resumed. */
static void fail(tl_loop *loop, tl_id id, tl_handle *handle, tl_datagram *s,
                 int error)
{
    s->error = error;
    tl__wake_waiter(loop, &s->reader);
    wake_writers(loop, s);
    if (s->flowing) {
        handle->flags |= TL_FLAG_PAUSED;
        tl__post(loop, id, handle);
    }
    tl__set_active(loop, handle, false);
}

/* Enter the poller for the readiness that is awaited now; the reading side
   stays there until an event finds no reader, as for connections. */
static void update(tl_loop *loop, tl_id id, tl_handle *handle, tl_datagram *s,
                   int kept)
{
    bool reads = wants_data(loop, handle, s), writes = wants_room(loop, s);
    int interest = ((int)handle->at.watch.interest & kept) |
                   (reads ? TL_READ : 0) | (writes ? TL_WRITE : 0);
    tl__set_active(loop, handle, reads || writes);
    int error = tl__descriptor_interest(loop, id, handle, interest);
    if (error)
        fail(loop, id, handle, s, error);
}

int tl_datagram_await(tl_loop *loop, uint32_t slot, uint32_t generation,
                      uint32_t waiter_slot, uint32_t waiter_generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_datagram *s = find(loop, id, &handle);
    if (s == NULL)
        return -EBADF;
    if (s->flowing || tl__waits(loop, s->reader))
        return -EBUSY;
    tl_id waiter = {waiter_slot, waiter_generation};
    if (tl__wait_find(loop, waiter) == NULL)
        return -ESTALE;
    s->reader = waiter;
    update(loop, id, handle, s, TL_READ);
    return 0;
}

int tl_datagram_await_room(tl_loop *loop, uint32_t slot, uint32_t generation,
                           uint32_t waiter_slot, uint32_t waiter_generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_datagram *s = find(loop, id, &handle);
    if (s == NULL)
        return -EBADF;
    if (s->family == TL_UNIX && !s->connected)
        return -EOPNOTSUPP; /* the full queue is the other socket's */
    tl_id waiter = {waiter_slot, waiter_generation};
    if (tl__wait_find(loop, waiter) == NULL)
        return -ESTALE;
    (void)wants_room(loop, s);
    int error = tl__agenda_reserve(&s->writers, 1);
    if (error)
        return error;
    tl__agenda_add(&s->writers, waiter);
    update(loop, id, handle, s, TL_READ);
    return 0;
}

static void forget(tl_id *waiter, tl_id who)
{
    if (waiter->slot == who.slot && waiter->generation == who.generation)
        *waiter = (tl_id){0, 0};
}

void tl_datagram_leave(tl_loop *loop, uint32_t slot, uint32_t generation,
                       uint32_t waiter_slot, uint32_t waiter_generation)
{
    tl_id id = {slot, generation}, waiter = {waiter_slot, waiter_generation};
    tl_handle *handle;
    tl_datagram *s = find(loop, id, &handle);
    if (s == NULL)
        return;
    forget(&s->reader, waiter);
    for (size_t i = 0; i < s->writers.count; i++)
        forget(&s->writers.ids[i], waiter);
    update(loop, id, handle, s, TL_READ);
}

int tl_datagram_pause(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_datagram *s = find(loop, id, &handle);
    if (s == NULL)
        return -EBADF;
    handle->flags &= (uint8_t)~TL_FLAG_PAUSED;
    if (on)
        handle->flags |= TL_FLAG_PAUSED;
    update(loop, id, handle, s, TL_READ);
    return 0;
}

/* --- life --------------------------------------------------------------- */

int tl_datagram_start(tl_loop *loop, tl_id *id, int fd, int flowing)
{
    int error = tl__net_open(loop);
    if (error == 0)
        error = tl__agendas_reserve(loop);
    if (error)
        return error;
    tl_datagram *s = calloc(1, sizeof *s);
    if (s == NULL)
        return -ENOMEM;
    error = tl__handle_new(loop, TL_DATAGRAM, id);
    if (error == 0 && (error = tl__descriptor_take(loop, fd, id->slot)) != 0)
        tl_handles_close(&loop->handles, id->slot);
    if (error) {
        free(s);
        return error;
    }
    tl_address peer;
    s->family = tl_socket_family(fd);
    s->connected = tl_socket_name(fd, 1, &peer) == 0;
    s->flowing = flowing;
    tl_handle *handle = tl_handles_at(&loop->handles, id->slot);
    handle->at.watch.fd = fd;
    handle->at.watch.interest = 0;
    handle->datagram = s;
    handle->burst = 1;
    loop->owned_bytes += sizeof *s;
    update(loop, *id, handle, s, 0);
    return 0;
}

/* An address in the form that the socket takes: room is for a converted one. */
static int suit(const tl_datagram *s, const tl_address **address,
                tl_address *room)
{
    int family = tl_address_family(*address);
    if (family == s->family)
        return 0;
    if (family != TL_INET || s->family != TL_INET6)
        return -EAFNOSUPPORT;
    tl_socket_map(*address, room);
    *address = room;
    return 0;
}

int tl_datagram_bind(tl_loop *loop, uint32_t slot, uint32_t generation,
                     const tl_address *address)
{
    tl_handle *handle;
    tl_address room;
    const tl_datagram *s = find(loop, (tl_id){slot, generation}, &handle);
    int error = s != NULL ? suit(s, &address, &room) : -EBADF;
    return error ? error : tl_socket_bind(handle->at.watch.fd, address);
}

int tl_datagram_connect(tl_loop *loop, uint32_t slot, uint32_t generation,
                        const tl_address *address)
{
    tl_handle *handle;
    tl_address room;
    tl_datagram *s = find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    int error = address != NULL ? suit(s, &address, &room) : 0;
    if (error == 0)
        error = address != NULL
                    ? tl_socket_connect(handle->at.watch.fd, address)
                    : tl_socket_disconnect(handle->at.watch.fd);
    if (error == 0)
        s->connected = address != NULL;
    return error;
}

static void dispose(tl_loop *loop, tl_handle *handle)
{
    tl_datagram *s = handle->datagram;
    tl_descriptor_close(handle->at.watch.fd);
    free(s->writers.ids);
    free(s);
    loop->owned_bytes -= sizeof *s;
}

int tl_datagram_ref(tl_loop *loop, uint32_t slot, uint32_t generation, int on)
{
    tl_handle *handle;
    if (find(loop, (tl_id){slot, generation}, &handle) == NULL)
        return -EBADF;
    tl__handle_ref(loop, handle, on);
    return 0;
}

int tl_datagram_close(tl_loop *loop, uint32_t slot, uint32_t generation)
{
    tl_id id = {slot, generation};
    tl_handle *handle;
    tl_datagram *s = find(loop, id, &handle);
    if (s == NULL)
        return -EBADF;
    tl__descriptor_forget(loop, id, handle);
    tl__set_active(loop, handle, false);
    tl__wake_waiter(loop, &s->reader);
    wake_writers(loop, s);
    dispose(loop, handle);
    tl_handles_close(&loop->handles, slot);
    return 0;
}

static void drop(tl_loop *loop, tl_id id, tl_handle *handle)
{
    (void)handle;
    (void)tl_datagram_close(loop, id.slot, id.generation);
}

static void renew(tl_loop *loop, tl_id id, tl_handle *handle)
{
    update(loop, id, handle, handle->datagram, TL_READ);
}

const tl_kind tl__datagram_kind = {
    .name = "udp",
    .noun = "UDP socket",
    .group = TL_GROUP_DESCRIPTORS,
    .owns_descriptor = true,
    .finish = tl__nothing_to_finish,
    .dispose = dispose,
    .drop = drop,
    .hold = tl__kind_hold,
    .done = tl__descriptor_done,
    .close = tl__net_close,
    .posted = tl__kind_posted,
    .renew = renew,
    .give_way = tl__never_gives_way,
};

/* --- sending ------------------------------------------------------------ */

int tl_datagram_send(tl_loop *loop, uint32_t slot, uint32_t generation,
                     const char *bytes, size_t count, const tl_address *to)
{
    tl_handle *handle;
    tl_address room;
    const tl_datagram *s = find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    int error = to != NULL ? suit(s, &to, &room) : 0;
    if (error)
        return error;
    loop->traffic.sends++;
    ssize_t sent = tl_socket_send_to(handle->at.watch.fd, bytes, count, to);
    if (sent < 0)
        return (int)sent;
    loop->traffic.sent += (uint64_t)sent;
    return 0;
}

/* --- receiving ---------------------------------------------------------- */

static void name_sender(const tl_address *address, char *text, tl_view *from)
{
    int length = tl_address_format(address, text, TL_ADDRESS_TEXT);
    if (length < 0) { /* a Unix socket that is not bound */
        length = sizeof "unix:" - 1;
        memcpy(text, "unix:", (size_t)length);
    }
    *from = (tl_view){text, (double)length};
}

/* Receive a datagram, into TL_SCRATCH_BYTES and TL_ADDRESS_TEXT: 1, or a
   negative errno. */
static int receive_to(tl_loop *loop, const tl_handle *handle, char *bytes,
                      char *text, tl_view *data, tl_view *from)
{
    tl_address address = {0};
    loop->traffic.receives++;
    ssize_t got = tl_socket_receive_from(handle->at.watch.fd, bytes,
                                         TL_SCRATCH_BYTES, &address);
    if (got < 0)
        return (int)got;
    loop->traffic.received += (uint64_t)got;
    *data = (tl_view){bytes, (double)got};
    if (got > TL_SCRATCH_BYTES)
        return -EMSGSIZE;
    name_sender(&address, text, from);
    return TL_TAKEN;
}

static int receive(tl_loop *loop, const tl_handle *handle, tl_view *data,
                   tl_view *from)
{
    return receive_to(loop, handle, loop->net->scratch, loop->net->from, data,
                      from);
}

static int take_error(tl_datagram *s, tl_view *data)
{
    int error = s->error;
    s->error = 0;
    data->length = s->length;
    return error;
}

/* A reader that never has to wait would keep all other handles from their
   turn. */
static bool had_its_turn(const tl_loop *loop, tl_datagram *s)
{
    if (s->turn != loop->turns) {
        s->turn = loop->turns;
        s->taken = 0;
    }
    return s->taken++ >= MOST_BURST;
}

int tl_datagram_take(tl_loop *loop, uint32_t slot, uint32_t generation,
                     tl_view *data, tl_view *from)
{
    tl_handle *handle;
    tl_datagram *s = find(loop, (tl_id){slot, generation}, &handle);
    if (s == NULL)
        return -EBADF;
    if (s->flowing || tl__waits(loop, s->reader))
        return -EBUSY;
    if (s->error)
        return take_error(s, data);
    if (had_its_turn(loop, s))
        return -EAGAIN;
    tl_net *net = loop->net;
    if (net->taken == NULL && (net->taken = malloc(TL_SCRATCH_BYTES)) == NULL)
        return -ENOMEM;
    return receive_to(loop, handle, net->taken, net->taken_from, data, from);
}

tl_id tl__datagram_reader(const tl_loop *loop, tl_id id)
{
    tl_handle *handle;
    const tl_datagram *s = find(loop, id, &handle);
    if (s == NULL || !tl__waits(loop, s->reader))
        return (tl_id){0, 0};
    return s->reader;
}

int tl__datagram_begin(tl_loop *loop, tl_id id, int ready)
{
    tl_handle *handle;
    tl_datagram *s = find(loop, id, &handle);
    if (s == NULL)
        return 0;
    if (ready & (TL_WRITE | TL_ERROR | TL_HANGUP))
        wake_writers(loop, s);
    if (s->error && s->flowing)
        return 1;
    return wants_data(loop, handle, s) ? (int)handle->burst : 0;
}

int tl__datagram_serve(tl_loop *loop, tl_id id, tl_view views[2])
{
    tl_handle *handle;
    tl_datagram *s = find(loop, id, &handle);
    if (s == NULL)
        return 0;
    int status =
        s->error ? s->error : receive(loop, handle, &views[0], &views[1]);
    if (status == -EAGAIN)
        return 0;
    s->reader = (tl_id){0, 0};
    if (status == 1)
        return TL_TELL_DATA;
    s->error = status; /* for the take that follows */
    s->length = views[0].length;
    return TL_TELL_ERROR;
}

int tl__datagram_next(tl_loop *loop, tl_id id, tl_view views[2], int *status)
{
    tl_handle *handle;
    tl_datagram *s = find(loop, id, &handle);
    if (s == NULL || handle->flags & TL_FLAG_BUSY)
        return 0;
    if (s->error)
        *status = take_error(s, &views[0]);
    else if (wants_data(loop, handle, s))
        *status = receive(loop, handle, &views[0], &views[1]);
    else
        return 0;
    if (*status == -EAGAIN)
        return 0;
    return *status == 1 ? TL_TELL_DATA : TL_TELL_ERROR;
}

/* As for listeners: one datagram at a time while they come one by one. */
static uint32_t next_burst(int taken, int most)
{
    if (taken < most)
        return taken > 1 ? (uint32_t)taken : 1;
    return most < MOST_BURST ? 2 * (uint32_t)most : MOST_BURST;
}

void tl__datagram_settle(tl_loop *loop, tl_id id, int ready, int taken,
                         int most)
{
    tl_handle *handle;
    tl_datagram *s = find(loop, id, &handle);
    if (s == NULL)
        return;
    if (most > 0)
        handle->burst = next_burst(taken, most);
    bool unwanted = most == 0 && ready & (TL_READ | TL_ERROR | TL_HANGUP);
    update(loop, id, handle, s, unwanted ? 0 : TL_READ);
}
