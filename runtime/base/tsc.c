/* The time-stamp counter as a clock: see tsc.h. */
#include "base/tsc.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "base/clock.h"

enum {
    WINDOW_NS = 200000,
    COMPARED_NS = 400000, /* after the reading before; nothing was told later */
    BRACKET_NS = 400,     /* a longer one was interrupted, and is not used */
    SLOW_BITS = 10, /* the scale is too small by 2^-10, which is twice what
                       adjtimex(2) may slow the kernel's clock */
    SPAN_NS = 20000000,
    SPAN_MOST_NS = 1000000000,
    TRIALS = 32,
    EASY = 8,    /* times as long as a reading of the counter: measured, the
                    kernel's reading takes 3 times as long where it enters no
                    kernel, and the shortest system call 100 times */
    SELDOM = 256 /* readings before the counter is worth its measurement */
};

/* The kernel's reading, between two of the counter. */
typedef struct bracket {
    uint64_t before, after;
    int64_t ns;
} bracket;

static bracket take(void)
{
    bracket b;
    b.before = tl__tsc_ticks();
    b.ns = tl_clock_kernel_ns(TL_MONOTONIC);
    b.after = tl__tsc_ticks();
    return b;
}

/* Whether the counter's rate is the same at all times: in every state of power
   and at every frequency (CPUID 80000007h, EDX bit 8). */
static bool is_invariant(void)
{
#ifdef __x86_64__
    unsigned int a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && d >> 8 & 1;
#else
    return false;
#endif
}

static uint64_t shorter(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Whether the kernel's clock is read without entering the kernel. On this
   processor the kernel allows that only where its clock is the counter, the
   same for all processors. */
static bool is_the_kernels(void)
{
    uint64_t kernel = UINT64_MAX, counter = UINT64_MAX;
    for (int i = 0; i < TRIALS; i++) {
        bracket b = take();
        kernel = shorter(kernel, b.after - b.before);
        uint64_t before = tl__tsc_ticks();
        counter = shorter(counter, tl__tsc_ticks() - before);
    }
    return kernel < EASY * counter;
}

static int64_t to_ns(uint64_t ticks, uint64_t scale)
{
    return (int64_t)((unsigned __int128)ticks * scale >> 32);
}

static bool agree(uint64_t a, uint64_t b)
{
    uint64_t apart = a > b ? a - b : b - a;
    return apart < a >> (SLOW_BITS + 1);
}

static void begin_span(tl_tsc *tsc, const bracket *b)
{
    tsc->span_start = b->after;
    tsc->span_start_ns = b->ns;
}

/* Measure the scale again, over spans that are long enough for the brackets'
   widths not to matter. A scale is used when the next span has confirmed it:
   during one span, the machine may have slept. */
static void measure(tl_tsc *tsc, const bracket *b)
{
    int64_t span_ns = b->ns - tsc->span_start_ns;
    if (tsc->span_start != 0 && span_ns < SPAN_NS)
        return;
    if (tsc->span_start != 0 && span_ns <= SPAN_MOST_NS) {
        uint64_t ticks = b->after - tsc->span_start;
        uint64_t scale = ticks == 0 ? 0 : ((uint64_t)span_ns << 32) / ticks;
        bool confirmed = agree(scale, tsc->measured);
        tsc->scale = confirmed ? scale - (scale >> SLOW_BITS) : 0;
        tsc->measured = scale;
    }
    begin_span(tsc, b);
}

/* Whether the kernel's reading contradicts the readings that were told since
   the one before. */
static bool contradicts(const tl_tsc *tsc, const bracket *b)
{
    if (tsc->scale == 0)
        return false;
    int64_t least_ns = to_ns(b->before - tsc->base, tsc->scale);
    int64_t most_ns = to_ns(b->after - tsc->base, tsc->scale);
    if (least_ns > COMPARED_NS)
        return false;
    most_ns += (most_ns >> (SLOW_BITS - 1)) + BRACKET_NS;
    return b->ns < tsc->base_ns + least_ns || b->ns > tsc->base_ns + most_ns;
}

/* Whether the counter was read at the instant of the kernel's reading, as far
   as the rate is known. */
static bool is_narrow(const tl_tsc *tsc, const bracket *b)
{
    return b->after >= b->before &&
           (tsc->measured == 0 ||
            to_ns(b->after - b->before, tsc->measured) < BRACKET_NS);
}

static void renew(tl_tsc *tsc, const bracket *b)
{
    if (!is_narrow(tsc, b))
        return;
    if (contradicts(tsc, b))
        tsc->never = true;
    measure(tsc, b);
    if (tsc->scale == 0 || tsc->never)
        return;
    tsc->base = b->after;
    tsc->base_ns = b->ns;
    tsc->window = ((uint64_t)WINDOW_NS << 32) / tsc->scale;
    tsc->behind_ns = TL_TSC_BEHIND_NS;
}

static void consider(tl_tsc *tsc)
{
    if (++tsc->readings == SELDOM)
        tsc->never = !is_invariant() || !is_the_kernels();
}

int64_t tl__tsc_sync(tl_tsc *tsc)
{
    tsc->window = 0;
    int64_t ns;
    if (tsc->never || tsc->readings < SELDOM) {
        ns = tl_clock_kernel_ns(TL_MONOTONIC);
        if (!tsc->never)
            consider(tsc);
    } else {
        bracket b = take();
        renew(tsc, &b);
        ns = b.ns;
    }
    if (ns > tsc->latest_ns)
        tsc->latest_ns = ns;
    return tsc->latest_ns;
}
