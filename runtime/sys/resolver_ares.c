/* The resolver on c-ares(3): its callbacks become a queue of finished lookups
   and a list of descriptors to watch. Knows nothing of the loop.

   ares_library_init is not called: on Linux the function only counts its
   calls. */
#include <ares.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "sys/lookup.h"

struct tl_resolver {
    ares_channel channel;
    tl_lookups waiting; /* not asked yet */
    tl_lookups running;
    tl_lookups over;
    tl_lookup *told; /* the last that was handed out */
    tl_resolver_change *changes;
    size_t change_count, change_taken, change_room;
    uint32_t batch;
    int unanswered; /* of this batch */
    double batch_start_s;
};

/* A burst of questions overflows the name server's socket or ours, and lost
   answers are retried after 2 s at the earliest. So at most BATCH questions
   wait for their answers, and as many more after a time, in case no answers
   come. Measured with dnsmasq on loopback: 300 at once took 6 s, now 25 ms. */
enum { BATCH = 64 };
static const double batch_s = 0.1;

enum {
    MOST_DOMAINS = 16, /* of the environment, to search */

    /* The defaults of later versions (c-ares pull request 542), which are left
       alone. With 1.18's own, 5 s and 4 tries, it would take 75 s to find out
       that a lone server is dead. */
    TIMEOUT_MS = 2000,
    TRIES = 3,
    /* the most that resolv.conf(5) allows */
    MOST_TIMEOUT_S = 30,
    MOST_TRIES = 5
};

/* --- descriptors -------------------------------------------------------- */

/* Later versions close a descriptor in the call that opened it, if sending
   fails: its watch is over before it was reported. */
static void withdraw(tl_resolver *r, ares_socket_t fd)
{
    for (size_t i = r->change_count; i-- > r->change_taken;) {
        if (r->changes[i].fd != fd)
            continue;
        if (r->changes[i].interest != 0)
            memmove(&r->changes[i], &r->changes[i + 1],
                    (--r->change_count - i) * sizeof *r->changes);
        return;
    }
}

/* Without memory the change is lost: the lookup then times out, and closing
   the resolver ends all watches. */
static void note_change(void *arg, ares_socket_t fd, int readable, int writable)
{
    tl_resolver *r = arg;
    withdraw(r, fd);
    if (r->change_count == r->change_room) {
        size_t room = 2 * r->change_room + 8;
        tl_resolver_change *grown = realloc(r->changes, room * sizeof *grown);
        if (grown == NULL)
            return;
        r->changes = grown;
        r->change_room = room;
    }
    r->changes[r->change_count++] = (tl_resolver_change){
        .fd = fd,
        .interest = (readable ? TL_READ : 0) | (writable ? TL_WRITE : 0)};
}

int tl_resolver_next_change(tl_resolver *r, tl_resolver_change *change)
{
    if (r->change_taken == r->change_count) {
        r->change_taken = r->change_count = 0;
        return 0;
    }
    *change = r->changes[r->change_taken++];
    return 1;
}

/* --- opening and closing ------------------------------------------------ */

static int to_errno(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_EFILE:
        return -EIO; /* a configuration file could not be read */
    case ARES_EBADSTR:
        return -EINVAL;
    default:
        return -ENOMEM;
    }
}

/* The number of an option in the environment, at most the given maximum; 0 if
   the option is absent. */
static int res_option(const char *name, long most)
{
    const char *text = getenv("RES_OPTIONS");
    const char *found = text != NULL ? strstr(text, name) : NULL;
    long number = found != NULL ? strtol(found + strlen(name), NULL, 10) : 0;
    return (int)(number < 0 ? 0 : number < most ? number : most);
}

/* 1.18 knows these options by names of its own only. */
static int set_patience(struct ares_options *options)
{
    int seconds = res_option("timeout:", MOST_TIMEOUT_S), mask = 0;
    int tries = res_option("attempts:", MOST_TRIES);
    if (seconds > 0 || res_option("retrans:", 1) == 0) {
        options->timeout = seconds > 0 ? 1000 * seconds : TIMEOUT_MS;
        mask |= ARES_OPT_TIMEOUTMS;
    }
    if (tries > 0 || res_option("retry:", 1) == 0) {
        options->tries = tries > 0 ? tries : TRIES;
        mask |= ARES_OPT_TRIES;
    }
    return mask;
}

/* Later versions take LOCALDOMAIN for one domain. The names are in text, whose
   blanks become terminating zeros. */
static int set_domains(struct ares_options *options, char *text, char **domains)
{
    char *rest;
    for (char *name = strtok_r(text, " \t\n", &rest);
         name != NULL && options->ndomains < MOST_DOMAINS;
         name = strtok_r(NULL, " \t\n", &rest))
        domains[options->ndomains++] = name;
    options->domains = domains;
    return options->ndomains > 0 ? ARES_OPT_DOMAINS : 0;
}

/* "search ." stands for no domain, and systemd-resolved writes it. 1.18 appends
   the root to names all the same, and calls "host.." a bad name; later versions
   do not (c-ares issue 545). The channel is opened anew without such domains.
 */
static int leave_out_root(tl_resolver *r, struct ares_options *options,
                          int mask)
{
    /* zero, because later versions save only the options that were given */
    struct ares_options had = {0};
    char *domains[MOST_DOMAINS];
    int had_mask = 0, count = 0;
    int status = ares_save_options(r->channel, &had, &had_mask);
    if (status != ARES_SUCCESS)
        return status;
    for (int i = 0; i < had.ndomains && count < MOST_DOMAINS; i++)
        if (strspn(had.domains[i], ".") != strlen(had.domains[i]))
            domains[count++] = had.domains[i];
    if (count < had.ndomains) {
        options->domains = domains;
        options->ndomains = count;
        ares_destroy(r->channel);
        r->channel = NULL;
        status =
            ares_init_options(&r->channel, options, mask | ARES_OPT_DOMAINS);
    }
    ares_destroy_options(&had);
    return status;
}

static int open_channel(tl_resolver *r)
{
    struct ares_options options = {.sock_state_cb = note_change,
                                   .sock_state_cb_data = r};
    int mask = ARES_OPT_SOCK_STATE_CB;
    char *domains[MOST_DOMAINS];
    const char *localdomain = getenv("LOCALDOMAIN");
    char *text = strdup(localdomain != NULL ? localdomain : "");
    if (text == NULL)
        return -ENOMEM;
    mask |= set_domains(&options, text, domains);
    if (ARES_VERSION < 0x011600)
        mask |= set_patience(&options);
    int status = ares_init_options(&r->channel, &options, mask);
    if (status == ARES_SUCCESS && ARES_VERSION < 0x011600)
        status = leave_out_root(r, &options, mask);
    free(text);
    return to_errno(status);
}

tl_resolver *tl_resolver_open(const char *servers, int32_t *error)
{
    tl_resolver *r = calloc(1, sizeof *r);
    if (r == NULL) {
        *error = -ENOMEM;
        return NULL;
    }
    *error = open_channel(r);
    if (*error) {
        if (r->channel != NULL)
            ares_destroy(r->channel);
        free(r);
        return NULL;
    }
    if (servers != NULL)
        *error = to_errno(ares_set_servers_ports_csv(r->channel, servers));
    if (*error) {
        tl_resolver_close(r);
        return NULL;
    }
    return r;
}

void tl_resolver_close(tl_resolver *r)
{
    ares_destroy(r->channel); /* ends pending lookups, through finish */
    tl_lookups_free(&r->waiting);
    tl_lookups_free(&r->over);
    tl_lookup_free(r->told);
    free(r->changes);
    free(r);
}

/* --- lookups ------------------------------------------------------------ */

static int lookup_status(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENOTFOUND:
        return TL_LOOKUP_NOT_FOUND;
    case ARES_ENODATA:
        return TL_LOOKUP_NO_DATA;
    case ARES_EREFUSED:
        return TL_LOOKUP_REFUSED;
    case ARES_ECONNREFUSED:
        return TL_LOOKUP_UNREACHABLE;
    case ARES_ETIMEOUT:
        return TL_LOOKUP_TIMED_OUT;
    case ARES_EBADNAME:
    case ARES_EBADSTR:
        return TL_LOOKUP_BAD_NAME;
    case ARES_EBADRESP:
        return TL_LOOKUP_BAD_ANSWER;
    case ARES_ENOMEM:
        return TL_LOOKUP_NO_MEMORY;
    default:
        return TL_LOOKUP_SERVER_FAILED;
    }
}

static void copy_nodes(tl_lookup *lookup, const struct ares_addrinfo *info)
{
    const struct ares_addrinfo_node *node;
    size_t count = 0;
    for (node = info->nodes; node != NULL; node = node->ai_next)
        count++;
    tl_lookup_reserve(lookup, count);
    for (node = info->nodes; node != NULL; node = node->ai_next)
        tl_lookup_add(lookup, node->ai_addr, node->ai_addrlen);
}

static void finish(void *arg, int status, int timeouts,
                   struct ares_addrinfo *info)
{
    (void)timeouts;
    tl_lookup *lookup = arg;
    lookup->status = lookup_status(status);
    if (info != NULL) {
        if (lookup->status == 0)
            copy_nodes(lookup, info);
        ares_freeaddrinfo(info);
    }
    if (lookup->status != 0 && tl_lookup_is_localhost(lookup))
        tl_lookup_set_loopback(lookup);
    tl_resolver *r = lookup->resolver;
    (void)tl_lookups_remove(&r->running, lookup->ticket);
    if (lookup->batch == r->batch)
        r->unanswered--;
    if (lookup->cancelled)
        tl_lookup_free(lookup);
    else
        tl_lookups_put(&r->over, lookup);
}

static double now_s(void)
{
    return (double)tl_clock_kernel_ns(TL_MONOTONIC) / 1e9;
}

static void ask(tl_resolver *r, tl_lookup *lookup)
{
    struct ares_addrinfo_hints hints = {.ai_family = lookup->family,
                                        .ai_socktype = SOCK_STREAM};
    lookup->batch = r->batch;
    r->unanswered++;
    tl_lookups_put(&r->running, lookup);
    ares_getaddrinfo(r->channel, lookup->name, NULL, &hints, finish, lookup);
}

static void ask_waiting(tl_resolver *r)
{
    if (r->waiting.first != NULL && r->unanswered >= BATCH &&
        now_s() - r->batch_start_s >= batch_s) {
        r->batch++;
        r->unanswered = 0;
    }
    while (r->waiting.first != NULL && r->unanswered < BATCH) {
        r->batch_start_s = now_s();
        ask(r, tl_lookups_take(&r->waiting));
    }
}

int tl_resolver_start(tl_resolver *r, const char *name, size_t length,
                      int family, uint32_t ticket)
{
    tl_lookup *lookup = tl_lookup_new(name, length, family, ticket);
    if (lookup == NULL)
        return -ENOMEM;
    lookup->resolver = r;
    tl_lookups_put(&r->waiting, lookup);
    ask_waiting(r);
    return 0;
}

/* c-ares cannot end one query alone: the query goes on, and its result is
   dropped. */
void tl_resolver_cancel(tl_resolver *r, uint32_t ticket)
{
    for (tl_lookup *l = r->running.first; l != NULL; l = l->next)
        if (l->ticket == ticket) {
            l->cancelled = true;
            return;
        }
    tl_lookup_free(tl_lookups_remove(&r->waiting, ticket));
    tl_lookup_free(tl_lookups_remove(&r->over, ticket));
}

int tl_resolver_next(tl_resolver *r, tl_lookup_result *result)
{
    tl_lookup_free(r->told);
    r->told = tl_lookups_take(&r->over);
    if (r->told == NULL)
        return 0;
    tl_lookup_tell(r->told, result);
    return 1;
}

/* --- driving ------------------------------------------------------------ */

double tl_resolver_timeout(tl_resolver *r)
{
    struct timeval room;
    const struct timeval *left = ares_timeout(r->channel, NULL, &room);
    double left_s = -1;
    if (left != NULL)
        left_s = (double)left->tv_sec + (double)left->tv_usec / 1e6;
    if (r->waiting.first != NULL && (left_s < 0 || left_s > batch_s))
        return batch_s;
    return left_s;
}

void tl_resolver_process(tl_resolver *r, int fd, int ready)
{
    int broken = ready & (TL_ERROR | TL_HANGUP);
    ares_process_fd(r->channel,
                    ready & TL_READ || broken ? fd : ARES_SOCKET_BAD,
                    ready & TL_WRITE || broken ? fd : ARES_SOCKET_BAD);
    ask_waiting(r);
}

int tl_resolver_is_stuck(tl_resolver *r)
{
    (void)r;
    return 0; /* ares_destroy ends everything at once */
}
